"""Findings of DCGM's diagnostic, as `dcgmi diag -j` reports them. Standard library only.

The names are those of DCGM 4 (NVIDIA/DCGM, NvvsJsonStrings.h and dcgmi/Diag.cpp, high).
"""

import json
from collections.abc import Iterator
from typing import Any

LEVEL = "2"
"""Level of the diagnostic: deployment, PCIe and memory, about two minutes (DCGM documentation, high)."""


def failed_tests(text: str) -> list[str] | None:
    """Tests that failed, each with its GPU and DCGM's own warning; None where no diagnostic ran.

    Args:
        text: what it printed.
    """
    start = text.find("{")
    try:
        report = json.loads(text[start:]) if start >= 0 else None
    except (ValueError, RecursionError):
        return None
    diagnostic = report.get("DCGM Diagnostic") if isinstance(report, dict) else None
    if not isinstance(diagnostic, dict) or "runtime_error" in diagnostic or "test_categories" not in diagnostic:
        return None
    return [
        line
        for category in _objects(diagnostic["test_categories"])
        for test in _objects(category.get("tests"))
        for line in _failures(test)
    ]


def why_none_ran(text: str) -> str:
    """DCGM's reason that no diagnostic ran, in one line."""
    start = text.find("{")
    try:
        said = json.loads(text[start:])["DCGM Diagnostic"]["runtime_error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        said = next((line for line in reversed(text.splitlines()) if line.strip()), "nothing")
    return " ".join(str(said).split())[:300]


def _failures(test: dict[str, Any]) -> Iterator[str]:
    for result in _objects(test.get("results")):
        if str(result.get("status", "")).lower() == "fail":
            entity = f"{result.get('entity_group', 'GPU')} {result.get('entity_id', result.get('gpu_id', '?'))}"
            said = [str(item.get("warning", "")) for item in _objects(result.get("warnings"))]
            yield " ".join(f"{test.get('name', 'a test')} failed on {entity}: {'; '.join(said)}".split())[:300]


def _objects(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
