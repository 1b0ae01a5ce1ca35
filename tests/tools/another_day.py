"""Run a command at another time: its processes, Python's and Node's, see another wall clock. Linux, with a C compiler.

python tests/tools/another_day.py 2028-01-01 pytest tests/cli
python tests/tools/another_day.py +60 make synth
python tests/tools/another_day.py 2026-12-31T23:59:30 pytest tests/app

The time is UTC: a day (at this hour), a moment, or a number of days from now.
"""

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
_WORDS = 2
_OFFSET = "CLOCK_OFFSET"


def offset(text: str, now: datetime) -> int:
    """Seconds from now to the time that is meant."""
    if text.startswith(("+", "-")):
        return int(timedelta(days=float(text)).total_seconds())
    meant = datetime.fromisoformat(text).replace(tzinfo=UTC)
    if "T" not in text:
        meant = datetime.combine(meant, now.timetz())
    return round((meant - now).total_seconds())


def main() -> None:
    """Run the command of the arguments; its exit code."""
    if len(sys.argv) <= _WORDS:
        sys.exit(__doc__)
    at, command = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "another_day.so"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True)  # noqa: S607
        now = datetime.now(UTC) - timedelta(seconds=int(os.environ.get(_OFFSET, "0")))  # within another one
        moved = {"LD_PRELOAD": str(library), _OFFSET: str(offset(at, now))}
        sys.exit(subprocess.run(command, check=False, env=os.environ | moved).returncode)


if __name__ == "__main__":
    main()
