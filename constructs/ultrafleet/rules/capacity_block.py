"""Capacity block that was bought before: CloudFormation can't buy one, so a template takes its reservation id."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from ultrafleet.catalog import AnyInstanceType, CapacityBlockRules, InstanceType, UltraServerType
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.rules.block_clock import validate_block_window
from ultrafleet.rules.names import is_node_group_name, node_group_name
from ultrafleet.rules.zones import validate_zone

_RESERVATION_ID = re.compile(r"cr-[0-9a-f]{8,17}")


def validate_reservation_id(reservation_id: str) -> None:
    """Refuse what is not the id of a capacity reservation.

    Raises:
        FleetError: the id is not `cr-` and 8 to 17 hexadecimal digits; a `cbr-` id names the block, and launch
            templates target the reservation (EKS user guide, high).
    """
    if not _RESERVATION_ID.fullmatch(reservation_id):
        hint = " (a cbr- id names the block; its reservation is in CapacityReservationIds)"
        raise FleetError(
            path="capacity reservation id",
            got=repr(reservation_id),
            expected=f"cr- and 8 to 17 hexadecimal digits{hint if reservation_id.startswith('cbr-') else ''}",
            remedy="pass the id that `aws ec2 describe-capacity-reservations` shows",
        )


@dataclass(frozen=True, kw_only=True)
class CapacityBlock:
    """Capacity block: its instances, its zone, its start and its end.

    Make one with `from_ultraserver_reservation` or `from_instance_reservation`. An extension of a block keeps its
    reservation id and moves its end: EC2 is asked for the end while the fleet runs, so the end written here is for
    review, for summaries and for refusing what can't work.

    Attributes:
        capacity_reservation_id: `cr-…`, as EC2 names it.
        instance_type: the type it holds.
        instance_count: how many instances it holds.
        ultraserver_type: the UltraServer it holds whole, or None for a block of single instances.
        availability_zone: the Availability Zone or Local Zone it is in.
        start: when it becomes active, in UTC or with another offset.
        end: when it is over; EC2 takes its instances back before that.
        launch_template_version: version of its launch template that its nodes run. A block that is new in a pool has a
            launch template of its own, whose version 1 is what the pool says then. A changed template makes one more
            version, and reaches running nodes only when this is raised, which replaces them.
        initial_desired_size: 0 to state `DesiredSize: 0` in the template, None to state none. A stated size is sent
            again by `cdk deploy --revert-drift`, and then empties a running node group; without one the size that EKS
            starts an empty group with is not documented.
        existing_node_group: name of a node group, made elsewhere, that runs the block; the pool then makes none.
    """

    capacity_reservation_id: str
    instance_type: InstanceType
    instance_count: int
    ultraserver_type: UltraServerType | None
    availability_zone: str
    start: datetime
    end: datetime
    launch_template_version: int = 1
    initial_desired_size: int | None = None
    existing_node_group: str | None = None

    @classmethod
    def from_ultraserver_reservation(
        cls,
        *,
        capacity_reservation_id: str,
        ultraserver_type: UltraServerType | str,
        availability_zone: str,
        start: datetime,
        end: datetime,
        instance_count: int | None = None,
        launch_template_version: int = 1,
        initial_desired_size: int | None = None,
        existing_node_group: str | None = None,
    ) -> Self:
        """Import a block that holds one UltraServer: one UltraServer is one block (EC2 user guide, high).

        Args:
            capacity_reservation_id: `cr-…`.
            ultraserver_type: the UltraServer, of the catalog or by its name.
            availability_zone: the zone it is in.
            start: with a UTC offset.
            end: with a UTC offset; 11:30 UTC, as every block's.
            instance_count: what EC2 says the block holds; checked against the type. Default: what the type holds.
            launch_template_version: version of its launch template that its nodes run. Default: 1.
            initial_desired_size: 0 to state the size in the template. Default: none is stated.
            existing_node_group: node group made elsewhere that runs the block. Default: the pool makes one.

        Raises:
            FleetError: the count is not the type's, the window is not a block's, the zone or the id is malformed.
            UnknownFactError: no source names the UltraServer's instance type.
        """
        ultraserver_type = UltraServerType.from_name(ultraserver_type)
        if ultraserver_type.instance_type is None or ultraserver_type.instance_type.name is None:
            raise UnknownFactError(
                path=f"the instance type of {ultraserver_type}",
                got="not known",
                expected="a name",
                remedy="pass UltraServerType.of(name, facts=...) that states it",
            )
        expected: int = ultraserver_type.require("instance_count", instead="pass UltraServerType.of(name, facts=...)")
        if instance_count is not None and instance_count != expected:
            raise FleetError(
                path=f"capacity block {capacity_reservation_id}",
                verb="holds",
                got=f"{instance_count} instances",
                expected=f"{expected}, a whole {ultraserver_type}",
                remedy="pass the block that holds the UltraServer, or another ultraserver_type",
            )
        return cls(
            capacity_reservation_id=capacity_reservation_id,
            instance_type=ultraserver_type.instance_type,
            instance_count=expected,
            ultraserver_type=ultraserver_type,
            availability_zone=availability_zone,
            start=start,
            end=end,
            launch_template_version=launch_template_version,
            initial_desired_size=initial_desired_size,
            existing_node_group=existing_node_group,
        )

    @classmethod
    def from_instance_reservation(
        cls,
        *,
        capacity_reservation_id: str,
        instance_type: AnyInstanceType,
        instance_count: int,
        availability_zone: str,
        start: datetime,
        end: datetime,
        launch_template_version: int = 1,
        initial_desired_size: int | None = None,
        existing_node_group: str | None = None,
    ) -> Self:
        """Import a block of single instances.

        Args:
            capacity_reservation_id: `cr-…`.
            instance_type: a type that is not part of an UltraServer: of the catalog, its name, or an
                `ec2.InstanceType`.
            instance_count: 1 to 64, what the block holds.
            availability_zone: the zone it is in.
            start: with a UTC offset.
            end: with a UTC offset; 11:30 UTC.
            launch_template_version: version of its launch template that its nodes run. Default: 1.
            initial_desired_size: 0 to state the size in the template. Default: none is stated.
            existing_node_group: node group made elsewhere that runs the block. Default: the pool makes one.

        Raises:
            FleetError: the type is an UltraServer's, can't be bought as a block, or the count or window is wrong.
        """
        instance_type = InstanceType.from_name(instance_type)
        if instance_type.is_ultraserver_member:
            raise FleetError(
                path=f"capacity block {capacity_reservation_id}",
                verb="holds",
                got=instance_type,
                expected="a type sold as single instances",
                remedy="its block is a whole UltraServer, use from_ultraserver_reservation",
            )
        if instance_type.purchase_options is not None and "capacity-block" not in instance_type.purchase_options:
            raise FleetError(
                path=f"capacity block {capacity_reservation_id}",
                verb="holds",
                got=instance_type,
                expected="a type sold in capacity blocks",
                remedy=f"it is sold as {', '.join(instance_type.purchase_options)}",
            )
        if not 1 <= instance_count <= CapacityBlockRules.MAX_INSTANCES:
            raise FleetError(
                path=f"capacity block {capacity_reservation_id}",
                verb="holds",
                got=f"{instance_count} instances",
                expected=f"1 to {CapacityBlockRules.MAX_INSTANCES}",
                remedy="pass one block for each reservation",
            )
        return cls(
            capacity_reservation_id=capacity_reservation_id,
            instance_type=instance_type,
            instance_count=instance_count,
            ultraserver_type=None,
            availability_zone=availability_zone,
            start=start,
            end=end,
            launch_template_version=launch_template_version,
            initial_desired_size=initial_desired_size,
            existing_node_group=existing_node_group,
        )

    def __post_init__(self) -> None:
        validate_reservation_id(self.capacity_reservation_id)
        validate_zone(self.availability_zone)
        try:
            validate_block_window(self.start, self.end)
        except FleetError as error:
            raise error.within(f"capacity block {self.capacity_reservation_id}") from error
        _validate_node_group_settings(self)

    @property
    def holds(self) -> str:
        """Instances in the block, in words for messages."""
        return str(self.ultraserver_type or f"{self.instance_count} x {self.instance_type}")

    def node_group(self, pool_name: str) -> str:
        """Name of the node group that runs the block in a pool: the existing one, else POOL-RESERVATION."""
        return self.existing_node_group or node_group_name(pool_name, self.capacity_reservation_id)


def _validate_node_group_settings(block: CapacityBlock) -> None:
    where = f"capacity block {block.capacity_reservation_id}"
    version = block.launch_template_version
    if version < 1:  # a token is a negative number
        raise FleetError(
            path=f"launch_template_version of {where}",
            got=version,
            expected="a whole number from 1",
            remedy="it is the version of the launch template that the block's nodes run, pass 1 for a new block",
        )
    if block.initial_desired_size not in {None, 0}:
        raise FleetError(
            path=f"initial_desired_size of {where}",
            got=block.initial_desired_size,
            expected="0 or none",
            remedy="the block schedule raises the size when the block is active",
        )
    if block.existing_node_group is not None and not is_node_group_name(block.existing_node_group):
        raise FleetError(
            path=f"existing_node_group of {where}",
            got=repr(block.existing_node_group),
            expected="the name of a node group: letters, digits, '-' and '_', with a letter or digit in front",
            remedy="pass the name that `aws eks list-nodegroups` shows",
        )
    if block.existing_node_group is not None and (version != 1 or block.initial_desired_size is not None):
        raise FleetError(
            path=where,
            verb="has",
            got=f"existing_node_group {block.existing_node_group} and settings of a node group that is made here",
            expected="one of them",
            remedy="leave launch_template_version and initial_desired_size out",
        )


def validate_block_sequence(pool_name: str, blocks: Sequence[CapacityBlock]) -> None:
    """Refuse blocks that can't follow one another in one pool.

    Blocks may overlap: each has a node group of its own, and while two of them run both are up.

    Raises:
        FleetError: no block, a reservation or a node group twice, not in the order of their starts, or different things
            in them.
    """
    if not blocks:
        raise FleetError(
            path=f"pool {pool_name}",
            verb="has",
            got="no capacity block",
            expected="at least one",
            remedy="pass blocks=[...]",
        )
    seen: set[str] = set()
    for block in blocks:
        if block.capacity_reservation_id in seen:
            raise FleetError(
                path=f"pool {pool_name}",
                verb="names",
                got=f"capacity reservation {block.capacity_reservation_id} twice",
                expected="each once",
                remedy="an extension keeps the id, so edit the end of the first",
            )
        if block.node_group(pool_name) in seen:
            raise FleetError(
                path=f"pool {pool_name}",
                verb="names",
                got=f"node group {block.node_group(pool_name)} for two blocks",
                expected="one block for each node group",
                remedy="leave existing_node_group out of those that it doesn't run now",
            )
        seen |= {block.capacity_reservation_id, block.node_group(pool_name)}
    first = blocks[0]
    for earlier, later in itertools.pairwise(blocks):
        if later.start < earlier.start:
            raise FleetError(
                path=f"pool {pool_name}",
                verb="lists",
                got=(
                    f"{later.capacity_reservation_id} (start {later.start.isoformat()}) after "
                    f"{earlier.capacity_reservation_id} (start {earlier.start.isoformat()})"
                ),
                expected="the order of their starts",
                remedy="move it up",
            )
        if (later.instance_type, later.ultraserver_type) != (first.instance_type, first.ultraserver_type):
            raise FleetError(
                path=f"pool {pool_name}",
                verb="lists",
                got=f"{later.capacity_reservation_id} with {later.holds}",
                expected=f"{first.holds} as in its first block",
                remedy="put it in a pool of its own",
            )
        if later.availability_zone != first.availability_zone:
            raise FleetError(
                path=f"pool {pool_name}",
                verb="lists",
                got=f"{later.capacity_reservation_id} in {later.availability_zone}",
                expected=f"{first.availability_zone}, the zone of its subnet",
                remedy="put it in a pool of its own",
            )


def validate_ultraserver_blocks(
    pool_name: str, ultraserver_type: UltraServerType, blocks: Sequence[CapacityBlock]
) -> None:
    """Refuse blocks that hold something else than one UltraServer of a type.

    Args:
        pool_name: name of the pool.
        ultraserver_type: its UltraServer.
        blocks: its blocks.

    Raises:
        FleetError: a block holds instances, or another UltraServer.
    """
    for block in blocks:
        if block.ultraserver_type != ultraserver_type:
            raise FleetError(
                path=f"block {block.capacity_reservation_id} of pool {pool_name}",
                verb="holds",
                got=block.holds,
                expected=f"one {ultraserver_type}",
                remedy="pass a block that holds the UltraServer",
            )
