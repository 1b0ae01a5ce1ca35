"""Example environments of the documents: each loads, is valid by the schema, and synthesises."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from helpers.rehearsal_site import synthesised
from ultrafleet.environment import load_environment
from ultrafleet.environment.schema import schema_text

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "examples" / "environments"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))
SCREEN = 60
"""Lines that a screen shows."""


def test_the_page_lists_every_example() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES if f"({path.name})" not in page] == []
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_an_example_is_valid_and_fits_a_screen(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    load_environment(path)
    Draft202012Validator(json.loads(schema_text())).validate(json.loads(json.dumps(yaml.safe_load(text), default=str)))
    assert len(text.splitlines()) <= SCREEN


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_an_example_synthesises(path: Path) -> None:
    environment, stacks = synthesised(path.read_text(encoding="utf-8"), path.stem)
    names = {stack.name for stack in stacks}
    assert {f"{environment.name}-pool-{pool.name}" for pool in environment.pools} <= names
