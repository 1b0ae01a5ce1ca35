"""The page about reviews shows what the command writes, and names every hazard."""

import re
from pathlib import Path

from helpers.review_scenarios import SCENARIOS
from tools.review_example import FOLDER, make

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "review.md").read_text()


def test_the_example_is_what_is_written(tmp_path: Path) -> None:
    for made in make(tmp_path):
        assert made.read_text() == (FOLDER / made.name).read_text(), "run python tests/tools/review_example.py"


def test_every_hazard_is_named() -> None:
    named = {
        kind for line in PAGE.splitlines() if line.startswith("   | ") for kind in re.findall(r"`([a-z0-9-]+)`", line)
    }
    assert {kind for scenario in SCENARIOS.values() for _, kind, _ in scenario.hazards} <= named
    source = "".join(path.read_text() for path in (ROOT / "constructs" / "ultrafleet" / "review").glob("*.py"))
    assert {kind for kind in named if f'"{kind}"' not in source} == set()
