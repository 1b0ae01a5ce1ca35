"""Who reads the clock: a test that does passes today and fails another day."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "constructs" / "ultrafleet"
READINGS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}
READINGS |= {("time", name) for name in ("time_ns", "gmtime", "localtime", "ctime")}
WORDS = re.compile(r"\.(now|utcnow|today|time|time_ns|gmtime|localtime|ctime)\(|\.reset\(\)")
OF_TESTS = {"tests/helpers/today.py", "tests/tools/another_day.py"}
"""The helper, and a tool that puts the clock forward."""
OF_COMMANDS = ("cli", "rehearsal", "app")
"""Packages that run for a person, now."""
OF_PRODUCT = {
    "acceptance/gate_command.py",
    "in_cluster/stale_domains_command.py",
    "in_cluster/worker_domains_command.py",
    "in_cluster/worker_tokens_command.py",
    "offers/searching.py",
    "policy/cdk_plugin.py",
    "purchases/desk.py",
}


def readings(source: str) -> Iterator[int]:
    """Lines that read the clock, or begin a simulated account without a moment."""
    if not WORDS.search(source):  # most modules, which needn't be parsed
        return
    tree = ast.parse(source)
    last = {body[-1] for node in ast.walk(tree) if isinstance(body := getattr(node, "body", None), list) and body}
    last |= {node.finalbody[-1] for node in ast.walk(tree) if isinstance(node, ast.Try) and node.finalbody}
    ends = {node.value for node in last if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner = node.func.value
        named = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
        forgotten = (named, node.func.attr) == ("SIMULATED_ACCOUNT", "reset") and not node.args and not node.keywords
        if (named, node.func.attr) in READINGS or (forgotten and node not in ends):
            yield node.lineno


def readers(folder: Path) -> dict[str, list[int]]:
    """Lines of a folder's modules that read the clock."""
    found = {path: list(readings(path.read_text())) for path in sorted(folder.rglob("*.py"))}
    return {str(path.relative_to(ROOT)): lines for path, lines in found.items() if lines}


def test_no_test_reads_the_clock() -> None:
    found = readers(ROOT / "tests")
    assert {path: lines for path, lines in found.items() if path not in OF_TESTS} == {}
    assert set(found) == OF_TESTS


def test_what_makes_templates_does_not_read_the_clock() -> None:
    found = {str(Path(path).relative_to("constructs/ultrafleet")) for path in readers(SOURCES)}
    assert {path for path in found if not path.startswith(tuple(f"{name}/" for name in OF_COMMANDS))} == OF_PRODUCT


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("datetime.now(UTC)", [1]),
        ("x = program.datetime.now(program.UTC).date()", [1]),
        ("import time\ntime.time()", [2]),
        ("date.today()", [1]),
        ("with mock_aws():\n    SIMULATED_ACCOUNT.reset()\n    yield 1\n    SIMULATED_ACCOUNT.reset()", [2]),
        ("SIMULATED_ACCOUNT.reset(NOW)\nSIMULATED_ACCOUNT.now()\ntime.monotonic()\nnow()", []),
    ],
)
def test_a_reading_is_found(source: str, found: list[int]) -> None:
    assert list(readings(source)) == found


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None,
    reason="the tool of contributors needs Linux and a C compiler",
)
def test_the_tool_of_other_days_gives_another_day() -> None:
    program = "import datetime, time; time.sleep(0); print(datetime.datetime.now(datetime.UTC).date())"
    day = subprocess.run(
        [sys.executable, str(ROOT / "tests/tools/another_day.py"), "2031-02-03", sys.executable, "-c", program],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert day.stdout == "2031-02-03\n"
