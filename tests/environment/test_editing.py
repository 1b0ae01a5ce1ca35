"""Edits of an environment file's text: only the entry changes, however the file is written."""

import difflib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from ultrafleet.environment.editing import add_block, add_pool, move_end, remove_block
from ultrafleet.environment.file_replacement import ChangedFileError, digest_of, read_exactly, replace_text
from ultrafleet.environment.text_places import BlockEntry, EditError, PaymentEntry
from ultrafleet.errors import FleetError

ROOT = Path(__file__).parents[2]
TRAINING = (ROOT / "stacks" / "environments" / "training.yaml").read_text()
START = datetime(2027, 1, 12, 11, 30, tzinfo=UTC)


def entry(number: int = 9, start: datetime = START, *, count: int | None = None) -> BlockEntry:
    return BlockEntry(
        capacity_reservation_id=f"cr-0ccccccccccccccc{number}",
        availability_zone="us-east-1-dfw-2a",
        start=start,
        end=start + timedelta(days=28),
        instance_count=count,
    )


def changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines that went, and lines that came."""
    lines = list(difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True)))
    return [line[2:] for line in lines if line.startswith("- ")], [line[2:] for line in lines if line.startswith("+ ")]


def test_a_block_is_added_behind_the_last_and_nothing_else_changes() -> None:
    gone, came = changed(TRAINING, add_block(TRAINING, pool="rack-a", block=entry()))
    assert gone == []
    assert came == [
        "      - capacity_reservation_id: cr-0ccccccccccccccc9\n",
        "        availability_zone: us-east-1-dfw-2a\n",
        "        start: 2027-01-12T11:30:00Z\n",
        "        end: 2027-02-09T11:30:00Z\n",
    ]


@pytest.mark.parametrize("days", [-400, 0, 5, 400])
def test_blocks_stay_in_the_order_of_their_starts(days: int) -> None:
    edited = add_block(TRAINING, pool="rack-a", block=entry(start=START - timedelta(days=60 - days)))
    starts = [block["start"] for block in yaml.safe_load(edited)["pools"][0]["blocks"]]
    assert starts == sorted(starts)
    assert len(starts) == 3


WRITTEN = {
    "flow entries": "pools: # all\n  - name: rack\n    blocks:\n    - {@1, $}  # 1\n    # end\n    kind: x\n",
    "flow list": "pools:\n- name: 'rack'\n  blocks: [{@1, $}] # 1\n  kind: x\n",
    "flow pool": 'pools: [{name: "rack", blocks: [{@1, $}]}]\n',
    "one flow pool": "pools:\n  - { name: rack, kind: x }\n",
    "no list": "pools:\n  - name: rack\n    kind: x # of pool\n\n# the end",
    "empty list": "pools:\n  - name: rack\n    blocks: [] # none yet\n    kind: x",
    "no line end": "pools:\n  -   name: rack\n      blocks:\n      -   $\n          @1",
    "comments between": "pools:\n- name: rack\n  blocks:\n  # 1\n  - @1 # a\n    $ # b\n\n  # next\n"
    "  - @2\n    start: 2028-01-01T11:30:00Z\n",
    "text behind": "pools:\n- name: rack\n  blocks:\n  - $\n    @1\n    note: |\n"
    "      long\n      text\n- name: other\n",
}
STYLES = {
    name: text.replace("@", "capacity_reservation_id: cr-").replace("$", "start: 2026-01-01T11:30:00Z")
    for name, text in WRITTEN.items()
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("bom", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize("style", STYLES)
def test_every_style_keeps_its_bytes(style: str, bom: str, line_end: str) -> None:
    text = bom + STYLES[style].replace("\n", line_end)
    edited = add_block(text, pool="rack", block=entry(count=4))
    assert edited.startswith(bom)
    assert line_end == "\r\n" or "\r" not in edited
    assert line_end == "\n" or "\n" not in edited.replace("\r\n", "")
    pieces = difflib.SequenceMatcher(None, text, edited, autojunk=False).get_opcodes()
    removed = "".join(text[i1:i2] for kind, i1, i2, _, _ in pieces if kind in {"delete", "replace"})
    assert removed == "", "something of the file is gone"
    blocks = yaml.safe_load(edited.removeprefix("\ufeff"))["pools"][0]["blocks"]
    assert entry(count=4).values() in blocks


def test_fails_where_the_blocks_are_an_alias_and_says_what_to_write() -> None:
    text = "pools:\n- name: a\n  blocks: &all\n  - start: 2026-01-01T11:30:00Z\n- name: rack\n  blocks: *all\n"
    with pytest.raises(EditError, match=r"alias.* add to the blocks of pool rack: \{ capacity_reservation_id: cr-0ccc"):
        add_block(text, pool="rack", block=entry())
    with pytest.raises(EditError, match="can't be edited"):  # the alias would have the block, too
        add_block(text, pool="a", block=entry())


def test_fails_on_an_unknown_pool() -> None:
    with pytest.raises(EditError, match="pool rack-9 is not in the file"):
        add_block(TRAINING, pool="rack-9", block=entry())


def test_a_pool_is_added_like_another() -> None:
    edited = add_pool(TRAINING, pool="rack-07", like="rack-b", block=entry())
    gone, came = changed(TRAINING, edited)
    assert gone == []
    assert came == [
        "  - name: rack-07\n",
        "    kind: ultraserver\n",
        "    workload: training\n",
        "    ultraserver_type: u-p6e-gb200x72\n",
        "    subnet: dallas\n",
        "    blocks:\n",
        "      - capacity_reservation_id: cr-0ccccccccccccccc9\n",
        "        availability_zone: us-east-1-dfw-2a\n",
        "        start: 2027-01-12T11:30:00Z\n",
        "        end: 2027-02-09T11:30:00Z\n",
    ]


def test_an_end_moves() -> None:
    edited = move_end(TRAINING, capacity_reservation_id="cr-0aaaaaaaaaaaaaaa2", end=START + timedelta(days=14))
    gone, came = changed(TRAINING, edited)
    assert (gone, came) == (["        end: 2027-01-12T11:30:00Z\n"], ["        end: 2027-01-26T11:30:00Z\n"])


PAID = PaymentEntry(day=date(2026, 12, 20), usd=Decimal("255999.7440"))


@pytest.mark.parametrize(
    "written", ["[{ date: 2026-11-02, usd: 5 }] # paid", "\n        - { date: 2026-11-02, usd: 5 }"]
)
def test_a_payment_is_added_to_others_and_taken_back(written: str) -> None:
    line = "        end: 2027-01-12T11:30:00Z\n"
    text = TRAINING.replace(line, f"{line}        payments: {written}\n")
    block, end = "cr-0aaaaaaaaaaaaaaa2", START + timedelta(days=14)
    edited = move_end(text, capacity_reservation_id=block, end=end, paid=PAID)
    payments = yaml.safe_load(edited)["pools"][0]["blocks"][1]["payments"]
    assert payments == [{"date": date(2026, 11, 2), "usd": 5}, {"date": date(2026, 12, 20), "usd": 255999.744}]
    assert move_end(edited, capacity_reservation_id=block, end=START, taken_back=PAID) == text
    assert "payments" not in move_end(TRAINING, capacity_reservation_id=block, end=end, paid=PAID)


def test_a_bought_block_has_its_payment() -> None:
    edited = add_block(TRAINING, pool="rack-a", block=replace(entry(), payment=PAID))
    assert "        payments: [{ date: 2026-12-20, usd: 255999.744 }]\n" in edited


@pytest.mark.parametrize("style", STYLES)
def test_what_is_added_can_be_removed(style: str) -> None:
    text = STYLES[style]
    added = add_block(text, pool="rack", block=entry())
    removed = remove_block(added, capacity_reservation_id=entry().capacity_reservation_id)
    before, after = yaml.safe_load(text), yaml.safe_load(removed)
    before["pools"][0].setdefault("blocks", [])
    assert before == after


def test_the_only_block_goes_with_its_pool() -> None:
    added = add_pool(TRAINING, pool="rack-07", like="rack-b", block=entry())
    assert remove_block(added, capacity_reservation_id="cr-0ccccccccccccccc9", with_pool=True) == TRAINING


def test_a_file_is_replaced_whole_with_its_mode_through_its_link(tmp_path: Path) -> None:
    file, link = tmp_path / "real.yaml", tmp_path / "training.yaml"
    file.write_bytes(b"a: 1\r\n")
    file.chmod(0o640)
    link.symlink_to(file)
    replace_text(link, "a: 2\r\n", was=digest_of(read_exactly(link)))
    assert file.read_bytes() == b"a: 2\r\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["real.yaml", "training.yaml"]


def test_fails_where_the_file_changed_meanwhile(tmp_path: Path) -> None:
    file = tmp_path / "training.yaml"
    file.write_text("a: 1\n")
    was = digest_of(read_exactly(file))
    file.write_text("a: 3\n")
    with pytest.raises(ChangedFileError, match="changed meanwhile"):
        replace_text(file, "a: 2\n", was=was)
    assert file.read_text() == "a: 3\n"
    assert len(list(tmp_path.iterdir())) == 1


def test_fails_where_the_disk_is_full_and_the_old_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "training.yaml"
    with pytest.raises(FleetError, match="can't be written"):
        replace_text(file, "a: 2\n", was="")
