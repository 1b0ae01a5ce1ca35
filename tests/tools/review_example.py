"""Writes docs/review/: a review of a change of the shipped training environment, as the command writes it.

`python tests/tools/review_example.py`. The day is fixed, so that the files stay the same; a test holds them to it.
"""

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from ultrafleet.cli.review import write
from ultrafleet.policy import Template
from ultrafleet.review import Revision, review_of
from ultrafleet.templates.linking import linked

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "docs" / "review"
DAY = date(2026, 11, 24)


def change(content: dict[str, Any]) -> None:
    """A rack more, a block more for the second and another for the first, larger disks, a label, a wider network."""
    rack_a, rack_b = content["pools"][:2]
    rack_a["node"] = {"labels": {"example.com/project": "next"}}
    rack_a["blocks"][1] |= {"capacity_reservation_id": "cr-0aaaaaaaaaaaaaaa3"}
    rack_b["blocks"].append(block("cr-0bbbbbbbbbbbbbbb2", date(2027, 1, 19), date(2027, 3, 2)))
    rack_c = {
        **rack_b,
        "name": "rack-c",
        "blocks": [block("cr-0ddddddddddddddd1", date(2026, 12, 8), date(2027, 2, 2))],
    }
    content["pools"].insert(2, rack_c)
    content["pools"][3]["node"] = {"root_volume_gib": 200}
    content["cluster"] = {"api_access_cidrs": ["10.0.0.0/8"]}


def block(reservation: str, start: date, end: date) -> dict[str, Any]:
    """A block of a rack in Dallas; blocks begin and end at 11:30 UTC."""
    moments = {"start": start, "end": end}
    return {
        "capacity_reservation_id": reservation,
        "availability_zone": "us-east-1-dfw-2a",
        **{name: datetime(day.year, day.month, day.day, 11, 30, tzinfo=UTC) for name, day in moments.items()},
    }


def revision(label: str, content: dict[str, Any]) -> Revision:
    """The training environment's templates."""
    from helpers.rehearsal_site import synthesised  # noqa: PLC0415 - a neighbour of the tests, not of this tool

    _, stacks = synthesised(yaml.safe_dump(content), "training")
    templates = [
        Template(name=stack.name, content=yaml.safe_load(stack.template), text=stack.template) for stack in stacks
    ]
    return Revision(label=label, stacks=dict(zip([stack.name for stack in stacks], linked(templates), strict=True)))


def make(folder: Path) -> list[Path]:
    """Write the files."""
    text = (ROOT / "stacks" / "environments" / "training.yaml").read_text()
    base, head = yaml.safe_load(text), yaml.safe_load(text)
    change(head)
    review = review_of(revision("main", base), revision("more-racks", head), day=DAY)
    return list(write(review, folder / "example.md"))


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
    print("\n".join(map(str, make(FOLDER))))
