"""Programmes cut into cells: every rack once, every cell within every limit, and nothing that exists ever moves."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.programmes import Content, programme, raised, tranche
from ultrafleet.catalog import UltraServerType, limits
from ultrafleet.cells import Cell, CellPlan, Rack, Record, cut, is_assumed, read_cells
from ultrafleet.programme import Programme
from ultrafleet.rules.ip_budget import PoolIpDemand, prefix_length_of
from ultrafleet.rules.secondary_network import SecondaryNetworkPlan

PLACES = [
    {"site": "dallas-a"},
    {"site": "dallas-b"},
    {"site": "dallas-a", "workload": "inference"},
    {"site": "ohio", "type": "u-p6e-gb300x72", "fabric": "efa"},
    {"site": "oregon", "type": "u-p6e-gb300x72", "fabric": "roce"},
]
HALF_A_MILLION = Path(__file__).parents[2] / "stacks/programmes/half-a-million.yaml"


@st.composite
def tranches(draw: st.DrawFn) -> list[Content]:
    return [
        tranche(
            f"t{number}",
            draw(st.integers(1, 9)),
            delivery=date(2026, 12, 1) + timedelta(days=draw(st.integers(0, 3))),
            **draw(st.sampled_from(PLACES)),
        )
        for number in range(draw(st.integers(1, 4)))
    ]


SIZES = st.fixed_dictionaries(
    {
        "most_racks_per_cell": st.none() | st.integers(1, 5),
        "racks_per_stack": st.integers(1, 4),
        "hand_overs_per_cell": st.integers(0, 2),
        "max_pods": st.sampled_from([16, 64, 110]),
    }
)
GROUPS = st.integers(4, 9)


def places(plan: CellPlan) -> dict[str, tuple[str, int]]:
    return {rack.name: (cell.name, slot) for cell in plan.cells for slot, rack in cell.placed.items()}


def shapes(plan: CellPlan) -> dict[str, object]:
    return {
        cell.name: (cell.number, cell.slots, cell.management, cell.network, cell.racks_per_stack) for cell in plan.cells
    }


def stacks(plan: CellPlan) -> dict[tuple[str, str], tuple[tuple[int, Rack], ...]]:
    return {(cell.name, key): racks for cell in plan.cells for key, racks in cell.stacks.items()}


def made(content: list[Content], fleet: dict[str, Any], groups: int) -> Programme:
    return programme(*content, limits=raised(node_groups_per_cluster=groups), **fleet)


def over(plan: CellPlan) -> Record:
    return Record.of(plan)


def within_limits(cell: Cell, fleet: dict[str, Any], groups: int) -> Iterator[str]:
    """Limits that a cell breaks, counted anew from what is in it."""
    kind = UltraServerType.of(cell.ultraserver_type)
    nodes = int(kind.instance_count or 0)
    racks, most = len(cell.racks), cell.slots + fleet["hand_overs_per_cell"]
    if racks > cell.slots or max(cell.placed, default=0) >= cell.slots:
        yield "slots"
    if fleet["most_racks_per_cell"] is not None and cell.slots > fleet["most_racks_per_cell"]:
        yield "blast radius"
    if cell.management == "managed" and 1 + most > groups:
        yield "node groups"
    if most * nodes > limits.fact("limit/eks/nodes-per-cluster").value:
        yield "nodes"
    if most * nodes * 7 > limits.NETWORK_ADDRESS_USAGE.value:
        yield "network address usage"
    if len(cell.network.cidrs) > limits.fact("limit/vpc/cidrs-per-vpc").value:
        yield "CIDRs"
    demand = PoolIpDemand.of(
        pool_name="racks",
        nodes=nodes * min(cell.slots, cell.network.racks_per_subnet) + nodes * fleet["hand_overs_per_cell"],
        instance_type=kind.instance_type,  # type: ignore[arg-type]
        ip_interfaces=1,
        max_pods=fleet["max_pods"],
    )
    fits = prefix_length_of(demand.addresses)
    if fits is None or any(IPv4Network(cidr).prefixlen > fits for cidr in cell.network.rack_cidrs):
        yield "addresses"
    if cell.network.racks_per_subnet * len(cell.network.rack_cidrs) < cell.slots:
        yield "subnets"


@given(tranches(), SIZES, GROUPS)
@settings(max_examples=25, deadline=None)
def test_each_rack_is_in_one_cell_and_each_cell_within_every_limit(
    content: list[Content], fleet: dict[str, Any], groups: int
) -> None:
    plan = cut(made(content, fleet, groups))
    assert not plan.refusals
    names = Counter(rack.name for rack in plan.racks)
    assert names == {
        f"{item['name']}-{number:04}": 1 for item in content for number in range(1, item["ultraservers"] + 1)
    }
    for cell in plan.cells:
        assert list(within_limits(cell, fleet, groups)) == []
        assert {racks for key, racks in cell.stacks.items()}  # every assumed rack is in a stack
        for key, racks in cell.stacks.items():
            name, number = key.removeprefix("racks-").rsplit("-", 1)
            assert {(rack.tranche, rack.number // fleet["racks_per_stack"]) for _, rack in racks} == {
                (name, int(number))
            }
    assert len({cell.name for cell in plan.cells}) == len(plan.cells)
    networks = [IPv4Network(cidr) for cell in plan.cells for cidr in cell.network.all_cidrs]
    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))


@given(tranches(), SIZES, GROUPS, st.randoms())
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_file_makes_no_difference(
    content: list[Content], fleet: dict[str, Any], groups: int, random: Any
) -> None:
    before = cut(made(content, fleet, groups))
    shuffled = [*content]
    random.shuffle(shuffled)
    assert cut(made(shuffled, fleet, groups)).cells == before.cells


@given(tranches(), SIZES, GROUPS, st.data())
@settings(max_examples=25, deadline=None)
def test_a_rack_more_or_less_changes_one_stack_of_one_cell(
    content: list[Content], fleet: dict[str, Any], groups: int, data: st.DataObject
) -> None:
    before = cut(made(content, fleet, groups))
    grown = data.draw(st.sampled_from(range(len(content))))
    more = [{**item, "ultraservers": item["ultraservers"] + (index == grown)} for index, item in enumerate(content)]
    after = cut(made(more, fleet, groups), record=over(before))
    assert places(before).items() <= places(after).items()
    assert shapes(before).items() <= shapes(after).items()
    changed = {key for key in stacks(before) | stacks(after) if stacks(before).get(key) != stacks(after).get(key)}
    assert len(changed) == 1
    assert len(after.unrecorded) == 1
    # Taken out again, all is as before, but for an empty cell where it was the first of a new one.
    back = cut(made(content, fleet, groups), record=over(after))
    assert stacks(back) == stacks(before)
    assert shapes(back) == shapes(after)


@given(tranches(), SIZES, GROUPS, st.integers(0, 6), st.data())
@settings(max_examples=25, deadline=None)
def test_nothing_that_exists_moves_when_limits_are_raised_tranches_grow_and_racks_retire(
    content: list[Content], fleet: dict[str, Any], groups: int, more: int, data: st.DataObject
) -> None:
    before = cut(made(content, fleet, groups))
    retired = data.draw(st.sets(st.sampled_from(sorted(places(before))), max_size=3))
    grown = [{**item, "ultraservers": item["ultraservers"] + data.draw(st.integers(0, 3))} for item in content]
    larger = fleet | {"most_racks_per_cell": None, "retired": sorted(retired)}
    after = cut(made([*grown, tranche("late", 1 + more)], larger, groups + more), record=over(before))
    kept = {name: place for name, place in places(before).items() if name not in retired}
    assert not after.refusals
    assert kept.items() <= places(after).items()
    assert shapes(before).items() <= shapes(after).items()
    assert not retired & set(places(after))
    again = cut(made([*grown, tranche("late", 1 + more)], larger, groups + more), record=over(after))
    assert (again.cells, again.unrecorded) == (after.cells, ())


@given(tranches(), SIZES, GROUPS, st.integers(1, 9))
@settings(max_examples=25, deadline=None)
def test_the_largest_job_fits_a_cell_or_is_refused(
    content: list[Content], fleet: dict[str, Any], groups: int, racks: int
) -> None:
    fleet = fleet | {"largest_job_accelerators": 72 * racks}
    plan = cut(made(content, fleet, groups))
    meant = [cell for cell in plan.cells if cell.workload == "training"] or list(plan.cells)
    fits = any(len(cell.racks) >= racks for cell in meant)
    assert fits is not any("largest_job_accelerators" in str(error) for error in plan.refusals)


def test_a_record_is_what_it_says_after_it_was_written_and_read(tmp_path: Path) -> None:
    text = HALF_A_MILLION.read_text(encoding="utf-8")
    path = tmp_path / "half-a-million.yaml"
    path.write_text(text, encoding="utf-8")
    plan = read_cells(path)
    (tmp_path / "half-a-million.cells.yaml").write_text(Record.of(plan).text(plan.programme), encoding="utf-8")
    again = read_cells(path)
    assert (again.cells, again.unrecorded) == (plan.cells, ())


def test_half_a_million_gpus_are_cells_that_hold_the_largest_job() -> None:
    plan = read_cells(HALF_A_MILLION)
    assert plan.refusals == ()
    assert plan.unrecorded == ()  # the record is committed
    assert (sum(len(cell.racks) for cell in plan.cells), len(plan.cells)) == (6945, 72)
    assert max(len(cell.racks) for cell in plan.cells) * 72 >= 6912
    ids = [rack.block.capacity_reservation_id for rack in plan.racks if rack.block is not None]
    assert len(set(ids)) == 6945
    assert all(map(is_assumed, ids))


@pytest.mark.parametrize(
    ("edit", "management", "racks"),
    [
        ({}, "managed", 28),
        ({"largest_job_accelerators": 72 * 28}, "managed", 28),
        ({"largest_job_accelerators": 72 * 29}, "self-managed", 144),
        ({"largest_job_accelerators": 72 * 29, "limits": raised(node_groups_per_cluster=31)}, "managed", 29),
        ({"largest_job_accelerators": 72 * 29, "management": "managed"}, "managed", 28),
        ({"management": "self-managed"}, "self-managed", 144),
        ({"largest_job_accelerators": 64 * 29, "spare_nodes_per_ultraserver": 2}, "self-managed", 144),
        ({"largest_job_accelerators": 72 * 145}, "managed", 28),  # no cell holds it: the refusal says so
    ],
)
def test_cells_are_self_managed_where_the_largest_job_needs_it(edit: Content, management: str, racks: int) -> None:
    plan = cut(programme(tranche("a", 200), **edit))
    assert {(cell.management, cell.slots) for cell in plan.cells} == {(management, racks)}


def test_roce_is_self_managed_named_apart_and_has_a_secondary_network_with_room() -> None:
    plan = cut(programme(tranche("a", 1, site="oregon", type="u-p6e-gb300x72", fabric="roce"), tranche("b", 1)))
    assert [(cell.name, cell.management) for cell in plan.cells] == [
        ("dallas-a-gb200x72-t001", "managed"),
        ("oregon-gb300x72r-t001", "self-managed"),
    ]
    assert plan.cells[0].network.secondary_cidr is None
    secondary = SecondaryNetworkPlan(
        cidr=plan.cells[1].network.secondary_cidr or "", availability_zone=plan.cells[1].zone
    )
    secondary.check_room([("racks", (plan.cells[1].slots + 1) * 18, 8)])
    secondary.check_apart_from(plan.cells[1].network.cidrs)


BINDING: dict[str, tuple[Content, Callable[[CellPlan], object], object]] = {
    "node groups": ({}, lambda plan: plan.cells[0].limits[0].key, "node_groups_per_cluster"),
    "network address usage": (
        {"management": "self-managed", "limits": raised(network_address_usage=2000 + 7 * 18)},
        lambda plan: (plan.cells[0].limits[0].key, plan.cells[0].slots),
        ("network_address_usage", 7),
    ),
    "nodes": (
        {"limits": raised(nodes_per_cluster=100)},
        lambda plan: (plan.cells[0].limits[0].key, plan.cells[0].slots),
        ("nodes_per_cluster", 4),
    ),
    "CIDRs": (
        {"management": "self-managed", "max_pods": 250},
        lambda plan: (plan.cells[0].limits[0].key, plan.cells[0].slots),
        ("cidrs_per_vpc", 44),
    ),
    "the schedule's events": (
        {
            "management": "self-managed",
            "max_pods": 16,
            "limits": raised(cidrs_per_vpc=50, network_address_usage=256000),
        },
        lambda plan: (plan.cells[0].limits[0].key, plan.cells[0].slots),
        ("history_events", 494),
    ),
    "blast radius": (
        {"most_racks_per_cell": 7},
        lambda plan: (plan.cells[0].limits[0].key, plan.cells[0].slots),
        ("most_racks_per_cell", 7),
    ),
}


@pytest.mark.parametrize(("edit", "read", "expected"), BINDING.values(), ids=BINDING)
def test_the_smallest_limit_binds(edit: Content, read: Callable[[CellPlan], object], expected: object) -> None:
    assert read(cut(programme(tranche("a", 10), **edit))) == expected


def test_requests_name_quota_code_and_value() -> None:
    plan = cut(programme(tranche("a", 100)))
    asked = {
        (item.key, item.account, item.region, item.code, item.now, item.needed, item.is_required)
        for item in plan.requests
    }
    assert asked == {
        ("node_groups_per_cluster", "111122223333", "us-east-1", "L-6D54EA21", 30, 100, False),
        # 4 cells of 28 slots and one hand-over, 18 nodes of 5 interfaces each
        ("network_interfaces_per_zone", "111122223333", "us-east-1", "L-DF5E4CA3", 5000, 4 * 29 * 18 * 5, True),
    }
