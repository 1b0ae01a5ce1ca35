"""docs/environments.md against the models: every key is on the page, with its default."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ultrafleet.environment import Environment

PAGE = Path(__file__).resolve().parents[2] / "docs" / "environments.md"
NOT_IN_THE_FILE = {"": {"name"}}
"""The environment's name is the file's."""


def models_in(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    """Models of a field's type, with the suffix of its path: `[]` in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "", annotation
    elif get_origin(annotation) is list:
        yield from ((f"[]{suffix}", model) for suffix, model in models_in(get_args(annotation)[0]))
    elif get_origin(annotation) in (Union, UnionType):
        for part in get_args(annotation):
            yield from models_in(part)
    elif get_origin(annotation) is Annotated:
        yield from models_in(get_args(annotation)[0])


def sections(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, str, list[FieldInfo]]]:
    """Every key of the file: its section, its name, its fields (one for each kind of pool)."""
    fields: dict[str, list[FieldInfo]] = {}
    children: dict[str, list[type[BaseModel]]] = {}
    for name, field in model.model_fields.items():
        fields.setdefault(name, []).append(field)
        for suffix, child in models_in(field.annotation):
            children.setdefault(f"{path}.{name}{suffix}".lstrip("."), []).append(child)
    for name, found in fields.items():
        if name not in NOT_IN_THE_FILE.get(path, ()):
            yield path, name, found
    for child_path, kinds in children.items():
        for kind in kinds:
            yield from sections(kind, child_path)


def keys() -> dict[tuple[str, str], list[FieldInfo]]:
    merged: dict[tuple[str, str], list[FieldInfo]] = {}
    for path, name, fields in sections(Environment):
        merged.setdefault((path, name), []).extend(fields)
    return merged


def page_rows() -> dict[tuple[str, str], str]:
    """Every key of the page: its default, as written."""
    rows: dict[tuple[str, str], str] = {}
    section = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = re.fullmatch(r"#+ `(.+)`", line)
            section = heading[1] if heading else "" if line.startswith("# ") else "other"
        elif row := re.match(r"\| `(\w+)` \| (.*?) \| ", line):
            assert (section, row[1]) not in rows, f"{section}.{row[1]} is on the page twice"
            rows[section, row[1]] = row[2]
    return rows


KEYS, ROWS = keys(), page_rows()
BULK = {("pools[]", "racks"), ("pools[]", "block")}
"""Keys of an entry that is read as several pools, before the models see it."""


def test_the_page_has_the_keys_of_the_models_and_no_others() -> None:
    assert set(ROWS) == {*KEYS, *BULK}


@pytest.mark.parametrize("key", KEYS, ids=lambda key: ".".join(filter(None, key)))
def test_the_page_has_the_default(key: tuple[str, str]) -> None:
    written = ROWS[key]
    for field in KEYS[key]:
        default = field.get_default(call_default_factory=True)
        if field.is_required():
            assert "required" in written
        elif isinstance(default, BaseModel):
            assert written == "the defaults below"
        elif default is None:  # derived later: the page says from what
            assert written
            assert written != "required"
        else:
            code = re.search(r"`(.*?)`", written)
            assert code is not None, f"{written!r} is no value, expected {default!r} in code font"
            assert yaml.safe_load(code[1]) == default
