"""ValidateStateMachineDefinition and TestState of Step Functions, by the interpreter that runs the block schedule."""

import json
import re
from typing import Any, Final

from moto import backend_index
from moto.core.responses import ActionResult
from moto.stepfunctions import urls
from moto.stepfunctions.responses import StepFunctionResponse

from ultrafleet.rehearsal.simulated_account import Refusal
from ultrafleet.rehearsal.stepfunctions.engine.interpreter import StatesError, StateTest, problems, tested_state

_SYNCHRONOUS: Final = r"https?://sync-states\.(.+)\.amazonaws.com"
"""Host of TestState (API model of Step Functions: its prefix is `sync-`)."""


def install() -> None:
    """Add the operations to moto's Step Functions."""
    urls.url_bases.append(_SYNCHRONOUS)
    backend_index.backend_url_patterns.append(("stepfunctions", re.compile(_SYNCHRONOUS)))
    StepFunctionResponse.validate_state_machine_definition = _validate  # type: ignore[attr-defined]
    StepFunctionResponse.test_state = _test  # type: ignore[attr-defined]


def _validate(self: StepFunctionResponse) -> ActionResult:
    found = problems(_definition(self))
    diagnostics = [{"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": item} for item in found]
    return ActionResult({"result": "FAIL" if found else "OK", "diagnostics": diagnostics, "truncated": False})


def _test(self: StepFunctionResponse) -> ActionResult:
    mock = self._get_param("mock")
    if not mock and not self._get_param("roleArn"):
        # Step Functions developer guide, testing state machines with TestState (high); the words are inferred.
        raise Refusal("ValidationException", "A role is required where no mock is specified.")
    state = _definition(self)
    given = StateTest(
        state=state,
        state_input=json.loads(self._get_param("input") or "{}"),
        variables=json.loads(self._get_param("variables") or "{}"),
        context=json.loads(self._get_param("context") or "{}"),
        result=json.loads((mock or {}).get("result") or "null"),
    )
    try:
        output, variables = tested_state(given)
    except StatesError as error:
        return ActionResult({"status": "FAILED", "error": error.error, "cause": error.cause})
    answer: dict[str, Any] = {"status": "SUCCEEDED", "output": json.dumps(output)}
    if "Next" in state:
        answer["nextState"] = state["Next"]
    if self._get_param("inspectionLevel") in {"DEBUG", "TRACE"}:
        answer["inspectionData"] = {"variables": json.dumps(variables)}
    return ActionResult(answer)


def _definition(self: StepFunctionResponse) -> dict[str, Any]:
    try:
        found = json.loads(self._get_param("definition"))
    except ValueError as error:
        raise Refusal("InvalidDefinition", f"Invalid State Machine Definition: {error}") from error
    if not isinstance(found, dict):
        raise Refusal("InvalidDefinition", "Invalid State Machine Definition: expected an object")
    return found
