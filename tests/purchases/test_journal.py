"""The journal: what is on the disk, torn lines, damaged ones, full disks, two processes."""

import os
import resource
import signal
import time
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest

from helpers.tracing import fork, wait
from ultrafleet.purchases.journal import Journal, JournalError
from ultrafleet.purchases.outcome import RefusedError
from ultrafleet.purchases.records import Intent, State, line_of, new_intent_id, record_of

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


def intent(name: str = "") -> Intent:
    return Intent(
        intent=name or new_intent_id(NOW),
        at=NOW,
        environment="training",
        account="111122223333",
        region="us-east-1",
        pools=("rack",),
        offering="cb-1",
        sold="u-p6e-gb200x72",
        usd=Decimal("511999.4880"),
        max_usd=Decimal(520_000),
        buyer="buyer@example.com",
    )


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "purchases.jsonl")


def test_a_record_is_read_as_it_was_written(journal: Journal) -> None:
    first = intent()
    with journal.locked() as book:
        purchase = book.begin(first)
        book.add(purchase.next(State.FAILED, NOW, note="no\nline end: ümlaut"))
    (found,) = journal.read().values()
    assert (found.intent, found.state, found.outcomes[0].note) == (first, State.FAILED, "no\nline end: ümlaut")
    assert record_of(line_of(first).rstrip(b"\n")) == first


def test_a_torn_last_line_is_moved_aside_at_every_length(journal: Journal) -> None:
    whole, torn = line_of(intent("a")), line_of(intent("b"))
    for length in range(1, len(torn) - 1):
        journal.path.write_bytes(whole + torn[:length])
        assert list(journal.read()) == ["a"]
        with journal.locked() as book:
            assert book.repaired == torn[:length]
            assert list(book.purchases) == ["a"]
        assert journal.path.read_bytes() == whole
    assert torn[: len(torn) - 2] in journal.path.with_name("purchases.jsonl.torn").read_bytes()


def test_a_last_line_without_its_end_is_whole(journal: Journal) -> None:
    journal.path.write_bytes(line_of(intent("a"))[:-1])
    assert list(journal.read()) == ["a"]
    with journal.locked() as book:
        book.begin(intent("b"))
    assert journal.path.read_bytes() == line_of(intent("a")) + line_of(intent("b"))


def test_fails_on_a_damaged_line_and_a_missing_record(journal: Journal) -> None:
    line = line_of(intent("a"))
    journal.path.write_bytes(line.replace(b"511999", b"511998") + line_of(intent("b")))
    with pytest.raises(JournalError, match="damaged in line 1"):
        journal.read()
    journal.path.write_bytes(b"<<<<<<< HEAD\n" + line)
    with pytest.raises(JournalError, match="damaged in line 1"), journal.locked():
        pass
    journal.path.write_bytes(b"")
    with journal.locked() as book:
        purchase = book.begin(intent("a"))
        book.add(purchase.next(State.BOUGHT, NOW))
        book.add(purchase.next(State.WRITTEN, NOW))
    first, _, third = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(first + third)
    with pytest.raises(JournalError, match="without a record of intent a"):
        journal.read()


def test_two_journals_that_git_merged_are_one(journal: Journal) -> None:
    one, other = line_of(intent("a")), line_of(intent("b"))
    with journal.locked() as book:
        later = line_of(book.begin(intent("a")).next(State.BOUGHT, NOW))
    journal.path.write_bytes(later + other + one + one)
    assert {name: item.state for name, item in journal.read().items()} == {"a": State.BOUGHT, "b": State.CALLING}


def limited(journal: Journal, size: int) -> int:
    """Begins an intent where no file may be larger; 4 where it is refused."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    with journal.locked() as book:
        try:
            book.begin(intent("b"))
        except RefusedError as error:
            told = "File too large" in str(error) and "nothing was bought; make room" in str(error)
            return error.exit_code if told else 90
    return 0


def test_fails_where_the_disk_is_full_and_nothing_is_left_of_the_line(journal: Journal) -> None:
    whole = line_of(intent("a"))
    for room in (0, 1, 100, len(line_of(intent("b"))) - 1):
        journal.path.write_bytes(whole)
        assert wait(fork(partial(limited, journal, len(whole) + room))) == 4
        assert journal.path.read_bytes() == whole


def test_fails_on_a_device() -> None:
    with pytest.raises(JournalError, match="no regular file"), Journal(Path("/dev/full")).locked():
        pass
    with pytest.raises(JournalError, match="no regular file"):
        Journal(Path("/dev/zero")).read()


def test_fails_in_a_folder_that_isnt_there(tmp_path: Path) -> None:
    with (
        pytest.raises(JournalError, match=r"expected a file in a folder that is there: pass another --journal"),
        Journal(tmp_path / "none" / "purchases.jsonl").locked(),
    ):
        pass


def test_fails_where_another_purchase_has_the_journal(journal: Journal) -> None:
    with (
        journal.locked(),
        pytest.raises(RefusedError, match="locked by another purchase"),
        journal.locked(wait_seconds=0.1),
    ):
        pass


def test_a_dead_process_leaves_no_lock(journal: Journal) -> None:
    def hold() -> int:
        with journal.locked():
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    assert wait(fork(hold)) == -signal.SIGKILL
    began = time.monotonic()
    with journal.locked(wait_seconds=5):
        assert time.monotonic() - began < 5


def test_fails_where_git_replaced_the_file_meanwhile(journal: Journal) -> None:
    with journal.locked() as book:
        journal.path.unlink()
        journal.path.write_bytes(b"")
        with pytest.raises(RefusedError, match="another file has its name"):
            book.begin(intent())
    with journal.locked() as book:
        book.begin(intent())
    assert len(journal.read()) == 1
