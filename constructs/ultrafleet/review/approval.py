"""Approval policy: which changes may merge without a reviewer, from a file."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ultrafleet.bounded_file import read_bounded
from ultrafleet.errors import FleetError
from ultrafleet.review.hazards import HAZARD_RULES
from ultrafleet.review.review import Review
from ultrafleet.templates.template_changes import ChangeAction
from ultrafleet.templates.update_effects import Effect
from ultrafleet.yaml_loader import UniqueKeyLoader, load_yaml

_MOST_BYTES: Final = 1 << 20
_MOST_SHOWN: Final = 3
_KINDS: Final = frozenset(rule.id for rule in HAZARD_RULES)


class ApprovalPolicy(BaseModel):
    """Policy of changes that may merge without a reviewer; the empty one allows what interrupts and widens nothing.

    Attributes:
        hazards: ids of hazards that it may have. Default: none.
        findings: ids of the policy's rules that it may newly break or leave undecided. Default: none.
        usd_per_hour: by how many USD an hour it may make the fleet dearer. Default: 0.
        usd_remaining: by how many USD until its blocks end. Default: 0.
        effects: effects that changed properties may have, see docs/update-effects.md. Default: changed in place without
            interruption, or a new version.
        added: patterns of resource types that it may add. Default: none.
        removed: patterns of resource types that it may remove. Default: none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hazards: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    usd_per_hour: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    usd_remaining: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    effects: tuple[Effect, ...] = (Effect.NO_INTERRUPTION, Effect.NEW_VERSION)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def read_approval_policy(path: Path) -> ApprovalPolicy:
    """The approval policy of a YAML file.

    Raises:
        FleetError: it can't be read, has an unknown key, or names a hazard that there isn't.
    """
    expected = f"a mapping of {', '.join(ApprovalPolicy.model_fields)}"
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise FleetError(path=path, got="no file, or one over 1 MiB", expected=expected, remedy="pass another")
        policy = ApprovalPolicy.model_validate(load_yaml(read_bounded(path, _MOST_BYTES), UniqueKeyLoader) or {})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise FleetError(
            path=f"{path}: {place}", got=first["msg"].lower(), expected=expected, remedy="correct it"
        ) from error
    except (OSError, ValueError) as error:
        raise FleetError(path=path, got=f"unreadable ({error})", expected=expected, remedy="correct it") from error
    for kind in policy.hazards:
        if kind not in _KINDS:
            raise FleetError(
                path=f"{path}: hazards", got=kind, expected="ids of hazards, see docs/review.md", remedy="correct it"
            )
    return policy


def against(review: Review, policy: ApprovalPolicy) -> list[str]:
    """Reasons why a reviewer has to look at a change; none: it may merge without one.

    Args:
        review: the review of the change.
        policy: what may merge.
    """
    return [
        *_unread(review),
        *(f"hazard {hazard.kind}: {hazard.subject}" for hazard in review.hazards if hazard.kind not in policy.hazards),
        *(
            f"finding {finding.rule}: {finding.resource or finding.file}"
            for finding in review.policy.new
            if finding.rule not in policy.findings
        ),
        *_dearer(review, policy),
        *_limits(review),
        *_resources(review, policy),
    ]


def shown(reasons: list[str]) -> str:
    """A line for a person: approved, or the first reasons."""
    if not reasons:
        return "may merge without a reviewer, by the approval policy"
    more = f" and {len(reasons) - _MOST_SHOWN} more" if len(reasons) > _MOST_SHOWN else ""
    return f"needs a reviewer: {'; '.join(reasons[:_MOST_SHOWN])}{more}"


def _unread(review: Review) -> Iterator[str]:
    for side, revision in (("base", review.compared.base), ("head", review.compared.head)):
        if not revision.stacks:
            yield f"the {side} holds no template"
        yield from (f"not reviewed in the {side}: {line}" for line in revision.unread.values())


def _dearer(review: Review, policy: ApprovalPolicy) -> Iterator[str]:
    before, after = review.costs
    more, remaining = after.usd_per_hour - before.usd_per_hour, after.usd_remaining - before.usd_remaining
    if more > policy.usd_per_hour + 0.005:
        yield f"{more:,.2f} USD/h more, {policy.usd_per_hour:,.2f} allowed"
    if remaining > policy.usd_remaining + 0.5:
        yield f"{remaining:,.0f} USD more until blocks end, {policy.usd_remaining:,.0f} allowed"
    for title in after.without_price:
        if title not in before.without_price:
            yield f"a pool without a known price: {title}"
    for title in after.without_end:
        if title not in before.without_end:
            yield f"a pool on blocks without a stated end: {title}"
    known = {pool.key: pool for pool in review.compared.base_fleet.pools}
    for pool in review.compared.head_fleet.pools:
        same = known.get(pool.key)
        if pool.nodes is None:
            yield f"a pool whose size is only known at deployment: {pool.title}"
        elif pool.usd_per_hour is None and (same is None or same.nodes != pool.nodes):
            yield f"another size of a pool without a known price: {pool.title}"


def _limits(review: Review) -> Iterator[str]:
    for limit in review.limits:
        if limit.is_changed and limit.after is not None and limit.after > limit.most:
            yield f"over a limit: {limit.name} {limit.where}, {limit.after:,} of {limit.most:,}"


def _resources(review: Review, policy: ApprovalPolicy) -> Iterator[str]:
    for change in review.compared.changes.values():
        what = f"{change.type} {change.key[1]}"
        if change.of.action is not ChangeAction.CHANGED:
            patterns = policy.added if change.of.action is ChangeAction.ADDED else policy.removed
            if not any(fnmatchcase(change.type, pattern) for pattern in patterns):
                yield f"{what} is {change.of.action}"
            continue
        if change.of.refused or not change.of.properties:
            yield f"{what}: {', '.join(change.attributes) or 'refused, or of another type'}"
        for item in change.of.properties:
            if item.effect not in policy.effects:
                yield f"{what}: {item.path} {item.effect}"
