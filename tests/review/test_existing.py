"""Existing things in a review: what templates say that they use, and what a change adds or takes away."""

import json
from datetime import date
from typing import Any

from ultrafleet.policy import parse_template
from ultrafleet.review import Revision, review_of
from ultrafleet.review.as_json import as_json
from ultrafleet.review.existing_section import existing
from ultrafleet.templates.existing import EXISTING


def revision(label: str, *things: dict[str, str]) -> Revision:
    """One stack for each, with a resource of its own."""
    stacks = {}
    for index, used in enumerate(things):
        content: dict[str, Any] = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
        if used:
            content["Metadata"] = {EXISTING: used}
        name = f"ml-{index}"
        stacks[name] = parse_template(json.dumps(content), name=name)
    return Revision(label=label, stacks=stacks)


USED = {"EKS cluster": "research", "VPC": "vpc-1"}


def test_things_are_listed_with_their_stacks() -> None:
    review = review_of(revision("a"), revision("b", USED, {"VPC": "vpc-1"}), day=date(2026, 12, 1))
    (section,) = existing(review)
    text = "\n".join(section.lines)
    assert not section.folded
    assert "| EKS cluster | `research` | `ml-0` | 🟢 newly used |" in text
    assert "| VPC | `vpc-1` | 2 stacks | 🟢 newly used |" in text
    assert as_json(review)["existing"] == [
        {"kind": "EKS cluster", "id": "research", "stacks": ["ml-0"]},
        {"kind": "VPC", "id": "vpc-1", "stacks": ["ml-0", "ml-1"]},
    ]


def test_what_stays_is_folded_and_what_goes_is_said() -> None:
    (same,) = existing(review_of(revision("a", USED), revision("b", USED), day=date(2026, 12, 1)))
    assert same.folded
    (less,) = existing(review_of(revision("a", USED), revision("b", {"VPC": "vpc-1"}), day=date(2026, 12, 1)))
    assert "| EKS cluster | `research` | `ml-0` | ⚪ no longer used |" in "\n".join(less.lines)


def test_a_change_without_existing_things_has_no_section() -> None:
    assert list(existing(review_of(revision("a", {}), revision("b", {}), day=date(2026, 12, 1)))) == []
