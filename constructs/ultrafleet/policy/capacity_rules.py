"""Rules of what instances are bought with: market options, reservations, groups of them, placement groups."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ultrafleet.catalog import capacity_blocks
from ultrafleet.catalog.capacity_blocks import NO_PLACEMENT_GROUP
from ultrafleet.catalog.source import Source
from ultrafleet.errors import FleetError
from ultrafleet.policy.rule import PolicyRule, Problem, Severity, cannot_tell, must_not_be_stated
from ultrafleet.rules.capacity_block import validate_reservation_id
from ultrafleet.templates.launch import BLOCK_MARKET, Launch, as_list, known_type, launches
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP, groups, names_launched, types_launched
from ultrafleet.templates.reservations import RESERVATION, RESERVATION_GROUP, targeted
from ultrafleet.templates.template import Resource, Template
from ultrafleet.templates.unknown import Unknown

_POOL = "AWS::EC2::CapacityReservationPool"
_GENERIC = "AWS::ResourceGroups::Generic"
_MARKETS = ("capacity-block", "spot")


def _market(template: Template) -> Iterator[Problem]:
    types = types_launched(template)
    for launch in launches(template):
        logical_id, market = launch.resource.logical_id, launch.market
        if isinstance(market, Unknown):
            yield cannot_tell(logical_id, "the market type", market.reason)
            continue
        only_blocks = [kind for kind in types.get(logical_id, ()) if _only_in_blocks(kind.purchase_options)]
        not_sold = [
            kind for kind in types.get(logical_id, ()) if kind.purchase_options and market not in kind.purchase_options
        ]
        preference = launch.get("CapacityReservationSpecification", "CapacityReservationPreference")
        if isinstance(launch.reservation, Unknown) and launch.reservation.may_be_absent:
            yield cannot_tell(logical_id, "whether a reservation is targeted", launch.reservation.reason)
        elif market == BLOCK_MARKET and launch.reservation is None:
            yield Problem(
                logical_id,
                "MarketType is capacity-block without a CapacityReservationTarget, expected the block's reservation: "
                "add CapacityReservationId",
            )
        elif market == BLOCK_MARKET and preference == "none":
            yield Problem(
                logical_id,
                "CapacityReservationPreference is none with MarketType capacity-block, expected the block's "
                "reservation alone: remove the preference",
            )
        elif market == "spot" and launch.reservation is not None:
            yield Problem(
                logical_id,
                "MarketType is spot with a CapacityReservationTarget, expected capacity-block or no market type: spot "
                "instances use no reservation",
            )
        elif launch.targets_twice:
            yield Problem(
                logical_id,
                "CapacityReservationTarget names a reservation and a group, expected one of them: remove one",
            )
        elif not_sold and market in _MARKETS:
            sold = ", ".join(not_sold[0].purchase_options or ())
            yield Problem(
                logical_id, f"MarketType is {market} for {not_sold[0]}, expected one of {sold}: EC2 doesn't sell it so"
            )
        elif only_blocks and market != BLOCK_MARKET:
            yield Problem(
                logical_id,
                f"MarketType is {market or 'not stated'} for {only_blocks[0]}, expected capacity-block: EC2 "
                "sells it only as that",
            )


def _only_in_blocks(options: tuple[str, ...] | None) -> bool:
    return set(options or ()) == {"capacity-block"}


def _reservation_id(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        named = launch.get("CapacityReservationSpecification", "CapacityReservationTarget", "CapacityReservationId")
        if isinstance(named, str) and named:
            try:
                validate_reservation_id(named)
            except FleetError as error:
                yield Problem(launch.resource.logical_id, str(error))
        group = launch.get(
            "CapacityReservationSpecification", "CapacityReservationTarget", "CapacityReservationResourceGroupArn"
        )
        if isinstance(group, str) and not group.startswith("arn:"):
            yield Problem(
                launch.resource.logical_id,
                f"CapacityReservationResourceGroupArn is {group}, expected the ARN of a resource group: pass it, or a "
                "reservation as CapacityReservationId",
            )


def _placement(template: Template) -> Iterator[Problem]:
    why = f"expected none ({NO_PLACEMENT_GROUP.value}): remove it"
    for launch in launches(template):
        group = launch.get("Placement", "GroupName") or launch.get("Placement", "GroupId")
        if launch.is_for_block:
            message = f"there is a placement group beside MarketType capacity-block, {why}"
            yield from must_not_be_stated(launch.resource.logical_id, "a placement group", group, message)
    for scaled in groups(template, AUTO_SCALING_GROUP):
        if scaled.is_for_block:
            message = f"PlacementGroup is stated beside a capacity block, {why}"
            yield from must_not_be_stated(
                scaled.logical_id, "PlacementGroup", scaled.resource.get("PlacementGroup"), message
            )


def _placement_strategy(template: Template) -> Iterator[Problem]:
    for launch in launches(template):
        placement = template.referred(launch.get("Placement", "GroupName"))
        strategy = placement.get("Strategy") if placement is not None else None
        if launch.has_efa and not launch.is_for_block and isinstance(strategy, str) and strategy != "cluster":
            yield Problem(
                launch.resource.logical_id,
                f"its placement group's Strategy is {strategy}, expected cluster: EFA's latency needs it, change it",
            )


def _made_here(template: Template) -> Iterator[Problem]:
    """Capacity blocks that a template tries to create, which CloudFormation can't."""
    for reservation in template.of_type(RESERVATION):
        kind = known_type(reservation.get("InstanceType"))
        if kind is not None and _only_in_blocks(kind.purchase_options):
            yield Problem(
                reservation.logical_id,
                f"it reserves {kind} on demand, expected a capacity block: buy one by the API and name its "
                "reservation in the launch template",
            )
    for launch in launches(template):
        made = _reservation_of(template, launch)
        if made is not None and launch.is_for_block:
            yield Problem(
                launch.resource.logical_id,
                f"MarketType is capacity-block with {made.logical_id}, an on-demand reservation, expected no market "
                "type or a block's reservation: change one of them",
            )


def _reservation_of(template: Template, launch: Launch) -> Resource | None:
    made = template.referred(launch.reservation)
    return made if made is not None and made.type == RESERVATION else None


def _agreement(template: Template) -> Iterator[Problem]:
    """A reservation made here holds the type, in the zone, of what targets it."""
    names = names_launched(template)
    for launch in launches(template):
        reserved = {str(item.get("InstanceType")): item for item in targeted(template, launch)}
        stated = [name for name in names.get(launch.resource.logical_id, ()) if isinstance(name, str)]
        if reserved and stated and not reserved.keys() & set(stated) and all(map(_is_plain, reserved.values())):
            kept = ", ".join(f"{item.logical_id} reserves {name}" for name, item in reserved.items())
            yield Problem(
                launch.resource.logical_id,
                f"InstanceType is {' or '.join(stated)} and {kept}, expected one type: {_beside(template, launch)}, "
                "change one",
            )
    for group in groups(template):
        made = targeted(template, group.launch)
        fitting = [item for item in made if not group.type_names or item.get("InstanceType") in group.type_names]
        zones = {str(item.get("AvailabilityZone")) for item in fitting}
        known = all(isinstance(item.get("AvailabilityZone"), str) for item in fitting)
        for other in group.zones if zones and known else ():
            if other not in zones:
                yield Problem(
                    group.logical_id,
                    f"its subnet is in {other} and the reservation in {' and '.join(sorted(zones))}, expected one: "
                    "move one of them",
                )


def _is_plain(reservation: Resource) -> bool:
    return isinstance(reservation.get("InstanceType"), str)


def _beside(template: Template, launch: Launch) -> str:
    """Fate of a launch that doesn't fit what it targets."""
    made = template.referred(launch.reservation)
    if made is not None and made.type == RESERVATION_GROUP:
        return "without a match in the group instances run on demand, and both are paid for"
    return "no launch matches the reservation"


def _reservation_group(template: Template) -> Iterator[Problem]:
    """A resource group of reservations says so, and holds the type of what targets it."""
    for group in template.of_type(RESERVATION_GROUP):
        parts = _configuration(group)
        if _POOL not in parts:
            continue
        allowed = parts.get(_GENERIC, {}).get("allowed-resource-types")
        if allowed != [RESERVATION]:
            yield Problem(
                group.logical_id,
                f"a group of reservations has allowed-resource-types {allowed or 'not stated'} in {_GENERIC}, expected "
                f"{RESERVATION}: state it",
            )
        reserved = parts[_POOL].get("reservation-type")
        if reserved != ["capacity-block"] and _blocks_target(template, group):
            got = ", ".join(map(str, reserved or ())) or "not stated"
            yield Problem(
                group.logical_id,
                f"reservation-type is {got} with a launch template for blocks, expected capacity-block: set it",
                None if reserved else Severity.WARNING,
            )
    for launch in launches(template):
        target = template.referred(launch.reservation)
        if target is None or target.type != RESERVATION_GROUP:
            continue
        parts, stated = _configuration(target), launch.get("InstanceType")
        if _POOL not in parts:
            yield Problem(
                target.logical_id,
                f"{launch.resource.logical_id} targets it, and it is a resource group without {_POOL}, expected a "
                "group of reservations: add that configuration",
            )
            continue
        held = parts[_POOL].get("instance-type")
        unknown = next((part for part in held or () if isinstance(part, Unknown)), None)
        if unknown is not None:
            yield cannot_tell(target.logical_id, "the instance type of the group", unknown.reason)
        elif held and isinstance(stated, str) and stated not in held:
            yield Problem(
                launch.resource.logical_id,
                f"InstanceType is {stated} and its group holds {', '.join(map(str, held))}, expected one type: change "
                "one",
            )


def _blocks_target(template: Template, group: Resource) -> bool:
    return any(launch.is_for_block and template.referred(launch.reservation) is group for launch in launches(template))


def _configuration(group: Resource) -> dict[str, dict[str, list[Any]]]:
    return {
        str(part.get("Type")): {
            str(parameter.get("Name")): as_list(parameter.get("Values"))
            for parameter in as_list(part.get("Parameters"))
            if isinstance(parameter, Mapping)
        }
        for part in group.items("Configuration")
        if isinstance(part, Mapping)
    }


_EC2 = "EC2 user guide"
RULES = (
    PolicyRule(
        id="market-and-reservation",
        number=9,
        severity=Severity.ERROR,
        protects_from="launches that fail, or that run beside the block that was paid for",
        source=Source(f"{_EC2}, launch instances using Capacity Blocks"),
        remedy="state MarketType capacity-block and the block's reservation together",
        check=_market,
    ),
    PolicyRule(
        id="reservation-id",
        number=10,
        severity=Severity.ERROR,
        protects_from="a launch template that targets nothing",
        source=Source("EKS user guide, Capacity Blocks"),
        remedy="pass the id that `aws ec2 describe-capacity-reservations` shows",
        check=_reservation_id,
    ),
    PolicyRule(
        id="placement-with-block",
        number=11,
        severity=Severity.ERROR,
        protects_from="launches that EC2 refuses, or capacity that is paid for and stranded",
        source=replace(
            capacity_blocks.source("capacity-block/no-placement-group"),
            also=(capacity_blocks.source("capacity-block/placement-group-launch"),),
        ),
        remedy="remove the placement group",
        check=_placement,
    ),
    PolicyRule(
        id="placement-strategy",
        number=12,
        severity=Severity.WARNING,
        protects_from="instances that are far apart, with higher latency",
        source=Source(f"{_EC2}, placement groups and EFA"),
        remedy="Strategy: cluster",
        check=_placement_strategy,
    ),
    PolicyRule(
        id="block-in-cloudformation",
        number=13,
        severity=Severity.ERROR,
        protects_from="a stack that fails: CloudFormation can't buy a capacity block",
        source=Source("CloudFormation schema of AWS::EC2::CapacityReservation; EC2 API, PurchaseCapacityBlock"),
        remedy="buy the block by the API, and pass its reservation id",
        check=_made_here,
    ),
    PolicyRule(
        id="reservation-agreement",
        number=14,
        severity=Severity.ERROR,
        protects_from="launches that find no capacity beside a reservation that costs money",
        source=Source(f"{_EC2}, Capacity Reservations: type, zone and platform have to match"),
        remedy="one instance type and one zone in reservation, launch template and subnet",
        check=_agreement,
    ),
    PolicyRule(
        id="reservation-group",
        number=15,
        severity=Severity.ERROR,
        protects_from="a group that takes no reservations, or launches that find none of their type",
        source=Source(f"{_EC2}, create a Capacity Reservation group; Resource Groups, service configurations"),
        remedy=f"{_POOL} with the instance type, and {_GENERIC} with allowed-resource-types {RESERVATION}",
        check=_reservation_group,
    ),
)
