"""Any change of a valid file gives an environment or an error with a place: no traceback."""

# ruff: noqa: E501 - values of every kind, a line for many

import copy
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ultrafleet.environment import EnvironmentFileError, load_environment
from ultrafleet.environment.document import FileFaultError
from ultrafleet.environment.schema import keys

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parents[2] / "stacks" / "environments"
TEXTS = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml"))}
CONTENTS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
NAMES = sorted({key.name for key in keys()})

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 7, 1.5, -0.0, float("nan"), float("inf"), 10**30, 10**400, "", " ", "x", "yes", "null",
    "12", "us-east-1", "us-east-1a", "us-east-2f", "10.0.0.0/8", "10.64.0.0/33", "::/0", "cr-0123456789abcdef0",
    "cbr-0123456789abcdef0", "arn:aws:iam::111122223333:role/x", "role/x", "2026-12-01T11:30:00Z", "2026-13-17", "é", "a" * 300,
    "${Token[x.1]}", "[", "{}", "*", "&a", "\x7f", "\u2028", [], [None], [[]], ["x"], [1, 2], {}, {"x": 1}, {1: 2}, {None: None},
    {True: []}, datetime(2026, 12, 1, 11, 30, tzinfo=UTC), datetime(2026, 12, 1, 11, 30), date(2026, 12, 1),  # noqa: DTZ001
    datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 11, 30, tzinfo=UTC),
]  # fmt: skip
"""Values that a key may be given, of every kind."""


def checked(file: Path) -> bool:
    """True if the file is an environment; its faults have file, place and parts."""
    faults: Sequence[Exception] = ()
    try:
        load_environment(file)
    except EnvironmentFileError as error:
        faults = error.faults or [error]
    for fault in faults:
        assert isinstance(fault, FileFaultError), fault
        assert fault.place is not None, fault
        assert str(fault).startswith(f"{file}:{fault.place.line}:{fault.place.column}: ")
        assert fault.got is not None
        assert fault.expected is not None
        for word in ("pydantic", "dict", "NoneType", "(str)", "input should", "input tag", "InstanceType.of"):
            assert word not in str(fault), fault
    return not faults


def paths(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(content, dict):
        for key, value in content.items():
            found += paths(value, (*path, key))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            found += paths(value, (*path, index))
    return found


PATHS = [(name, path) for name, content in CONTENTS.items() for path in paths(content)]


def put(content: Any, path: tuple[Any, ...], value: Any) -> None:
    for part in path[:-1]:
        content = content[part]
    content[path[-1]] = value


def take(content: Any, path: tuple[Any, ...]) -> None:
    for part in path[:-1]:
        content = content[part]
    del content[path[-1]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(edits=st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(ODD)), min_size=1, max_size=3))
def test_values_of_other_kinds(folder: Path, edits: list[tuple[tuple[str, tuple[Any, ...]], Any]]) -> None:
    name = edits[0][0][0]
    content = copy.deepcopy(CONTENTS[name])
    for (of, path), value in edits:
        if of == name:
            try:
                put(content, path, copy.deepcopy(value))
            except (KeyError, IndexError, TypeError):  # the other edit took what it is in
                continue
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    checked(file)


@FUZZ
@given(where=st.sampled_from(PATHS), key=st.sampled_from([*NAMES, "colour", "racks", "<<"]), value=st.sampled_from(ODD))
def test_keys_that_come(folder: Path, where: tuple[str, tuple[Any, ...]], key: str, value: Any) -> None:
    name, path = where
    content = copy.deepcopy(CONTENTS[name])
    holder = content
    for part in path:
        holder = holder[part]
    if isinstance(holder, dict):
        holder[key] = copy.deepcopy(value)
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    checked(file)


@FUZZ
@given(where=st.sampled_from(PATHS))
def test_keys_that_go(folder: Path, where: tuple[str, tuple[Any, ...]]) -> None:
    name, path = where
    content = copy.deepcopy(CONTENTS[name])
    take(content, path)
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    checked(file)


@FUZZ
@given(
    name=st.sampled_from(sorted(TEXTS)),
    at=st.floats(0, 1),
    length=st.integers(0, 12),
    put_in=st.sampled_from(["", "\t", ":", "- ", "{", "}", "[", "]", "\n", "\r\n", "#", '"', "'", "&a ", "*a", "!!x ", "? ", "|", "\x00", "\ufeff", "---\n", "é"]),
)  # fmt: skip
def test_characters(folder: Path, name: str, at: float, length: int, put_in: str) -> None:
    text = TEXTS[name]
    begin = int(at * len(text))
    file = folder / f"{name}.yaml"
    file.write_text(text[:begin] + put_in + text[begin + length :], encoding="utf-8", newline="")
    checked(file)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes(folder: Path, content: bytes) -> None:
    file = folder / "bytes.yaml"
    file.write_bytes(content)
    assert not checked(file)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_the_files_themselves_are_environments(folder: Path, name: str) -> None:
    file = folder / f"{name}.yaml"
    file.write_text(TEXTS[name], encoding="utf-8")
    assert checked(file)
