"""Capacity blocks of a pool as pydantic models, with the faults of each and of their sequence."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol

from pydantic import Field, ValidationInfo, field_validator

from ultrafleet.environment.budget_settings import PaymentSettings
from ultrafleet.environment.collected import Found, UnknownValueError, raised
from ultrafleet.environment.fields import Moment, Settings, Zone
from ultrafleet.errors import FleetError
from ultrafleet.rules.block_clock import refuse_naive, validate_block_window
from ultrafleet.rules.capacity_block import CapacityBlock, validate_block_sequence, validate_reservation_id

_ID: Final = "capacity_reservation_id"
_SOME_ID: Final = "cr-00000000"
_SOME_WINDOW: Final = {
    "availability_zone": "us-east-1a",
    "start": datetime(2026, 1, 1, tzinfo=UTC),
    "end": datetime(2026, 1, 2, 11, 30, tzinfo=UTC),
}
"""Zone, start and end in which nothing is wrong."""


class BlockSettings(Settings):
    """A capacity block that was bought."""

    capacity_reservation_id: str = Field(examples=["cr-0123456789abcdef0"])
    """Id of the purchased capacity block's reservation: `cr-` and hexadecimal digits."""
    availability_zone: Zone = Field(examples=["us-east-1-dfw-2a"])
    """Zone of the block, which is the zone of the pool's subnet."""
    start: Moment = Field(examples=["2026-12-01T11:30:00Z"])
    """Start in UTC, as EC2 states it."""
    end: Moment = Field(examples=["2026-12-15T11:30:00Z"])
    """End in UTC, as EC2 states it: 11:30."""
    instance_count: int | None = Field(default=None, examples=[18], json_schema_extra={"unit": "instances"})
    """Instances in the block. Default: the UltraServer's; required for `accelerator`."""
    launch_template_version: int = Field(default=1, ge=1, examples=[2])
    """Version of the block's launch template that its nodes run, see [decision
    13](decisions/0013-a-block-is-a-node-group.md#launch_template_version). A new block has a template of its own, at
    1."""
    initial_desired_size: Literal[0] | None = Field(default=None, examples=[0])
    """`0` states the size in the template, where EKS doesn't begin an empty node group without one. Default: none is
    stated."""
    existing_node_group: str | None = Field(default=None, examples=["rack-a-old"])
    """Name of a node group made elsewhere that runs the block, see [migration](migration.md). Default: the block's
    own is made."""
    payments: list[PaymentSettings] = []
    """Payments for the block and its extensions, whose sum is its cost; without one its price counts."""

    @field_validator("start", "end")
    @classmethod
    def _check_moment(cls, moment: datetime, info: ValidationInfo) -> datetime:
        refuse_naive(str(info.field_name), moment)
        return moment

    def checks(self) -> Iterator[Iterable[Found]]:
        """Checks of the keys together."""
        yield raised((_ID,), lambda: validate_reservation_id(self.capacity_reservation_id))
        yield self._faults_of_the_window()

    def _faults_of_the_window(self) -> Iterator[Found]:
        try:
            validate_block_window(self.start, self.end)
        except FleetError as error:
            named = self.__dict__.get("capacity_reservation_id")
            yield (
                _keys_in(error),
                error.within(f"capacity block {named}") if named is not None else error,
            )

    @property
    def node_group_settings(self) -> dict[str, Any]:
        """Settings of the block's node group, as `CapacityBlock` takes them."""
        return {
            "launch_template_version": self.launch_template_version,
            "initial_desired_size": self.initial_desired_size,
            "existing_node_group": self.existing_node_group,
        }


class StatedPool(Protocol):
    """A pool with blocks."""

    @property
    def name(self) -> str:
        """Name of the pool."""

    @property
    def blocks(self) -> Sequence[BlockSettings]:
        """Its blocks."""


def block_faults(pool: StatedPool, made: Callable[[BlockSettings], CapacityBlock]) -> Iterator[Found]:
    """Faults of each block with what the pool says, and of their sequence.

    Args:
        pool: the pool.
        made: makes a block of its settings.
    """
    completed: dict[int, CapacityBlock] = {}
    known: dict[int, CapacityBlock] = {}
    for index, block in enumerate(pool.blocks):
        try:
            completed[index] = made(_completed(block))
            known[index] = made(block)
        except UnknownValueError:
            continue
        except FleetError as error:
            if index not in completed:
                yield ("blocks", index, *_keys_in(error)), _of_the_block(block, error)
    # Of blocks that are all completed the starts are one: they can't but be there twice, or of two kinds.
    yield from _sequence_faults(pool, known if len(known) == len(pool.blocks) else completed)
    if len(known) < len(pool.blocks):
        yield from _sequence_faults(pool, known)


def _completed(block: BlockSettings) -> BlockSettings:
    """The block with some window, which has a check of its own, and some id where its own is wrong."""
    id_ = {} if _ID in block.__dict__ else {_ID: _SOME_ID}
    return block.model_copy(update={**_SOME_WINDOW, **id_})


def _of_the_block(block: BlockSettings, error: FleetError) -> FleetError:
    if _ID in block.__dict__:
        return error
    message = str(error).replace(f"capacity block {_SOME_ID}", "the block")
    return FleetError(message, path="the block", got=error.got, expected=error.expected, remedy=error.remedy)


def _sequence_faults(pool: StatedPool, blocks: Mapping[int, CapacityBlock]) -> Iterator[Found]:
    if pool.blocks and not blocks:
        return
    try:
        validate_block_sequence(pool.name, [*blocks.values()])
    except FleetError as error:
        if str(error.expected).endswith(", the zone of its subnet"):
            return  # each block's is compared with the subnet's, which knows the wrong one
        named = [
            index
            for index, block in blocks.items()
            if str(error.got).startswith(block.capacity_reservation_id)
            or f" {block.capacity_reservation_id} " in f" {error.got} "
            or (block.existing_node_group and f" {block.existing_node_group} " in f" {error.got} ")
        ]
        # Of one that is there twice, the second.
        twice = error.expected in {"each once", "one block for each node group"}
        yield ("blocks", named[-1 if twice else 0]) if named else ("blocks",), error


def _keys_in(error: FleetError) -> tuple[str, ...]:
    """Key of a model that an error's path names, if it names one."""
    words = re.findall(r"\w+", error.path or "")
    if "blocks" in words or error.path is None:
        return ()
    named = [word for word in words if word in BlockSettings.model_fields]
    if not named and error.got is not None and "instances" in error.got:
        named = ["instance_count"]
    if not named and "capacity reservation" in error.path:
        named = ["capacity_reservation_id"]
    return tuple(named[-1:])
