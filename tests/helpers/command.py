"""The command in a process of its own, forked from this one: real streams and exit code, but no import again."""

import io
import os
import sys
import traceback
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryFile
from types import ModuleType
from typing import IO, NoReturn

from ultrafleet.cli import main

ROOT = Path(__file__).parent.parent.parent
COMMAND = str(Path(sys.executable).with_name("ultrafleet"))
"""The installed command, for what a fork can't show: what is imported, how a shell's streams arrive."""


def run(
    *arguments: str, stdin: str | bytes = "", cwd: Path = ROOT, environment: dict[str, str] | None = None
) -> CompletedProcess[str]:
    """Output and exit code of the command.

    Args:
        arguments: of the command.
        stdin: what it reads.
        cwd: folder in which it runs.
        environment: environment variables beside this process's own.
    """
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin if isinstance(stdin, bytes) else stdin.encode())
        given.seek(0)
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            _become([COMMAND, *arguments], (given, out, err), cwd, environment or {})
        _, status = os.waitpid(child, 0)
        for file in (out, err):
            file.seek(0)
        code = os.waitstatus_to_exitcode(status)
        return CompletedProcess([COMMAND, *arguments], code, out.read().decode(), err.read().decode())


def _become(arguments: list[str], streams: tuple[IO[bytes], ...], cwd: Path, environment: dict[str, str]) -> NoReturn:
    """Turn this forked process into the command, and end it."""
    code = 1
    try:
        for descriptor, file in enumerate(streams):
            os.dup2(file.fileno(), descriptor)
        sys.stdin = io.TextIOWrapper(io.FileIO(0), encoding="utf-8")
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w")), encoding="utf-8")
        sys.stderr = io.TextIOWrapper(
            io.FileIO(2, "w"), encoding="utf-8", errors="backslashreplace", write_through=True
        )
        os.chdir(cwd)
        os.environ.update(environment)
        sys.argv = arguments
        sys.modules["__main__"] = ModuleType("__main__")  # which is pytest's, and would name the program
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter: it is printed, and the process ends
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)
