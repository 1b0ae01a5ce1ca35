"""Limits of a Step Functions execution."""

from datetime import UTC, datetime
from typing import Any

from ultrafleet.catalog.limits import HISTORY_EVENTS
from ultrafleet.rehearsal.stepfunctions.engine.interpreter import Execution, Machine

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def run(items: int) -> Execution:
    """Run a Map whose iterations have one Pass: 4 events for each."""
    state: dict[str, Any] = {"Type": "Pass", "End": True}
    each = {"StartAt": "Nothing", "States": {"Nothing": state}}
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Each",
        "States": {"Each": {"Type": "Map", "Items": list(range(items)), "ItemProcessor": each, "End": True}},
    }
    return Machine(definition, lambda _, arguments: arguments).run(start=NOW)


def test_an_execution_has_as_many_events_as_step_functions_keeps() -> None:
    most = (HISTORY_EVENTS.value - 5) // 4
    assert (run(most).status, run(most).events) == ("SUCCEEDED", 5 + 4 * most)


def test_fails_an_execution_with_more_events() -> None:
    execution = run(HISTORY_EVENTS.value // 4)
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
    assert "maximum number of history events" in execution.cause
