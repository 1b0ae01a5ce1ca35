"""CONTRIBUTING.md names files and tests that exist; the page of rehearsals names every fault."""

import re
from pathlib import Path

import pytest

from ultrafleet.rehearsal.scenarios.faults import FAULTS

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
PATHS = sorted(set(re.findall(r"`([\w./*]+/[\w./*]*)(?:::\w+)?`", TEXT)))
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_there(path: str) -> None:
    start = (
        ROOT
        if path.split("/", maxsplit=1)[0] in {"constructs", "tests", "docs", ".ci"}
        else ROOT / "constructs/ultrafleet"
    )
    assert list(start.glob(path)), f"CONTRIBUTING.md names {path}, which {start} has not"


@pytest.mark.parametrize(("path", "name"), TESTS)
def test_a_test_is_there(path: str, name: str) -> None:
    assert re.search(rf"^ *def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


def test_thirteen_changes_have_a_row() -> None:
    assert len(re.findall(r"^\| (?!change)\w.*\|$", TEXT, re.MULTILINE)) == 13


def test_the_page_of_rehearsals_names_every_fault() -> None:
    page = (ROOT / "docs" / "rehearsal.md").read_text()
    for name in FAULTS:
        assert re.search(rf"\b{name}\b", page), name
