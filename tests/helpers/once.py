"""Expensive results, made once for all workers of a test run: a folder of results by key, and a lock for each."""

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

FOLDER: Final = "ULTRAFLEET_TEST_RUN"
"""Environment variable that names the run's folder; `conftest.py` makes and removes it."""


def once(key: str, make: Callable[[], bytes]) -> bytes:
    """The result of `make` for a key, from whichever process of this run was first. Outside a run: made again.

    Args:
        key: everything that the result depends on and that differs within a run. The code does not differ within a run.
        make: makes the result.
    """
    if FOLDER not in os.environ:
        return make()
    path = Path(os.environ[FOLDER]) / hashlib.sha256(key.encode()).hexdigest()
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            made = make()
            unfinished = path.with_suffix(".unfinished")
            unfinished.write_bytes(made)
            unfinished.rename(path)
    return path.read_bytes()
