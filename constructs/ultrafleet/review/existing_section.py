"""Section on existing things, which templates use and never change, by the templates' own metadata."""

from collections.abc import Iterator, Mapping
from typing import Final

from ultrafleet.review.markdown import Section, code, safe, table
from ultrafleet.review.review import Review
from ultrafleet.templates.existing import existing_of
from ultrafleet.templates.revision import Revision

_TITLE: Final = "Existing things that the stacks use and never change"

Thing = tuple[str, str]
"""Kind and id, name or ARN."""


def existing_in(revision: Revision) -> dict[Thing, list[str]]:
    """Stacks that use an existing thing, by the thing.

    Args:
        revision: the templates.
    """
    found: dict[Thing, list[str]] = {}
    for stack, template in sorted(revision.stacks.items()):
        for thing in existing_of(template.content).items():
            found.setdefault(thing, []).append(stack)
    return found


def existing(review: Review) -> Iterator[Section]:
    """The section; none where neither side uses anything that exists.

    Args:
        review: the review.
    """
    before, after = existing_in(review.compared.base), existing_in(review.compared.head)
    if not before and not after:
        return
    rows = [
        (
            safe(kind),
            code(name),
            _stacks(after.get((kind, name)) or before[kind, name]),
            _state(before, after, (kind, name)),
        )
        for kind, name in sorted({*before, *after})
    ]
    yield Section(
        title=_TITLE,
        lines=tuple(table(("thing", "", "used by", ""), rows)),
        folded=before.keys() == after.keys(),
    )


def _state(before: Mapping[Thing, list[str]], after: Mapping[Thing, list[str]], thing: Thing) -> str:
    if thing not in before:
        return "🟢 newly used"
    return "⚪ no longer used" if thing not in after else "="


def _stacks(stacks: list[str]) -> str:
    return f"{len(stacks)} stacks" if len(stacks) > 1 else code(stacks[0])
