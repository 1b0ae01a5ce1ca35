"""docs/constructs/pools.md against the constructs: every argument is in a table, with its default."""

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ultrafleet.capacity import CapacityBlock
from ultrafleet.pools import AcceleratorPool, NodeOptions, UltraServerPool, UltraServerPools

PAGE = (Path(__file__).parents[2] / "docs" / "constructs" / "pools.md").read_text()
COMMON, ULTRASERVER, ACCELERATOR, OPTIONS, PROPERTIES, BLOCKS = (
    dict(re.findall(r"^\| (`.*?`) \| (.*?) \|", table, re.MULTILINE))
    for table in re.findall(r"^\| (?:argument|property|block's setting) .*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
)


def arguments(made: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    found = inspect.signature(made).parameters
    return {f"`{name}`": found[name] for name in found if name not in {"self", "scope", "id"}}


@pytest.mark.parametrize(
    ("construct", "own", "not_its"),
    [
        (UltraServerPool, ULTRASERVER, {"`pools`"}),
        (UltraServerPools, ULTRASERVER, {"`pool_name`", "`blocks`"}),
        (AcceleratorPool, ACCELERATOR, {"`pools`"}),
    ],
)
def test_the_tables_have_the_arguments_of_the_pools(construct: type, own: dict[str, str], not_its: set[str]) -> None:
    rows = {**COMMON, **own}.keys()
    assert not_its < rows
    assert rows - not_its == arguments(construct.__init__).keys()


@pytest.mark.parametrize("construct", [UltraServerPool, UltraServerPools, AcceleratorPool])
def test_required_arguments_are_said_to_be(construct: type) -> None:
    for name, parameter in arguments(construct.__init__).items():
        written = {**COMMON, **ULTRASERVER, **ACCELERATOR}[name]
        assert parameter.default is not inspect.Parameter.empty or "required" in written, name
        if parameter.default not in {inspect.Parameter.empty, None, ()} and name != "`blocks`":
            assert str(parameter.default) in written, name


def test_the_table_of_node_options_has_its_fields() -> None:
    assert list(OPTIONS) == [f"`{field.name}`" for field in fields(NodeOptions)]
    made = NodeOptions()
    for name in ("max_pods", "root_volume_gib", "metadata_hop_limit", "max_unavailable"):
        assert OPTIONS[f"`{name}`"] == f"`{getattr(made, name)}`"


def test_the_table_of_blocks_has_the_settings_of_their_node_groups() -> None:
    settings = arguments(CapacityBlock.from_ultraserver_reservation)
    own = {"`launch_template_version`", "`initial_desired_size`", "`existing_node_group`"}
    assert BLOCKS.keys() == own
    assert own < settings.keys()


def test_what_a_pool_has() -> None:
    named = set(re.findall(r"\w+", " ".join(PROPERTIES)))
    base = UltraServerPool.__mro__[1]
    assert named <= {*base.__annotations__, *vars(base)}
    assert {name for name in base.__annotations__ if not name.startswith("_")} <= named
