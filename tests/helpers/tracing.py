"""A forked child under ptrace, sent a signal at its n-th stop; each system call is a stop before and one after."""

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

UNEXPECTED = 99
"""Exit code of a child that an exception ended."""
_TRACEME, _SYSCALL, _SETOPTIONS = 0, 24, 0x4200
_SYSGOOD, _EXITKILL = 0x1, 0x100000
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_LIBC.ptrace.restype = ctypes.c_long


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a child ended.

    Attributes:
        code: its exit code, or minus the signal that ended it.
        stops: how many stops it made.
    """

    code: int
    stops: int


def fork(work: Callable[[], int]) -> int:
    """A child that does its work and ends with its result as exit code."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _become(work)
    return child


def wait(child: int) -> int:
    """Exit code of a child, or minus the signal that ended it."""
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def traced(work: Callable[[], int], *, at: int | None = None, number: int = signal.SIGKILL) -> Ended:
    """Run a child to its end, or send it a signal at a stop.

    Args:
        work: its work; the result is its exit code.
        at: number of the stop, from 1. Default: none.
        number: the signal. Default: SIGKILL.
    """

    def begin() -> int:
        _ptrace(_TRACEME, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        return work()

    return follow(fork(begin), at=at, number=number)


def follow(child: int, *, at: int | None = None, number: int = signal.SIGKILL) -> Ended:
    """As `traced`, of a child that asks to be traced."""
    os.waitpid(child, 0)
    _ptrace(_SETOPTIONS, child, _SYSGOOD | _EXITKILL)
    stops, pending = 0, 0
    while True:
        try:
            _ptrace(_SYSCALL, child, pending)
        except ProcessLookupError:
            return Ended(code=wait(child), stops=stops)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            return Ended(code=os.waitstatus_to_exitcode(status), stops=stops)
        what, pending = os.WSTOPSIG(status), 0
        if what != signal.SIGTRAP | 0x80:
            pending = what  # a signal on its way: it is delivered
            continue
        stops += 1
        if stops == at:
            os.kill(child, number)


def _ptrace(request: int, child: int, data: int) -> None:
    if _LIBC.ptrace(request, child, None, data) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _become(work: Callable[[], int]) -> NoReturn:
    code = UNEXPECTED
    try:
        code = work()
    except KeyboardInterrupt:
        code = 130
    except BaseException:  # noqa: BLE001 - the child ends here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
