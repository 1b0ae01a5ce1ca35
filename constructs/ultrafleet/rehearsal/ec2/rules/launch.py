"""Why EC2 refuses to launch an instance: one function for each reason, in the order in which they are asked.

A rule's `source` says where the refusal, its code and its message come from, and how well that is known. "errors" is
the page of error codes in the EC2 API reference.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ultrafleet.rehearsal.ec2.rules import launch_capacity as reservation
from ultrafleet.rehearsal.ec2.rules import launch_instance as shape
from ultrafleet.rehearsal.ec2.rules.launch_request import LaunchFacts
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal


@dataclass(frozen=True, kw_only=True)
class LaunchRule:
    """A reason to refuse.

    Attributes:
        id: what tests and reports call it.
        code: AWS's error code.
        source: where the rule comes from, and how well it is known.
        refuses: AWS's message where the launch is refused, else None.
    """

    id: str
    code: str
    source: str
    refuses: Callable[[LaunchFacts], str | None]


RESERVATION_RULES: Final[list[LaunchRule]] = [
    LaunchRule(
        id="reservation-pending",
        code="InvalidCapacityReservationState.PendingActivation",
        source="errors: code and message (high)",
        refuses=reservation.pending,
    ),
    LaunchRule(
        id="reservation-over",
        code="InvalidCapacityReservationState.Unavailable",
        source="EC2 user guide, launch into a Capacity Reservation: only active ones (high); code and message inferred",
        refuses=reservation.over,
    ),
    LaunchRule(
        id="reservation-unlaunchable",
        code="InvalidCapacityReservationState.Unavailable",
        source="EC2 API, CapacityReservation.LaunchStatus (high); code and message inferred",
        refuses=reservation.unlaunchable,
    ),
    LaunchRule(
        id="reservation-reclaim",
        code="InvalidCapacityReservationState.Unavailable",
        source="EC2 user guide, Capacity Blocks for ML: terminated from 60 or 30 minutes before the end (high); "
        "that a launch is refused then, code and message inferred",
        refuses=reservation.reclaimed,
    ),
    LaunchRule(
        id="reservation-zone",
        code="ReservationCapacityExceeded",
        source="EC2 user guide, launch instances using Capacity Blocks: not in a subnet of another zone (high); "
        "code and message inferred from ReservationCapacityExceeded's 'compatible' (low)",
        refuses=reservation.other_zone,
    ),
    LaunchRule(
        id="reservation-type",
        code="ReservationCapacityExceeded",
        source="EC2 user guide, launch into a Capacity Reservation: matching attributes (high); code inferred (low)",
        refuses=reservation.other_type,
    ),
    LaunchRule(
        id="reservation-platform",
        code="ReservationCapacityExceeded",
        source="EC2 user guide, launch into a Capacity Reservation: matching attributes (high); code inferred (low)",
        refuses=reservation.other_platform,
    ),
    LaunchRule(
        id="reservation-tenancy",
        code="ReservationCapacityExceeded",
        source="EC2 user guide, launch into a Capacity Reservation: matching attributes (high); code inferred (low)",
        refuses=reservation.other_tenancy,
    ),
    LaunchRule(
        id="reservation-full",
        code="ReservationCapacityExceeded",
        source="errors: code (high); message as reported in hashicorp/terraform-provider-aws#35745 (high)",
        refuses=reservation.full,
    ),
    LaunchRule(
        id="reservation-placement-group",
        code="ReservationCapacityExceeded",
        source="EC2 user guide, Capacity Reservations with placement groups: launch names the group (high); "
        "code inferred (low)",
        refuses=reservation.not_its_placement_group,
    ),
]
"""What can be wrong with one reservation; they also pick the reservation of a resource group."""

LAUNCH_RULES: Final[list[LaunchRule]] = [
    LaunchRule(
        id="type-unknown",
        code="InvalidParameterValue",
        source="EC2 API: code and message as commonly reported (medium)",
        refuses=shape.type_unknown,
    ),
    LaunchRule(
        id="subnet-unknown",
        code="InvalidSubnetID.NotFound",
        source="errors: code (high); message as commonly reported (high)",
        refuses=shape.subnet_unknown,
    ),
    LaunchRule(
        id="type-not-in-zone",
        code="Unsupported",
        source="errors: code (high); message as commonly reported (high); zones as far as the catalog names them",
        refuses=shape.type_not_in_zone,
    ),
    LaunchRule(
        id="efa-unsupported",
        code="UnsupportedOperation",
        source="message as reported in openshift/enhancements, EFA (medium)",
        refuses=shape.efa_unsupported,
    ),
    LaunchRule(
        id="interface-limit",
        code="AttachmentLimitExceeded",
        source="errors: code (high); limits from the catalog's card tables; message the library's own",
        refuses=shape.interface_limit,
    ),
    LaunchRule(
        id="interface-layout",
        code="InvalidParameterCombination",
        source="EC2 user guide, EFA on accelerated instances (high); code inferred (low), message the library's own",
        refuses=shape.interface_layout,
    ),
    LaunchRule(
        id="public-ip-with-many-interfaces",
        code="InvalidParameterCombination",
        source="EC2 user guide, public IPv4 addresses: not with several interfaces (high); message as commonly "
        "reported (medium)",
        refuses=shape.public_ip_with_many_interfaces,
    ),
    LaunchRule(
        id="groups-beside-interfaces",
        code="InvalidParameterCombination",
        source="EC2 API, RunInstances: groups belong to the interfaces then (high); message as commonly reported "
        "(medium)",
        refuses=shape.groups_beside_interfaces,
    ),
    LaunchRule(
        id="security-group-unknown",
        code="InvalidGroup.NotFound",
        source="errors: code (high); message as commonly reported (high)",
        refuses=shape.security_group_unknown,
    ),
    LaunchRule(
        id="security-group-of-another-vpc",
        code="InvalidParameter",
        source="errors: code and reason (high); message as commonly reported (high)",
        refuses=shape.security_group_of_another_vpc,
    ),
    LaunchRule(
        id="efa-security-group",
        code="EfaSecurityGroupRule",
        source="EC2 user guide, EFA: the group allows all traffic from and to itself (high). EC2 itself launches the "
        "instance and EFA fails on it; the embedded AWS says so, with a code of its own",
        refuses=shape.efa_security_group,
    ),
    LaunchRule(
        id="user-data-too-long",
        code="InvalidParameterValue",
        source="EC2 user guide: 16 KB before base64 (high); message as commonly reported (high)",
        refuses=shape.user_data_too_long,
    ),
    LaunchRule(
        id="ami-architecture",
        code="InvalidParameterValue",
        source="EC2 API: message as commonly reported (medium)",
        refuses=shape.ami_architecture,
    ),
    LaunchRule(
        id="subnet-full",
        code="InsufficientFreeAddressesInSubnet",
        source="errors: code (high); message as commonly reported (high)",
        refuses=shape.subnet_full,
    ),
    LaunchRule(
        id="placement-group-unknown",
        code="InvalidPlacementGroup.Unknown",
        source="errors: code (high); message as reported in terraform-provider-aws issues (high)",
        refuses=shape.placement_group_unknown,
    ),
    LaunchRule(
        id="block-without-target",
        code="InvalidParameterCombination",
        source="EC2 user guide, launch instances using Capacity Blocks: the reservation must be named (high); "
        "code and message inferred (low)",
        refuses=reservation.block_without_target,
    ),
    LaunchRule(
        id="reservation-unknown",
        code="InvalidCapacityReservationId.NotFound",
        source="code as terraform-provider-aws handles it (high); message as commonly reported (medium)",
        refuses=reservation.unknown,
    ),
    LaunchRule(
        id="reservation-group-unknown",
        code="InvalidParameterValue",
        source="inferred (low)",
        refuses=reservation.group_unknown,
    ),
    LaunchRule(
        id="block-market-missing",
        code="InvalidParameterValue",
        source="message as reported in terraform-aws-modules/terraform-aws-ec2-instance#404 (high)",
        refuses=reservation.block_market_missing,
    ),
    LaunchRule(
        id="block-market-without-block",
        code="InvalidParameterValue",
        source="EC2 API: the market of capacity blocks only (high); message as for the reverse, inferred (low)",
        refuses=reservation.block_market_without_block,
    ),
    LaunchRule(
        id="sold-in-blocks-only",
        code="InvalidParameterValue",
        source="the catalog's purchase options (high); code and message inferred (low)",
        refuses=reservation.sold_in_blocks_only,
    ),
    LaunchRule(
        id="placement-group-with-block",
        code="InvalidParameterCombination",
        source="EC2 user guide, Capacity Blocks for ML: no placement group (high); that EC2 refuses it, code and "
        "message inferred (low)",
        refuses=reservation.placement_group_with_block,
    ),
    LaunchRule(
        id="placement-group-without-reservation",
        code="InsufficientInstanceCapacity",
        source="aws-parallelcluster, PlacementGroupCapacityReservationValidator: capacity errors may occur (medium); "
        "here they always do",
        refuses=reservation.placement_group_outside_reservation,
    ),
    LaunchRule(
        id="no-reservation-left",
        code="ReservationCapacityExceeded",
        source="errors: code (high); that blocks have no on-demand capacity to fall back to: inferred",
        refuses=reservation.none_left,
    ),
    *RESERVATION_RULES,
]
"""Every reason to refuse, in the order in which they are asked."""


def settled(facts: LaunchFacts) -> LaunchFacts:
    """The same with the reservation that EC2 picks where the request names none: the first that nothing is wrong with.

    A group without any leaves an on-demand launch on demand (EC2 user guide, Capacity Reservation groups, high).
    """
    if facts.reservation is not None:
        return facts
    reservations = SIMULATED_ACCOUNT.part(Reservations, facts.request.account_id, facts.request.region)
    for candidate in facts.candidates:
        with_it = replace(facts, reservation=candidate, reservation_room=reservations.available(candidate))
        if all(rule.refuses(with_it) is None for rule in RESERVATION_RULES):
            return with_it
    return facts


def check(facts: LaunchFacts) -> None:
    """Ask every rule.

    Raises:
        Refusal: of the first rule that refuses.
    """
    for rule in LAUNCH_RULES:
        message = rule.refuses(facts)
        if message is not None:
            raise Refusal(rule.code, message, rule=rule.id)
