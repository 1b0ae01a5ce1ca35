"""Refusals of EKS: node groups and clusters that it refuses."""

from dataclasses import replace
from typing import Final

from ultrafleet.catalog import capacity_blocks, eks, limits
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.rehearsal.refusals.rule import RefusalRule

_MEDIUM: Final = Confidence.MEDIUM
_DOCS: Final = "https://docs.aws.amazon.com"
_PARAMETER: Final = "InvalidParameterException"
_LIMIT: Final = "ResourceLimitExceededException"
_API: Final = Source("EKS API, CreateNodegroup", address=f"{_DOCS}/eks/latest/APIReference/API_CreateNodegroup.html")
_TEMPLATES: Final = Source(
    "EKS user guide, launch templates", address=f"{_DOCS}/eks/latest/userguide/launch-templates.html"
)
_BLOCKS: Final = Source(
    "EKS user guide, managed node groups with Capacity Blocks; the wording is ours",
    address=f"{_DOCS}/eks/latest/userguide/capacity-blocks-mng.html",
)
_OUR_WORDS: Final = Source("code and message inferred", Confidence.LOW)
_QUOTAS: Final = Source("EKS user guide, service quotas", address=f"{_DOCS}/eks/latest/userguide/service-quotas.html")
_NETWORKS: Final = f"{_DOCS}/eks/latest/userguide/network-reqs.html"

NODE_GROUP_REFUSALS: Final[tuple[RefusalRule, ...]] = (
    RefusalRule(
        id="name-taken",
        code="ResourceInUseException",
        refuses="a name that another node group of the cluster has",
        source=_API,
    ),
    RefusalRule(
        id="group-quota", code=_LIMIT, refuses="more node groups than the quota of the cluster", source=_QUOTAS
    ),
    RefusalRule(
        id="template-missing",
        code=_PARAMETER,
        refuses="a launch template or version that doesn't exist",
        source=_TEMPLATES,
    ),
    RefusalRule(
        id="type-twice",
        code=_PARAMETER,
        refuses="an instance type both in the launch template and in the request",
        source=_TEMPLATES,
    ),
    RefusalRule(id="type-unknown", code=_PARAMETER, refuses="an instance type that EC2 doesn't have", source=_API),
    RefusalRule(
        id="profile-in-template",
        code=_PARAMETER,
        refuses="an IAM instance profile in the launch template",
        source=_TEMPLATES,
    ),
    RefusalRule(id="subnet-in-template", code=_PARAMETER, refuses="a subnet in the launch template", source=_TEMPLATES),
    RefusalRule(
        id="hibernation-in-template", code=_PARAMETER, refuses="hibernation in the launch template", source=_TEMPLATES
    ),
    RefusalRule(
        id="block-without-market",
        code=_PARAMETER,
        refuses="capacity type CAPACITY_BLOCK without the market of capacity blocks",
        source=_BLOCKS,
    ),
    RefusalRule(
        id="market-without-block",
        code=_PARAMETER,
        refuses="the market of capacity blocks without capacity type CAPACITY_BLOCK",
        source=_BLOCKS,
    ),
    RefusalRule(
        id="block-without-target",
        code=_PARAMETER,
        refuses="capacity type CAPACITY_BLOCK without a reservation in the launch template",
        source=_BLOCKS,
    ),
    RefusalRule(
        id="block-by-group",
        code=_PARAMETER,
        refuses="capacity type CAPACITY_BLOCK with a group of reservations as the launch template's target",
        source=replace(
            capacity_blocks.source("capacity-block/eks-target"),
            also=(capacity_blocks.source("capacity-block/eks-target-group-arn-refused"), _OUR_WORDS),
        ),
    ),
    RefusalRule(
        id="custom-without-image",
        code=_PARAMETER,
        refuses="AMI type CUSTOM without an image in the launch template",
        source=replace(_TEMPLATES, also=(_OUR_WORDS,)),
    ),
    RefusalRule(
        id="image-beside-ami-type",
        code=_PARAMETER,
        refuses="an image in the launch template beside an AMI type of EKS",
        source=replace(_TEMPLATES, also=(Source("message as commonly reported", _MEDIUM),)),
    ),
    RefusalRule(
        id="version-beside-image",
        code=_PARAMETER,
        refuses="a Kubernetes version beside an image in the launch template",
        source=Source(
            "EKS's message as reported in terraform-aws-modules/terraform-aws-eks #3459",
            address="https://github.com/terraform-aws-modules/terraform-aws-eks/issues/3459",
        ),
    ),
    RefusalRule(
        id="user-data-not-mime",
        code=_PARAMETER,
        refuses="user data of an AL2023 image of EKS that isn't MIME multipart",
        source=replace(
            _TEMPLATES,
            also=(
                Source(
                    "EKS's message as reported in terraform-aws-modules/terraform-aws-eks, release 20.8.3; EKS says it "
                    "as health issue Ec2LaunchTemplateInvalidConfiguration of a group that failed, here it is refused",
                    _MEDIUM,
                ),
            ),
        ),
    ),
    RefusalRule(
        id="sizes-partial",
        code=_PARAMETER,
        refuses="some sizes without the others at creation, while the fault node-group-sizes-refused is injected",
        source=replace(eks.source("eks/node-group/sizes-at-creation"), also=(_OUR_WORDS,)),
    ),
    RefusalRule(
        id="sizes",
        code=_PARAMETER,
        refuses="sizes that aren't 0 <= minimum <= desired <= maximum",
        source=Source("EKS API, NodegroupScalingConfig"),
    ),
    RefusalRule(id="node-quota", code=_LIMIT, refuses="more nodes than the quota of a node group", source=_QUOTAS),
    RefusalRule(id="subnet-missing", code=_PARAMETER, refuses="a subnet that doesn't exist", source=_API),
    RefusalRule(
        id="subnet-elsewhere",
        code=_PARAMETER,
        refuses="a subnet outside of the cluster's VPC",
        source=Source("EKS user guide, VPC and subnet requirements", address=_NETWORKS),
    ),
    RefusalRule(
        id="ami-unknown",
        code=_PARAMETER,
        refuses="an AMI type that EKS doesn't have",
        source=Source("EKS API, AMITypes"),
    ),
    RefusalRule(
        id="ami-architecture",
        code=_PARAMETER,
        refuses="an AMI type of another architecture than the instance type's",
        source=_API,
    ),
    RefusalRule(
        id="taint-quota",
        code=_PARAMETER,
        refuses="more taints than a node group takes",
        source=limits.source("limit/eks/taints-per-node-group"),
    ),
    RefusalRule(
        id="reserved-label",
        code=_PARAMETER,
        refuses="a label whose key has a reserved prefix",
        source=eks.source("eks/node-group/reserved-label-prefixes"),
    ),
)
"""Every reason to refuse a managed node group, in the order in which they are asked.

Updates are checked by the same rules, as far as they are about what the update changes.
"""

NEVER_JOINS: Final = replace(
    _TEMPLATES,
    also=(
        Source("EKS user guide, Bottlerocket: settings in TOML; nodeadm: a NodeConfig; how a wrong one ends", _MEDIUM),
    ),
)
"""Source of what EKS says of nodes that their user data can't bring into the cluster: NodeCreationFailure."""

CLUSTER_REFUSALS: Final[tuple[RefusalRule, ...]] = (
    RefusalRule(
        id="cluster-name",
        code="ResourceInUseException",
        refuses="a name that another cluster has",
        source=Source("EKS API, CreateCluster", address=f"{_DOCS}/eks/latest/APIReference/API_CreateCluster.html"),
    ),
    RefusalRule(
        id="cluster-version",
        code=_PARAMETER,
        refuses="a Kubernetes version that EKS doesn't offer",
        source=Source(
            "EKS API, CreateCluster: the wording",
            _MEDIUM,
            f"{_DOCS}/eks/latest/APIReference/API_CreateCluster.html",
        ),
    ),
    RefusalRule(
        id="cluster-zones",
        code=_PARAMETER,
        refuses="subnets in fewer than two zones",
        source=Source("EKS user guide, VPC and subnet requirements", address=_NETWORKS),
    ),
    RefusalRule(
        id="cluster-local-zone",
        code="UnsupportedAvailabilityZoneException",
        refuses="a subnet in a Local Zone",
        source=Source("EKS user guide, VPC and subnet requirements: no subnets in Local Zones", address=_NETWORKS),
    ),
    RefusalRule(
        id="cluster-security-group",
        code=_PARAMETER,
        refuses="a security group that doesn't exist",
        source=Source("EKS API, VpcConfigRequest"),
    ),
)
"""Every reason to refuse a cluster, in the order in which they are asked."""
