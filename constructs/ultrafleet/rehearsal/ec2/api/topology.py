"""Instance topology: network nodes of instances and reservations, generated but always the same.

Source: EC2 API reference, DescribeInstanceTopology (high): nodes from the top of the network to the instance; what
shares the lower ones is closer. Instances of one block share all of them.
"""

import hashlib
from typing import Any, Final

from ultrafleet.catalog.limits import INSTANCES_PER_TOPOLOGY_CALL, RESERVATIONS_PER_TOPOLOGY_CALL
from ultrafleet.rehearsal.ec2.api.operations import add_operation, filtered, page
from ultrafleet.rehearsal.ec2.state.instance_types import catalog_type
from ultrafleet.rehearsal.ec2.state.instances import Lifetimes
from ultrafleet.rehearsal.ec2.state.moto_backend import backend
from ultrafleet.rehearsal.ec2.state.placement_groups import PlacementGroups
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.ec2.state.zones import zone_id
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_INSTANCES_A_CALL: Final = INSTANCES_PER_TOPOLOGY_CALL.value
_RESERVATIONS_A_CALL: Final = RESERVATIONS_PER_TOPOLOGY_CALL.value
_FILTERS: Final = ("availability-zone", "instance-type", "zone-id")


def install() -> None:
    """Add the operations to moto's EC2."""
    add_operation("DescribeInstanceTopology", describe_instances)
    add_operation("DescribeCapacityReservationTopology", describe_reservations)


def describe_instances(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeInstanceTopology: running accelerated instances."""
    wanted, groups = params.get("InstanceIds") or [], params.get("GroupNames") or []
    _few("InstanceIds", wanted, _INSTANCES_A_CALL)
    store = backend(account_id, region)
    instances = {item.id: item for held in store.reservations.values() for item in held.instances}
    missing = [one for one in wanted if one not in instances]
    if missing:
        raise Refusal("InvalidInstanceID.NotFound", f"The instance ID '{missing[0]}' does not exist")
    known = SIMULATED_ACCOUNT.part(PlacementGroups, account_id, region)
    for name in groups:
        known.get(name)
    reservations = SIMULATED_ACCOUNT.part(Reservations, account_id, region)
    answers = []
    for lifetime in SIMULATED_ACCOUNT.part(Lifetimes, account_id, region).alive():
        group = instances[lifetime.instance_id].placement.group_name
        if catalog_type(lifetime.instance_type) is None or instances[lifetime.instance_id].state != "running":
            continue
        if (wanted and lifetime.instance_id not in wanted) or (groups and group not in groups):
            continue
        block = reservations.by_id.get(lifetime.reservation_id or "")
        block_id = block.block_id if block is not None else None
        answer: dict[str, Any] = {
            "InstanceId": lifetime.instance_id,
            "InstanceType": lifetime.instance_type,
            "NetworkNodes": network_nodes(
                account_id, lifetime.availability_zone, block_id or group or lifetime.instance_id
            ),
            "AvailabilityZone": lifetime.availability_zone,
            "ZoneId": zone_id(lifetime.availability_zone),
        }
        answer |= {"GroupName": group} if group else {}
        answer |= {"CapacityBlockId": block_id} if block_id else {}
        answers.append(answer)
    found, token = page(filtered(answers, params, _FILTERS), params, most=_INSTANCES_A_CALL)
    return {"Instances": found, "NextToken": token}


def describe_reservations(account_id: str, region: str, params: dict[str, Any]) -> dict[str, Any]:
    """DescribeCapacityReservationTopology: nodes of active and pending reservations."""
    wanted = params.get("CapacityReservationIds") or []
    _few("CapacityReservationIds", wanted, _RESERVATIONS_A_CALL)
    reservations = SIMULATED_ACCOUNT.part(Reservations, account_id, region)
    groups = SIMULATED_ACCOUNT.part(PlacementGroups, account_id, region)
    answers = []
    for one in wanted or list(reservations.by_id):
        reservation = reservations.get(one)
        state = reservation.state(SIMULATED_ACCOUNT.now)
        close = reservation.block_id or reservation.placement_group_arn or reservation.id
        answer: dict[str, Any] = {
            "CapacityReservationId": reservation.id,
            "State": state,
            "InstanceType": reservation.instance_type,
            "AvailabilityZone": reservation.availability_zone,
            "AvailabilityZoneId": zone_id(reservation.availability_zone),
        }
        group = groups.find(reservation.placement_group_arn or "")
        if group is not None:
            answer["GroupName"], close = group.name, group.name
        if state in ("active", "pending") and catalog_type(reservation.instance_type) is not None:
            answer["NetworkNodes"] = network_nodes(account_id, reservation.availability_zone, close)
        answer |= {"CapacityBlockId": reservation.block_id} if reservation.block_id else {}
        answers.append(answer)
    found, token = page(filtered(answers, params, _FILTERS[:2]), params, most=_RESERVATIONS_A_CALL)
    return {"CapacityReservations": found, "NextToken": token}


def network_nodes(account_id: str, availability_zone: str, close: str) -> list[str]:
    """Three nodes, from the top of the network down.

    Args:
        account_id: nodes are hashed by account.
        availability_zone: decides the first.
        close: what decides the others: a block, a placement group, or the instance alone.
    """
    digest = hashlib.sha256(close.encode()).hexdigest()
    path = (availability_zone, digest[0], digest)
    names = ("/".join(path[: depth + 1]) for depth in range(len(path)))
    return [f"nn-{hashlib.sha256(f'{account_id}/{name}'.encode()).hexdigest()[:17]}" for name in names]


def _few(name: str, ids: list[str], most: int) -> None:
    if len(ids) > most:
        raise Refusal("InvalidParameterValue", f"The number of {name} exceeds the maximum of {most}.")
