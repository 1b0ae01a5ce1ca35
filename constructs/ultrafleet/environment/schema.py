"""Schema of an environment file, JSON Schema 2020-12, from its models; and its keys with text, default and example."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ultrafleet.environment.block_settings import BlockSettings
from ultrafleet.environment.models import Environment
from ultrafleet.environment.pool_settings import UltraServerPoolSettings
from ultrafleet.environment.racks import RACKS, SHARED_BLOCK
from ultrafleet.rules.names import NAME_PATTERN

SCHEMA_FILE: Final = "environment.schema.json"
"""Name of the schema's file beside environment files."""

EDITOR_LINE: Final = "# yaml-language-server: $schema={schema}"
"""Line of an environment file by which editors find the schema."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NOT_IN_THE_FILE: Final = "name"
"""Key that the file's name states."""
_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)\s]+\)")
_DEFAULT: Final = re.compile(r"\s*Default:\s+(?P<text>.+?)\.?\s*\Z", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Key:
    """Key of an environment file.

    Attributes:
        section: the part of the file that it is in, `pools[].blocks[]`; empty at the top.
        name: the key.
        text: description, in Markdown, with links relative to the documents.
        default: default in Markdown: a value in code font, or words for one that is derived; None if it is required.
        unit: unit of a number. None: it has none.
        example: a value that it may have.
    """

    section: str
    name: str
    text: str
    default: str | None
    unit: str | None
    example: Any

    @property
    def path(self) -> str:
        """Path of the key: `pools[].blocks[].end`."""
        return f"{self.section}.{self.name}".lstrip(".")


_POOLS: Final = "pools[]"
_ID: Final = "capacity_reservation_id"
_BULK_KEYS: Final = (
    Key(
        section=_POOLS,
        name=RACKS,
        text="`ultraserver` alone, instead of `name` and `blocks`: several pools in one entry, NAME → capacity block: "
        "its id, a mapping of a block's keys where they differ from `block`, or a list of either; see [racks](#racks)",
        default="one pool",
        unit=None,
        example={"rack-01": "cr-0123456789abcdef1"},
    ),
    Key(
        section=_POOLS,
        name=SHARED_BLOCK,
        text="With `racks`: keys that the blocks of all racks have, such as their zone, start and end",
        default="none",
        unit=None,
        example={"end": "2026-12-15T11:30:00Z"},
    ),
)


@dataclass(frozen=True)
class _Stated:
    """A field of one model; keys of pools have one for each kind that has them."""

    model: type[BaseModel]
    name: str

    @property
    def field(self) -> FieldInfo:
        return self.model.model_fields[self.name]


def keys() -> list[Key]:
    """Every key that an environment file may have, in the order of the models.

    A key that pools of one kind alone have says so in its text.
    """
    stated: dict[tuple[str, str], list[_Stated]] = {}
    models: dict[str, int] = {}
    for section, model in _sections(Environment, ""):
        models[section] = models.get(section, 0) + 1
        for name in model.model_fields:
            if (section, name) != ("", _NOT_IN_THE_FILE):
                stated.setdefault((section, name), []).append(_Stated(model, name))
    made = [_key(section, name, found, models[section]) for (section, name), found in stated.items()]
    last = max(number for number, key in enumerate(made) if key.section == _POOLS)
    return [*made[: last + 1], *_BULK_KEYS, *made[last + 1 :]]


def environment_schema() -> dict[str, Any]:
    """JSON Schema of an environment file: types, names of keys and their values, with text, defaults and examples.

    What depends on other keys, on the catalog's facts or on the account is left to `ultrafleet validate`.
    """
    made = Environment.model_json_schema()
    made["properties"].pop(_NOT_IN_THE_FILE)
    made["required"].remove(_NOT_IN_THE_FILE)
    described = {model.__name__: model for _, model in _sections(Environment, "")}
    described[Environment.__name__] = Environment
    for name, part in [(Environment.__name__, made), *made["$defs"].items()]:
        part.pop("title", None)
        if "description" in part:
            part["description"] = _plain(part["description"])
        for key, value in part.get("properties", {}).items():
            _tidy(value, described[name].model_fields[key])
    _add_racks(made["$defs"], made["properties"]["pools"]["items"]["oneOf"])
    return {"$schema": _DIALECT, "title": "ultrafleet environment", **made}


def _add_racks(parts: dict[str, Any], pools: list[dict[str, str]]) -> None:
    """Add the entry of several racks, which is read as pools of their own before the models see it."""
    pool, block = parts[UltraServerPoolSettings.__name__], parts[BlockSettings.__name__]
    racks, shared = _BULK_KEYS
    own = {**block, "required": [], "description": "Capacity block of a rack, where it differs from `block`."}
    line = [{"type": "string", "pattern": "^cr-"}, {"$ref": "#/$defs/RackBlock"}]
    common = {key: value for key, value in block["properties"].items() if key != _ID}
    parts["RackBlock"] = own
    parts["Racks"] = {
        "type": "object",
        "additionalProperties": False,
        "description": "Several UltraServers, a pool each.",
        "properties": {
            **{key: value for key, value in pool["properties"].items() if key not in {"name", "blocks"}},
            SHARED_BLOCK: {
                "type": "object",
                "additionalProperties": False,
                "description": _plain(shared.text),
                "examples": [shared.example],
                "properties": common,
            },
            RACKS: {
                "type": "object",
                "minProperties": 1,
                "description": _plain(racks.text),
                "examples": [racks.example],
                "propertyNames": {"pattern": f"^(?:{NAME_PATTERN})$"},
                "additionalProperties": {"anyOf": [*line, {"type": "array", "minItems": 1, "items": {"anyOf": line}}]},
            },
        },
        "required": [*(key for key in pool["required"] if key not in {"name", "blocks"}), RACKS],
    }
    pools.append({"$ref": "#/$defs/Racks"})


def schema_text() -> str:
    """Schema as the text of its file."""
    return f"{json.dumps(environment_schema(), indent=2, ensure_ascii=False)}\n"


def _sections(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield path, model
    for name, field in model.model_fields.items():
        for suffix, child in _models_in(field.annotation):
            yield from _sections(child, f"{path}.{name}{suffix}".lstrip("."))


def _models_in(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:  # noqa: ANN401 - a type of any form
    """Models of a field's type, with the suffix of its path: `[]` in a list, `.*` in a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "", annotation
    elif get_origin(annotation) is list:
        yield from ((f"[]{suffix}", model) for suffix, model in _models_in(get_args(annotation)[0]))
    elif get_origin(annotation) is dict:
        yield from ((f".*{suffix}", model) for suffix, model in _models_in(get_args(annotation)[1]))
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from _models_in(part)
    elif get_origin(annotation) is Annotated:
        yield from _models_in(get_args(annotation)[0])


def _key(section: str, name: str, found: list[_Stated], kinds: int) -> Key:
    first = found[0]
    text = _DEFAULT.sub("", first.field.description or "")
    if len(found) < kinds:
        text = f"`{_kind(first.model)}` alone: {text[:1].lower()}{text[1:]}"
    return Key(
        section=section,
        name=name,
        text=" ".join(text.split()),
        default=_default(found),
        unit=_unit(first.field),
        example=_example(first.field),
    )


def _default(found: list[_Stated]) -> str | None:
    required = [item for item in found if item.field.is_required()]
    others = [item for item in found if not item.field.is_required()]
    if not others:
        return None
    text = _default_text(others[0].field)
    return f"{text}; required for {', '.join(f'`{_kind(item.model)}`' for item in required)}" if required else text


def _default_text(field: FieldInfo) -> str:
    stated = _DEFAULT.search(field.description or "")
    if stated is not None:
        return " ".join(stated["text"].split())
    default = field.get_default(call_default_factory=True)
    return "the defaults below" if isinstance(default, BaseModel) else f"`{_flow(default)}`"


def _flow(value: object) -> str:
    """Value as YAML in one line."""
    if isinstance(value, str) and "\n" in value:
        return json.dumps(value, ensure_ascii=False)  # JSON is YAML, and has its line breaks as \\n
    text = yaml.safe_dump(value, default_flow_style=True, width=1 << 16, sort_keys=False, default_style=None)
    return text.removesuffix("\n").removesuffix("\n...").replace("'", '"')


def example_text(value: object) -> str:
    """Example of a key as YAML in one line.

    Args:
        value: the example of a `Key`.
    """
    return re.sub(r'"(\d{4}-\d\d-\d\d(?:T[\d:]+Z)?)"', r"\1", _flow(value))


def _kind(model: type[BaseModel]) -> str:
    (kind,) = get_args(model.model_fields["kind"].annotation)
    return str(kind)


def _unit(field: FieldInfo) -> str | None:
    extra = field.json_schema_extra
    unit = extra.get("unit") if isinstance(extra, Mapping) else None
    return None if unit is None else str(unit)


def _example(field: FieldInfo) -> Any:  # noqa: ANN401 - a value of any key
    """Example of a field: its own; else of what it holds, with the keys that are required."""
    if field.examples:
        return field.examples[0]
    for suffix, model in _models_in(field.annotation):
        held = {
            name: _example(child)
            for name, child in model.model_fields.items()
            if child.is_required() or len(model.model_fields) == 1
        } or {name: _example(child) for name, child in list(model.model_fields.items())[:1]}
        return [held] if suffix == "[]" else held
    return None


def _plain(text: str) -> str:
    """Text without links, whose targets an editor doesn't have."""
    return " ".join(_LINK.sub(r"\1", text).split())


def _tidy(part: dict[str, Any], field: FieldInfo) -> None:
    """Write a property as editors show it best."""
    part.pop("title", None)
    part.pop("discriminator", None)
    part.get("items", {}).pop("discriminator", None)
    unit = part.pop("unit", None)
    text = _plain(part.get("description", ""))
    part["description"] = f"{text} Unit: {unit}." if unit else text
    if part.get("default", 0) is None:
        del part["default"]  # derived: its text says from what
    part["examples"] = [_example(field)]
    options = part.get("anyOf", [])
    if len(options) == 2 and options[1] == {"type": "null"} and "$ref" not in options[0]:  # noqa: PLR2004 - or null
        del part["anyOf"]
        part.update(_or_null(options[0]))


def _or_null(part: dict[str, Any]) -> dict[str, Any]:
    """Part of a schema that takes an empty key, too."""
    if "const" in part:
        return {"enum": [part["const"], None]}
    if "enum" in part:
        return {"enum": [*part["enum"], None]}
    return {**part, "type": [part["type"], "null"]}
