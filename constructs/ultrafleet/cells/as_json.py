"""Plan of cells for programs."""

from dataclasses import asdict
from typing import Any

from ultrafleet.cells.bounds import KNOWN_LIMITS
from ultrafleet.cells.model import Cell, CellPlan
from ultrafleet.programme import LimitSettings


def plan_as_json(plan: CellPlan) -> dict[str, Any]:
    """A plan of cells for programs.

    Args:
        plan: the plan.
    """
    return {
        "programme": plan.programme,
        "assumes_reservations": plan.assumes_reservations,
        "limits": limits_as_json(plan.raised),
        "cells": [_cell(cell) for cell in plan.cells],
        "requests": [asdict(request) for request in plan.requests],
        "refusals": [error.as_json() for error in plan.refusals],
        "notes": list(plan.notes),
        "unrecorded": list(plan.unrecorded),
    }


def limits_as_json(raised: LimitSettings) -> dict[str, dict[str, Any]]:
    """Limits that a programme counts with: value, documented value, and the reason of a raised one.

    Args:
        raised: limits of its file.
    """
    found = {}
    for key, known in KNOWN_LIMITS.items():
        stated = raised.raised(key)
        found[key] = {
            "value": known.value(raised),
            "default": int(known.documented.value),
            "reason": None if stated is None else stated.reason,
        }
    return found


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "number": cell.number,
        "name": cell.name,
        "site": cell.site.name,
        "account": cell.account,
        "region": cell.region,
        "zone": cell.zone,
        "ultraserver_type": cell.ultraserver_type,
        "workload": cell.workload,
        "fabric": cell.fabric,
        "management": cell.management,
        "slots": cell.slots,
        "racks": [rack.name for rack in cell.racks],
        "stacks": {key: [rack.name for _, rack in racks] for key, racks in cell.stacks.items()},
        "cidrs": list(cell.network.cidrs),
        "secondary_cidr": cell.network.secondary_cidr,
        "limits": [
            {"key": item.key, "value": item.value, "racks": item.racks, "basis": item.basis} for item in cell.limits
        ],
    }
