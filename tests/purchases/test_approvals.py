"""Approval of a second person, by the commands that buy: what is refused, and that nothing is paid then."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

from helpers.purchase_world import APPROVER, BUYER, World, make_repository, world
from ultrafleet.purchases import State

PLAIN: dict[str, Any] = {
    "environment": "training",
    "pools": ["rack-a"],
    "type": "u-p6e-gb200x72",
    "count": 1,
    "not_before": "2027-01-12T11:30:00Z",
    "not_after": "2027-02-09T11:30:00Z",
    "max_price_usd": 520000,
    "approver": APPROVER,
    "expires": "2027-01-13T00:00:00Z",
}
FOR_EXTENSION = PLAIN | {
    "pools": ["rack-b"],
    "not_before": "2027-01-26T11:30:00Z",
    "extends": "cr-0bbbbbbbbbbbbbbb1",
    "max_price_usd": 260000,
}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path / "repository", monkeypatch) as made:
        yield made


def approve(desk: World, content: dict[str, Any] | str, *, author: str | None = APPROVER) -> Path:
    """File of an approval, committed by its author; by nobody where it is None."""
    path = desk.folder / "approvals" / "first.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    if author is not None:
        commit(desk, path, author)
    return path


def commit(desk: World, path: Path, author: str) -> None:
    names = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Somebody"), ("EMAIL", author))
    }
    for arguments in (["add", "--", str(path)], ["commit", "--quiet", "--message", "An approval"]):
        subprocess.run(["git", "-C", str(desk.folder), *arguments], check=True, env={**os.environ, **names})  # noqa: S607 - the path's


def buy(desk: World, approval: Path | None, *more: str, offer: str | None = None) -> Result:
    wanted = ["--env", "training", "--pool", "rack-a", "--max-price-usd", "520000", "--days", "28", "--yes"]
    given = [] if approval is None else ["--approval", str(approval)]
    return desk.run("buy", offer or desk.offer(), *wanted, *given, *more)


def extend(desk: World, approval: Path | None, *more: str) -> Result:
    wanted = ["training/rack-b", "--days", "14", "--max-price-usd", "260000", "--yes"]
    return desk.run("extend", *wanted, *([] if approval is None else ["--approval", str(approval)]), *more)


def refused(desk: World, result: Result, words: str, *, code: int = 4) -> None:
    """Refused with a message, and neither paid, journalled nor written."""
    assert words in " ".join(f"{result.output} {result.exception}".split()), result.output
    assert result.exit_code == code or (code == 2 and result.exit_code == 1)  # main() makes the 2 of it
    assert desk.blocks() == []
    assert desk.purchases() == []
    assert desk.call("ec2", "describe_capacity_block_extension_history")["CapacityBlockExtensions"] == []


def test_a_purchase_above_the_sum_is_made_with_an_approval_and_its_names_are_in_the_journal(desk: World) -> None:
    approval = approve(desk, PLAIN)
    result = buy(desk, approval)
    assert result.exit_code == 0, result.output
    (purchase,) = desk.purchases()
    assert (purchase.state, purchase.intent.approver, purchase.intent.buyer) == (State.WRITTEN, APPROVER, BUYER)
    assert len(desk.blocks()) == 1


def test_an_extension_above_the_sum_is_made_with_an_approval(desk: World) -> None:
    result = extend(desk, approve(desk, FOR_EXTENSION))
    assert result.exit_code == 0, result.output
    assert [item.intent.approver for item in desk.purchases()] == [APPROVER]


def test_fails_without_an_approval(desk: World) -> None:
    words = "missing for 511,999.4880 USD, expected one for what costs more than 100,000 USD"
    refused(desk, buy(desk, None), words)
    refused(desk, extend(desk, None), "the approval is missing for 255,999.7440 USD")


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"environment": "inference"}, "environment is inference, expected training"),
    ({"pools": ["rack-b"]}, "pools is rack-b, expected rack-a"),
    ({"type": "u-p6e-gb200x36"}, "type is u-p6e-gb200x36, expected u-p6e-gb200x72"),
    ({"count": 2}, "count is 2, expected 1"),
    ({"not_before": "2027-01-13T11:30:00Z"}, "expected 2027-01-12T11:30:00+00:00 or before"),
    ({"not_after": "2027-02-02T11:30:00Z"}, "expected 2027-02-09T11:30:00+00:00 or later"),
    ({"max_price_usd": 512000}, "max_price_usd is 512,000, expected at least --max-price-usd, 520,000"),
    ({"extends": "cr-0bbbbbbbbbbbbbbb1"}, "extends is cr-0bbbbbbbbbbbbbbb1, expected none"),
    ({"expires": "2027-01-11T09:00:00Z"}, "expected a moment after 2027-01-11T09:00:00+00:00"),
    ({"approver": "third@example.com"}, f"is {APPROVER}, expected third@example.com, its approver"),
]


def test_fails_where_something_else_was_approved(desk: World) -> None:
    for change, words in OTHERS:
        refused(desk, buy(desk, approve(desk, PLAIN | change)), words)


def test_fails_where_the_approval_is_for_the_block_and_not_for_its_extension(desk: World) -> None:
    refused(
        desk,
        extend(desk, approve(desk, FOR_EXTENSION | {"extends": None})),
        "extends is not stated, expected cr-0bbbbbbbbbbbbbbb1",
    )


def test_fails_where_the_buyer_approves(desk: World) -> None:
    own = approve(desk, PLAIN | {"approver": BUYER}, author=BUYER)
    refused(desk, buy(desk, own), f"{BUYER}, who buys, expected a second person's commit")


def test_fails_where_the_approval_isnt_committed_as_it_is(desk: World) -> None:
    refused(desk, buy(desk, approve(desk, PLAIN, author=None)), "is not committed as it is, expected a commit of the")
    path = approve(desk, PLAIN | {"max_price_usd": 1000})
    path.write_text(yaml.safe_dump(PLAIN))
    refused(desk, buy(desk, path), "is not committed as it is")


def test_fails_where_git_was_told_not_to_look_at_the_file(desk: World) -> None:
    path = approve(desk, PLAIN | {"max_price_usd": 1000})
    arguments = ["update-index", "--assume-unchanged", "--", str(path)]
    subprocess.run(["git", "-C", str(desk.folder), *arguments], check=True)  # noqa: S607 - the path's
    path.write_text(yaml.safe_dump(PLAIN))
    refused(desk, buy(desk, path), "is not committed as it is")


def test_fails_where_the_approval_is_of_no_repository(desk: World, tmp_path: Path) -> None:
    path = tmp_path / "approval.yaml"
    path.write_text(yaml.safe_dump(PLAIN))
    refused(desk, buy(desk, path), "is not committed as it is, expected a commit of the approver")


def test_fails_where_the_approval_is_of_another_repository(desk: World, tmp_path: Path) -> None:
    other = World(tmp_path / "other", tmp_path / "other" / "environments", desk.call)
    make_repository(other.folder, "")
    refused(desk, buy(desk, approve(other, PLAIN)), "is in another repository, expected a file of that of")


def test_fails_where_an_approval_was_used(desk: World) -> None:
    approval = approve(desk, PLAIN | {"pools": ["rack-a"], "not_after": "2027-03-09T11:30:00Z"})
    assert buy(desk, approval).exit_code == 0
    (purchase,) = desk.purchases()
    other = next(
        item["CapacityBlockOfferingId"] for item in desk.offers() if item["StartDate"].isoformat() > "2027-01-13"
    )
    result = buy(desk, approval, "--max-overlap-hours", "900", offer=other)
    assert result.exit_code == 4
    assert f"used by purchase {purchase.id}, expected a new one" in " ".join(result.output.split())
    assert len(desk.blocks()) == len(desk.purchases()) == 1


NO_APPROVALS = [
    ("environment: [training", "is no approval ("),
    ("- a list\n", "is no approval ("),
    ("", "is no approval ("),
    (yaml.safe_dump(PLAIN | {"amount": 1}), "amount"),
    (yaml.safe_dump({key: value for key, value in PLAIN.items() if key != "expires"}), "expires"),
    (yaml.safe_dump(PLAIN | {"expires": "2027-01-13T00:00:00"}), "expires"),
    (yaml.safe_dump(PLAIN | {"max_price_usd": "much"}), "max_price_usd"),
    (yaml.safe_dump(PLAIN) + "max_price_usd: 1\n", "max_price_usd"),
]


def test_fails_where_the_file_is_no_approval(desk: World) -> None:
    for text, words in NO_APPROVALS:
        path = approve(desk, text)
        result = buy(desk, path)
        refused(desk, result, words, code=2)
        refused(desk, result, f"{path} is no approval", code=2)


def test_fails_without_the_file(desk: World) -> None:
    refused(desk, buy(desk, desk.folder / "approvals" / "none.yaml"), "none.yaml", code=2)
