"""Replacement of an environment file by an edited one: whole or not at all, and never over a newer one."""

import contextlib
import hashlib
import os
from pathlib import Path

from ultrafleet.errors import FleetError


class ChangedFileError(FleetError):
    """A file that was changed since it was read."""


def read_exactly(path: Path) -> str:
    """Text of a file with its own line ends and its byte order mark.

    Args:
        path: the file, in UTF-8.

    Raises:
        FleetError: it can't be read.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FleetError(path=path, got=f"unreadable ({error})", expected="a text file in UTF-8") from error


def digest_of(text: str) -> str:
    """Digest of a file's text.

    Args:
        text: as `read_exactly` returns it.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def replace_text(path: Path, text: str, *, was: str) -> None:
    """Write a file anew, on the disk before its name points to it.

    Args:
        path: the file; what a symbolic link points to is replaced, and the link stays.
        text: the new text.
        was: digest of the text that it replaces.

    Raises:
        ChangedFileError: the file has another text by now.
        FleetError: it can't be written; the old one is as it was.
    """
    target = path.resolve()
    made = target.with_name(f".{target.name}.new")  # ends in no .yaml: it isn't read as an environment
    try:
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            left = memoryview(text.encode())
            while left:
                left = left[os.write(descriptor, left) :]
            os.fchmod(descriptor, target.stat().st_mode & 0o7777)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if digest_of(read_exactly(target)) != was:
            raise ChangedFileError(
                path=path, got="changed meanwhile", expected="as it was read", remedy="run the command again"
            )
        made.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise FleetError(
            path=path, verb="can't be", got=f"written ({error})", expected="a folder with room and rights"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring the names of a folder's files to the disk.

    Args:
        folder: the folder.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
