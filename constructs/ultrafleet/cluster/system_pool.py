"""The node pool for controllers."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct

from ultrafleet.capacity.placement_group import PlacementGroup
from ultrafleet.catalog.eks import AmiType
from ultrafleet.cluster.node_role import create_node_role
from ultrafleet.cluster_reference import ClusterReference
from ultrafleet.errors import FleetError
from ultrafleet.rules.node_settings import validate_metadata_hop_limit

_DEFAULT_INSTANCE_TYPES = ("m7i.xlarge", "m6i.xlarge")
_AMI_TYPES = {
    ec2.InstanceArchitecture.X86_64: AmiType.AL2023_X86_64_STANDARD,
    ec2.InstanceArchitecture.ARM_64: AmiType.AL2023_ARM_64_STANDARD,
}


class SystemPool(Construct):
    """A managed node group of ordinary instances for CoreDNS, controllers and whatever needs no accelerator.

    On demand, AL2023, no taints. IMDSv2 only; with a hop limit of 1, pods can't take the node's credentials. Encrypted
    gp3 root with the AWS-managed key, no SSH, node auto repair. The node group has no fixed name, because some of its
    properties are create-only: a change of instance types makes a new group before the old one goes. Its nodes do roll
    when the launch template changes, one at a time.

    Args:
        scope: parent.
        id: construct id.
        cluster: cluster that the nodes join.
        subnets: subnets of the nodes, in regular zones.
        node_role: role of the nodes. Default: a new one, see `create_node_role`.
        instance_types: types EC2 may choose from, of one architecture; plain values. Default: m7i.xlarge, m6i.xlarge
            (x86_64, for which every controller image exists).
        min_size: fewest nodes. Default: 2.
        max_size: most nodes. Default: 4.
        desired_size: nodes at first. A deployment that changes a size sends this one again. Default: 2.
        root_volume_gib: root volume in GiB. Default: 50.
        metadata_hop_limit: 1 keeps pods from the instance metadata; 2 lets them. Default: 1.
        placement_group: placement group of the nodes. Default: none.
        release_version: AMI release such as "1.34.2-20261101". Default: EKS's newest when the group is made.
        labels: labels beside `ultrafleet/pool: system`. Default: none.

    Raises:
        FleetError: no subnet, no instance type, types of two architectures, sizes out of order, a volume below 20 GiB,
            a hop limit out of range, a label that the pool sets itself, a token where a plain value is needed.
    """

    LABELS: ClassVar[Mapping[str, str]] = {"ultrafleet/pool": "system"}
    """Labels of every node of the pool."""

    node_role: iam.IRole
    """Role of the nodes."""
    launch_template: ec2.CfnLaunchTemplate
    """Template of the nodes."""
    nodegroup: eks.CfnNodegroup
    """The node group."""
    nodegroup_name: str
    """Name that CloudFormation gives the group (a token)."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: ClusterReference,
        subnets: Sequence[ec2.ISubnet],
        node_role: iam.IRole | None = None,
        instance_types: Sequence[str] = _DEFAULT_INSTANCE_TYPES,
        min_size: int = 2,
        max_size: int = 4,
        desired_size: int = 2,
        root_volume_gib: int = 50,
        metadata_hop_limit: int = 1,
        placement_group: PlacementGroup | None = None,
        release_version: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(scope, id)
        if not subnets:
            raise FleetError(
                path="subnets",
                got="empty",
                expected="at least one subnet",
                remedy="pass the subnets of the system nodes",
            )
        _check_sizes(min_size, desired_size, max_size)
        _check_range("root_volume_gib", root_volume_gib, range(20, 65537))
        if not cdk.Token.is_unresolved(metadata_hop_limit):
            validate_metadata_hop_limit(metadata_hop_limit)
        clash = sorted(set(labels or {}) & set(self.LABELS))
        if clash:
            raise FleetError(
                path="labels",
                verb="has",
                got=repr(clash[0]),
                expected="none that the pool sets itself",
                remedy="leave it out",
            )
        ami_type = _ami_type(instance_types)

        self.node_role = node_role or create_node_role(self, "NodeRole")
        self.launch_template = ec2.CfnLaunchTemplate(
            self,
            "LaunchTemplate",
            launch_template_data={
                "blockDeviceMappings": [
                    {
                        "deviceName": "/dev/xvda",  # root device of the EKS AL2023 images (EKS user guide, high)
                        "ebs": {
                            "deleteOnTermination": True,
                            "encrypted": True,
                            "volumeSize": root_volume_gib,
                            "volumeType": "gp3",
                        },
                    }
                ],
                "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": metadata_hop_limit},
                # No security groups: EKS puts the cluster's own on the nodes.
                **({"placement": {"groupName": placement_group.group_name}} if placement_group else {}),
                "tagSpecifications": [
                    {"resourceType": kind, "tags": [{"key": "Name", "value": f"{cluster.cluster_name}-system"}]}
                    for kind in ("instance", "volume")
                ],
            },
        )
        self.nodegroup = eks.CfnNodegroup(
            self,
            "Resource",
            cluster_name=cluster.cluster_name,
            node_role=self.node_role.role_arn,
            subnets=[subnet.subnet_id for subnet in subnets],
            ami_type=ami_type,
            capacity_type="ON_DEMAND",
            instance_types=list(instance_types),
            launch_template={
                "id": self.launch_template.ref,
                "version": self.launch_template.attr_latest_version_number,
            },
            scaling_config={"minSize": min_size, "maxSize": max_size, "desiredSize": desired_size},
            update_config={"maxUnavailable": 1},
            node_repair_config={"enabled": True},
            labels={**(labels or {}), **self.LABELS},
            release_version=release_version,
        )
        self.nodegroup_name = self.nodegroup.attr_nodegroup_name
        # Nodes call AWS and pull images before anything else: not before the subnets have their routes.
        self.nodegroup.node.add_dependency(*(subnet.internet_connectivity_established for subnet in subnets))


def _ami_type(instance_types: Sequence[str]) -> str:
    """AL2023 of the types' one architecture."""
    if not instance_types:
        raise FleetError(
            path="instance_types",
            got="empty",
            expected="at least one type such as 'm7i.xlarge'",
            remedy="leave it out",
        )
    if any(cdk.Token.is_unresolved(name) for name in instance_types):
        raise FleetError(
            path="instance_types",
            verb="has",
            got="a token",
            expected="plain values",
            remedy="the image is chosen by their architecture",
        )
    try:
        architectures = {name: ec2.InstanceType(name).architecture for name in instance_types}
    except RuntimeError as error:
        raise FleetError(
            path="instance_types",
            got=list(instance_types),
            expected="ordinary instance types such as 'm7i.xlarge'",
            remedy=str(error),
        ) from error
    if len(set(architectures.values())) > 1:
        got = ", ".join(f"{name} {architecture.name.lower()}" for name, architecture in architectures.items())
        raise FleetError(
            path="instance_types",
            got=got,
            expected="one architecture",
            remedy="a node group has one image",
        )
    return str(_AMI_TYPES[next(iter(architectures.values()))])


def _check_sizes(min_size: int, desired_size: int, max_size: int) -> None:
    if any(cdk.Token.is_unresolved(size) for size in (min_size, desired_size, max_size)):
        return
    if not (0 <= min_size <= desired_size <= max_size and max_size >= 1):
        raise FleetError(
            path="min_size",
            got=f"{min_size}, desired_size {desired_size}, max_size {max_size}",
            expected="0 <= min_size <= desired_size <= max_size and max_size >= 1",
            remedy="put them in order",
        )


def _check_range(name: str, value: int, allowed: range) -> None:
    if not cdk.Token.is_unresolved(value) and value not in allowed:
        raise FleetError(
            path=name,
            got=value,
            expected=f"{allowed[0]} to {allowed[-1]}",
            remedy="change it",
        )
