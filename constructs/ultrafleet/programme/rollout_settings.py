"""Rollout of a programme's cells: canary, size of a wave, what goes on at once, and how long alarms are watched."""

from typing import Annotated

from pydantic import Field

from ultrafleet.environment.fields import Name, Settings

AtOnce = Annotated[int, Field(ge=1)]
AlarmPattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9*?._-]+$")]


class RolloutSettings(Settings):
    """Order in which cells are deployed, and what stops it."""

    canary: list[Name] = Field(default=[], examples=[["dallas-gb200x72-t001"]])
    """Cells of the first wave. Default: the training cell with the fewest racks, or a serving one where none trains."""
    cells_per_wave: AtOnce = Field(default=10, examples=[5], json_schema_extra={"unit": "cells"})
    """Cells of a wave at most, after the canary. Default: 10."""
    serving_share: float = Field(default=0.25, gt=0, le=1, allow_inf_nan=False, examples=[0.5])
    """Share of the serving cells of one site and type that a wave has at most, and at least one: they back each other
    up. Default: 0.25."""
    cells_at_once: AtOnce = Field(default=4, examples=[2], json_schema_extra={"unit": "cells"})
    """Cells of a wave that are deployed at the same time. Default: 4."""
    stacks_at_once: AtOnce = Field(default=4, examples=[8], json_schema_extra={"unit": "stacks"})
    """Stacks of a cell that are deployed at the same time, as far as they don't need one another. Default: 4."""
    bake_minutes: int = Field(default=60, ge=0, examples=[240], json_schema_extra={"unit": "minutes"})
    """Minutes after the last change of a wave during which its alarms are watched before the next wave. Default: 60."""
    ignored_alarms: list[AlarmPattern] = Field(default=["*NoSuccessor*"], examples=[["*EfaDrops*"]])
    """Patterns of names of alarms that don't stop a rollout, with * and ?. Default: those of blocks that end soon."""
