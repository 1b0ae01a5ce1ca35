"""Payments of capacity blocks and budgets in an environment file."""

import datetime as dt
from typing import Annotated

from pydantic import Field

from ultrafleet.environment.fields import Settings


class PaymentSettings(Settings):
    """A payment for a capacity block or an extension of it, which is due in full when it is bought."""

    date: dt.date = Field(examples=["2026-10-20"])
    """Day on which it was paid."""
    usd: float = Field(gt=0, allow_inf_nan=False, examples=[511999.49], json_schema_extra={"unit": "USD"})
    """Sum that was paid, EC2's `UpfrontFee`."""


class BudgetSettings(Settings):
    """USD that capacity may cost in a month, its up-front fees spread over the blocks' hours.

    `ultrafleet capacity cost` reports the months above it, with exit code 1.
    """

    usd_per_month: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, examples=[1500000], json_schema_extra={"unit": "USD"}
    )
    """Budget of the environment. Default: none."""
    teams: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default={}, examples=[{"pretraining": 1000000}]
    )
    """Budgets of teams in USD a month, by name."""
