"""Every raise of a FleetError states its parts: path, got and expected."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ERRORS = {"FleetError", "UnknownFactError", "EnvironmentFileError"}

WITHOUT_EXPECTED = {
    "accelerator_addons/version_rules.py": 1,  # the finding of a rule says it in a sentence of its own
    "consistency/check.py": 1,  # a list of findings
}
WITHOUT_PARTS = {
    "cli/_refusal.py": 1,  # the option parser's errors have a text only
    "cli/acceptance.py": 1,  # the text of ValueErrors from acceptance/, which runs in containers without this package
}


def raised(source: str) -> Iterator[tuple[bool, bool]]:
    """Of each error that is made: whether it has path and got, and whether it has expected."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            stated = {keyword.arg for keyword in node.keywords}
            passed_on = None in stated  # **parts of another error
            yield passed_on or {"path", "got"} <= stated, passed_on or "expected" in stated


def test_every_error_states_its_parts() -> None:
    without_parts: dict[str, int] = {}
    without_expected: dict[str, int] = {}
    for file in sorted((ROOT / "constructs" / "ultrafleet").rglob("*.py")):
        name = file.relative_to(ROOT / "constructs" / "ultrafleet").as_posix()
        for parts, expected in raised(file.read_text(encoding="utf-8")):
            if not parts:
                without_parts[name] = without_parts.get(name, 0) + 1
            elif not expected:
                without_expected[name] = without_expected.get(name, 0) + 1
    assert without_parts == WITHOUT_PARTS
    assert without_expected == WITHOUT_EXPECTED


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("raise FleetError('max_nodes is 0, expected 1')", (False, False)),
        ("raise FleetError(path='max_nodes', got=0, expected=1)", (True, True)),
        ("raise UnknownFactError('a', path='b', got=1)", (True, False)),
        ("raise FleetError(**json.loads(body))", (True, True)),
    ],
)
def test_a_raise_without_parts_is_found(source: str, found: tuple[bool, bool]) -> None:
    assert list(raised(source)) == [found]
