"""Probe of the capacity blocks, as the block schedule reads them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, unclear, yes
from ultrafleet.environment import Environment
from ultrafleet.rules.capacity_block import CapacityBlock

_USABLE: Final = {"active", "scheduled"}
_PENDING: Final = {"payment-pending", "assessing", "pending", "delayed"}
_KIND: Final = "capacity-block"
_MISSING: Final = "InvalidCapacityReservationId.NotFound"


def _questions(environment: Environment) -> Iterator[Question]:
    for pool in environment.pools:
        for block in pool.capacity_blocks:
            sold = f", one {block.ultraserver_type}" if block.ultraserver_type is not None else ""
            yield Question(
                subject=block.capacity_reservation_id,
                expected=f"a capacity block of {block.instance_count} {block.instance_type} in "
                f"{block.availability_zone} until {_moment(block.end)}{sold}",
                ask=partial(_ask, block),
                path=f"pool {pool.name}",
                stops_launch=True,
            )


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ask(block: CapacityBlock, account: Account) -> Answer:
    wanted = block.capacity_reservation_id
    try:
        answer = account.call("ec2", "describe_capacity_reservations", CapacityReservationIds=[wanted])
    except AwsRefusalError as refusal:
        if refusal.code == _MISSING:
            return no("the account has no such reservation in the region", "correct the id, the account or the region")
        raise
    found = answer["CapacityReservations"][0]
    wrong = _differing(block, found)
    if block.ultraserver_type is not None and found.get("CapacityBlockId"):
        wrong += _differing_ultraserver(block, str(found["CapacityBlockId"]), account)
    if wrong:
        return no("; ".join(wrong), "write the block into the file as EC2 describes it")
    state = found["State"]
    if state in _USABLE:
        return yes(f"{state}, {found['TotalInstanceCount']} {found['InstanceType']} until {_moment(found['EndDate'])}")
    if state in _PENDING:
        return unclear(f"it is {state}", "ask again when it is paid")
    return no(f"it is {state}", "take the block out of the file")


def _differing(block: CapacityBlock, found: Mapping[str, Any]) -> list[str]:
    """Each part in which EC2's reservation isn't the file's block."""
    end = found.get("EndDate")
    compared = {
        "ReservationType": (_KIND, found.get("ReservationType", "default")),
        "InstanceType": (str(block.instance_type), found["InstanceType"]),
        "TotalInstanceCount": (block.instance_count, found["TotalInstanceCount"]),
        "AvailabilityZone": (block.availability_zone, found["AvailabilityZone"]),
        "EndDate": (_moment(block.end), _moment(end) if end is not None else "missing"),
    }
    return [f"{key} is {have}, the file has {want}" for key, (want, have) in compared.items() if have != want]


def _differing_ultraserver(block: CapacityBlock, block_id: str, account: Account) -> list[str]:
    answer = account.call("ec2", "describe_capacity_blocks", CapacityBlockIds=[block_id])
    kind = answer["CapacityBlocks"][0].get("UltraserverType")
    if kind is None or kind == str(block.ultraserver_type):
        return []
    return [f"UltraserverType is {kind}, the file has {block.ultraserver_type}"]


BLOCKS: Final = Probe(
    id="block",
    asks="Is the capacity block what the file says of it, as the block schedule reads it?",
    permissions=(
        Permission(action="ec2:DescribeCapacityBlocks"),
        Permission(action="ec2:DescribeCapacityReservations"),
    ),
    questions=_questions,
)
