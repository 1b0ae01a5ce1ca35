"""Platform of a cell, made for its slots, and the stacks of its racks, cut by their names."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from ultrafleet.environment.block_settings import BlockSettings
from ultrafleet.environment.models import Environment
from ultrafleet.environment.pool_settings import NodeSettings, UltraServerPoolSettings
from ultrafleet.errors import FleetError

_ANY_START: Final = datetime(2030, 1, 1, 11, 30, tzinfo=UTC)
_ANY_END: Final = _ANY_START + timedelta(weeks=1)
"""Dates of a slot, which no template shows."""


def platform(environment: Environment) -> Environment:
    """Environment whose pools are the slots of a cell: what its platform is made for. Any other is returned as it is.

    Args:
        environment: the environment.
    """
    slots = environment.slots
    if slots is None:
        return environment
    subnets = [subnet for subnet in environment.network.subnets if subnet.kind == "accelerator"]
    if not subnets:
        raise FleetError(
            path="network.subnets",
            verb="have",
            got="none of kind accelerator",
            expected="those of the slots",
            remedy="state one",
        )
    pools = [
        UltraServerPoolSettings(
            name=f"slot-{number:04d}",
            kind="ultraserver",
            subnet=subnets[number % len(subnets)].name,
            workload=slots.workload,
            ultraserver_type=slots.ultraserver_type,
            fabric=slots.fabric,
            management=slots.management,
            node=NodeSettings(max_pods=slots.max_pods),
            blocks=[
                BlockSettings(
                    capacity_reservation_id=f"cr-{number:017x}",
                    availability_zone=subnets[number % len(subnets)].availability_zone,
                    start=_ANY_START,
                    end=_ANY_END,
                )
            ],
        )
        for number in range(slots.ultraservers)
    ]
    return environment.model_copy(update={"pools": pools})


def rack_stacks(environment: Environment) -> Mapping[str, list[UltraServerPoolSettings]]:
    """Racks of a cell by the id of their stack, both in the order of their names; none where there are no slots.

    Args:
        environment: the environment.

    Raises:
        FleetError: a name from which no stack follows, or a pool that isn't an UltraServer.
    """
    if environment.slots is None:
        return {}
    found: dict[str, list[UltraServerPoolSettings]] = {}
    for pool in sorted(environment.pools, key=lambda item: item.name):
        if not isinstance(pool, UltraServerPoolSettings):
            raise FleetError(
                path=f"pool {pool.name}", got=pool.kind, expected="ultraserver", remedy="a cell has racks alone"
            )
        found.setdefault(rack_stack_id(pool.name, environment.slots.racks_per_stack), []).append(pool)
    return found


def rack_stack_id(rack: str, racks_per_stack: int) -> str:
    """Id of the stack of a rack, without the cell's name: it follows from the rack's name alone.

    Args:
        rack: its name, TRANCHE-NUMBER.
        racks_per_stack: racks of one stack.

    Raises:
        FleetError: the name has no number.
    """
    tranche, number = rack_number(rack)
    return f"racks-{tranche}-{number // racks_per_stack:03d}"


def rack_number(rack: str) -> tuple[str, int]:
    """Tranche and number of a rack, from its name.

    Args:
        rack: its name, TRANCHE-NUMBER.

    Raises:
        FleetError: the name has no number.
    """
    tranche, _, number = rack.rpartition("-")
    if not tranche or not (number.isascii() and number.isdigit()):
        raise FleetError(
            path=f"rack {rack}",
            got="named without a number",
            expected="TRANCHE-NUMBER, such as dallas-2027-0001",
            remedy="name racks of a cell so: their stack follows from it",
        )
    return tranche, int(number)
