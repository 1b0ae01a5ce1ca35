"""Sections of a review, in Markdown, the most important first."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from ultrafleet.policy import Finding, Severity
from ultrafleet.review.existing_section import existing
from ultrafleet.review.fleet_sections import MOST_SUBJECTS, blocks, both, fleet, pools
from ultrafleet.review.hazard import Level
from ultrafleet.review.limits import Limit
from ultrafleet.review.markdown import Section, code, safe, table
from ultrafleet.review.pool_states import State
from ultrafleet.review.review import Review
from ultrafleet.templates.file_reading import passed_over_text

MARKER: Final = "<!-- ultrafleet review -->"
"""First line of every review, by which a comment is found again."""

LEVELS: Final = {
    Level.BLOCKING: ("🔴", "Blocking: nodes, data or the deployment itself are lost"),
    Level.SECURITY: ("🟠", "Security: more access, or less protection"),
    Level.NOTICE: ("🟡", "Notices: read before merging"),
}
"""Sign and title of each level."""
_SIGNS: Final = {Severity.ERROR: "🔴", Severity.WARNING: "🟠", Severity.UNKNOWN: "⚪"}
_PLURALS: Final = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.UNKNOWN: "unknown"}


def sections(review: Review, pictures: tuple[str, str] | None = None) -> list[Section]:
    """Sections of a review, in their order.

    Args:
        review: the review.
        pictures: addresses of the light and of the dark picture. Default: no picture is shown.
    """
    return [
        Section(title="", lead=tuple(_head(review))),
        Section(title="Hazards", lines=tuple(_hazards(review))),
        Section(title="Fleet", lead=tuple(fleet(review, pictures))),
        *pools(review),
        *blocks(review),
        *existing(review),
        *_policy(review),
        *_acknowledged(review),
        *proposed(review),
        *_limits(review),
        *_touched(review),
        *_changes(review),
    ]


def _head(review: Review) -> Iterator[str]:
    base, head = review.compared.base, review.compared.head
    yield MARKER
    commit = f" at {code(head.commit)}" if head.commit else ""
    yield f"## Fleet review: {code(base.label)} → {code(head.label)}{commit}"
    yield ""
    counts = {level: sum(hazard.level is level for hazard in review.hazards) for level in Level}
    parts = [f"{LEVELS[level][0]} **{level_count(level, counts[level])}**" for level in Level if counts[level]]
    touched = sum(one.state is not State.UNCHANGED for one in review.pools)
    parts.append(f"{touched:,} of {len(review.pools):,} pools change" if review.pools else "no accelerator pools")
    dark = len({*base.unread, *head.unread})
    parts += [f"⚠ **{dark} not reviewed**"] if dark else []
    parts += [f"⚠ **{len(review.proposed)} new acknowledgements, not applied**"] if review.proposed else []
    errors = sum(finding.severity is Severity.ERROR for finding in review.policy.new)
    parts += [f"{errors} new policy {'error' if errors == 1 else 'errors'}"] if errors else []
    yield f"{' · '.join(parts)} · as of {review.compared.day}"
    for side, revision in (("base", base), ("head", head)):
        if not revision.stacks:
            yield f"\n⚠ The {side} holds no template: every resource is {'new' if side == 'base' else 'removed'}."
    for line in (*base.unread.values(), *head.unread.values()):
        yield f"\n⚠ Not reviewed: {safe(line)}"
    left = {side: passed_over_text(revision.passed_over) for side, revision in (("base", base), ("head", head))}
    for side, line in left.items():
        if line:
            yield f"\nIn the {side}, {line}."
    for line in review.notes:
        yield f"\n⚠ {safe(line)}."


def level_count(level: Level, count: int) -> str:
    """`1 blocking`, `2 notices`."""
    return f"{count:,} {level}{'s' if level is Level.NOTICE and count != 1 else ''}"


def _hazards(review: Review) -> Iterator[str]:
    """Hazards by level; one message for all subjects that have it."""
    if not review.hazards:
        base, head = review.compared.base, review.compared.head
        blind = not base.stacks or base.unread or head.unread
        yield "Can't tell: not everything was compared." if blind else "None found."
    for level, own in groupby(review.hazards, key=lambda hazard: hazard.level):
        sign, title = LEVELS[level]
        yield from (f"**{sign} {title}**", "")
        together: dict[tuple[str, str], list[str]] = defaultdict(list)
        for hazard in own:
            together[hazard.kind, hazard.message].append(hazard.subject)
        for (kind, message), subjects in together.items():
            shown = ", ".join(code(subject) for subject in subjects[:MOST_SUBJECTS])
            more = f" and {len(subjects) - MOST_SUBJECTS:,} more" if len(subjects) > MOST_SUBJECTS else ""
            yield f"- **{kind}** {shown}{more}: {safe(message)}"
        yield ""


def _policy(review: Review) -> Iterator[Section]:
    policy = review.policy
    resolved = [f"- ✅ {_finding(finding)}" for finding in policy.resolved]
    lines = [f"- {finding_text(finding)}" for finding in policy.new]
    lines += ["", f"**Resolved ({len(resolved)})**", "", *resolved] if resolved else []
    kept = ", ".join(f"{policy.kept[severity]} {_PLURALS[severity]}" for severity in Severity if policy.kept[severity])
    lead = [
        f"{len(policy.new)} new, {len(policy.resolved)} resolved" + (f"; unchanged: {kept}" if kept else "") + ".",
        "",
    ]
    if lines or kept:
        yield Section(title="Policy", lead=tuple(lead), lines=tuple(lines))


def finding_text(finding: Finding, where: str = " ") -> str:
    """Finding with the sign of its severity.

    Args:
        finding: the finding.
        where: what stands between them.
    """
    return f"{_SIGNS[finding.severity]}{where}{_finding(finding)}"


def _finding(finding: Finding) -> str:
    where = f"{finding.file}: {finding.resource}" if finding.resource else finding.file
    return f"**{finding.rule}** {code(where)}: {safe(finding.message)}"


def _acknowledged(review: Review) -> Iterator[Section]:
    accepted = review.policy.acknowledged
    if accepted:
        yield Section(
            title=f"Acknowledged ({len(accepted)})",
            lines=tuple(f"- {_finding(finding)}" for finding in accepted),
        )


def proposed(review: Review) -> Iterator[Section]:
    """Acknowledgements that the head adds, which are for people to decide on."""
    lines = [
        f"- **{safe(item.rule)}** {code(item.resource or 'the template')}: {safe(item.reason)} "
        f"({safe(item.owner)}, until {item.until}, file {code(item.file)})"
        for item in review.proposed
    ]
    if lines:
        yield Section(title=f"New acknowledgements, not applied ({len(lines)})", lines=tuple(lines))


def _limits(review: Review) -> Iterator[Section]:
    rows = [
        (
            f"{limit.name} {code(limit.where) if limit.where else ''}".strip(),
            limit_used(limit),
            f"{limit.most:,}",
            limit_left(limit),
        )
        for limit in review.limits
        if limit.is_changed
    ]
    near = [
        f"{limit.name} {code(limit.where) if limit.where else ''}".strip() + f" ({limit.after:,} of {limit.most:,})"
        for limit in review.limits
        if not limit.is_changed
    ]
    if rows or near:
        lines = table(("limit", "used", "of", "left"), rows, right=(1, 2, 3)) if rows else []
        kept = ["", f"Near, and unchanged: {_few(near)}."] if near else []
        yield Section(title="Limits", lead=tuple(lines[:2]), lines=(*lines[2:], *kept))


def limit_used(limit: Limit) -> str:
    """Use before and after."""
    return both(["" if value is None else f"{value:,}" for value in (limit.before, limit.after)])


def limit_left(limit: Limit) -> str:
    """Remainder, with a sign where it is small."""
    if limit.after is None:
        return ""
    sign = "🔴 " if limit.left < 0 else "🟡 " if limit.is_near else ""
    return f"{sign}{limit.left:,}"


def _touched(review: Review) -> Iterator[Section]:
    rows = [
        (
            ", ".join(code(kind) for kind in touched.what),
            _few([code(title) for title in touched.pool_titles]),
            f"{touched.ultraservers:,}",
            _few([code(queue) for queue in touched.queues]),
            _few([code(team) for team in touched.teams]),
        )
        for touched in review.touched
    ]
    if rows:
        columns = ("changed resources", "pools affected", "UltraServers", "queues", "teams")
        head, rule, *lines = table(columns, rows, right=(2,))
        yield Section(title="Blast radius", lead=(head, rule), lines=tuple(lines))


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:MOST_SUBJECTS])
    return shown if len(names) <= MOST_SUBJECTS else f"{shown} and {len(names) - MOST_SUBJECTS:,} more"


def _changes(review: Review) -> Iterator[Section]:
    """A folded section for the pools and one for the stacks."""
    for title, are_pools in (("Resource changes by pool", True), ("Resource changes by stack", False)):
        own = [owned for owned in review.changes if owned.are_pools is are_pools]
        lines: list[str] = []
        for owned in own:
            owners = _few([code(owner) for owner in owned.owners])
            lines += [f"**{owners}**", "", *(f"- {safe(line)}" for line in owned.lines), ""]
        if own:
            count = sum(len(owned.lines) * len(owned.owners) for owned in own)
            yield Section(title=f"{title} ({count:,})", lines=tuple(lines), folded=True)
