"""Any change of a file of another tool, and any text: an environment that loads, or an error of the library."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ultrafleet.environment import load_environment
from ultrafleet.errors import FleetError
from ultrafleet.importing import Imported, import_text, parse_side_inputs

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())
INPUTS = [
    yaml.safe_load(path.read_text(encoding="utf-8").split("\n---\n")[0])
    for case in CASES
    for path in case.iterdir()
    if path.stem in {"input", "plan", "state"}
]
SIDE = parse_side_inputs(
    account="111122223333",
    region=None,
    cidr="10.20.0.0/16",
    zone=["us-east-1a", "us-east-1b"],
    nodes=["2"],
    workload=["training"],
    fabric=["efa"],
)
ODD = [
    "${X}", "cr-0aaaaaaaaaaaaaaa1", "us-east-1a", "us-east-1-dfw-2a", "p5.48xlarge", "p6e-gb200.36xlarge", "g5g.xlarge",
    "10.0.0.0/16", "10.0.0.0/33", "capacity-block", "CAPACITY_BLOCK", "null", "1.35", "0",
]  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=True),
    st.text(max_size=12),
    st.sampled_from([*ODD, "", "trn3 Gen1 UltraServer", "a" * 300, "\x1b[2J", "é: #"]),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from places(item, (*path, position))


@st.composite
def changed(draw: st.DrawFn) -> Any:
    value = copy.deepcopy(draw(st.sampled_from(INPUTS)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(sorted(places(value), key=str)))
        holder = value
        for step in path[:-1]:
            holder = holder[step]
        if draw(st.booleans()) and isinstance(holder, dict):
            del holder[path[-1]]
        else:
            holder[path[-1]] = draw(LEAVES)
        if not any(places(value)):
            break
    return value


def checked(text: str, folder: Path) -> None:
    try:
        imported = import_text(text, file="input.yaml", side=SIDE)
    except FleetError:
        return
    assert isinstance(imported, Imported)
    path = folder / f"{imported.name}.yaml"
    path.write_text(imported.text, encoding="utf-8")
    assert load_environment(path) == imported.environment
    assert all(line.isprintable() for note in imported.notes for line in note.split("\n"))


@given(value=changed())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_changed_file_has_no_traceback_and_loads(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    checked(yaml.safe_dump(value, allow_unicode=True), tmp_path_factory.getbasetemp())


@given(value=changed())
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_json_has_no_traceback_either(value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    checked(json.dumps(value), tmp_path_factory.getbasetemp())


@given(text=st.one_of(st.text(), st.text(alphabet="{}[]:,-&*!|>'\"%@` \nab01$<")))
@settings(max_examples=200, deadline=None)
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(FleetError):
        import_text(text, file="input.yaml", side=SIDE)
