"""Refusals of EC2 and EKS: which requests the embedded AWS refuses, AWS's error code, and where that is known from.

Texts alone, so that they can be listed without the rehearsal's extra; the functions that decide are beside the service,
by the same id. `errors` is the page of error codes in the EC2 API reference.
"""

from dataclasses import dataclass, replace
from typing import Final

from ultrafleet.catalog import capacity_blocks, limits
from ultrafleet.catalog.source import Confidence, Source

_MEDIUM: Final = Confidence.MEDIUM
_LOW: Final = Confidence.LOW

_DOCS: Final = "https://docs.aws.amazon.com"
_ERRORS: Final = f"{_DOCS}/AWSEC2/latest/APIReference/errors-overview.html"
_BLOCK_GUIDE: Final = f"{_DOCS}/AWSEC2/latest/UserGuide/ec2-capacity-blocks.html"
_RUN_INSTANCES: Final = f"{_DOCS}/AWSEC2/latest/APIReference/API_RunInstances.html"
_EFA_GUIDE: Final = f"{_DOCS}/AWSEC2/latest/UserGuide/efa.html"
_GITHUB: Final = "https://github.com"


@dataclass(frozen=True, kw_only=True)
class RefusalRule:
    """A reason for which AWS refuses a request.

    Attributes:
        id: name of the rule in tests and reports.
        code: AWS's error code.
        source: where the refusal, its code and its message come from.
    """

    id: str
    code: str
    source: Source


def _inferred(text: str) -> Source:
    """Part of a rule that is inferred."""
    return Source(text, _LOW)


_MATCHING: Final = Source(
    "EC2 user guide, launch into a Capacity Reservation: matching attributes", also=(_inferred("code inferred"),)
)
_MESSAGE: Final = Source("errors: code; message as commonly reported", address=_ERRORS)

RESERVATION_REFUSALS: Final[tuple[RefusalRule, ...]] = (
    RefusalRule(
        id="reservation-pending",
        code="InvalidCapacityReservationState.PendingActivation",
        source=Source("errors: code and message", address=_ERRORS),
    ),
    RefusalRule(
        id="reservation-over",
        code="InvalidCapacityReservationState.Unavailable",
        source=Source(
            "EC2 user guide, launch into a Capacity Reservation: only active ones",
            also=(_inferred("code and message inferred"),),
        ),
    ),
    RefusalRule(
        id="reservation-unlaunchable",
        code="InvalidCapacityReservationState.Unavailable",
        source=Source(
            "EC2 API, CapacityReservation.LaunchStatus",
            address=f"{_DOCS}/AWSEC2/latest/APIReference/API_CapacityReservation.html",
            also=(_inferred("code and message inferred"),),
        ),
    ),
    RefusalRule(
        id="reservation-reclaim",
        code="InvalidCapacityReservationState.Unavailable",
        source=replace(
            capacity_blocks.source("capacity-block/instance-reclaim-minutes"),
            also=(_inferred("that a launch is refused then, code and message inferred"),),
        ),
    ),
    RefusalRule(
        id="reservation-zone",
        code="ReservationCapacityExceeded",
        source=Source(
            "EC2 user guide, launch instances using Capacity Blocks: not in a subnet of another zone",
            also=(_inferred("code and message inferred from ReservationCapacityExceeded's 'compatible'"),),
        ),
    ),
    RefusalRule(id="reservation-type", code="ReservationCapacityExceeded", source=_MATCHING),
    RefusalRule(id="reservation-platform", code="ReservationCapacityExceeded", source=_MATCHING),
    RefusalRule(id="reservation-tenancy", code="ReservationCapacityExceeded", source=_MATCHING),
    RefusalRule(
        id="reservation-full",
        code="ReservationCapacityExceeded",
        source=Source(
            "errors: code; message as reported in hashicorp/terraform-provider-aws#35745",
            address=f"{_GITHUB}/hashicorp/terraform-provider-aws/issues/35745",
        ),
    ),
    RefusalRule(
        id="reservation-placement-group",
        code="ReservationCapacityExceeded",
        source=Source(
            "EC2 user guide, Capacity Reservations with placement groups: launch names the group",
            also=(_inferred("code inferred"),),
        ),
    ),
)
"""Refusals of one reservation; they also pick the reservation of a resource group."""

LAUNCH_REFUSALS: Final[tuple[RefusalRule, ...]] = (
    RefusalRule(
        id="type-unknown",
        code="InvalidParameterValue",
        source=Source("EC2 API: code and message as commonly reported", _MEDIUM),
    ),
    RefusalRule(id="subnet-unknown", code="InvalidSubnetID.NotFound", source=_MESSAGE),
    RefusalRule(
        id="type-not-in-zone",
        code="Unsupported",
        source=Source(
            "errors: code; message as commonly reported; zones as far as the catalog names them", address=_ERRORS
        ),
    ),
    RefusalRule(
        id="efa-unsupported",
        code="UnsupportedOperation",
        source=Source("message as reported in openshift/enhancements, EFA", _MEDIUM),
    ),
    RefusalRule(
        id="interface-limit",
        code="AttachmentLimitExceeded",
        source=Source(
            "errors: code; limits from the catalog's card tables; message the library's own", address=_ERRORS
        ),
    ),
    RefusalRule(
        id="interface-layout",
        code="InvalidParameterCombination",
        source=Source(
            "EC2 user guide, EFA on accelerated instances",
            also=(_inferred("code inferred, message the library's own"),),
        ),
    ),
    RefusalRule(
        id="public-ip-with-many-interfaces",
        code="InvalidParameterCombination",
        source=Source(
            "EC2 user guide, public IPv4 addresses: not with several interfaces",
            also=(Source("message as commonly reported", _MEDIUM),),
        ),
    ),
    RefusalRule(
        id="groups-beside-interfaces",
        code="InvalidParameterCombination",
        source=Source(
            "EC2 API, RunInstances: groups belong to the interfaces then",
            address=_RUN_INSTANCES,
            also=(Source("message as commonly reported", _MEDIUM),),
        ),
    ),
    RefusalRule(id="security-group-unknown", code="InvalidGroup.NotFound", source=_MESSAGE),
    RefusalRule(
        id="security-group-of-another-vpc",
        code="InvalidParameter",
        source=Source("errors: code and reason; message as commonly reported", address=_ERRORS),
    ),
    RefusalRule(
        id="efa-security-group",
        code="EfaSecurityGroupRule",
        source=Source(
            "EC2 user guide, EFA: the group allows all traffic from and to itself. EC2 itself launches the instance "
            "and EFA fails on it; the embedded AWS says so, with a code of its own",
            address=_EFA_GUIDE,
        ),
    ),
    RefusalRule(
        id="user-data-too-long",
        code="InvalidParameterValue",
        source=replace(
            limits.source("limit/ec2/user-data-bytes"), also=(Source("errors: message as commonly reported"),)
        ),
    ),
    RefusalRule(
        id="ami-architecture",
        code="InvalidParameterValue",
        source=Source("EC2 API: message as commonly reported", _MEDIUM),
    ),
    RefusalRule(id="subnet-full", code="InsufficientFreeAddressesInSubnet", source=_MESSAGE),
    RefusalRule(
        id="placement-group-unknown",
        code="InvalidPlacementGroup.Unknown",
        source=Source("errors: code; message as reported in terraform-provider-aws issues", address=_ERRORS),
    ),
    RefusalRule(
        id="block-without-target",
        code="InvalidParameterCombination",
        source=Source(
            "EC2 user guide, launch instances using Capacity Blocks: the reservation must be named",
            also=(_inferred("code and message inferred"),),
        ),
    ),
    RefusalRule(
        id="reservation-unknown",
        code="InvalidCapacityReservationId.NotFound",
        source=Source(
            "code as terraform-provider-aws handles it", also=(Source("message as commonly reported", _MEDIUM),)
        ),
    ),
    RefusalRule(id="reservation-group-unknown", code="InvalidParameterValue", source=Source("inferred", _LOW)),
    RefusalRule(
        id="block-market-missing",
        code="InvalidParameterValue",
        source=Source(
            "message as reported in terraform-aws-modules/terraform-aws-ec2-instance#404",
            address=f"{_GITHUB}/terraform-aws-modules/terraform-aws-ec2-instance/issues/404",
        ),
    ),
    RefusalRule(
        id="block-market-without-block",
        code="InvalidParameterValue",
        source=Source(
            "EC2 API: the market of capacity blocks only", also=(_inferred("message as for the reverse, inferred"),)
        ),
    ),
    RefusalRule(
        id="sold-in-blocks-only",
        code="InvalidParameterValue",
        source=Source("the catalog's purchase options", also=(_inferred("code and message inferred"),)),
    ),
    RefusalRule(
        id="placement-group-with-block",
        code="InvalidParameterCombination",
        source=replace(
            capacity_blocks.source("capacity-block/no-placement-group"),
            also=(
                capacity_blocks.source("capacity-block/placement-group-launch"),
                _inferred("code and message inferred"),
            ),
        ),
    ),
    RefusalRule(
        id="placement-group-without-reservation",
        code="InsufficientInstanceCapacity",
        source=Source(
            "aws-parallelcluster, PlacementGroupCapacityReservationValidator: capacity errors may occur; here they "
            "always do",
            _MEDIUM,
        ),
    ),
    RefusalRule(
        id="no-reservation-left",
        code="ReservationCapacityExceeded",
        source=Source(
            "errors: code",
            address=_ERRORS,
            also=(Source("that blocks have no on-demand capacity to fall back to: inferred", _MEDIUM),),
        ),
    ),
    *RESERVATION_REFUSALS,
)
"""Every reason to refuse a launch, in the order in which they are asked."""

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
_QUOTAS: Final = Source("EKS user guide, service quotas", address=f"{_DOCS}/eks/latest/userguide/service-quotas.html")
_NETWORKS: Final = f"{_DOCS}/eks/latest/userguide/network-reqs.html"

NODE_GROUP_REFUSALS: Final[tuple[RefusalRule, ...]] = (
    RefusalRule(id="name-taken", code="ResourceInUseException", source=_API),
    RefusalRule(id="group-quota", code=_LIMIT, source=_QUOTAS),
    RefusalRule(id="template-missing", code=_PARAMETER, source=_TEMPLATES),
    RefusalRule(id="type-twice", code=_PARAMETER, source=_TEMPLATES),
    RefusalRule(id="type-unknown", code=_PARAMETER, source=_API),
    RefusalRule(id="profile-in-template", code=_PARAMETER, source=_TEMPLATES),
    RefusalRule(id="subnet-in-template", code=_PARAMETER, source=_TEMPLATES),
    RefusalRule(id="hibernation-in-template", code=_PARAMETER, source=_TEMPLATES),
    RefusalRule(id="block-without-market", code=_PARAMETER, source=_BLOCKS),
    RefusalRule(id="market-without-block", code=_PARAMETER, source=_BLOCKS),
    RefusalRule(id="block-without-target", code=_PARAMETER, source=_BLOCKS),
    RefusalRule(id="sizes", code=_PARAMETER, source=Source("EKS API, NodegroupScalingConfig")),
    RefusalRule(id="node-quota", code=_LIMIT, source=_QUOTAS),
    RefusalRule(id="subnet-missing", code=_PARAMETER, source=_API),
    RefusalRule(
        id="subnet-elsewhere",
        code=_PARAMETER,
        source=Source("EKS user guide, VPC and subnet requirements", address=_NETWORKS),
    ),
    RefusalRule(id="ami-unknown", code=_PARAMETER, source=Source("EKS API, AMITypes")),
    RefusalRule(id="ami-architecture", code=_PARAMETER, source=_API),
    RefusalRule(
        id="taint-quota",
        code=_PARAMETER,
        source=Source("EKS user guide, node taints", _MEDIUM),
    ),
    RefusalRule(
        id="reserved-label", code=_PARAMETER, source=Source("EKS API, CreateNodegroup: labels", _MEDIUM, _API.address)
    ),
)
"""Every reason to refuse a managed node group, in the order in which they are asked."""

CLUSTER_REFUSALS: Final[tuple[RefusalRule, ...]] = (
    RefusalRule(
        id="cluster-name",
        code="ResourceInUseException",
        source=Source("EKS API, CreateCluster", address=f"{_DOCS}/eks/latest/APIReference/API_CreateCluster.html"),
    ),
    RefusalRule(
        id="cluster-version",
        code=_PARAMETER,
        source=Source(
            "EKS API, CreateCluster: the wording",
            _MEDIUM,
            f"{_DOCS}/eks/latest/APIReference/API_CreateCluster.html",
        ),
    ),
    RefusalRule(
        id="cluster-zones",
        code=_PARAMETER,
        source=Source("EKS user guide, VPC and subnet requirements", address=_NETWORKS),
    ),
    RefusalRule(
        id="cluster-local-zone",
        code="UnsupportedAvailabilityZoneException",
        source=Source("EKS user guide, VPC and subnet requirements: no subnets in Local Zones", address=_NETWORKS),
    ),
    RefusalRule(id="cluster-security-group", code=_PARAMETER, source=Source("EKS API, VpcConfigRequest")),
)
"""Every reason to refuse a cluster, in the order in which they are asked."""
