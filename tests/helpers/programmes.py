"""Programmes with a fleet, small enough for properties: two sites of GB200, two of GB300."""

from copy import deepcopy
from datetime import date
from typing import Any

from ultrafleet.programme import Programme

Content = dict[str, Any]

SITES: list[Content] = [
    {
        "name": "dallas-a",
        "region": "us-east-1",
        "zone": "us-east-1-dfw-2a",
        "account": "111122223333",
        "platform_zones": ["us-east-1a", "us-east-1b"],
    },
    {
        "name": "dallas-b",
        "region": "us-east-1",
        "zone": "us-east-1-dfw-2a",
        "account": "222233334444",
        "platform_zones": ["us-east-1a", "us-east-1b"],
    },
    {
        "name": "ohio",
        "region": "us-east-2",
        "zone": "us-east-2b",
        "account": "333344445555",
        "platform_zones": ["us-east-2a", "us-east-2b"],
    },
    {
        "name": "oregon",
        "region": "us-west-2",
        "zone": "us-west-2c",
        "account": "444455556666",
        "platform_zones": ["us-west-2a", "us-west-2b"],
    },
]


def tranche(name: str, count: int, **other: Any) -> Content:
    """A tranche of GB200 for training at dallas-a, but for what is stated."""
    return {
        "name": name,
        "site": "dallas-a",
        "workload": "training",
        "type": "u-p6e-gb200x72",
        "ultraservers": count,
        "delivery": date(2026, 12, 1),
        "slip": {"weeks": {0: 1}},
        "assumption": "made up",
        **other,
    }


def programme(*tranches: Content, limits: Content | None = None, **fleet: Any) -> Programme:
    """A programme of tranches, whose largest job is one UltraServer unless another is stated."""
    return Programme.model_validate(content(*tranches, limits=limits, **fleet) | {"name": "growth"})


def content(*tranches: Content, limits: Content | None = None, **fleet: Any) -> Content:
    """Content of a programme's file."""
    return {
        "start": date(2026, 12, 1),
        "end": date(2030, 12, 1),
        "sites": deepcopy(SITES),
        "tranches": [*tranches],
        "limits": limits or {},
        "fleet": {"largest_job_accelerators": 72, "reservations": "assumed", **fleet},
    }


def raised(**values: int) -> Content:
    """Limits of a programme's file, each with a reason."""
    return {key: {"value": value, "reason": "case 4711"} for key, value in values.items()}
