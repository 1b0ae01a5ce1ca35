"""Findings mended in a template's text: those with one right answer, and nothing else."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fix.test_edits import Writer
from helpers.policy_faults import FAULTS as LAUNCH_FAULTS
from helpers.policy_faults import edited
from helpers.policy_group_faults import GROUP_FAULTS
from helpers.policy_reach_faults import REACH_FAULTS
from ultrafleet.fix import FIXES, Mended, mended_text
from ultrafleet.policy import RULES, Finding, Template, check_templates, parse_template

FAULTS = LAUNCH_FAULTS | GROUP_FAULTS | REACH_FAULTS
RACK = (Path(__file__).parent.parent / "data" / "policy" / "rack.yaml").read_text()


def judge(text: str) -> tuple[Template, Sequence[Finding]]:
    template = parse_template(text, name="rack.yaml")
    return template, check_templates([template])


def mended(text: str) -> Mended:
    return mended_text(text, judge)


MENDED = {
    "device 1 on the odd cards of a P6e, which take one interface",
    "two EFA interfaces on one card of a P6e",
    "a placement group beside a block",
    "HttpTokens optional",
}


def test_every_fix_is_of_a_rule() -> None:
    assert set(FIXES) <= {rule.id for rule in RULES}


def test_every_fix_mends_a_planted_fault_of_its_rule() -> None:
    known = {rule: False for rule in FIXES}
    for edit, rule, _ in FAULTS.values():
        if rule not in known or known[rule]:
            continue
        text = json.dumps(edited(edit).content, indent=2)
        made = mended(text)
        known[rule] = any(item.rule == rule for item in made.mended)
        if known[rule]:
            assert mended(made.text).text == made.text
    assert [rule for rule, is_mended in known.items() if not is_mended] == []
