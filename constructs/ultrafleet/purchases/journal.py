"""Journal of purchases: JSON lines that are on the disk before anything is paid, one purchase at a time.

A line is appended, written through to the disk, and never changed. Its checksum shows a damaged one. A last line that
was torn by a full disk or a dying machine was never acted on: it is moved beside the journal.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ultrafleet.environment.file_replacement import sync_folder
from ultrafleet.errors import FleetError
from ultrafleet.purchases.outcome import RefusedError
from ultrafleet.purchases.records import Intent, Outcome, Purchase, line_of, record_of

FILE_NAME: Final = "purchases.jsonl"
"""Default name of the journal, beside the environments."""
_POLL_SECONDS: Final = 0.05
LOCK_SECONDS: Final = 120.0
"""Time for which a command waits for another one that buys: longer than a purchase's time-outs."""


class JournalError(FleetError):
    """A journal that can't be used."""


class Journal:
    """The journal of a repository.

    Args:
        path: its file; it is made when something is bought.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Purchase]:
        """Purchases by their intents, in the order of the file; a torn last line is left out.

        Raises:
            JournalError: it can't be read, or a line is damaged.
        """
        if self.path.exists() and not self.path.is_file():
            raise _unopened(self.path, "no regular file")
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise _unopened(self.path, f"unreadable ({error})") from error
        return _purchases(self.path, data[: _whole(data)])

    @contextlib.contextmanager
    def locked(self, *, wait_seconds: float = LOCK_SECONDS) -> Iterator["OpenJournal"]:
        """Context manager: the journal, while no other process of this machine has it.

        Args:
            wait_seconds: time to wait for another process. Default: two minutes.

        Raises:
            RefusedError: another process has it for longer.
            JournalError: it can't be opened or made, or a line is damaged.
        """
        until = time.monotonic() + wait_seconds
        while True:
            descriptor = self._open()
            try:
                if self._lock(descriptor, until) and self._is_named(descriptor):
                    yield OpenJournal(self, descriptor)
                    return
            finally:
                os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        if self.path.exists() and not self.path.is_file():  # a device may never end
            raise _unopened(self.path, "no regular file")
        try:
            try:
                return os.open(self.path, flags)
            except FileNotFoundError:
                descriptor = os.open(self.path, flags | os.O_CREAT, 0o644)
                sync_folder(self.path.parent)
                return descriptor
        except OSError as error:
            raise _unopened(self.path, f"not to be opened ({error})") from error

    def _lock(self, descriptor: int, until: float) -> bool:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise RefusedError(
                        path=self.path,
                        got="locked by another purchase",
                        expected="one purchase at a time",
                        remedy="wait until it ends; nothing was bought here",
                    ) from None
                time.sleep(_POLL_SECONDS)
            else:
                return True

    def _is_named(self, descriptor: int) -> bool:
        """True if the file is still the one of that name: git replaces files."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False


class OpenJournal:
    """The journal with its lock.

    Args:
        journal: the journal.
        descriptor: of its locked file.

    Raises:
        JournalError: a line is damaged, or a torn one can't be moved away.
    """

    def __init__(self, journal: Journal, descriptor: int) -> None:
        self._journal = journal
        self._descriptor = descriptor
        data = journal.path.read_bytes()
        self.repaired = self._repair(data)
        """Torn last line that was moved away; empty if there was none."""
        self.purchases = _purchases(journal.path, data[: _whole(data)])
        """Purchases by their intents, in the order of the file."""

    def begin(self, intent: Intent) -> Purchase:
        """Write an intent; returns when it is on the disk.

        Args:
            intent: the intent.

        Raises:
            RefusedError: it can't be written.
        """
        try:
            self._append(line_of(intent))
        except OSError as error:
            raise RefusedError(
                path=self._journal.path,
                verb="can't be",
                got=f"written ({error.strerror or error})",
                expected="room and rights for a line",
                remedy="nothing was bought; make room and run the command again",
            ) from error
        self.purchases[intent.intent] = found = Purchase(intent)
        return found

    def add(self, outcome: Outcome) -> None:
        """Write what became of an intent; returns when it is on the disk.

        Args:
            outcome: the record.

        Raises:
            OSError: it can't be written; `settle` can find it again.
        """
        self._append(line_of(outcome))
        self.purchases[outcome.intent].add(outcome)

    def _append(self, line: bytes) -> None:
        if not self._journal._is_named(self._descriptor):  # noqa: SLF001 - of this module
            raise OSError("another file has its name by now")
        size = os.fstat(self._descriptor).st_size
        try:
            _write(self._descriptor, line)
        except OSError:
            with contextlib.suppress(OSError):  # else the next command finds a torn line
                os.ftruncate(self._descriptor, size)
                os.fsync(self._descriptor)
            raise

    def _repair(self, data: bytes) -> bytes:
        whole = data.rfind(b"\n") + 1
        torn = data[whole:]
        if not torn:
            return b""
        try:
            if _is_record(torn):
                _write(self._descriptor, b"\n")
                return b""
            beside = self._journal.path.with_name(f"{self._journal.path.name}.torn")
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                _write(descriptor, torn + b"\n")
            finally:
                os.close(descriptor)
            os.ftruncate(self._descriptor, whole)
            os.fsync(self._descriptor)
        except OSError as error:
            raise _unusable(self._journal.path, f"torn at its end, and can't be repaired ({error})") from error
        return torn


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
    os.fsync(descriptor)


def _whole(data: bytes) -> int:
    """Length of the whole lines; a last one that only lacks its line end is whole."""
    return len(data) if data and _is_record(data[data.rfind(b"\n") + 1 :]) else data.rfind(b"\n") + 1


def _is_record(line: bytes) -> bool:
    try:
        record_of(line)
    except FleetError:
        return False
    return True


def _purchases(path: Path, data: bytes) -> dict[str, Purchase]:
    """Purchases of the records, whose order among intents may be any: git may have merged two journals."""
    records: dict[str, dict[int, Intent | Outcome]] = {}
    for number, line in enumerate(data.splitlines(), start=1):
        if not line:
            continue
        try:
            record = record_of(line)
        except FleetError as error:
            raise _unusable(path, f"damaged in line {number}: {line[:40]!r}") from error
        if records.setdefault(record.intent, {}).setdefault(record.n, record) != record:
            raise _unusable(path, f"contradictory in line {number}: intent {record.intent} has two records {record.n}")
    found = {}
    for intent, numbered in records.items():
        first, *later = (numbered.get(n) for n in range(1, max(numbered) + 1))
        if not isinstance(first, Intent) or not all(isinstance(item, Outcome) for item in later):
            raise _unusable(path, f"without a record of intent {intent}")
        found[intent] = purchase = Purchase(first)
        purchase.outcomes = [item for item in later if isinstance(item, Outcome)]
    return found


def _unopened(path: Path, got: str) -> JournalError:
    return JournalError(
        path=path,
        got=got,
        expected="a file in a folder that is there",
        remedy="pass another --journal; nothing was bought",
    )


def _unusable(path: Path, got: str) -> JournalError:
    return JournalError(
        path=path, got=got, expected="whole lines with their checksums", remedy="restore it from the repository"
    )
