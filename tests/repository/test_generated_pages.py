"""Pages that are made from code: each is what its tool makes of today's code."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
TOOLS = sorted(path.stem for path in (ROOT / "tests" / "tools").glob("*_document.py"))


def tool(name: str) -> Any:
    return import_module(f"tools.{name}")


@pytest.mark.parametrize("name", TOOLS)
def test_a_page_is_what_its_tool_makes(name: str) -> None:
    assert tool(name).PAGE.read_text() == tool(name).document(), "run `make docs`"


@pytest.mark.parametrize("name", TOOLS)
def test_a_page_names_its_tool(name: str) -> None:
    assert f"tests/tools/{name}.py" in tool(name).PAGE.read_text()


def test_each_tool_has_a_page_of_its_own() -> None:
    pages = [tool(name).PAGE.relative_to(ROOT / "docs") for name in TOOLS]
    assert len(set(pages)) == len(TOOLS) >= 5
