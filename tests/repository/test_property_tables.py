"""Tables of arguments on the constructs' pages: a row for every argument of every public construct."""

import re

import pytest
from constructs import Construct

from tools import argument_tables

ROW = re.compile(r"^\| (`[a-z][a-z0-9_]*`(?:, `[a-z][a-z0-9_]*`)*) \|", re.MULTILINE)
PAGES = {**argument_tables.PACKAGES, "pools": "pools.md"}
CONSTRUCTS = [(page, made) for package, page in PAGES.items() for made in argument_tables.constructs(package)]


@pytest.mark.parametrize("package", argument_tables.PACKAGES)
def test_the_tables_are_those_of_the_docstrings(package: str) -> None:
    page = argument_tables.PAGES / argument_tables.PACKAGES[package]
    assert page.read_text(encoding="utf-8") == argument_tables.page(package), "run `make docs`"


@pytest.mark.parametrize(("page", "construct"), CONSTRUCTS, ids=[made.__name__ for _, made in CONSTRUCTS])
def test_the_page_has_a_row_for_every_argument(page: str, construct: type[Construct]) -> None:
    text = (argument_tables.PAGES / page).read_text(encoding="utf-8")
    rows = {name for row in ROW.findall(text) for name in re.findall(r"\w+", row)}
    missing = set(argument_tables.arguments(construct)) - rows
    assert not missing, f"docs/constructs/{page} has no row for {', '.join(sorted(missing))}"
