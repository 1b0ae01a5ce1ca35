"""The committed templates are those of the shipped environments, and say the same in fewer lines."""

from datetime import date
from pathlib import Path

import pytest

from helpers.rehearsal_site import ENVIRONMENTS, synthesised
from tools.golden import GOLDEN, golden
from ultrafleet.policy import check_templates, parse_template, read_templates
from ultrafleet.review import Revision, read_revision, review_of
from ultrafleet.templates.linking import linked

NAMES = sorted(path.stem for path in ENVIRONMENTS.glob("*.yaml"))
MENDED_BY = "run `make golden`, and read what `git diff tests/golden` says of your change"


def stacks(name: str) -> dict[str, str]:
    _, found = synthesised((ENVIRONMENTS / f"{name}.yaml").read_text(), name)
    return {stack.name: stack.template for stack in found}


@pytest.mark.parametrize("name", NAMES)
def test_they_are_what_is_synthesised(name: str) -> None:
    for stack, template in stacks(name).items():
        committed = GOLDEN / f"{stack}.yaml"
        assert committed.exists(), f"{committed} is missing: {MENDED_BY}"
        assert committed.read_text() == golden(template), f"{committed} drifts from {name}.yaml: {MENDED_BY}"


def test_there_are_no_others() -> None:
    wanted = {f"{stack}.yaml" for name in NAMES for stack in stacks(name)}
    assert {path.name for path in GOLDEN.iterdir()} == wanted, MENDED_BY


@pytest.mark.parametrize("name", NAMES)
def test_they_say_the_same(name: str) -> None:
    templates = [parse_template(text, name=stack) for stack, text in stacks(name).items()]
    made = Revision(label="made", stacks={template.name: template for template in linked(templates)})
    read = read_revision(str(GOLDEN))
    own = Revision(label="golden", stacks={stack: read.stacks[stack] for stack in made.stacks})
    review = review_of(own, made, day=date(2026, 11, 24))
    assert review.changes == ()
    assert [item.rule for item in check_templates(own.stacks.values())] == [
        item.rule for item in check_templates(made.stacks.values())
    ]


def test_they_are_small() -> None:
    lines = {path.name: len(path.read_text().splitlines()) for path in GOLDEN.iterdir()}
    assert {name: count for name, count in lines.items() if count > 900} == {}


def test_the_policy_finds_no_error_in_them() -> None:
    found = check_templates(read_templates([Path(GOLDEN)]))
    assert [item for item in found if item.severity == "error"] == []
