"""Targets of an environment or programme file: capacity that is wanted over time, in steps."""

import itertools
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.environment.fields import Day, Name, Settings
from ultrafleet.errors import FleetError, UnknownFactError

SoldType = UltraServerType | InstanceType


def sold_type(name: str) -> SoldType:
    """Type that is bought, by its name.

    Args:
        name: name of an UltraServer type, or of an instance type that is sold as single instances.

    Raises:
        FleetError: the catalog doesn't know it, or it comes in whole UltraServers only.
    """
    ultraservers = {str(item): item for item in UltraServerType.all()}
    if name in ultraservers:
        return ultraservers[name]
    if name.startswith("u-"):
        return UltraServerType.of(name)
    found = InstanceType.of(name)
    if found.is_ultraserver_member:
        whole = ", ".join(str(item) for item in UltraServerType.with_members(found)) or "an UltraServer type"
        raise FleetError(path="type", got=repr(name), expected=f"{whole}: it comes in whole UltraServers")
    return found


def _check_sold_type(name: str) -> str:
    try:
        sold_type(name)
    except FleetError as error:  # a file passes no facts in Python: the remedy isn't for it
        message = str(error).removesuffix(f": {error.remedy}")
        raise FleetError(message, path="type", got=error.got, expected=error.expected) from None
    return name


SoldTypeName = Annotated[str, AfterValidator(_check_sold_type)]
ServiceLevel = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Workload = Literal["training", "inference"]


class CapacityCount(Settings):
    """Capacity in one of three units; `units` counts it in what is bought."""

    ultraservers: int | None = Field(default=None, ge=0, examples=[2], json_schema_extra={"unit": "UltraServers"})
    """UltraServers, of an UltraServer type. Default: one of the three is required."""
    instances: int | None = Field(default=None, ge=0, examples=[8], json_schema_extra={"unit": "instances"})
    """Instances, of an instance type. Default: one of the three is required."""
    accelerators: int | None = Field(default=None, ge=0, examples=[144], json_schema_extra={"unit": "accelerators"})
    """GPUs or Trainium chips, of either; a part of an UltraServer or instance is a whole one. Default: one of the
    three is required."""

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        stated = [name for name in ("ultraservers", "instances", "accelerators") if getattr(self, name) is not None]
        if len(stated) != 1:
            raise FleetError(
                path="count",
                got=" and ".join(stated) or "missing",
                expected="one of ultraservers, instances and accelerators",
                remedy="leave the others out" if stated else "state one",
            )
        return self

    def units(self, sold: SoldType) -> int:
        """Number of UltraServers, or of instances, that it takes.

        Args:
            sold: type that is bought.

        Raises:
            FleetError: the unit isn't one of the type.
            UnknownFactError: it is in accelerators, and no source states how many the type has.
        """
        whole = isinstance(sold, UltraServerType)
        if self.accelerators is not None:
            each = sold.accelerator_count
            if each is None:
                raise UnknownFactError(
                    path="accelerators",
                    got=f"stated, but how many {sold} has is unknown",
                    expected="ultraservers" if whole else "instances",
                    remedy="count in them",
                )
            return -(-self.accelerators // each)
        stated, wanted = ("ultraservers", "instances") if self.ultraservers is not None else ("instances", "")
        if (stated == "ultraservers") is not whole:
            wanted = "ultraservers or accelerators" if whole else "instances or accelerators"
            raise FleetError(path=stated, got=f"stated for {sold}", expected=wanted, remedy="count in them")
        return self.ultraservers if self.ultraservers is not None else self.instances or 0


class TargetStepSettings(CapacityCount):
    """Step of a target: capacity that is wanted from a day on, until the next step or the target's end."""

    start: Day = Field(examples=["2026-12-01"])
    """First day, from 11:30 UTC, when blocks end and the next ones have begun; a step lasts until the next one, the
    last until the target's `end`."""
    service_level: ServiceLevel | None = Field(default=None, examples=[0.9])
    """Chance with which the step has to be met on all of its days. Default: the target's."""


class TargetSettings(Settings):
    """Target: capacity of a type over time, for training or for inference."""

    name: Name = Field(examples=["pretraining"])
    """Name of the target."""
    workload: Workload = Field(examples=["training"])
    """Use of the capacity: `training` or `inference`."""
    type: SoldTypeName = Field(examples=["u-p6e-gb200x72"])
    """UltraServer type, or instance type that is sold as single instances; one target for each type and workload."""
    service_level: ServiceLevel = Field(examples=[0.9])
    """Chance with which each step is met on all of its days; `1.0` allows no gap, not even between two blocks."""
    steps: list[TargetStepSettings] = Field(min_length=1)
    """Steps in the order of their starts."""
    end: Day = Field(examples=["2027-06-01"])
    """Day at whose 11:30 UTC nothing is wanted any more."""
    source: str | None = Field(default=None, examples=["the plan of September"])
    """Source of the figures. Default: none."""
    assumption: str | None = Field(default=None, examples=["as many as last year"])
    """Reason for figures that are assumed, which it marks as such. Default: none."""

    @property
    def sold(self) -> SoldType:
        """Type that is bought."""
        return sold_type(self.type)

    def level_of(self, step: TargetStepSettings) -> float:
        """Service level of one of the steps."""
        return self.service_level if step.service_level is None else step.service_level

    @model_validator(mode="after")
    def _steps_fit(self) -> Self:
        for earlier, later in itertools.pairwise(self.steps):
            if later.start <= earlier.start:
                raise FleetError(
                    path=f"steps of target {self.name}",
                    verb="list",
                    got=f"{later.start} after {earlier.start}",
                    expected="the order of their starts, each day once",
                    remedy="move it up, or correct it",
                )
        if self.end <= self.steps[-1].start:
            raise FleetError(
                path=f"end of target {self.name}",
                got=self.end,
                expected=f"a day after {self.steps[-1].start}, the start of its last step",
                remedy="correct one of them",
            )
        for number, step in enumerate(self.steps):
            try:
                step.units(self.sold)
            except FleetError as error:
                raise error.within(f"step {number + 1} of target {self.name}") from None
        if self.source is not None and self.assumption is not None:
            raise FleetError(
                path=f"target {self.name}", verb="has", got="a source and an assumption", expected="one of them"
            )
        return self


def check_targets(targets: list[TargetSettings]) -> None:
    """Refuse targets that can't be distinguished: two of one name, or of one workload and type.

    Raises:
        FleetError: see the message.
    """
    for one, other in itertools.combinations(targets, 2):
        if one.name == other.name:
            raise FleetError(path="targets", verb="have", got=f"the name {one.name!r} twice", expected="each name once")
        if (one.workload, one.type) == (other.workload, other.type):
            raise FleetError(
                path=f"targets {one.name} and {other.name}",
                verb="are",
                got=f"both of {one.type} for {one.workload}",
                expected="one target for each type and workload",
                remedy="write them as one",
            )
