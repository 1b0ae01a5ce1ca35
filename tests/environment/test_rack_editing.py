"""Edits of racks in bulk: what is bought and extended lands in the line of its rack, and nothing else moves."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.environment import Environment, load_environment
from ultrafleet.environment.editing import add_block, add_pool, move_end, remove_block
from ultrafleet.environment.text_places import BlockEntry, EditError

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "environments" / "thirty-racks.yaml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
END = datetime(2026, 12, 29, 11, 30, tzinfo=UTC)
NEXT = BlockEntry(
    capacity_reservation_id="cr-0bbbbbbbbbbbbbbb1",
    availability_zone="us-east-1-dfw-2a",
    start=datetime(2026, 12, 15, 11, 30, tzinfo=UTC),
    end=END,
)


def loaded(text: str, folder: Path) -> Environment:
    path = folder / "thirty-racks.yaml"
    path.write_text(text, encoding="utf-8")
    return load_environment(path)


def changed_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line not in TEXT.splitlines()]


def test_an_extension_gives_one_rack_an_end_of_its_own(tmp_path: Path) -> None:
    text = move_end(TEXT, capacity_reservation_id="cr-0aaaaaaaaaaaaaa07", end=END)
    assert changed_lines(text) == [
        "rack-07: { capacity_reservation_id: cr-0aaaaaaaaaaaaaa07, end: 2026-12-29T11:30:00Z }"
    ]
    ends = {pool.name: pool.blocks[0].end for pool in loaded(text, tmp_path).pools}
    assert ends.pop("rack-07") == END
    assert set(ends.values()) == {datetime(2026, 12, 15, 11, 30, tzinfo=UTC)}


def test_a_second_extension_moves_the_same_end() -> None:
    once = move_end(TEXT, capacity_reservation_id="cr-0aaaaaaaaaaaaaa07", end=NEXT.start)
    assert move_end(once, capacity_reservation_id="cr-0aaaaaaaaaaaaaa07", end=END) == move_end(
        TEXT, capacity_reservation_id="cr-0aaaaaaaaaaaaaa07", end=END
    )


def test_a_second_block_makes_a_list(tmp_path: Path) -> None:
    text = add_block(TEXT, pool="rack-30", block=NEXT)
    assert changed_lines(text) == [f"rack-30: [cr-0aaaaaaaaaaaaaa30, {NEXT.flow()}]"]
    rack = next(pool for pool in loaded(text, tmp_path).pools if pool.name == "rack-30")
    assert [block.capacity_reservation_id for block in rack.blocks] == ["cr-0aaaaaaaaaaaaaa30", "cr-0bbbbbbbbbbbbbbb1"]
    third = BlockEntry(
        capacity_reservation_id="cr-0bbbbbbbbbbbbbbb2",
        availability_zone=NEXT.availability_zone,
        start=END,
        end=datetime(2027, 1, 5, 11, 30, tzinfo=UTC),
    )
    again = loaded(add_block(text, pool="rack-30", block=third), tmp_path)
    assert len(next(pool for pool in again.pools if pool.name == "rack-30").blocks) == 3


def test_a_new_rack_is_a_line_behind_the_last(tmp_path: Path) -> None:
    text = add_pool(TEXT, pool="rack-31", like="rack-07", block=NEXT)
    assert changed_lines(text) == [f"rack-31: {NEXT.flow()}"]
    assert [pool.name for pool in loaded(text, tmp_path).pools][-2:] == ["rack-30", "rack-31"]


@pytest.mark.parametrize("edited", [TEXT, TEXT.rstrip("\n"), TEXT.replace("\n", "\r\n"), f"\ufeff{TEXT}"])
def test_what_was_added_can_be_taken_back(edited: str) -> None:
    with_second = add_block(edited, pool="rack-30", block=NEXT)
    taken = remove_block(with_second, capacity_reservation_id=NEXT.capacity_reservation_id)
    assert taken.replace("[cr-0aaaaaaaaaaaaaa30]", "cr-0aaaaaaaaaaaaaa30") == edited
    with_rack = add_pool(edited, pool="rack-31", like="rack-30", block=NEXT)
    gone = remove_block(with_rack, capacity_reservation_id=NEXT.capacity_reservation_id, with_pool=True)
    assert gone.rstrip("\r\n") == edited.rstrip("\r\n")


@given(number=st.integers(1, 30))
def test_a_rack_that_goes_moves_no_other(number: int) -> None:
    text = remove_block(TEXT, capacity_reservation_id=f"cr-0aaaaaaaaaaaaaa{number:02d}")
    assert text == "".join(line for line in TEXT.splitlines(keepends=True) if f"rack-{number:02d}:" not in line)


def test_fails_racks_on_one_line() -> None:
    begin = TEXT.index("    racks:")
    text = f"{TEXT[:begin]}    racks: {{ rack-01: cr-0aaaaaaaaaaaaaa01 }}\n"
    with pytest.raises(EditError, match="written on one line"):
        add_pool(text, pool="rack-02", like="rack-01", block=NEXT)
    with pytest.raises(EditError, match="in a line that others depend on"):
        remove_block(text, capacity_reservation_id="cr-0aaaaaaaaaaaaaa01")
    assert "end: 2026-12-29" in move_end(text, capacity_reservation_id="cr-0aaaaaaaaaaaaaa01", end=END)
