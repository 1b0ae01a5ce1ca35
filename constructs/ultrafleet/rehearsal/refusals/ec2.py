"""Refusals of EC2: launches that it refuses. `errors` is the page of error codes in the EC2 API reference."""

from dataclasses import replace
from typing import Final

from ultrafleet.catalog import capacity_blocks, limits
from ultrafleet.catalog.source import Confidence, Source
from ultrafleet.rehearsal.refusals.rule import RefusalRule

_MEDIUM: Final = Confidence.MEDIUM
_LOW: Final = Confidence.LOW

_DOCS: Final = "https://docs.aws.amazon.com"
_ERRORS: Final = f"{_DOCS}/AWSEC2/latest/APIReference/errors-overview.html"
_RUN_INSTANCES: Final = f"{_DOCS}/AWSEC2/latest/APIReference/API_RunInstances.html"
_EFA_GUIDE: Final = f"{_DOCS}/AWSEC2/latest/UserGuide/efa.html"
_GITHUB: Final = "https://github.com"


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
        refuses="a reservation that isn't active yet",
        source=Source("errors: code and message", address=_ERRORS),
    ),
    RefusalRule(
        id="reservation-over",
        code="InvalidCapacityReservationState.Unavailable",
        refuses="a reservation that is over or failed",
        source=Source(
            "EC2 user guide, launch into a Capacity Reservation: only active ones",
            also=(_inferred("code and message inferred"),),
        ),
    ),
    RefusalRule(
        id="reservation-unlaunchable",
        code="InvalidCapacityReservationState.Unavailable",
        refuses="a reservation that is active and unlaunchable",
        source=Source(
            "EC2 API, CapacityReservation.LaunchStatus",
            address=f"{_DOCS}/AWSEC2/latest/APIReference/API_CapacityReservation.html",
            also=(_inferred("code and message inferred"),),
        ),
    ),
    RefusalRule(
        id="reservation-reclaim",
        code="InvalidCapacityReservationState.Unavailable",
        refuses="a capacity block whose instances EC2 terminates already",
        source=replace(
            capacity_blocks.source("capacity-block/instance-reclaim-minutes"),
            also=(_inferred("that a launch is refused then, code and message inferred"),),
        ),
    ),
    RefusalRule(
        id="reservation-zone",
        code="ReservationCapacityExceeded",
        refuses="a subnet in another zone than the reservation's",
        source=Source(
            "EC2 user guide, launch instances using Capacity Blocks: not in a subnet of another zone",
            also=(_inferred("code and message inferred from ReservationCapacityExceeded's 'compatible'"),),
        ),
    ),
    RefusalRule(
        id="reservation-type",
        code="ReservationCapacityExceeded",
        refuses="a reservation of another type",
        source=_MATCHING,
    ),
    RefusalRule(
        id="reservation-platform",
        code="ReservationCapacityExceeded",
        refuses="a reservation of another platform than the image's",
        source=_MATCHING,
    ),
    RefusalRule(
        id="reservation-tenancy",
        code="ReservationCapacityExceeded",
        refuses="a reservation of another tenancy",
        source=_MATCHING,
    ),
    RefusalRule(
        id="reservation-full",
        code="ReservationCapacityExceeded",
        refuses="a reservation whose instances are all in use",
        source=Source(
            "errors: code; message as reported in hashicorp/terraform-provider-aws#35745",
            address=f"{_GITHUB}/hashicorp/terraform-provider-aws/issues/35745",
        ),
    ),
    RefusalRule(
        id="reservation-placement-group",
        code="ReservationCapacityExceeded",
        refuses="a reservation in a placement group that the launch doesn't name",
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
        refuses="an instance type that EC2 doesn't have",
        source=Source("EC2 API: code and message as commonly reported", _MEDIUM),
    ),
    RefusalRule(
        id="subnet-unknown", code="InvalidSubnetID.NotFound", refuses="a subnet that doesn't exist", source=_MESSAGE
    ),
    RefusalRule(
        id="type-not-in-zone",
        code="Unsupported",
        refuses="a zone that is none of those that the catalog names for the type",
        source=Source(
            "errors: code; message as commonly reported; zones as far as the catalog names them", address=_ERRORS
        ),
    ),
    RefusalRule(
        id="efa-unsupported",
        code="UnsupportedOperation",
        refuses="EFA on a type without EFA",
        source=Source("message as reported in openshift/enhancements, EFA", _MEDIUM),
    ),
    RefusalRule(
        id="interface-limit",
        code="AttachmentLimitExceeded",
        refuses="more interfaces than the type or a card takes",
        source=Source(
            "errors: code; limits from the catalog's card tables; message the library's own", address=_ERRORS
        ),
    ),
    RefusalRule(
        id="interface-layout",
        code="InvalidParameterCombination",
        refuses="a layout of interfaces that the type doesn't take",
        source=Source(
            "EC2 user guide, EFA on accelerated instances",
            also=(_inferred("code inferred, message the library's own"),),
        ),
    ),
    RefusalRule(
        id="public-ip-with-many-interfaces",
        code="InvalidParameterCombination",
        refuses="a public address with several interfaces",
        source=Source(
            "EC2 user guide, public IPv4 addresses: not with several interfaces",
            also=(Source("message as commonly reported", _MEDIUM),),
        ),
    ),
    RefusalRule(
        id="groups-beside-interfaces",
        code="InvalidParameterCombination",
        refuses="security groups of the instance beside those of its interfaces",
        source=Source(
            "EC2 API, RunInstances: groups belong to the interfaces then",
            address=_RUN_INSTANCES,
            also=(Source("message as commonly reported", _MEDIUM),),
        ),
    ),
    RefusalRule(
        id="security-group-unknown",
        code="InvalidGroup.NotFound",
        refuses="a security group that doesn't exist",
        source=_MESSAGE,
    ),
    RefusalRule(
        id="security-group-of-another-vpc",
        code="InvalidParameter",
        refuses="a security group of another VPC than the subnet's",
        source=Source("errors: code and reason; message as commonly reported", address=_ERRORS),
    ),
    RefusalRule(
        id="efa-security-group",
        code="EfaSecurityGroupRule",
        refuses="an EFA interface none of whose security groups lets its members reach one another",
        source=Source(
            "EC2 user guide, EFA: the group allows all traffic from and to itself. EC2 itself launches the instance "
            "and EFA fails on it; the embedded AWS says so, with a code of its own",
            address=_EFA_GUIDE,
        ),
    ),
    RefusalRule(
        id="user-data-too-long",
        code="InvalidParameterValue",
        refuses="user data that is longer than EC2 takes",
        source=replace(
            limits.source("limit/ec2/user-data-bytes"), also=(Source("errors: message as commonly reported"),)
        ),
    ),
    RefusalRule(
        id="ami-architecture",
        code="InvalidParameterValue",
        refuses="an image for another processor architecture",
        source=Source("EC2 API: message as commonly reported", _MEDIUM),
    ),
    RefusalRule(
        id="subnet-full",
        code="InsufficientFreeAddressesInSubnet",
        refuses="a subnet with fewer free addresses than the launch needs",
        source=_MESSAGE,
    ),
    RefusalRule(
        id="secondary-subnet-unknown",
        code="InvalidSecondarySubnetId.NotFound",
        refuses="a secondary subnet that doesn't exist",
        source=_inferred("code and message inferred"),
    ),
    RefusalRule(
        id="secondary-subnet-zone",
        code="InvalidParameterCombination",
        refuses="a secondary subnet in another zone than the instance's subnet",
        source=Source(
            "EC2 user guide, secondary networks: a secondary subnet is of one zone",
            address=limits.source("limit/ec2/secondary-networks-per-region").address,
            also=(_inferred("code and message inferred"),),
        ),
    ),
    RefusalRule(
        id="secondary-subnet-full",
        code="InsufficientFreeAddressesInSubnet",
        refuses="a secondary subnet with fewer free addresses than the launch needs",
        source=_inferred("code and message as for subnets, inferred"),
    ),
    RefusalRule(
        id="placement-group-unknown",
        code="InvalidPlacementGroup.Unknown",
        refuses="a placement group that doesn't exist",
        source=Source("errors: code; message as reported in terraform-provider-aws issues", address=_ERRORS),
    ),
    RefusalRule(
        id="block-without-target",
        code="InvalidParameterCombination",
        refuses="the market of capacity blocks without a reservation",
        source=Source(
            "EC2 user guide, launch instances using Capacity Blocks: the reservation must be named",
            also=(_inferred("code and message inferred"),),
        ),
    ),
    RefusalRule(
        id="reservation-unknown",
        code="InvalidCapacityReservationId.NotFound",
        refuses="a reservation that doesn't exist",
        source=Source(
            "code as terraform-provider-aws handles it", also=(Source("message as commonly reported", _MEDIUM),)
        ),
    ),
    RefusalRule(
        id="reservation-group-unknown",
        code="InvalidParameterValue",
        refuses="a group of reservations that doesn't exist",
        source=Source("inferred", _LOW),
    ),
    RefusalRule(
        id="reservation-group-local-zone",
        code="UnsupportedOperation",
        refuses="a group of reservations as the target of a launch in a Local Zone",
        source=replace(
            capacity_blocks.source("capacity-block/groups-in-local-zones"),
            also=(_inferred("code and message inferred"),),
        ),
    ),
    RefusalRule(
        id="block-market-missing",
        code="InvalidParameterValue",
        refuses="a capacity block without the market of capacity blocks",
        source=Source(
            "message as reported in terraform-aws-modules/terraform-aws-ec2-instance#404",
            address=f"{_GITHUB}/terraform-aws-modules/terraform-aws-ec2-instance/issues/404",
        ),
    ),
    RefusalRule(
        id="block-market-without-block",
        code="InvalidParameterValue",
        refuses="an on-demand reservation with the market of capacity blocks",
        source=Source(
            "EC2 API: the market of capacity blocks only", also=(_inferred("message as for the reverse, inferred"),)
        ),
    ),
    RefusalRule(
        id="sold-in-blocks-only",
        code="InvalidParameterValue",
        refuses="on demand, a type that is sold in capacity blocks only",
        source=Source("the catalog's purchase options", also=(_inferred("code and message inferred"),)),
    ),
    RefusalRule(
        id="placement-group-with-block",
        code="InvalidParameterCombination",
        refuses="a placement group with the market of capacity blocks",
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
        refuses="a cluster placement group with a reservation outside of it",
        source=Source(
            "aws-parallelcluster, PlacementGroupCapacityReservationValidator: capacity errors may occur; here they "
            "always do",
            _MEDIUM,
        ),
    ),
    RefusalRule(
        id="no-reservation-left",
        code="ReservationCapacityExceeded",
        refuses="a group none of whose reservations fits, where on-demand capacity is excluded",
        source=Source(
            "errors: code",
            address=_ERRORS,
            also=(Source("that blocks have no on-demand capacity to fall back to: inferred", _MEDIUM),),
        ),
    ),
    *RESERVATION_REFUSALS,
)
"""Every reason to refuse a launch, in the order in which they are asked."""
