"""Faults of an environment file's content: pydantic's errors in the words of the file."""

import difflib
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

from ultrafleet.environment.models import Environment
from ultrafleet.errors import FleetError

_KINDS: Final = ("ultraserver", "accelerator")
_ONE_KIND: Final = " or ".join(map(repr, _KINDS))
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


def fault(
    file: Path,
    error: Any,  # noqa: ANN401 - pydantic's ErrorDetails, whose keys differ by kind
    *,
    model: type[BaseModel] = Environment,
) -> FleetError:
    """One of pydantic's errors, by the key path in the file.

    Args:
        file: the file.
        error: pydantic's details of the error.
        model: model of the file. Default: an environment's.
    """
    # The discriminator of a union is no key of the file: pools[0].ultraserver.blocks is pools[0].blocks there.
    loc = [part for part in error["loc"] if part not in _KINDS]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    where = f"{file}: {key}" if key else f"{file}"
    got = error["input"]
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(where, error["loc"], model)
        case "missing":
            return FleetError(path=f"{where}:", got="missing", expected="a value", remedy="add it")
        case "union_tag_not_found":
            return FleetError(path=f"{where}.kind:", got="missing", expected=_ONE_KIND, remedy="add it")
        case "union_tag_invalid":
            return FleetError(path=f"{where}.kind:", verb="got", got=repr(got["kind"]), expected=_ONE_KIND)
        case "value_error" if isinstance(error["ctx"]["error"], FleetError):
            return _refused(where, got, error["ctx"]["error"])
        case _:
            return _mistyped(where, error)


def _mistyped(where: str, error: Any) -> FleetError:  # noqa: ANN401 - pydantic's ErrorDetails
    got = error["input"]
    if got is None:
        return FleetError(path=f"{where}:", got="empty", expected="a value", remedy="add it, or remove the key")
    if error["type"] == "string_type" and isinstance(got, int | float):
        return FleetError(path=f"{where}:", verb="got", got=repr(got), expected="text", remedy="put it in quotes")
    message = error["msg"][:1].lower() + error["msg"][1:]
    shown = f"{got!r} ({type(got).__name__})"
    if len(shown) >= _LONGEST_VALUE:
        shown = type(got).__name__
    return FleetError(f"{where}: got {shown}, expected: {message}", path=where, got=shown, expected=message)


def _unknown_key(where: str, loc: tuple[int | str, ...], model: type[BaseModel]) -> FleetError:
    key = str(loc[-1])
    if loc[0] == "pools" and len(loc) == len(("pools", 0, "kind", key)) and key in _REMOVED:
        expected, remedy = _REMOVED[key]
        return FleetError(path=f"{where}:", got="no longer a key of pools", expected=expected, remedy=remedy)
    known = sorted(_keys_beside(loc, model))
    near = difflib.get_close_matches(key, known, n=1)
    return FleetError(
        path=f"{where}:",
        got="an unknown key",
        expected=f"one of {', '.join(known)}",
        remedy=f"write {near[0]}" if near else "correct or remove it",
    )


def _keys_beside(loc: tuple[int | str, ...], model: type[BaseModel]) -> set[str]:
    """Keys of the part of the file that a location is in."""
    models: list[type[BaseModel]] = [model]
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        if part in _KINDS:
            models = [model for model in models if part in get_args(model.model_fields["kind"].annotation)]
            continue
        fields = [model.model_fields[part] for model in models if part in model.model_fields]
        models = [child for field in fields for child in _models_in(field.annotation)]
    known = {key for model in models for key in model.model_fields}
    return known - {"name"} if models == [model] else known  # the file's name names it


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - a type of any form
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in {list, Union, UnionType, Annotated}:
        for part in get_args(annotation):
            yield from _models_in(part)


def _refused(where: str, got: object, cause: FleetError) -> FleetError:
    if isinstance(got, dict):
        return cause.within(where)
    if cause.got == repr(got) and cause.expected:  # the key path says what the cause's path does
        return FleetError(path=f"{where}:", verb="got", got=cause.got, expected=cause.expected, remedy=cause.remedy)
    return FleetError(
        f"{where}: got {got!r}, {cause}",
        path=where,
        got=repr(got),
        expected=cause.expected,
        remedy=cause.remedy,
    )
