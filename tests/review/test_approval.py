"""Approval policy: no scenario with a hazard merges by itself, and most of the others may."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from helpers.command import ROOT
from helpers.review_fleet import both, revision
from helpers.review_scenarios import BEFORE, SCENARIOS
from review.test_review import DAY
from ultrafleet.cli import app
from ultrafleet.errors import FleetError
from ultrafleet.review import Review, review_of
from ultrafleet.review.approval import ApprovalPolicy, against, read_approval_policy
from ultrafleet.review.as_json import as_json

SHIPPED = ROOT / "docs" / "ci" / "approval.yaml"
STRICT = ApprovalPolicy()
NEW_PRINCIPALS = {"a new role that decrypts with one key", "an access entry of another principal"}
"""Changes without a hazard that give access to somebody new: a person's, whatever they may do."""


def reviewed(name: str) -> Review:
    scenario, before = SCENARIOS[name], BEFORE.get(name, lambda _: None)
    return review_of(revision("base", before), revision("head", both(before, scenario.edit)), day=DAY)


@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario.hazards])
def test_fails_for_what_is_hazardous(name: str) -> None:
    for policy in (STRICT, read_approval_policy(SHIPPED)):
        assert against(reviewed(name), policy)


def test_most_of_what_is_safe_merges_by_the_shipped_policy() -> None:
    safe = [name for name, scenario in SCENARIOS.items() if not scenario.hazards and name not in NEW_PRINCIPALS]
    policy = read_approval_policy(SHIPPED)
    left = {name: reasons for name in safe if (reasons := against(reviewed(name), policy))}
    assert len(left) <= len(safe) // 5, left


@pytest.mark.parametrize("name", sorted(NEW_PRINCIPALS))
def test_fails_for_a_new_principal(name: str) -> None:
    assert not SCENARIOS[name].hazards
    assert any("is added" in reason for reason in against(reviewed(name), read_approval_policy(SHIPPED)))


def test_reasons_name_hazards_findings_pools_and_costs() -> None:
    reasons = {reason.partition(" ")[0] for name in SCENARIOS for reason in against(reviewed(name), STRICT)}
    assert {"hazard", "finding", "a"} <= reasons
    assert against(reviewed("a rack is added"), STRICT)[0] == "761.90 USD/h more, 0.00 allowed"


def test_nothing_merges_from_or_to_nothing() -> None:
    whole, empty = revision("base", lambda _: None), revision("head", lambda content: content.clear())
    for base, head in ((whole, empty), (empty, whole)):
        assert any("holds no template" in reason for reason in against(review_of(base, head, day=DAY), STRICT))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hazards: [pool-lost]", "ids of hazards"),
        ("hazard: []", "extra inputs are not permitted"),
        ("usd_per_hour: -1", "greater than or equal to 0"),
        ("usd_per_hour: .inf", "finite number"),
        ("effects: [none]", "input should be"),
        ("[", "unreadable"),
        ("- a", "expected a mapping"),
    ],
)
def test_fails_for_what_is_no_policy(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "approval.yaml").write_text(text)
    with pytest.raises(FleetError, match=told):
        read_approval_policy(tmp_path / "approval.yaml")


@pytest.mark.parametrize("name", ["/dev/zero", "absent.yaml", "."])
def test_fails_for_what_is_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(FleetError, match="no file"):
        read_approval_policy(tmp_path / name)


def write(folder: Path, name: str) -> tuple[str, str]:
    scenario, before = SCENARIOS[name], BEFORE.get(name, lambda _: None)
    for side, edit in (("base", before), ("head", both(before, scenario.edit))):
        (folder / side).mkdir()
        for stack, template in revision(side, edit).stacks.items():
            (folder / side / f"{stack}.json").write_text(json.dumps(template.content))
    return str(folder / "base"), str(folder / "head")


def review(*words: str) -> Result:
    return CliRunner().invoke(app, ["review", *words, "--as-of", DAY.isoformat()])


def test_the_command_approves_or_says_why_not(tmp_path: Path) -> None:
    sides = write(tmp_path, "a rack is removed")
    done = review(*sides, "--approval", str(SHIPPED))
    assert done.exit_code == 1
    assert "needs a reviewer: hazard pool-removed" in done.stdout
    done = review(sides[0], sides[0], "--approval", str(SHIPPED))
    assert done.exit_code == 0
    assert "may merge without a reviewer" in done.stdout


@pytest.mark.parametrize(
    ("name", "given", "code"),
    [
        ("a rack is removed", "blocking", 1),
        ("a rack is removed", "security", 1),
        ("a rack is removed", "pool-removed", 1),
        ("a rack is removed", "refused", 0),
        ("a pool's orders to the schedule go", "blocking", 0),
        ("a pool's orders to the schedule go", "security", 0),
        ("a pool's orders to the schedule go", "notice", 1),
        ("a pool's orders to the schedule go", "schedule-orders", 1),
        ("nothing", "notice", 0),
    ],
)
def test_the_command_fails_on_what_it_is_told_to(tmp_path: Path, name: str, given: str, code: int) -> None:
    assert review(*write(tmp_path, name), "--fail-on", given).exit_code == code


def test_fails_on_an_unknown_hazard(tmp_path: Path) -> None:
    done = review(*write(tmp_path, "nothing"), "--fail-on", "pool-lost")
    assert isinstance(done.exception, FleetError)
    assert "expected blocking, security, notice or the id of a hazard" in str(done.exception)


def test_json_has_what_the_comment_has(tmp_path: Path) -> None:
    sides = write(tmp_path, "a rack is removed")
    told: dict[str, Any] = json.loads(review(*sides, "--json", "--approval", str(SHIPPED)).stdout)
    assert [hazard["kind"] for hazard in told["hazards"]] == ["pool-removed"]
    assert told["hazards"][0]["level"] == "blocking"
    assert told["hazards"][0]["resources"] == [{"stack": "racks", "logical_id": "RackB"}]
    assert told["approval"]["approved"] is False
    assert {change["action"] for change in told["changes"]} == {"removed"}
    assert told["cost"]["base"]["usd_per_hour"] - told["cost"]["head"]["usd_per_hour"] == pytest.approx(761.904)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_review_is_json(name: str) -> None:
    found = as_json(reviewed(name))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert {(item["level"], item["kind"], item["subject"]) for item in found["hazards"]} == SCENARIOS[name].hazards
