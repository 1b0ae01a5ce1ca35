"""Files of others, read within bounds: regular ones, up to a size."""

import os
import stat
from pathlib import Path
from typing import Final

from ultrafleet.errors import FleetError

MOST_BYTES: Final = 16 << 20
"""Ours: sixteen times what CloudFormation takes as a template."""


class TooLargeError(FleetError):
    """A file that is too large to be read.

    Args:
        path: the file.
        most_bytes: what it may have. Default: 16 MiB.
    """

    def __init__(self, path: object, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(
            path=path,
            verb="has",
            got=f"more than {most_bytes:,} bytes",
            expected="at most that many",
            remedy="CloudFormation takes a megabyte: name another file",
        )


def read_bounded(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """Text of a regular file, in UTF-8; what is none is replaced.

    Args:
        path: the file.
        most_bytes: size from which it is refused. Default: 16 MiB.

    Raises:
        FleetError: it is a pipe or a device, or too large.
        OSError: it can't be read.
    """
    # A pipe that nobody writes to would be waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FleetError(path=path, got="a pipe, a device or a folder", expected="a file", remedy="name a file")
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise TooLargeError(path, most_bytes)
    return content.decode("utf-8-sig", errors="replace")


def glimpsed(path: Path, words: tuple[bytes, ...], most_bytes: int = 1 << 20) -> str:
    """Text of a small regular file that has some word, or nothing: a quick look at files of any kind.

    Args:
        path: the file.
        words: of which it has to have all.
        most_bytes: size from which it isn't looked at. Default: 1 MiB.
    """
    try:
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except OSError:
        return ""
    if len(content) > most_bytes or not all(word in content for word in words):
        return ""
    return content.decode("utf-8-sig", errors="replace")
