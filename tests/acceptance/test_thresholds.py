"""Floors and limits: the table that nodes read is the catalog's, and no floor of the caller's switches a limit off."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.acceptance_table import TABLE, table
from ultrafleet.acceptance.thresholds import (
    PATHS,
    NodeType,
    UnknownThresholdError,
    efa_limit_gbs,
    node_type,
    nvlink_limit_gbs,
    threshold,
)
from ultrafleet.acceptance.type_table import FLOORS, NODE_TYPES
from ultrafleet.catalog import InstanceType, acceptance_floors


def test_the_table_is_what_its_tool_makes_of_the_catalog() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(), "run `make docs`"


def test_every_type_of_nvidia_s_with_efa_is_in_the_table() -> None:
    """A new type that lacks a floor is known by its EFA."""
    wanted = {str(item) for item in InstanceType.all() if item.accelerator_kind == "nvidia" and item.efa_bandwidth_gbps}
    assert wanted <= NODE_TYPES.keys()
    assert all(NODE_TYPES[name][1] is not None for name in wanted)


def test_every_floor_of_the_catalog_has_its_threshold_and_source() -> None:
    for fact_id, fact in acceptance_floors.facts():
        _, name, path = fact_id.split("/")
        assert path in PATHS
        assert InstanceType.of(name).accelerator_kind == "nvidia"
        if fact.value is None:
            assert (name, path) not in FLOORS
            assert fact.note
        else:
            found = threshold(name, path)
            assert (found.bus_bandwidth_gbs, found.confidence) == (fact.value, fact.confidence)
            assert fact.source is not None
            assert found.source in fact.source.text


def test_a_node_without_a_floor_is_judged_without_one() -> None:
    assert threshold("p5en.48xlarge", "node").bus_bandwidth_gbs is None
    assert threshold(None, "node").bus_bandwidth_gbs is None
    assert threshold("p6-b200.48xlarge", "node").bus_bandwidth_gbs == 600


@pytest.mark.parametrize("name", ["p6-b200.48xlarge", "p6-b300.48xlarge", "p4d.24xlarge", None])
def test_fails_a_path_between_nodes_without_a_floor(name: str | None) -> None:
    with pytest.raises(UnknownThresholdError, match=r"p5\.48xlarge over efa.*pass --min-bus-bandwidth-gbs"):
        threshold(name, "efa")


@pytest.mark.parametrize(
    ("name", "nodes", "ranks", "limit"),
    [
        ("p5.48xlarge", 2, 16, 400 * 2 * 15 / 16),
        ("p5.48xlarge", 16, 128, 400 * 16 / 15 * 127 / 128),
        ("p6e-gb200.36xlarge", 18, 72, 200 * 18 / 17 * 71 / 72),
        ("p4d.24xlarge", 2, 16, 50 * 2 * 15 / 16),
        ("p6-b300.48xlarge", None, None, 1600),
    ],
)
def test_efa_carries_so_much(name: str, nodes: int | None, ranks: int | None, limit: float) -> None:
    assert efa_limit_gbs(node_type(name), nodes=nodes, ranks=ranks) == pytest.approx(1.02 * limit)


@pytest.mark.parametrize("node", [None, *map(node_type, sorted(NODE_TYPES))], ids=str)
def test_where_no_source_states_efa_s_bandwidth_it_is_that_of_the_fastest(node: NodeType | None) -> None:
    limit = efa_limit_gbs(node, nodes=2, ranks=None)
    if node is None or node.efa_gbs is None:
        assert limit == pytest.approx(1.02 * 2 * min(100.0 * ((node and node.accelerators) or 8), 800.0))
    else:
        assert limit == pytest.approx(1.02 * 2 * node.efa_gbs)


def test_accelerators_of_a_run_count_where_the_type_is_not_named() -> None:
    assert efa_limit_gbs(None, nodes=None, ranks=None) == pytest.approx(1.02 * 1600)
    assert efa_limit_gbs(NodeType("x1.large"), nodes=2, ranks=8) == pytest.approx(1.02 * 1600 * 7 / 8)
    assert efa_limit_gbs(None, nodes=18, ranks=72, accelerators=4) == pytest.approx(1.02 * 400 * 18 / 17 * 71 / 72)


def test_nvlink_carries_so_much() -> None:
    assert nvlink_limit_gbs(ranks=72) == pytest.approx(1.02 * 1800 * 71 / 72)
    assert nvlink_limit_gbs(ranks=None) == pytest.approx(1.02 * 1800)


@given(st.floats(min_value=0.01, max_value=10_000), st.sampled_from(sorted(NODE_TYPES)), st.sampled_from(PATHS))
def test_the_caller_s_floor_keeps_the_type(floor: float, name: str, path: str) -> None:
    own = threshold(name, path, min_bus_bandwidth_gbs=floor)
    assert (own.bus_bandwidth_gbs, own.source) == (floor, "caller")
    assert own.node == node_type(name)
    assert 0 < own.min_largest_bytes < inf
