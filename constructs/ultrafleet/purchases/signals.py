"""Signals that wait until a purchase is recorded."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_WAITING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NOTE: Final = b"a purchase is under way: its outcome is recorded first, which takes a minute at most\n"


@contextmanager
def recorded_first() -> Iterator[None]:
    """Context manager in which Ctrl-C, a termination and a closed terminal wait; the work in it ends as if none came.

    A second Ctrl-C doesn't help either: only a kill does, and then the journal and the tag settle the purchase.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(_: int, __: FrameType | None) -> None:
        try:
            os.write(2, _NOTE)
        except OSError:
            return  # the terminal is gone

    before = {number: signal.signal(number, note) for number in _WAITING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
