"""Faults of a file's content: pydantic's errors in the words of the file, with the line and the column."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ultrafleet.environment.collected import FaultsError
from ultrafleet.environment.document import Document, FileFaultError, KeyPath, Place, near
from ultrafleet.environment.models import Environment
from ultrafleet.environment.pool_settings import POOL_KINDS
from ultrafleet.environment.racks import RACKS, SHARED_BLOCK
from ultrafleet.errors import FleetError

_ONE_KIND: Final = " or ".join(map(repr, POOL_KINDS))
_LONGEST_VALUE: Final = 200

_REMOVED: Final = {
    "capacity_target": (
        "none: the launch template of each block targets its own reservation",
        "remove it",
    ),
    "roll_running_nodes": (
        "each hazard to be accepted by its own key: `ultrafleet preflight ENV --accept KEY`",
        "remove it",
    ),
    "launch_template_version": (
        "it on the block whose nodes run it",
        "move it to one of the pool's blocks; a new block has a launch template of its own and begins at 1",
    ),
}
"""Keys that pools had before each block was a node group: what there is instead, and what to do."""

_EXPECTED: Final[dict[str, tuple[str, str]]] = {
    "string_type": ("text", "put it in quotes"),
    "int_type": ("a whole number", "write it without quotes and without a point"),
    "int_from_float": ("a whole number", "write it without a point"),
    "int_parsing_size": ("a whole number of a usual size", "write a smaller one"),
    "float_type": ("a number", "write it without quotes"),
    "finite_number": ("a number", "write one"),
    "bool_type": ("true or false", "write one of them, without quotes"),
    "list_type": ("a list", "write an entry a line, each after '- ', or all in [ ]"),
    "tuple_type": ("a list of three: [card, device, type]", "write it so"),
    "dict_type": ("a mapping", "write KEY: VALUE, a line each, or all in { }"),
    "model_type": ("a mapping", "write KEY: VALUE, a line each, or all in { }"),
    "model_attributes_type": ("a mapping", "write KEY: VALUE, a line each, or all in { }"),
    "datetime_type": ("a moment in UTC such as 2026-12-01T11:30:00Z", "write day and time so, without quotes"),
    "date_type": ("a day such as 2026-12-01", "write it so, without quotes"),
    "date_from_datetime_inexact": ("a day such as 2026-12-01", "take the time out"),
}
"""Expected kind of value and remedy, in YAML's words, by the type of pydantic's error."""

_TRUTH: Final = {
    **dict.fromkeys(("yes", "on", "true", "y", "1"), "true"),
    **dict.fromkeys(("no", "off", "false", "n", "0"), "false"),
}
_KIND_OF: Final[dict[type, str]] = {
    bool: "a truth value",
    int: "a number",
    float: "a number",
    datetime: "a moment",
    date: "a day",
}
_NUMBER: Final = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
_BOUNDS: Final = {
    "greater_than_equal": ("ge", "{:g} or more"),
    "greater_than": ("gt", "more than {:g}"),
    "less_than_equal": ("le", "at most {:g}"),
    "less_than": ("lt", "less than {:g}"),
}


def content_faults(
    document: Document,
    error: ValidationError,
    *,
    model: type[BaseModel] = Environment,
    origin: Callable[[KeyPath], KeyPath] = lambda path: path,
    is_read: Callable[[KeyPath], bool] = lambda _: True,
) -> Iterator[FileFaultError]:
    """Faults of a file's content, each with its place.

    Args:
        document: the file.
        error: what pydantic says of its content.
        model: model of the file. Default: an environment's.
        origin: path in the file of one in the content that was validated. Default: the same.
        is_read: False for a path in it whose faults follow from another one. Default: none is.
    """
    for item in error.errors(include_url=False):
        if item["loc"] == ("name",):  # of the file, which names it
            cause = item["ctx"]["error"]
            name = FleetError(path="the file's name", got=cause.got, expected=cause.expected, remedy="rename the file")
            yield FileFaultError.at(document.file, name, place=Place(line=1, column=1))
            continue
        for path, fault in _of(item, model, document, origin):
            if not is_read(path):
                continue
            in_file = origin(path)
            is_key = item["type"] == "extra_forbidden"
            yield document.fault(in_file, fault, of_key=is_key)


def _of(
    error: Any,  # noqa: ANN401 - pydantic's ErrorDetails, whose keys differ by kind
    model: type[BaseModel],
    document: Document,
    origin: Callable[[KeyPath], KeyPath],
) -> Iterator[tuple[KeyPath, FleetError]]:
    # The discriminator of a union is no key of the file: pools[0].ultraserver.blocks is pools[0].blocks there.
    path: KeyPath = tuple(
        part
        for number, part in enumerate(error["loc"])
        if not (part in POOL_KINDS and number and isinstance(error["loc"][number - 1], int))
    )
    if path and path[-1] == "[key]":
        path = path[:-1]
    got = error["input"]
    match error["type"]:
        case "extra_forbidden":
            yield path, _unknown_key(error["loc"], model)
        case "missing":
            yield path, FleetError(path="it", got="missing", expected="a value", remedy=_addition(path))
        case "union_tag_not_found":
            yield (*path, "kind"), FleetError(path="it", got="missing", expected=_ONE_KIND, remedy=_addition(("kind",)))
        case "union_tag_invalid":
            yield (*path, "kind"), _no_kind(got["kind"])
        case "value_error" if isinstance(error["ctx"]["error"], FaultsError):
            for inner, cause in error["ctx"]["error"].found:
                yield (*path, *inner), cause
        case "value_error" if isinstance(error["ctx"]["error"], FleetError):
            cause = error["ctx"]["error"]
            yield (*path, *_named_key(got, cause)), _refused(got, cause)
        case _:
            yield path, _mistyped(error, document.written(origin(path)), model)


def _named_key(got: object, cause: FleetError) -> KeyPath:
    """Key of a mapping that the error of the whole names, if it names one."""
    words = set(re.findall(r"\w+", cause.path or ""))
    parts = {part for word in words for part in word.split("_")}
    keys = [key for key in got if isinstance(key, str)] if isinstance(got, dict) else []
    named = [key for key in keys if key in words] or [key for key in keys if set(key.split("_")) <= parts]
    return (max(named, key=len),) if named else ()


def _addition(path: KeyPath) -> str:
    return f"add {path[-1]}: VALUE" if path and isinstance(path[-1], str) else "add it"


def _no_kind(kind: object) -> FleetError:
    found = near(kind, POOL_KINDS) if isinstance(kind, str) else None
    return FleetError(
        path="it",
        got=repr(kind) if isinstance(kind, str) else _shown(kind, None),
        expected=_ONE_KIND,
        remedy=f"write {found}" if found else "whole UltraServers are the former, single instances the latter",
    )


def _mistyped(error: Any, written: str | None, model: type[BaseModel]) -> FleetError:  # noqa: ANN401 - ErrorDetails
    got, kind = error["input"], error["type"]
    if got is None:
        return FleetError(path="it", got="empty", expected="a value", remedy="add it, or remove the key")
    plain = _shown(got, written, kind="")
    shown = _shown(got, written)
    if kind == "literal_error":
        return _not_among(got, plain, error["loc"], model)
    if kind in _BOUNDS:
        name, text = _BOUNDS[kind]
        return FleetError(path="it", got=plain, expected=text.format(error["ctx"][name]), remedy="change it")
    if kind == "too_short":
        count = error["ctx"]["min_length"]
        return FleetError(
            path="it", got=shown, expected=f"at least {count} entr{'y' if count == 1 else 'ies'}", remedy="add one"
        )
    if kind == "invalid_key":
        return FleetError(path="a key", got=shown, expected="text", remedy="put it in quotes")
    expected, remedy = _EXPECTED.get(kind, ("another value", "correct it"))
    return FleetError(path="it", got=shown, expected=expected, remedy=_remedy(kind, got, written) or remedy)


def _remedy(kind: str, got: object, written: str | None) -> str | None:
    """Text to write instead, where the value shows what is meant."""
    if kind == "string_type":
        return _quoted(got, written)
    if kind == "datetime_type":
        return _moment_remedy(got)
    if not isinstance(got, str):
        return None
    if kind in {"int_type", "float_type"}:
        return _number_remedy(kind, got)
    if kind == "bool_type" and got.lower() in _TRUTH:
        return f"write {_TRUTH[got.lower()]}, without quotes"
    return f"write [{got}]" if kind == "list_type" and got else None


def _number_remedy(kind: str, got: str) -> str | None:
    """Remedy for a text where a number is expected."""
    if kind == "int_type" and re.fullmatch(r"[0-9]+", got):
        return f"write {got}, without quotes"
    percent = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?%", got)
    if kind == "float_type" and percent:
        return f"write {float(percent[1]) / 100:g}"
    return "write digits alone, without a unit" if re.match(r"[0-9]", got) and not _NUMBER.fullmatch(got) else None


def _quoted(got: object, written: str | None) -> str:
    """Remedy for what YAML takes for a number, a truth value or a date."""
    if isinstance(got, dict | list):
        return "write one value"
    text = written if written is not None else str(got)
    return f'put it in quotes: "{text}"'


def _moment_remedy(got: object) -> str | None:
    if isinstance(got, date) and not isinstance(got, datetime):
        return f"add the time: {got}T11:30:00Z"
    if isinstance(got, str) and re.match(r"\d{4}-\d\d?-\d\d?", got):
        try:
            datetime.fromisoformat(got)
        except ValueError:
            return "there is no such day or time, correct it"
        return f"write {got} without quotes"
    return None


def _shown(got: object, written: str | None, kind: str | None = None) -> str:
    """Value as the file has it, and the kind that YAML takes it for, unless another is given."""
    if isinstance(got, str):
        return repr(got) if len(got) < _LONGEST_VALUE else f"a text of {len(got):,} characters"
    if isinstance(got, dict):
        return "a mapping" if got else "an empty mapping"
    if isinstance(got, list | tuple):
        return "a list" if got else "an empty list"
    kind = _KIND_OF.get(type(got)) if kind is None else kind
    text = written if written is not None else str(got)
    text = text if len(text) < _LONGEST_VALUE else f"{len(text):,} characters"
    return f"{text} ({kind})" if kind else text


def _not_among(got: object, shown: str, loc: tuple[int | str, ...], model: type[BaseModel]) -> FleetError:
    names = _allowed(loc, model)
    expected = "one of " + ", ".join(map(str, names)) if len(names) > 1 else f"{names[0]}" if names else "another value"
    found = near(got, [name for name in names if isinstance(name, str)]) if isinstance(got, str) else None
    return FleetError(path="it", got=shown, expected=expected, remedy=f"write {found}" if found else "write one of them"
        if len(names) > 1 else "write it, or leave the key out")  # fmt: skip


def _allowed(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[object]:
    """Values of a key that takes a few, or keys of such a mapping."""
    found: list[object] = []
    for annotation in _annotations(loc, model):
        found += [value for value in _literals(annotation) if value not in found]
    return found


def _literals(annotation: Any) -> Iterator[object]:  # noqa: ANN401 - a type of any form
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for part in get_args(annotation):
            yield from _literals(part)


def _annotations(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[Any]:
    """Types of the innermost field that a location goes through."""
    annotations: list[Any] = []
    models = [model]
    for part in loc:
        if isinstance(part, int):
            continue
        if part in POOL_KINDS and any("kind" in found.model_fields for found in models):
            models = _of_kind(part, models)
            continue
        fields = [found.model_fields[part] for found in models if part in found.model_fields]
        if fields:
            annotations = [field.annotation for field in fields]
            models = [child for field in fields for child in _models_in(field.annotation)]
    return annotations


def _of_kind(kind: str, models: Sequence[type[BaseModel]]) -> list[type[BaseModel]]:
    return [
        found
        for found in models
        if "kind" in found.model_fields and kind in get_args(found.model_fields["kind"].annotation)
    ]


def _unknown_key(loc: tuple[int | str, ...], model: type[BaseModel]) -> FleetError:
    key = str(loc[-1])
    if loc[0] == "pools" and len(loc) == len(("pools", 0, "kind", key)) and key in _REMOVED:
        expected, remedy = _REMOVED[key]
        return FleetError(path="it", got="no longer a key of pools", expected=expected, remedy=remedy)
    known = sorted(_keys_beside(loc, model))
    if len(loc) == 1 and key == "name":
        return FleetError(path="it", got="stated", expected="none: the file's name names it", remedy="remove it")
    found = near(key, known)
    return FleetError(
        path="it",
        got="an unknown key",
        expected=f"one of {', '.join(known)}",
        remedy=f"write {found}" if found else _elsewhere(key, model) or "correct or remove it",
    )


def _elsewhere(key: str, model: type[BaseModel]) -> str | None:
    """Remedy for a key that another part of the file has."""
    places = sorted(set(_places(key, model, "")))
    return f"it is a key of {' and of '.join(places[:2])}: move it, or remove it" if places else None


def _places(key: str, model: type[BaseModel], path: str) -> Iterator[str]:
    if key in model.model_fields and path:
        kind = model.model_fields.get("kind")
        of_kind = get_args(kind.annotation)[:1] if kind is not None and path == "pools[]" else ()
        yield f"{path} of kind {of_kind[0]}" if of_kind else path
    for name, field in model.model_fields.items():
        is_list = get_origin(field.annotation) is list
        for child in _models_in(field.annotation):
            yield from _places(key, child, f"{path}.{name}{'[]' if is_list else ''}".lstrip("."))


def _keys_beside(loc: tuple[int | str, ...], model: type[BaseModel]) -> set[str]:
    """Keys of the part of the file that a location is in."""
    models: list[type[BaseModel]] = [model]
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        if part in POOL_KINDS:
            models = _of_kind(part, models)
            continue
        fields = [found.model_fields[part] for found in models if part in found.model_fields]
        models = [child for field in fields for child in _models_in(field.annotation)]
    known = {key for found in models for key in found.model_fields}
    if "ultraserver_type" in known:
        known |= {RACKS, SHARED_BLOCK}
    return known - {"name"} if models == [model] else known  # the file's name names it


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - a type of any form
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in {list, dict, Union, UnionType, Annotated}:
        for part in get_args(annotation):
            yield from _models_in(part)


def _refused(got: object, cause: FleetError) -> FleetError:
    """Error of a value; where the cause's path is but the value's kind, the key says it."""
    if isinstance(got, dict) or cause.expected is None:
        return cause
    if cause.got == repr(got):
        return FleetError(path="it", got=cause.got, expected=cause.expected, remedy=cause.remedy)
    return cause
