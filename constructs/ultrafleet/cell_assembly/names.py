"""Words of a pattern where cells differ, and the values that take their places."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from ultrafleet.rules.block_clock import lead_or_default
from ultrafleet.rules.block_dates import (
    SUCCESSOR_NOTICE_DAYS,
    WatchedBlock,
    below_size_metrics,
    late_drain_metrics,
    no_successor_metrics,
)

_ANY_PERIOD: Final = 300
"""Period of figures; the expressions don't hold it."""


@dataclass(frozen=True, kw_only=True)
class RackValues:
    """Values of one rack.

    Attributes:
        name: name of the rack, TRANCHE-NUMBER.
        stack_id: id of its stack.
        reservation: `cr-…`, of its capacity block.
        start: when the block starts.
        end: when it ends.
        subnet: name of its subnet.
    """

    name: str
    stack_id: str
    reservation: str
    start: datetime
    end: datetime
    subnet: str

    def words(self) -> dict[str, str]:
        """Texts of a template by the key of their place."""
        return {
            "rack": self.name,
            "stack": self.stack_id,
            "reservation": self.reservation,
            "subnet": f"-subnet-{self.subnet}-id",
            **_dated(self.start, self.end),
        }


@dataclass(frozen=True, kw_only=True)
class CellValues:
    """Values of one cell.

    Attributes:
        name: name of the cell, its stage and its cluster.
        account: its account.
        cidrs: CIDRs of its own by their part, such as `vpc` or the name of a subnet.
        racks: its racks in the order of their names.
        file: the cell as environment file.
    """

    name: str
    account: str
    cidrs: Mapping[str, str]
    racks: tuple[RackValues, ...]
    file: str

    def words(self) -> dict[str, str]:
        """Texts of a template by the key of their place."""
        cidrs = {f"cidr {key}": cidr for key, cidr in self.cidrs.items()}
        # Construct ids have CIDRs with hyphens.
        dashed = {f"dashed {key}": re.sub("[./]", "-", cidr) for key, cidr in cidrs.items()}
        return {"cell": self.name, "account": self.account, **cidrs, **dashed}


_DATED: dict[tuple[datetime, datetime], dict[str, str]] = {}


def _dated(start: datetime, end: datetime) -> dict[str, str]:
    """Texts that follow from the dates of a block: equal ones are made once, most racks share them."""
    if (start, end) not in _DATED:
        block = WatchedBlock(end=end, drain_lead_minutes=lead_or_default(None, ultraserver=True))
        dates: dict[str, Any] = {"reservation": "", "block": block, "period_seconds": _ANY_PERIOD}
        _DATED[start, end] = {
            "start": _moment(start),
            "end": _moment(end),
            "day": f"{end:%Y-%m-%d}",
            "late": _expression(late_drain_metrics(**dates)),
            "below": _expression(below_size_metrics(**dates)),
            "successor": _expression(no_successor_metrics(notice_days=SUCCESSOR_NOTICE_DAYS, **dates)),
        }
    return _DATED[start, end]


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _expression(metrics: list[dict[str, Any]]) -> str:
    """Expression of an alarm as JSON has it, without its quotes."""
    return json.dumps(metrics[0]["expression"], ensure_ascii=False)[1:-1]
