"""Wall time and peak memory of a whole process, with its children."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Sample:
    seconds: float
    peak_mib: float


def timed(
    command: list[str], environment: Mapping[str, str] | None = None, *, accepts: Collection[int] = (0,)
) -> Sample:
    """Run a command."""
    node = str(Path(sys.executable).with_name("node"))
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={"JSII_NODE": node, **os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = Peak(process.pid)
    peak.start()
    code = process.wait()
    seconds = time.perf_counter() - started
    peak.stop()
    if code not in accepts:
        raise SystemExit(f"{' '.join(command)} failed with exit code {code}")
    return Sample(seconds, peak.bytes / 2**20)


class Peak(threading.Thread):
    """Samples the resident memory of a process and its children."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._process = psutil.Process(pid)
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(0.02):
            try:
                family = [self._process, *self._process.children(recursive=True)]
                self.bytes = max(self.bytes, sum(member.memory_info().rss for member in family))
            except psutil.Error:
                continue

    def stop(self) -> None:
        self._done.set()
        self.join()
