"""Answers of the embedded EC2 against botocore's own model of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator

from ultrafleet.rehearsal.ec2.api import operations

Answer = Mapping[str, Any]


@contextmanager
def strict_answers(client: Any) -> Iterator[list[str]]:
    """Check of every answer that a client gets: raises what differs from the model; yields the operations' names.

    botocore drops silently what its model lacks, in the serializer of the embedded AWS and in its own parser. So each
    answer is compared with what the handler returned: nothing may have got lost.
    """
    checked: list[str] = []
    returned: list[Answer] = []
    action_result = operations.ActionResult

    def recording(answer: Answer) -> Any:
        returned.append(answer)
        return action_result(answer)

    def check(parsed: dict[str, Any], model: Any, http_response: Any, **_: Any) -> None:
        if http_response.status_code >= 300:
            returned.clear()
            return
        answer = {key: value for key, value in parsed.items() if key != "ResponseMetadata"}
        problems = list(differences(answer, model.output_shape))
        if returned:
            problems += [f"{model.name}: {path} got lost" for path in lost(returned.pop(), answer)]
        assert not problems, problems
        checked.append(model.name)

    operations.ActionResult = recording  # type: ignore[assignment,misc]
    client.meta.events.register("after-call.ec2", check, unique_id="strict-answers")
    try:
        yield checked
    finally:
        operations.ActionResult = action_result  # type: ignore[misc]
        client.meta.events.unregister("after-call.ec2", unique_id="strict-answers")


def differences(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """What in an answer differs from its shape: types, ranges, enumerations, members that are not there."""
    if not path:
        report = ParamValidator().validate(value, shape)
        if report.has_errors():
            yield report.generate_report()
    if isinstance(shape, StructureShape):
        for name, item in value.items():
            yield from differences(item, shape.members[name], f"{path}.{name}")
    elif isinstance(shape, ListShape):
        for item in value:
            yield from differences(item, shape.member, f"{path}[]")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path} is {value}, expected one of {', '.join(shape.enum)}"
    elif shape.type_name == "timestamp" and (not isinstance(value, datetime) or value.tzinfo is None):
        yield f"{path} is {value}, expected a moment with an offset"


def lost(given: Any, got: Any, path: str = "") -> Iterator[str]:
    """Paths of what a handler returned and the answer lacks or has otherwise."""
    if isinstance(given, Mapping):
        for name, item in given.items():
            if isinstance(got, Mapping) and name in got:
                yield from lost(item, got[name], f"{path}.{name}")
            elif item not in (None, []):
                yield f"{path}.{name}"
    elif isinstance(given, (list, tuple)):
        if len(given) != len(got):
            yield path
        for one, other in zip(given, got, strict=False):
            yield from lost(one, other, f"{path}[]")
    elif not _is_same(given, got):
        yield path


def _is_same(given: Any, got: Any) -> bool:
    if isinstance(given, datetime):
        return abs((given - got).total_seconds()) < 1  # EC2 has no microseconds
    return str(given) == str(got)
