"""Programme's review as JSON, for programs."""

from typing import Any

from ultrafleet.review.as_json import as_json
from ultrafleet.review.programme.comparison import ProgrammeReview


def programme_as_json(review: ProgrammeReview) -> dict[str, Any]:
    """A programme's review as JSON.

    Args:
        review: the review.
    """
    return {
        "programme": review.plans[1].programme or review.plans[0].programme,
        "as_of": review.day.isoformat(),
        "cells": list(review.cells),
        "ultraservers": [plan.racks for plan in review.plans],
        "not_reviewed": list(review.unread),
        "notes": list(review.notes),
        "limits": {
            name: [
                limit and limit.value for limit in (review.plans[0].limits.get(name), review.plans[1].limits.get(name))
            ]
            for name in sorted({*review.plans[0].limits, *review.plans[1].limits})
            if review.plans[0].limits.get(name) != review.plans[1].limits.get(name)
        },
        "changes": [
            {
                "state": group.state.value,
                "cells": list(group.names),
                "like": group.like or None,
                "stacks": {cell.name: list(cell.changed_stacks) for cell in group.cells},
                "ultraservers_added": sorted(rack for cell in group.cells for rack in cell.racks_added),
                "ultraservers_removed": sorted(rack for cell in group.cells for rack in cell.racks_removed),
                "reviewed_cell": group.representative,
                "review": as_json(group.review),
            }
            for group in review.groups
        ],
        "rest": as_json(review.rest) if review.rest is not None else None,
    }
