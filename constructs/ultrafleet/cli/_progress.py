"""Progress of steps that take more than two seconds, on stderr: a spinner, or a line where there is no terminal."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console

_SILENT_SECONDS: Final = 2.0
"""Time after which a line says what is going on; what is faster says nothing."""


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Context in which a step runs that may take long.

    Args:
        text: the step, such as "synthesising training".
    """
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if console.is_terminal:
        with console.status(text):
            yield
        return
    timer = threading.Timer(_SILENT_SECONDS, lambda: console.print(f"{text} …"))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
