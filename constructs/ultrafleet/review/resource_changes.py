"""Changes of resources, grouped by pool or stack; equal groups are listed once."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from ultrafleet.review.blast_radius import short_type
from ultrafleet.review.changes import Change
from ultrafleet.review.comparison import Comparison
from ultrafleet.templates.template_changes import ChangeAction
from ultrafleet.templates.template_text import json_in_text
from ultrafleet.templates.unknown import Unknown
from ultrafleet.templates.update_effects import Effect

_LONGEST_VALUE: Final = 48
_MOST_DIFFERENCES: Final = 6
_EFFECTS: Final = {
    Effect.NEW_VERSION: "new version",
    Effect.CHANGES_ACCESS: "changes access",
    Effect.DISTURBS_PODS: "may evict pods",
    Effect.CHANGES_SCHEDULE: "changes the schedule",
    Effect.RESIZES: "resizes",
    Effect.ROLLS_NODES: "rolling update",
    Effect.MAY_REPLACE: "may replace",
    Effect.REPLACES: "replaces",
    Effect.REFUSED: "refused",
    Effect.UNCLASSIFIED: "effect not classified",
}


@dataclass(frozen=True, kw_only=True)
class Owned:
    """The same changes of several pools, or those of one stack.

    Attributes:
        owners: titles of pools, or one stack.
        are_pools: whether they are pools.
        lines: what changes, a line for each resource, in Markdown.
    """

    owners: tuple[str, ...]
    are_pools: bool
    lines: tuple[str, ...]


def plain_changes(compared: Comparison) -> list[Owned]:
    """Changes by owner: pools in the order of the fleet, then stacks; owners with the same lines together."""
    of_pools: dict[str, list[Change]] = defaultdict(list)
    of_stacks: dict[str, list[Change]] = defaultdict(list)
    for change in compared.changes.values():
        owner = compared.owner(change)
        (of_pools[owner.pool_title] if owner is not None else of_stacks[change.key[0]]).append(change)
    order = list(dict.fromkeys(pool.pool_title for pool in compared.titles.values()))
    together: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
    for title in order:
        if title in of_pools:
            together[tuple(_lines(of_pools[title], with_ids=False))][title] = None
    found = [Owned(owners=tuple(titles), are_pools=True, lines=lines) for lines, titles in together.items()]
    return found + [
        Owned(owners=(stack,), are_pools=False, lines=tuple(_lines(of_stacks[stack], with_ids=True)))
        for stack in sorted(of_stacks)
    ]


def _lines(changes: Sequence[Change], *, with_ids: bool) -> Iterator[str]:
    for change in sorted(changes, key=lambda change: (change.type, change.key)):
        named = f"`{short_type(change.type)}`" + (f" {change.key[1]}" if with_ids else "")
        if change.of.action is not ChangeAction.CHANGED:
            yield f"{named} {'retained' if change.of.action is ChangeAction.LEFT else change.of.action}"
            continue
        texts = [_property_text(change, item.path, item.effect) for item in change.of.properties]
        texts += [f"{name}{_values(*change.attribute(name))}" for name in change.attributes]
        if change.of.refused:
            texts.append("refused")
        yield f"{named}: {'; '.join(texts) or 'another type'}"


def _property_text(change: Change, path: str, effect: Effect) -> str:
    values = "" if path.endswith("]") else _values(*change.get(*path.split("/")))
    plain = path.replace("[+]", " (added)").replace("[-]", " (removed)")
    return f"{plain}{values}" + (f" ({_EFFECTS[effect]})" if effect in _EFFECTS else "")


def _values(before: Any, after: Any) -> str:  # noqa: ANN401 - JSON
    """` 1 → 2`, where both are short; for a mapping or a list what differs in it."""
    old, new = _parsed(before), _parsed(after)
    if isinstance(old, list) and isinstance(new, list) and len(old) != len(new):
        return f" ({len(old)} → {len(new)} members)"
    if isinstance(old, dict | list) and type(old) is type(new):
        found = list(_differences(old, new, ""))
        texts = [f"{path}{_values(*values)}" for path, *values in found[:_MOST_DIFFERENCES]]
        more = [f"{len(found) - _MOST_DIFFERENCES} more"] if len(found) > _MOST_DIFFERENCES else []
        return f" ({', '.join([*texts, *more])})" if texts else ""
    shown = [_shown(value) for value in (before, after)]
    if None in shown:
        return ""
    return f" {shown[0]} → {shown[1]}" if shown[0] != shown[1] else f" {shown[1]}"


def _differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401 - JSON
    """Differences, as deep as both sides have the same shape."""
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = [(str(key), before.get(key), after.get(key)) for key in dict.fromkeys((*before, *after))]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = [(str(place), *both) for place, both in enumerate(zip(before, after, strict=True))]
    else:
        if before != after:
            yield path, before, after
        return
    for key, old, new in pairs:
        yield from _differences(old, new, f"{path}/{key}" if path else key)


def _parsed(value: Any) -> Any:  # noqa: ANN401 - JSON
    """JSON inside of text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        with suppress(ValueError):  # it may only look like JSON
            return json_in_text(value)
    return value


def _shown(value: Any) -> str | None:  # noqa: ANN401 - JSON
    if value is None:
        return "none"
    if isinstance(value, Unknown):
        return "(the new one)" if value.attribute == "LatestVersionNumber" else None
    if isinstance(value, Mapping | list):
        return None
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if len(text) <= _LONGEST_VALUE and "`" not in text and "\n" not in text else None
