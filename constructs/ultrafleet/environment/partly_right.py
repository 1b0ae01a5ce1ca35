"""Parts of a file's content that are right though others are wrong: a model of what can be read, and its checks.

Keys that are wrong have no value in it, so that a check which reads one of them can't be made; the others are.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from ultrafleet.environment.collected import FaultsError, Found, UnknownValueError, attempted
from ultrafleet.environment.document import KeyPath, near
from ultrafleet.environment.fields import Settings
from ultrafleet.environment.pool_settings import POOL_KINDS
from ultrafleet.errors import FleetError

_UNKNOWN: Final = object()
_KIND: Final = "kind"
_TYPES: Final = {"ultraserver": "ultraserver_type", "accelerator": "instance_type"}
_NAMES: Final = ("name", "workload")


def partly_right(model: type[Settings], content: Mapping[str, Any], wrong: Iterable[KeyPath]) -> Settings:
    """Return a model of what is right in a content.

    Args:
        model: model of the content.
        content: data of a file.
        wrong: paths of the values that are wrong; one of a mapping says that its keys don't fit together.
    """
    paths = [path for path in wrong if path]
    values: dict[str, Any] = {}
    for name in model.model_fields:
        inner = [path[1:] for path in paths if path[0] == name]
        if name in content:
            values[name] = _value(model, name, content[name], inner)
        elif inner or model.model_fields[name].is_required():
            values[name] = _UNKNOWN
    instance = model.model_construct(_fields_set={*content} & {*model.model_fields}, **values)
    for name, value in values.items():
        if value is _UNKNOWN:
            del instance.__dict__[name]
            if name in _NAMES and isinstance(content.get(name), str):
                instance.__dict__[name] = content[name]  # what others call it, though it isn't a right one
    return instance


def with_likely_kinds(content: Mapping[str, Any]) -> tuple[dict[str, Any], list[KeyPath]]:
    """Content in which pools of a wrong kind have the likely one, and the paths of these.

    pydantic looks at no key of a pool whose kind it doesn't know.

    Args:
        content: of an environment file, with each rack as a pool.
    """
    pools = content.get("pools")
    if not isinstance(pools, list):
        return dict(content), []
    likely = [_likely_kind(pool) for pool in pools]
    return (
        {
            **content,
            "pools": [{**pool, _KIND: kind} if kind else pool for pool, kind in zip(pools, likely, strict=True)],
        },
        [("pools", index, _KIND) for index, kind in enumerate(likely) if kind],
    )


def _likely_kind(pool: object) -> str | None:
    """Kind that a pool without a right one is by its other keys, or by what its own is near to."""
    if not isinstance(pool, Mapping) or pool.get(_KIND) in POOL_KINDS:
        return None
    by_type = [kind for kind, key in _TYPES.items() if key in pool]
    stated = pool.get(_KIND)
    return by_type[0] if len(by_type) == 1 else near(stated, POOL_KINDS) if isinstance(stated, str) else None


def wrong_paths(error: ValidationError, *, tags: Sequence[str] = ()) -> Iterator[KeyPath]:
    """Paths of what is wrong by pydantic's error.

    Args:
        error: the error.
        tags: values of the key by which models of a union are distinguished, which pydantic names in its paths.
    """
    for item in error.errors(include_url=False):
        loc = item["loc"]
        path = tuple(
            part
            for number, part in enumerate(loc)
            if part != "[key]" and not (part in tags and number and isinstance(loc[number - 1], int))
        )
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, FaultsError):
            yield path
            yield from ((*path, *inner) for inner, _ in cause.found)
        else:
            yield path


def faults_of_right_parts(part: Settings, path: KeyPath = ()) -> Iterator[Found]:
    """Faults of what is right in a part, and in the parts of it: checks that pydantic makes only once all of it is.

    Args:
        part: a model, perhaps of a content that isn't all right.
        path: its path in the file.
    """
    for name, value in part.__dict__.items():
        for index, item in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(item, Settings):
                yield from faults_of_right_parts(item, (*path, name) if index is None else (*path, name, index))
    checks = attempted(part.checks())
    for check in checks:
        try:
            for inner, error in check:
                yield (*path, *inner), error
        except (UnknownValueError, FleetError):
            continue  # it needs what is wrong


def _value(model: type[Settings], name: str, value: object, wrong: list[KeyPath]) -> Any:  # noqa: ANN401 - of any key
    annotation = model.model_fields[name].annotation
    if not wrong:
        try:
            return _adapter(model, name).validate_python(value)
        except ValidationError:
            return _UNKNOWN
    if isinstance(value, list) and () not in wrong and (members := _models(annotation)):
        return [_member(members, item, [path[1:] for path in wrong if path[0] == at]) for at, item in enumerate(value)]
    models = [] if get_origin(annotation) is list else _models(annotation)
    return _member(models, value, wrong) if models and isinstance(value, Mapping) else _UNKNOWN


def _member(models: Sequence[type[Settings]], item: object, wrong: list[KeyPath]) -> Settings:
    """Model of an entry; of one that is no mapping, a model without any value."""
    content = item if isinstance(item, Mapping) else {}
    kinds = {kind: found for found in models for kind in _kinds(found)}
    model = kinds.get(str(content.get(_KIND)), models[0])
    if wrong or not isinstance(item, Mapping):
        keys = () if isinstance(item, Mapping) else model.model_fields
        return partly_right(model, content, [*wrong, *((key,) for key in keys)])
    try:
        return model.model_validate(content)
    except ValidationError as error:  # of a union of which pydantic has made no choice
        return partly_right(model, content, wrong_paths(error))


def _kinds(model: type[Settings]) -> tuple[str, ...]:
    field = model.model_fields.get(_KIND)
    return get_args(field.annotation) if field is not None else ()


def _models(annotation: Any) -> list[type[Settings]]:  # noqa: ANN401 - a type of any form
    if inspect.isclass(annotation) and issubclass(annotation, Settings):
        return [annotation]
    if get_origin(annotation) in {list, Union, UnionType, Annotated}:
        return [model for part in get_args(annotation) for model in _models(part)]
    return []


@cache
def _adapter(model: type[Settings], name: str) -> TypeAdapter[Any]:
    annotation = model.model_fields[name].rebuild_annotation()
    plain = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    if inspect.isclass(plain) and issubclass(plain, BaseModel):
        return TypeAdapter(annotation)
    return TypeAdapter(annotation, config=ConfigDict(strict=True))
