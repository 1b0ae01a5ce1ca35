"""Review of a programme's pull request: told once where cells change alike, and never hiding the one that doesn't."""

import json
import os
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.command import run
from helpers.programme_assembly import (
    PER_STACK,
    Edit,
    Programme,
    Templates,
    add_rack,
    cell_templates,
    changed,
    named,
    template_of,
)
from ultrafleet.catalog.private_prices import PUBLIC
from ultrafleet.cli._programme_review import ProgrammeReviews, programme_reviews
from ultrafleet.cli.review import MOST_BYTES
from ultrafleet.review import Review, Revision, review_of
from ultrafleet.review.approval import ApprovalPolicy
from ultrafleet.review.markdown import fitted, whole
from ultrafleet.review.programme.cell_names import ranges
from ultrafleet.templates.revision_files import revision_files

DAY = date(2026, 12, 10)
CELLS, RACKS = 4, 3


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Programme.of(CELLS, RACKS).write(tmp_path_factory.mktemp("programme") / "base")


def programme() -> Programme:
    return Programme.of(CELLS, RACKS)


def reviewed(base: Path, head: Path, made: list[str] | None = None) -> ProgrammeReviews:
    def reviewer(before: Revision, after: Revision) -> Review:
        if made is not None:
            made.append(",".join([*before.stacks, *after.stacks]))
        return review_of(before, after, day=DAY)

    sides = [revision_files(str(side)) for side in (base, head)]
    assert sides[0] is not None
    assert sides[1] is not None
    found = programme_reviews([sides[0], sides[1]], day=DAY, parameters={}, commit=None, reviewer=reviewer)
    assert found is not None
    return found


def comment(found: ProgrammeReviews) -> str:
    return whole(found.sections(PUBLIC))


def levels(found: ProgrammeReviews) -> set[str]:
    return {f"{hazard.level}: {hazard.kind}" for hazard in found.hazards}


def test_a_rack_more_is_one_stack_of_one_cell(base: Path, tmp_path: Path) -> None:
    head = programme()
    head.cells[named(2)].append("gb200-2026-a-0900")
    made: list[str] = []
    found = reviewed(base, head.write(tmp_path / "head"), made)
    text = comment(found)
    assert f"| `{named(2)}` | 1 | 🟡 changed | 3 → 4 | 1 of 4 each | +1 `gb200-2026-a-0900` |" in text
    assert "| UltraServers | 12 | 13 | +1 |" in text
    assert "+761.90 |" in text
    assert "1 of 4 cells change" in text
    assert "3 cells stay byte for byte as before." in text
    assert levels(found) == set()
    # One cell is parsed, with all of its stacks: what its queues may give out is held against all of its racks.
    (stacks,) = made
    assert named(2) in stacks
    assert not any(named(cell) in stacks for cell in (1, 3, 4))
    assert f"racks-gb200-2026-a-{6 // PER_STACK:03}" in stacks


def test_a_new_cell_is_a_cell_and_not_its_resources(base: Path, tmp_path: Path) -> None:
    head = programme()
    head.cells[named(5)] = ["gb200-2027-a-0001", "gb200-2027-a-0002"]
    found = reviewed(base, head.write(tmp_path / "head"))
    text = comment(found)
    assert (
        f"| `{named(5)}` | 1 | 🟢 new | 0 → 2 | 3 | +2 `gb200-2027-a-0001 to 0002`; platform as of `{named(1)}` |"
        in text
    )
    assert "- 2 of AWS::EKS::Nodegroup" in text
    assert "| cells | 4 | 5 | +1 |" in text


def test_a_new_cell_of_another_shape_says_so(base: Path, tmp_path: Path) -> None:
    head = programme()
    head.cells[named(5)] = ["gb200-2027-a-0001"]

    def edit(cell: str, templates: Templates) -> None:
        if cell == named(5):
            templates["cluster"]["Resources"]["Fleet"]["Properties"]["ResourcesVpcConfig"]["EndpointPublicAccess"] = (
                True
            )

    text = comment(reviewed(base, head.write(tmp_path / "head", edit)))
    assert "⚠ platform as of no cell of the base" in text


def test_a_raised_limit_changes_no_cell(base: Path, tmp_path: Path) -> None:
    head = programme()
    head.limits = {"node_groups_per_cluster": {"value": 100, "default": 30, "reason": "ticket 1"}}
    head.requests = [
        {"account": "111122223333", "region": "us-east-1", "quota": "Managed node groups", "now": 30, "needed": 100}
    ]
    text = comment(reviewed(base, head.write(tmp_path / "head")))
    assert "0 of 4 cells change" in text
    assert "| `node_groups_per_cluster` | 30 → 100 | ticket 1 | no cell that exists |" in text
    assert "111122223333/us-east-1: Managed node groups 30 → 100" in text


def upgrade(_: str, templates: Templates) -> None:
    templates["cluster"]["Resources"]["Fleet"]["Properties"]["Version"] = "1.35"


def roll(_: str, templates: Templates) -> None:
    for part, content in templates.items():
        for resource in content["Resources"].values() if "racks" in part else ():
            if resource["Type"] == "AWS::EC2::LaunchTemplate":
                resource["Properties"]["LaunchTemplateData"]["ImageId"] = "ami-0123456789abcdef0"


def test_one_change_of_seventy_cells_is_told_once(tmp_path: Path) -> None:
    many = Programme.of(70, 2)
    made: list[str] = []
    found = reviewed(many.write(tmp_path / "base"), many.write(tmp_path / "head", upgrade, roll), made)
    text = comment(found)
    assert len(made) == 1
    assert f"**pool-rolled** in **70 cells** (`{named(1)} to t070`), as in `{named(1)}`" in text
    assert f"| `{named(1)} to t070` | 70 | 🟡 changed | 140 | 2 of 3 each |" in text
    assert {"blocking: pool-rolled", "notice: cluster-version"} <= levels(found)
    assert len(text.encode()) < 6_000


def test_a_comment_of_as_many_different_changes_fits(tmp_path: Path) -> None:
    many = Programme.of(70, 2)

    def edit(cell: str, templates: Templates) -> None:
        roll(cell, templates)
        templates["cluster"]["Resources"]["Fleet"]["Properties"]["Tags"] = {"owner": f"someone of {cell[-2:]} " * 40}

    found = reviewed(many.write(tmp_path / "base"), many.write(tmp_path / "head", edit))
    (review,) = found.reviews
    assert len(review.groups) == 70
    text = fitted(found.sections(PUBLIC), MOST_BYTES, elsewhere="see the file")
    assert len(text.encode()) <= MOST_BYTES
    assert "🔴 **140 blocking**" in text


def test_what_is_removed_is_loud(base: Path, tmp_path: Path) -> None:
    head = programme()
    del head.cells[named(1)]
    head.cells[named(2)] = head.cells[named(2)][1:]
    found = reviewed(base, head.write(tmp_path / "head"))
    text = comment(found)
    assert "🔴 **1 cell removed**" in text
    assert "| `dallas-gb200x72-t001` | 1 | 🔴 removed | 3 → 0 | 3 |" in text
    assert "🔴 -1 `gb200-2026-a-0006`" in text
    assert {"blocking: pool-removed", "notice: stack-left"} <= levels(found)
    assert text.index("pool-removed") < text.index("### Programme")


def trusted(account: str) -> Edit:
    """The same change in every cell, but for one that lets another account in."""

    def edit(cell: str, templates: Templates) -> None:
        upgrade(cell, templates)
        (statement,) = templates["cluster"]["Resources"]["Role"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        other = account if cell == named(3) else "111122223333"
        statement["Principal"] = {"AWS": f"arn:aws:iam::{other}:root"}

    return edit


def retagged(cell: str, templates: Templates) -> None:
    """The same change, but for one cell in which a rack goes into the reservation of another."""
    roll(cell, templates)
    if cell == named(3):
        for part in [part for part in templates if "racks" in part]:
            text = json.dumps(templates[part]["Resources"])
            templates[part]["Resources"] = json.loads(text.replace("cr-00", "cr-11"))


def shortened(cell: str, templates: Templates) -> None:
    """The same change, but for one cell whose blocks are stated as over, so that nothing seems to run there."""
    roll(cell, templates)
    if cell == named(3):
        for part in [part for part in templates if "racks" in part]:
            for item in templates[part]["Metadata"].values():
                item["blocks"][0]["end"] = "2026-12-02T11:30:00Z"


@pytest.mark.parametrize(
    "edit", [trusted("999988887777"), retagged, shortened], ids=["trusted", "retagged", "shortened"]
)
def test_the_one_that_differs_is_told_apart(edit: Edit, base: Path, tmp_path: Path) -> None:
    (review,) = reviewed(base, programme().write(tmp_path / "head", edit)).reviews
    assert sorted(group.names for group in review.groups) == [(named(1), named(2), named(4)), (named(3),)]


def test_names_of_its_own_make_no_difference(base: Path, tmp_path: Path) -> None:
    (review,) = reviewed(base, programme().write(tmp_path / "head", trusted("111122223333"))).reviews
    assert [len(group.cells) for group in review.groups] == [CELLS]


def test_a_rack_that_the_plan_hides_is_noted(base: Path, tmp_path: Path) -> None:
    head = programme()

    def hidden(cell: str, templates: Templates) -> None:
        if cell == named(2):
            add_rack(templates["racks-gb200-2026-a-000"], cell, "gb200-2026-a-0049")

    text = comment(reviewed(base, head.write(tmp_path / "head", hidden)))
    assert f"cell {named(2)}: the plan has 0 UltraServers more and 0 fewer, its templates 1 more and 0 fewer" in text


PLANS: dict[str, str] = {
    "no JSON": "{",
    "a list": "[]",
    "no cells": "{}",
    "nested": "[" * 100_000,
    "a number for cells": '{"cells": 3}',
    "a cell twice": json.dumps({"cells": [{"name": "a", "type": "t", "workload": "w", "racks": []}] * 2}),
    "a long name": json.dumps({"cells": [{"name": "a" * 300, "type": "t", "workload": "w", "racks": []}]}),
    "racks without end": json.dumps(
        {"cells": [{"name": "a", "type": "t", "workload": "w", "racks": [{"tranche": "t", "first": 1, "last": 10**9}]}]}
    ),
    "infinite": '{"cells": [{"name": "a", "type": "t", "workload": "w", "racks": [{"first": 1, "last": 1e999}]}]}',
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_fails_on_a_plan_that_is_none(plan: str, base: Path, tmp_path: Path) -> None:
    head = programme().write(tmp_path / "head")
    (head / "programme.json").write_text(plan)
    found = reviewed(base, head)
    assert found.unread
    assert "Not reviewed: the plan of the head" in comment(found)


def test_fails_without_the_heads_plan(base: Path, tmp_path: Path) -> None:
    head = programme().write(tmp_path / "head")
    (head / "programme.json").unlink()
    assert reviewed(base, head).unread == [
        "the plan of the head: programme.json isn't beside its cells: synthesise again"
    ]


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _link(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


SPOILT: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "a pipe": _pipe,
    "a link to nothing": _link,
    "no JSON": lambda file: file.write_text("{"),
    "a key twice": lambda file: file.write_text('{"Resources": {"A": {"Type": "a::b"}, "A": {"Type": "a::c"}}}'),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_template_that_cannot_be_read_is_told(spoil: Callable[[Path], object], base: Path, tmp_path: Path) -> None:
    head = programme().write(tmp_path / "head")
    spoil(template_of(head, named(3), "cluster"))
    found = reviewed(base, head)
    (review,) = found.reviews
    assert [group.names for group in review.groups] == [(named(3),)]
    assert any("cluster" in line for line in found.unread)


def test_a_stack_outside_of_every_cell_is_reviewed(base: Path, tmp_path: Path) -> None:
    head = programme().write(tmp_path / "head")
    opened: dict[str, Any] = cell_templates("x", [])["network"]
    opened["Resources"]["In"]["Properties"] |= {"CidrIp": "0.0.0.0/0", "SourceSecurityGroupId": None}
    (head / "environments").mkdir()
    (head / "environments" / "a.json").write_text(json.dumps(opened))
    manifest = json.loads((head / "manifest.json").read_text())
    manifest["artifacts"]["a"] = {
        "type": "aws:cloudformation:stack",
        "properties": {"templateFile": "environments/a.json", "stackName": "a"},
    }
    (head / "manifest.json").write_text(json.dumps(manifest))
    (review,) = reviewed(base, head).reviews
    assert review.rest is not None
    assert list(review.rest.compared.head.stacks) == ["a"]
    assert review.groups == ()


def test_names_are_no_markdown(base: Path, tmp_path: Path) -> None:
    head = programme()
    head.limits = {"`x` | @all <img src=x>": {"value": "1 | 2", "reason": "[a](javascript:1)\n# big\n@org/team"}}
    head.cells["a`|@all <b>"] = ["`gb200`|<i>-0001"]
    text = comment(reviewed(base, head.write(tmp_path / "head")))
    outside = re.sub(r"`[^`\n]*`", "", text)  # names of cells and limits are code
    assert "<img" not in outside
    assert "<b>" not in outside
    assert "<i>" not in outside
    assert "@all" not in outside
    assert "\n# big" not in text
    assert "@org" not in text


def test_approval_is_a_persons_where_cells_come_go_or_change_together(base: Path, tmp_path: Path) -> None:
    policy = ApprovalPolicy()
    every = reviewed(base, programme().write(tmp_path / "every", upgrade))
    assert every.against(policy) == [f"4 cells change alike, such as {named(1)}"]
    head = programme()
    head.cells[named(5)] = ["gb200-2027-a-0001"]
    assert reviewed(base, head.write(tmp_path / "new")).against(policy) == [f"1 cells are new, such as {named(5)}"]
    assert reviewed(base, changed(programme()).write(tmp_path / "same")).against(policy) == []


def test_the_command_reviews_it_among_other_templates(base: Path, tmp_path: Path) -> None:
    sides = [tmp_path / "one", tmp_path / "two"]
    head = programme()
    head.cells[named(2)].append("gb200-2026-a-0900")
    for side, one in zip(sides, (programme(), head), strict=True):
        one.write(side / "programmes" / "half-a-million")
        (side / "other.template.json").write_text(json.dumps(cell_templates("other", [])["network"]))
    done = run("review", str(sides[0]), str(sides[1]), "--as-of", "2026-12-10", "--out", str(tmp_path / "review.md"))
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "review.md").read_text()
    assert "## Programme review" in text
    assert "## Fleet review" in text
    as_json = json.loads(run("review", str(base), str(base), "--json", "--as-of", "2026-12-10").stdout)
    assert as_json["programmes"][0]["changes"] == []
    broken = tmp_path / "two" / "programmes" / "half-a-million" / "programme.json"
    broken.write_text("{")
    assert run("review", str(sides[0]), str(sides[1]), "--as-of", "2026-12-10").returncode == 2


class TestRanges:
    def test_names_that_follow_each_other_are_one(self) -> None:
        assert ranges(["a-t001", "a-t002", "a-t003", "a-t005", "b"]) == ["a-t001 to t003", "a-t005", "b"]

    @given(st.lists(st.text(alphabet="ab-12", min_size=1, max_size=6), unique=True))
    def test_no_name_is_lost(self, names: list[str]) -> None:
        found = ranges(names)
        assert len(found) <= len(names)
        assert all(any(name == item or name in item or " to " in item for item in found) for name in names)
        assert sorted(item for item in found if " to " not in item) == sorted(name for name in names if name in found)
