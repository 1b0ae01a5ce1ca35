"""Review as JSON, for programs."""

from typing import Any

from ultrafleet.policy import Finding
from ultrafleet.review.existing_section import existing_in
from ultrafleet.review.money import BlockCost
from ultrafleet.review.other_fleets import other_fleets
from ultrafleet.review.review import Review


def as_json(review: Review) -> dict[str, Any]:
    """A review as JSON: everything of the comment but its pictures."""
    compared = review.compared
    return {
        "as_of": compared.day.isoformat(),
        "not_reviewed": [*compared.base.unread.values(), *compared.head.unread.values()],
        "not_counted": [one.title for one in other_fleets(compared.head)],
        "hazards": [
            {
                "kind": hazard.kind,
                "level": hazard.level.value,
                "subject": hazard.subject,
                "message": hazard.message,
                "remedy": hazard.rule.remedy,
                "resources": [{"stack": stack, "logical_id": logical_id} for stack, logical_id in hazard.keys],
            }
            for hazard in review.hazards
        ],
        "pools": [
            {
                "title": one.title,
                "state": one.state.value,
                "nodes": [side and side.nodes for side in (one.before, one.after)],
                "accelerators": [side and side.accelerators for side in (one.before, one.after)],
            }
            for one in review.pools
        ],
        "existing": [
            {"kind": kind, "id": name, "stacks": stacks}
            for (kind, name), stacks in sorted(existing_in(compared.head).items())
        ],
        "cost": {side: _cost(cost) for side, cost in zip(("base", "head"), review.costs, strict=True)},
        "findings": {
            "new": [_finding(item) for item in review.policy.new],
            "resolved": [_finding(item) for item in review.policy.resolved],
            "acknowledged": [_finding(item) for item in review.policy.acknowledged],
            "unchanged": {severity.value: count for severity, count in review.policy.kept.items()},
        },
        "limits": [
            {
                "name": limit.name,
                "where": limit.where,
                "used": [limit.before, limit.after],
                "most": limit.most,
                "changed": limit.is_changed,
            }
            for limit in review.limits
        ],
        "blast_radius": [
            {
                "resource_types": list(touched.what),
                "pools": list(touched.pool_titles),
                "ultraservers": touched.ultraservers,
                "queues": list(touched.queues),
                "teams": list(touched.teams),
            }
            for touched in review.touched
        ],
        "changes": [
            {
                "stack": change.key[0],
                "logical_id": change.key[1],
                "type": change.type,
                "action": change.of.action.value,
                "refused": change.of.refused,
                "properties": [{"path": item.path, "effect": item.effect.value} for item in change.of.properties],
            }
            for change in compared.changes.values()
        ],
    }


def _cost(cost: BlockCost) -> dict[str, Any]:
    return {
        "usd_per_hour": round(cost.usd_per_hour, 3),
        "usd_remaining": round(cost.usd_remaining, 2),
        "price_dates": list(cost.price_dates),
        "without_price": list(cost.without_price),
        "without_end": list(cost.without_end),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.file,
        "line": finding.line,
        "resource": finding.resource,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
    }
