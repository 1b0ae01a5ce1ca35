"""Wall time, CPU time and peak memory of a whole process, with its children."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

_INTERVAL_SECONDS = 0.02
_ROUNDS_OF_SHARED = 10


@dataclass(frozen=True)
class Sample:
    """Wall and CPU seconds, and peaks of the memory, of a process and its children.

    `peak_mib` is the sum of their resident memory, in which pages that they share count for each of them;
    `peak_shared_once_mib` counts each of those once (PSS), and is 0 where the system doesn't say it.
    """

    seconds: float
    peak_mib: float
    cpu_seconds: float = 0
    peak_shared_once_mib: float = 0


def timed(
    command: list[str],
    environment: Mapping[str, str] | None = None,
    *,
    accepts: Collection[int] = (0,),
    folder: Path | None = None,
) -> Sample:
    """Run a command."""
    node = str(Path(sys.executable).with_name("node"))
    # Compiled modules are kept, as Python does by default: without them each run compiles the library's own.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={"JSII_NODE": node, **inherited, **(environment or {})},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    sampled = Samples(process.pid)
    sampled.start()
    _, status, usage = os.wait4(process.pid, 0)  # with what its children used that it waited for
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    sampled.stop()
    if process.returncode not in accepts:
        raise SystemExit(f"{' '.join(command)} failed with exit code {process.returncode}")
    return Sample(
        seconds,
        sampled.bytes / 2**20,
        max(usage.ru_utime + usage.ru_stime, sampled.cpu_seconds),
        sampled.bytes_shared_once / 2**20,
    )


class Samples(threading.Thread):
    """Samples the resident memory and the CPU time of a process and its children."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self.bytes_shared_once = 0
        self._cpu: dict[int, float] = {}
        self._process = psutil.Process(pid)
        self._done = threading.Event()

    @property
    def cpu_seconds(self) -> float:
        return sum(self._cpu.values())

    def run(self) -> None:
        rounds = 0
        while not self._done.wait(_INTERVAL_SECONDS):
            rounds += 1
            try:
                family = [self._process, *self._process.children(recursive=True)]
                for member in family:
                    times = member.cpu_times()
                    self._cpu[member.pid] = times.user + times.system
                self.bytes = max(self.bytes, sum(member.memory_info().rss for member in family))
                if rounds % _ROUNDS_OF_SHARED == 0:  # Linux walks all pages for it
                    shared_once = sum(getattr(member.memory_full_info(), "pss", 0) for member in family)
                    self.bytes_shared_once = max(self.bytes_shared_once, shared_once)
            except psutil.Error:
                continue

    def stop(self) -> None:
        self._done.set()
        self.join()
