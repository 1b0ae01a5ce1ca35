"""Interpreter of Amazon States Language, query language JSONata.

It runs the definition that is deployed; its user answers the AWS calls, and the clock of the account gives the
time. It knows Pass, Task, Choice, Map (inline), Succeed and Fail, with Arguments, Assign, Output, Items, Retry and
Catch. It is strict where Step Functions is: an expression without a result, and a field or a state type that it doesn't
know, are errors.

It leaves out time limits, and concurrency (items of a Map run one after the other). A retry waits the whole of its
interval, which jitter may shorten. moto's own interpreter, given a
JSONata evaluator, gives the same results for the block schedule: tests/rehearsal/test_stepfunctions_differential.py.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jsonata import Jsonata  # type: ignore[import-untyped]  # it has no py.typed

from ultrafleet.catalog.limits import HISTORY_EVENTS, STATE_BYTES

Call = Callable[[str, dict[str, Any]], Any]
"""Answers one call: resource ARN, arguments -> result; raises StatesError."""

_MOST_BYTES = STATE_BYTES.value
"""Of a state's result or output, and of what one state assigns (Step Functions quotas)."""
_MOST_EVENTS = HISTORY_EVENTS.value
"""Of an execution's history (Step Functions quotas)."""
_UNCAUGHT_BY_ALL = {"States.DataLimitExceeded", "States.Runtime"}
_FIELDS = {
    "Pass": {"Assign", "Output"},
    "Task": {"Resource", "Arguments", "Assign", "Output", "Retry", "Catch"},
    "Choice": {"Choices", "Default"},
    "Map": {"Items", "ItemProcessor", "MaxConcurrency", "Assign", "Output"},
    "Succeed": {"Output"},
    "Fail": {"Error", "Cause"},
}
_RETRY_FIELDS = {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy"}
_CATCH_FIELDS = {"ErrorEquals", "Next", "Assign", "Output"}


class StatesError(Exception):
    """Error with a name of Step Functions'."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


@dataclass
class Execution:
    """Result of one execution."""

    status: str
    output: Any = None
    error: str = ""
    cause: str = ""
    transitions: int = 0
    retries: int = 0
    events: int = 0
    path: list[str] = field(default_factory=list)


class VariableScope(dict[str, Any]):
    """Variables; an inner scope reads the outer one and may not assign its names."""

    def __init__(self, outer: "VariableScope | None" = None) -> None:
        super().__init__()
        self.outer = outer

    def visible(self) -> dict[str, Any]:
        """All variables that can be read here."""
        return {**(self.outer.visible() if self.outer is not None else {}), **self}

    def assign(self, values: Mapping[str, Any]) -> None:
        """Set variables of this scope."""
        _refuse_large("variables", values)
        for name, value in values.items():
            _expect(self.outer is None or name not in self.outer.visible(), f"{name} is a variable of the outer scope")
            self[name] = value


class Machine:
    """State machine: a definition and the function that answers its calls.

    Args:
        definition: Amazon States Language.
        call: answers its calls.
        pause: called with the seconds for which a retry waits. Default: no time passes.
    """

    def __init__(
        self, definition: dict[str, Any], call: Call, *, pause: Callable[[float], None] = lambda _: None
    ) -> None:
        _expect(definition.get("QueryLanguage") == "JSONata", "the query language has to be JSONata")
        self._definition = definition
        self._call = call
        self._pause = pause
        self._execution = Execution("RUNNING")
        self._start = ""

    def run(self, *, start: datetime, state_input: Any = None) -> Execution:
        """Result of an execution; `start` is its StartTime in the context object."""
        self._execution = execution = Execution("RUNNING")
        self._record(1)  # ExecutionStarted
        moment = start.astimezone(UTC)
        self._start = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
        try:
            execution.output = self._states(
                self._definition, {} if state_input is None else state_input, VariableScope()
            )
            execution.status = "SUCCEEDED"
        except StatesError as error:
            execution.status, execution.error, execution.cause = "FAILED", error.error, error.cause
        return execution

    def _record(self, events: int) -> None:
        """Count events of the history.

        Raises:
            StatesError: there are more than an execution may have; nothing catches it.
        """
        self._execution.events += events
        _expect(
            self._execution.events <= _MOST_EVENTS,
            f"The execution reached the maximum number of history events ({_MOST_EVENTS}).",
        )

    def _states(self, block: dict[str, Any], state_input: Any, scope: VariableScope) -> Any:
        name: str | None = block["StartAt"]
        output = state_input
        while name is not None:
            state = block["States"][name]
            self._execution.transitions += 1
            self._record(2)  # StateEntered and StateExited
            self._execution.path.append(name)
            unknown = set(state) - _FIELDS[state["Type"]] - {"Type", "Next", "End", "Comment"}
            _expect(not unknown, f"{name}: {unknown} of a {state['Type']} is not known here")
            _expect(all(set(retrier) <= _RETRY_FIELDS for retrier in state.get("Retry", [])), f"{name}: Retry")
            _expect(all(set(catcher) <= _CATCH_FIELDS for catcher in state.get("Catch", [])), f"{name}: Catch")
            output, name = self._state(state, output, scope)
        return output

    def _state(self, state: dict[str, Any], state_input: Any, scope: VariableScope) -> tuple[Any, str | None]:
        kind = state["Type"]
        then = state.get("Next")
        is_last = bool(state.get("End")) or kind in {"Choice", "Succeed", "Fail"}
        _expect((then is None) == is_last, f"{kind} needs either Next or End")
        if kind == "Choice":
            return state_input, self._choose(state, state_input, scope)
        if kind == "Fail":
            states = {"input": state_input}
            raise StatesError(*(self._value(state.get(key, ""), states, scope) for key in ("Error", "Cause")))
        attempts: dict[int, int] = {}
        while True:
            try:
                return self._finish(state, state_input, self._result(state, state_input, scope), scope), then
            except StatesError as error:
                if self._again(state, error, attempts):
                    self._execution.retries += 1
                    continue
                catcher = next((c for c in state.get("Catch", []) if _matches(c["ErrorEquals"], error)), None)
                if catcher is None:
                    raise
                wrong = {"Error": error.error, "Cause": error.cause}
                states = {"input": state_input, "errorOutput": wrong}
                scope.assign(self._value(catcher.get("Assign", {}), states, scope))
                return self._value(catcher["Output"], states, scope) if "Output" in catcher else wrong, catcher["Next"]

    def _result(self, state: dict[str, Any], state_input: Any, scope: VariableScope) -> Any:
        states = {"input": state_input}
        if state["Type"] == "Task":
            self._record(3)  # TaskScheduled, TaskStarted, and TaskSucceeded or TaskFailed
            arguments = self._value(state.get("Arguments", {}), states, scope)
            return _refuse_large("a result", self._call(state["Resource"], arguments))
        if state["Type"] == "Map":
            items = self._value(state["Items"], states, scope) if "Items" in state else state_input
            if not isinstance(items, list):
                raise StatesError("States.QueryEvaluationError", f"Items is {items!r}, expected an array")
            self._record(2 + 2 * len(items))  # started and succeeded, of the Map and of each iteration
            done = [self._states(state["ItemProcessor"], item, VariableScope(scope)) for item in items]
            return _refuse_large("a result", done)
        return state_input

    def _finish(self, state: dict[str, Any], state_input: Any, result: Any, scope: VariableScope) -> Any:
        states = {"input": state_input, "result": result}
        # Both see the variables as they were before the state.
        output = self._value(state["Output"], states, scope) if "Output" in state else result
        scope.assign(self._value(state.get("Assign", {}), states, scope))
        return output

    def _choose(self, state: dict[str, Any], state_input: Any, scope: VariableScope) -> str:
        for rule in state["Choices"]:
            _expect(set(rule) <= {"Condition", "Next", "Assign"}, f"{rule}: unknown field")
            condition = self._value(rule["Condition"], {"input": state_input}, scope)
            if not isinstance(condition, bool):
                raise StatesError("States.QueryEvaluationError", f"{rule['Condition']} is {condition!r}, not a boolean")
            if condition:
                scope.assign(self._value(rule.get("Assign", {}), {"input": state_input}, scope))
                return str(rule["Next"])
        return str(state["Default"])

    def _again(self, state: dict[str, Any], error: StatesError, attempts: dict[int, int]) -> bool:
        """True where the state is to be tried again, after the pause of its retrier."""
        for index, retrier in enumerate(state.get("Retry", [])):
            if _matches(retrier["ErrorEquals"], error):
                attempts[index] = attempts.get(index, 0) + 1
                if attempts[index] > int(retrier.get("MaxAttempts", 3)):
                    return False
                wait = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** (attempts[index] - 1)
                self._pause(min(wait, retrier.get("MaxDelaySeconds", wait)))
                return True
        return False

    def _value(self, template: Any, states: dict[str, Any], scope: VariableScope) -> Any:
        if isinstance(template, dict):
            return {key: self._value(value, states, scope) for key, value in template.items()}
        if isinstance(template, list):
            return [self._value(value, states, scope) for value in template]
        if not (isinstance(template, str) and template.startswith("{%")):
            return template
        _expect(template.endswith("%}"), f"{template} has no end")
        context = {"Execution": {"StartTime": self._start}}
        return evaluate(template[2:-2], {**scope.visible(), "states": {**states, "context": context}})


@dataclass(frozen=True, kw_only=True)
class StateTest:
    """State that is tried alone, as TestState takes it.

    Attributes:
        state: its definition.
        state_input: its input.
        variables: variables that it sees.
        context: context object that it sees.
        result: result of its call, if it makes one.
    """

    state: dict[str, Any]
    state_input: Any
    variables: Mapping[str, Any]
    context: Mapping[str, Any]
    result: Any


def tested_state(test: StateTest) -> tuple[Any, dict[str, Any]]:
    """Output of a state that is tried alone, and the variables after it.

    Args:
        test: the state and what it sees.

    Raises:
        StatesError: the state fails.
    """
    state = {key: value for key, value in test.state.items() if key != "QueryLanguage"}
    machine = Machine({"QueryLanguage": test.state.get("QueryLanguage")}, lambda _resource, _arguments: test.result)
    machine._start = str((test.context.get("Execution") or {}).get("StartTime", ""))
    scope = VariableScope()
    scope.assign(test.variables)
    output, _ = machine._state(state, test.state_input, scope)
    return output, dict(scope)


def problems(definition: Mapping[str, Any]) -> list[str]:
    """Problems for which a machine can't be made; none of a valid definition.

    Args:
        definition: Amazon States Language.
    """
    if definition.get("QueryLanguage") != "JSONata":
        return ["the query language has to be JSONata"]
    return list(_problems(definition))


def _problems(block: Mapping[str, Any]) -> Iterator[str]:
    states: Mapping[str, Any] = block.get("States") or {}
    targets = {str(block.get("StartAt"))}
    for name, state in states.items():
        unknown = set(state) - _FIELDS.get(state.get("Type", ""), set()) - {"Type", "Next", "End", "Comment"}
        if unknown:
            yield f"{name}: {', '.join(sorted(unknown))} is no field of a {state.get('Type')}"
        targets |= {str(state[key]) for key in ("Next", "Default") if key in state}
        targets |= {str(item["Next"]) for key in ("Choices", "Catch") for item in state.get(key, [])}
        yield from (f"{name}: {text}" for text in _broken_expressions({**state, "ItemProcessor": None}))
        if state.get("Type") == "Map":
            yield from _problems(state.get("ItemProcessor") or {})
    for target in sorted(targets - states.keys()):
        yield f"{target} is no state"


def _broken_expressions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _broken_expressions(item)
    elif isinstance(value, str) and value.startswith("{%"):
        try:
            _compiled(value.removeprefix("{%").removesuffix("%}"))
        except Exception as error:  # noqa: BLE001  # the library raises errors of several kinds
            yield f"{value}: {error}"


def _expect(condition: bool, what: str) -> None:
    """Raise States.Runtime for a definition that Step Functions refuses or this interpreter doesn't know."""
    if not condition:
        raise StatesError("States.Runtime", what)


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """Value of a JSONata expression; none at all is an error, as in Step Functions."""
    compiled = _compiled(expression)
    frame = compiled.create_frame()
    for name, value in variables.items():
        frame.bind(name, value)
    try:
        result = compiled.evaluate(None, frame)
    except Exception as error:  # the library raises errors of several kinds
        raise StatesError("States.QueryEvaluationError", f"{expression}: {error}") from error
    if "value" not in result:
        raise StatesError("States.QueryEvaluationError", f"{expression}: no result")
    return result["value"]


@cache
def _compiled(expression: str) -> Jsonata:
    return Jsonata(f"{{'value': ({expression})}}")  # an object drops what has no value, and keeps null


def _refuse_large(what: str, value: Any) -> Any:
    if len(json.dumps(value)) > _MOST_BYTES:
        raise StatesError("States.DataLimitExceeded", f"{what} of more than {_MOST_BYTES} bytes")
    return value


def _matches(names: list[str], error: StatesError) -> bool:
    if "States.ALL" in names:
        return error.error not in _UNCAUGHT_BY_ALL
    if "States.TaskFailed" in names:
        return error.error not in {"States.Timeout", *_UNCAUGHT_BY_ALL}
    return error.error in names
