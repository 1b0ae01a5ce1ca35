"""Writes docs/update-effects.md from the table of update effects."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ultrafleet.templates.refused_updates import RULES
from ultrafleet.templates.update_effects import Classification, Effect, TypeEffects, update_effects

PAGE = Path(__file__).parent.parent.parent / "docs" / "update-effects.md"

_FIRST = (
    "AWS::EKS::Nodegroup",
    "AWS::EC2::LaunchTemplate",
    "AWS::ResourceGroups::Group",
    "AWS::EC2::CapacityReservation",
    "AWS::EC2::PlacementGroup",
    "AWS::EKS::Cluster",
    "AWS::EKS::Addon",
)
"""Types of a pool's resources and of those it depends on come first; the rest by name."""

_MEANINGS = {
    Effect.NO_INTERRUPTION: "changed in place; what runs goes on as it was",
    Effect.NEW_VERSION: "one more version is made; what names an older one keeps it",
    Effect.CHANGES_ACCESS: "changed in place; what nodes or people may reach changes, nodes stay",
    Effect.DISTURBS_PODS: "changed in place; some pods may be restarted or evicted, nodes stay",
    Effect.CHANGES_SCHEDULE: "changed in place; the block schedule may size pools in another way from then on",
    Effect.RESIZES: "the number of nodes may change, down to none",
    Effect.ROLLS_NODES: "every node is replaced, some at a time",
    Effect.MAY_REPLACE: "replaced under a condition, or two sources differ",
    Effect.REPLACES: "a new resource is made and the old one deleted, unless its policy retains it",
    Effect.REFUSED: "the update fails and is rolled back",
}

_INTRODUCTION = """\
# What an update does

Written by `python tests/tools/update_effects_document.py` from two files in `constructs/ultrafleet/templates/data`:
`update_effects.json` has the judgements, by hand, and `schema_effects.json` what CloudFormation's schemas say, made by
`python tests/tools/update_effects.py`. Change a judgement, not this page. `tests/templates/test_update_effects.py`
holds both to the schemas that are installed: a property that isn't classified fails, and so does a generated file that
is old.
`tests/rehearsal/test_running_pools.py` edits every field of an environment file and shows which edits touch running
nodes.

Nothing here was measured in an AWS account; the last column says who says so, and how well it is known.

## Effects

| effect | meaning | touches nodes |
|---|---|---|
"""

_TYPES = """
A resource whose name is stated is never replaced while it keeps the name: CloudFormation refuses the update
("cannot update a stack when a custom-named resource requires replacing", high). The names are in the headings.

## Properties that touch nodes, replace, or can't change

Properties that are not listed are changed in place. In CloudFormation's words: `A/B` is property B inside A, `[+]` a
list that gets a member, `[-]` one that loses one.
"""

_TOGETHER = """
## Changes that are refused together, or in one step

Each of these properties may change. The update is refused and rolled back where they change as described. Reviews,
preflight and the embedded AWS take the rules from `templates/refused_updates.py`.

| resource | change | source |
|---|---|---|
"""


def document() -> str:
    """The page."""
    meanings = [
        f"| `{effect}` | {meaning} | {'**yes**' if effect.touches_nodes else 'no'} |\n"
        for effect, meaning in _MEANINGS.items()
    ]
    table = update_effects()
    names = [*_FIRST, *(name for name in table if name not in _FIRST)]
    sections = {name: list(_rows(table[name])) for name in names}
    told = [_section(name, table[name], rows) for name, rows in sections.items() if rows]
    quiet = ", ".join(f"`{name}`" for name, rows in sections.items() if not rows)
    end = f"\n### Types of which every property is changed in place\n\n{quiet}.\n" if quiet else ""
    together = [f"| `{name}` | {change} | {source} |\n" for name, change, source in RULES]
    return "".join([_INTRODUCTION, *meanings, _TYPES, *told, end, _TOGETHER, *together])


def _section(name: str, effects: TypeEffects, rows: list[str]) -> str:
    named = f" (named by {', '.join(f'`{part}`' for part in effects.identity)})" if effects.identity else ""
    return "\n".join([f"\n### {name}{named}\n", "| properties | effect | source |", "|---|---|---|", *rows, ""])


def _rows(effects: TypeEffects) -> Iterator[str]:
    grouped: dict[Classification, list[str]] = {}
    for path, entry in effects.entries.items():
        told = entry.effect in _TOLD and path not in effects.read_only
        if told:
            grouped.setdefault(entry, []).append(path)
    for entry, paths in sorted(grouped.items(), key=lambda item: _TOLD.index(item[0].effect)):
        listed = ", ".join(f"`{path}`" for path in paths)
        yield f"| {listed} | {entry.effect} | {entry.source} |"


_TOLD = (
    Effect.ROLLS_NODES,
    Effect.RESIZES,
    Effect.CHANGES_SCHEDULE,
    Effect.REPLACES,
    Effect.MAY_REPLACE,
    Effect.REFUSED,
    Effect.NEW_VERSION,
    Effect.DISTURBS_PODS,
)
"""Effects on the page, worst first; changes in place that leave pods alone are left out."""


if __name__ == "__main__":
    PAGE.write_text(document())
    sys.stdout.write(f"{PAGE}\n")
