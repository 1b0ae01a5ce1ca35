"""File of answers: written and read again, refused where it is broken, ignored where it is another account's or old."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.preflight_world import content, environment_of
from ultrafleet.doctor import (
    PROBES,
    RecordedAnswer,
    Verdict,
    answers_file,
    answers_of,
    merged,
    read_answers,
    write_answers,
)
from ultrafleet.doctor.answers import MAX_AGE_DAYS
from ultrafleet.errors import FleetError

TODAY = date(2026, 11, 26)
FACT = "assumption/zone-opted-in"


def answer(**changed: Any) -> RecordedAnswer:
    """Answer to a question of the training environment."""
    parts: dict[str, Any] = {
        "probe": "zone-opt-in",
        "subject": "us-east-1-dfw-2a",
        "expected": "opted-in",
        "settles": (FACT,),
        "verdict": Verdict.YES,
        "observed": "us-east-1-dfw-2 is opted-in",
        "account": "111122223333",
        "region": "us-east-1",
        "asked": TODAY,
        "version": "0.1.0",
    }
    return RecordedAnswer(**{**parts, **changed})


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = answers_file(tmp_path, "training")
    given_answers = [answer(subject="b", verdict=Verdict.NO, remedy="do it"), answer(subject="a")]
    write_answers(path, given_answers)
    first = path.read_text()
    assert [item.subject for item in read_answers(path)] == ["a", "b"]
    write_answers(path, reversed(given_answers))
    assert path.read_text() == first
    assert path == tmp_path / "answers" / "training.json"


def test_no_file_is_no_answer(tmp_path: Path) -> None:
    assert read_answers(tmp_path / "training.json") == []


def test_a_new_answer_takes_the_place_of_the_old_one() -> None:
    old, other = answer(asked=TODAY - timedelta(days=3)), answer(account="999999999999")
    assert merged([old, other], [answer()]) == [answer(), other]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["111122223333", "999999999999"]), st.integers(0, 3)))
)
def test_merging_keeps_one_answer_of_each_question(keys: list[tuple[str, str, int]]) -> None:
    made = [answer(subject=subject, account=account, observed=str(value)) for subject, account, value in keys]
    found = merged([], made)
    assert len({item.key for item in found}) == len(found)
    assert {item.key: item for item in made} == {item.key: item for item in found}
    assert merged(found, found) == found


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"format": 1,\n "answers": [}', r"training\.json:2 is no valid JSON"),
        ("[" * 200_000, r"training\.json is nested too deeply"),
        ('{"format": 2, "answers": []}', r"training\.json: format is 2, expected input should be less than or equal"),
        ('{"format": 1}', r"training\.json: answers is .*, expected field required"),
        ("[]", r"training\.json is \[\], expected input should be"),
        ("\x00", r"training\.json:1 is no valid JSON"),
    ],
)
def test_fails_on_a_file_that_holds_no_answers(tmp_path: Path, text: str, where: str) -> None:
    path = tmp_path / "training.json"
    path.write_text(text)
    with pytest.raises(FleetError, match=where) as error:
        read_answers(path)
    assert "run `ultrafleet doctor training` again" in str(error.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("verdict", "perhaps"), ("account", "12"), ("asked", "soon"), ("probe", ""), ("stops_launch", False)],
)
def test_fails_on_an_answer_with_another_value(tmp_path: Path, key: str, value: object) -> None:
    path = tmp_path / "training.json"
    write_answers(path, [answer(subject="a"), answer(subject="b")])
    edited = json.loads(path.read_text())
    edited["answers"][1][key] = value
    path.write_text(json.dumps(edited))
    with pytest.raises(FleetError, match=rf"training\.json: answers\[1\]\.{key} is {value!r}, expected"):
        read_answers(path)


def test_fails_on_two_answers_to_one_question(tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    write_answers(path, [answer(), answer(verdict=Verdict.NO)])
    with pytest.raises(FleetError, match=r"answers\[1\] is a second answer of zone-opt-in about us-east-1-dfw-2a"):
        read_answers(path)


def test_fails_on_a_file_too_large_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    path.write_text(" " * 4_000_001)
    with pytest.raises(FleetError, match=r"has 4000001 bytes, expected at most 4000000"):
        read_answers(path)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"account": "999999999999"}, "account 999999999999 gave it, the environment's is 111122223333"),
        ({"region": "eu-west-1"}, "region eu-west-1 gave it, the environment's is us-east-1"),
        ({"asked": date(2026, 8, 1)}, "it is of 2026-08-01, more than 90 days before 2026-11-26"),
        ({"asked": date(2026, 12, 1)}, "it is of 2026-12-01, after 2026-11-26"),
        ({"subject": "us-west-2-lax-1a"}, "the environment no longer asks it"),
        ({"probe": "no-longer-a-probe"}, "the environment no longer asks it"),
        ({"expected": "not-opted-in"}, "it was asked for not-opted-in, the environment needs opted-in"),
    ],
)
def test_an_answer_to_something_else_is_ignored(changed: dict[str, Any], reason: str) -> None:
    found = answers_of(environment_of(content()), [answer(**changed)], probes=PROBES, today=TODAY)
    assert found.usable == ()
    (ignored,) = found.ignored
    assert ignored.reason == reason
    assert str(ignored).startswith("answer of ")


@given(st.integers(-1, 200))
def test_an_answer_lasts_its_days(days: int) -> None:
    asked = TODAY - timedelta(days=days)
    found = answers_of(environment_of(content()), [answer(asked=asked)], probes=PROBES, today=TODAY)
    assert bool(found.usable) is (days <= MAX_AGE_DAYS)


def test_a_yes_verifies_and_a_no_contradicts() -> None:
    environment = environment_of(content())
    agreed = answers_of(environment, [answer()], probes=PROBES, today=TODAY)
    assert [item.observed for item in agreed.verifying(FACT)] == ["us-east-1-dfw-2 is opted-in"]
    assert (agreed.contradicting(FACT), agreed.refusals) == ([], [])
    against = answers_of(environment, [answer(verdict=Verdict.NO)], probes=PROBES, today=TODAY)
    assert against.verifying(FACT) == []
    assert len(against.contradicting(FACT)) == len(against.refusals) == 1


@pytest.mark.parametrize("verdict", [Verdict.DENIED, Verdict.UNCLEAR])
def test_no_answer_settles_nothing(verdict: Verdict) -> None:
    found = answers_of(environment_of(content()), [answer(verdict=verdict)], probes=PROBES, today=TODAY)
    assert found.verifying(FACT) == found.contradicting(FACT) == found.refusals == []
    assert any(FACT in question.settles for question in found.unanswered)
