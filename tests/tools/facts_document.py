"""Writes docs/facts.md from the facts themselves."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ultrafleet.facts import Known, ListedFact, all_facts

PAGE = Path(__file__).parent.parent.parent / "docs" / "facts.md"

_HEAD = """# Facts and their sources

    .venv/bin/ultrafleet facts eks/                       # ids that begin so
    .venv/bin/ultrafleet facts --confidence low           # what is unverified
    .venv/bin/ultrafleet facts --confidence unknown       # what no source states
    .venv/bin/ultrafleet facts --json policy/             # id, value, source, confidence, address, as_of, note

Everything that the library states of AWS, or of software that runs on it, has an id, a source and a confidence: values
of instance types, prices, quotas, versions, and every rule of layouts, policy, reviews, versions, consistency and the
rehearsal. The value of a rule is what it protects from; that of a refusal is what AWS refuses; that of an update effect
is what a change of the property does.

| confidence | the statement |
|---|---|
| high | is a primary source's, or was reproduced |
| medium | is of one secondary source, or an inference |
| low | is weak: a guess with a reason, or sources that disagree |
| unknown | is made by no source: there is no value, and code that needs one refuses and names what to pass |

Where parts of a statement are known differently well, the list shows each part's confidence, and counts the least.
High is not the same as measured: nothing here was run in an AWS account, see the [decisions](decisions/).

## Your own facts

| instead of | pass |
|---|---|
| facts of a type | `InstanceType.of(name, facts=InstanceTypeFacts(…), source=Source("…"))`, `UltraServerType.of` |
| cards of a type, a layout | `network_cards` of `InstanceType.of`; `interfaces` of `NodeOptions` |
| versions of charts | `versions` of `FleetPlatform`; `waived_version_rules` with reasons for the rules between them |
| floors of acceptance | `floors_gbs` of `PoolAcceptance`, or `ultrafleet acceptance --min-bus-bandwidth-gbs` |
| recipes of engines, sizes of models | `recipe=ServingRecipe(…)`, `Model.of(name, weights_gib=…)` |
| a rule of the policy | an [acknowledgement](policy.md#acknowledgements), until a day |

## A new one

A fact belongs to a file in `constructs/ultrafleet/catalog/data/`, a rule to the list of its room. Where a room is new,
`constructs/ultrafleet/facts.py` lists it: `tests/facts/test_facts.py` fails while an object with a `source: Source`
isn't listed.

Made from the facts by `tests/tools/facts_document.py`.
"""


def document() -> str:
    """The page."""
    return "\n".join([_HEAD, *_counts(all_facts()), "", *_weak(all_facts()), ""])


def _counts(facts: list[ListedFact]) -> Iterator[str]:
    yield "## Counts\n"
    yield f"| ids | facts | {' | '.join(Known)} |"
    yield f"|---|{'---:|' * (1 + len(Known))}"
    by_room = Counter((item.room, item.known) for item in facts)
    for room in dict.fromkeys(item.room for item in facts):
        yield _row(f"`{room}/`", [by_room[room, known] for known in Known])
    yield _row("all", [sum(by_room[room, known] for room, of in by_room if of is known) for known in Known])


def _row(name: str, numbers: list[int]) -> str:
    return f"| {name} | {' | '.join(f'{number:,}' for number in (sum(numbers), *numbers))} |"


def _weak(facts: list[ListedFact]) -> Iterator[str]:
    yield "## Low confidence\n"
    yield "| id | value | source |\n|---|---|---|"
    for item in facts:
        if item.known is Known.LOW:
            yield f"| `{item.id}` | {item.fact.value} | {item.fact.source} |"
    yield "\n## Unknown\n"
    yield "| id | why |\n|---|---|"
    for item in facts:
        if item.known is Known.UNKNOWN:
            yield f"| `{item.id}` | {item.fact.note} |"


if __name__ == "__main__":
    PAGE.write_text(document())
    sys.stdout.write(f"{PAGE}\n")
