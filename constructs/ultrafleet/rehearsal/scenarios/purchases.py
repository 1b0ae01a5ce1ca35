"""Purchases of an environment: blocks and imported reservations that the embedded account has from the start."""

from ultrafleet.environment import Environment
from ultrafleet.environment.pool_settings import UltraServerPoolSettings
from ultrafleet.errors import UnknownFactError
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.ec2.state.placement_groups import PlacementGroups
from ultrafleet.rehearsal.ec2.state.reservations import CapacityReservation, Reservations
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rules.capacity_block import CapacityBlock


def _type_name(block: CapacityBlock) -> str:
    if block.instance_type.name is None:
        raise UnknownFactError(
            path=f"block {block.capacity_reservation_id}",
            verb="holds",
            got="instances whose type has no name yet",
            expected="one to buy",
        )
    return block.instance_type.name


def make_purchases(environment: Environment) -> None:
    """Add the blocks and imported reservations of an environment to its account; again: new ones, extensions."""
    reservations = SIMULATED_ACCOUNT.part(Reservations, environment.account, environment.region)
    for pool in environment.pools:
        ultraserver_type = pool.ultraserver_type if isinstance(pool, UltraServerPoolSettings) else None
        for block in pool.capacity_blocks:
            reservations.seed_block(
                capacity_reservation_id=block.capacity_reservation_id,
                instance_type=_type_name(block),
                instance_count=block.instance_count,
                availability_zone=block.availability_zone,
                start=block.start,
                end=block.end,
                ultraserver_type=ultraserver_type,
            )
    for imported in environment.capacity_reservations:
        if imported.capacity_reservation_id is None or imported.capacity_reservation_id in reservations.by_id:
            continue
        group_arn = None
        if imported.placement_group_name is not None:
            groups = SIMULATED_ACCOUNT.part(PlacementGroups, environment.account, environment.region)
            name = imported.placement_group_name
            if groups.find(name) is None:
                call = Calls(account_id=environment.account, region=environment.region)
                call("ec2", "create_placement_group", GroupName=name, Strategy="cluster")
            group_arn = groups.get(name).arn
        reservations.add(
            CapacityReservation(
                id=imported.capacity_reservation_id,
                instance_type=imported.instance_type,
                instance_count=imported.instance_count,
                availability_zone=imported.availability_zone,
                start=SIMULATED_ACCOUNT.now,
                end=None,
                created=SIMULATED_ACCOUNT.now,
                match_criteria="targeted",
                placement_group_arn=group_arn,
            )
        )
