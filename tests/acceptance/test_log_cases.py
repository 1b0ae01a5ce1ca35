"""Logs with right answers that are kept beside the repository: each is judged as its answer says."""

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ultrafleet.acceptance.command import main

VARIABLE = "ULTRAFLEET_ACCEPTANCE_CASES"
FOUND = sorted(Path(__file__).parents[3].glob("*/cases/acceptance/cases.json"))
FOLDER = Path(os.environ.get(VARIABLE, FOUND[0].parent if FOUND else "nowhere"))
CASES: list[dict[str, Any]] = (
    json.loads((FOLDER / "cases.json").read_text(encoding="utf-8")) if (FOLDER / "cases.json").exists() else []
)


@pytest.mark.skipif(not CASES, reason=f"no folder of logs with answers beside the repository; {VARIABLE} names one")
@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_a_log_is_judged_as_its_answer_says(case: dict[str, Any]) -> None:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = main([str(FOLDER / case["file"]), *case["arguments"]])
    assert code == case["exit"], f"{case['why']}\n{output.getvalue()}"
