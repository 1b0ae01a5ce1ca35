"""Spare nodes of each UltraServer: which nodes are open, whatever fails, comes late or overlaps."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.in_cluster import spare_nodes
from ultrafleet.in_cluster.kubernetes_api import ApiError
from ultrafleet.in_cluster.spare_nodes import Change, UltraServerNode, changes, node_patch, read_node
from ultrafleet.in_cluster.spare_nodes_command import look
from ultrafleet.kubernetes import SPARE_TAINT, UNPROVEN_TAINT
from ultrafleet.kubernetes.labels import POOL_LABEL, ULTRASERVER_LABEL

OPEN = {"rack-a": 16, "rack-b": 4}


def node(number: int, *, rack: str = "rack-a-cr-1", **changed: Any) -> UltraServerNode:
    given: dict[str, Any] = {
        "name": f"{rack}-{number:02}",
        "pool": rack[:6],
        "ultraserver": rack,
        "created": f"2026-12-01T11:{number:02}:00Z",
        "usable": True,
        "spare": True,
    }
    return UltraServerNode(**{**given, **changed})


def after(nodes: list[UltraServerNode], open_nodes: dict[str, int] | None = None) -> list[UltraServerNode]:
    changed = {change.node: change.spare for change in changes(nodes, OPEN if open_nodes is None else open_nodes)}
    return [replace(item, spare=changed.get(item.name, item.spare)) for item in nodes]


def opened(nodes: list[UltraServerNode]) -> list[str]:
    return [item.name for item in nodes if not item.spare]


def test_a_new_rack_opens_but_for_its_spare_nodes() -> None:
    rack = after([node(number) for number in range(18)])
    assert opened(rack) == [f"rack-a-cr-1-{number:02}" for number in range(16)]
    assert changes(rack, OPEN) == []


def test_a_failed_node_and_a_spare_one_change_places_and_stay_so_when_it_is_back() -> None:
    rack = after([node(number) for number in range(18)])
    failed = after([replace(item, usable=item.name[-2:] != "03") for item in rack])
    assert opened(failed) == [item.name for item in rack if item.name[-2:] not in {"03", "17"}]
    assert changes([replace(item, usable=True) for item in failed], OPEN) == []


def test_a_lost_node_is_replaced_by_a_spare_one_and_its_successor_is_spare() -> None:
    rack = after([node(number) for number in range(18)])
    lost = after([item for item in rack if item.name[-2:] != "03"])
    assert len(opened(lost)) == 16
    assert changes([*lost, node(30)], OPEN) == []


def test_the_node_is_opened_before_the_other_is_closed() -> None:
    rack = after([node(number) for number in range(18)])
    rack[3] = replace(rack[3], usable=False)
    assert changes(rack, OPEN) == [
        Change(node="rack-a-cr-1-16", spare=False),
        Change(node="rack-a-cr-1-03", spare=True),
    ]


def test_a_failed_node_without_a_substitute_stays_open() -> None:
    """So it takes jobs as soon as it is back."""
    rack = [node(number, spare=False, usable=number > 3) for number in range(18)]
    assert opened(after(rack)) == [item.name for item in rack if item.usable or item.name[-2:] in {"00", "01"}]


def test_overlapping_blocks_of_a_pool_hold_spare_nodes_each() -> None:
    rack = after([node(number, rack=name) for name in ("rack-a-cr-1", "rack-a-cr-2") for number in range(18)])
    for name in ("rack-a-cr-1", "rack-a-cr-2"):
        assert sum(item.spare for item in rack if item.ultraserver == name) == 2


def test_a_rack_whose_nodes_are_all_cordoned_opens_none() -> None:
    rack = after([node(number) for number in range(18)])
    assert changes([replace(item, usable=False) for item in rack], OPEN) == []


def test_other_pools_and_nodes_of_no_ultraserver_are_left_alone() -> None:
    assert changes([node(1, pool="b300"), node(2, ultraserver="")], OPEN) == []


FLEETS = st.lists(
    st.tuples(st.sampled_from(["rack-a-cr-1", "rack-a-cr-2", "rack-b-cr-1"]), st.booleans(), st.booleans()),
    max_size=60,
).map(
    lambda found: [
        node(number, rack=rack, usable=usable, spare=spare) for number, (rack, usable, spare) in enumerate(found)
    ]
)


@given(nodes=FLEETS, most=st.integers(0, 18))
def test_whatever_happens_no_more_nodes_are_open_than_jobs_may_have_and_all_that_can_be(
    nodes: list[UltraServerNode], most: int
) -> None:
    limits = {"rack-a": most, "rack-b": 4}
    settled = after(nodes, limits)
    assert changes(settled, limits) == []
    before = {item.name: item for item in nodes}
    for name in {item.ultraserver for item in nodes}:
        group = [item for item in settled if item.ultraserver == name]
        limit = limits[group[0].pool]
        usable = [item for item in group if item.usable]
        open_now = [item for item in usable if not item.spare]
        assert sum(not item.spare for item in group) <= limit
        assert len(open_now) == min(limit, len(usable))
        kept = [item for item in usable if not before[item.name].spare]
        assert len([item for item in kept if not item.spare]) == min(limit, len(kept))


@given(nodes=FLEETS, failing=st.sets(st.integers(0, 59)))
def test_a_node_that_a_job_may_be_on_is_closed_only_when_it_fails(
    nodes: list[UltraServerNode], failing: set[int]
) -> None:
    settled = after(nodes)
    failed = [replace(item, usable=item.usable and int(item.name[-2:]) not in failing) for item in settled]
    closed = {change.node for change in changes(failed, OPEN) if change.spare}
    assert closed <= {item.name for item in failed if not item.usable}


def test_the_taint_and_the_labels_are_the_library_s() -> None:
    assert (SPARE_TAINT.key, UNPROVEN_TAINT.key) == (spare_nodes.TAINT_KEY, spare_nodes._UNPROVEN)
    assert (spare_nodes.POOL_LABEL, spare_nodes.ULTRASERVER_LABEL) == (POOL_LABEL, ULTRASERVER_LABEL)
    assert SPARE_TAINT.toleration == {**spare_nodes._TAINT, "operator": "Equal"}


def kubernetes_node(name: str = "a", **spec: Any) -> dict[str, Any]:
    labels = {POOL_LABEL: "rack-a", ULTRASERVER_LABEL: "rack-a-cr-1"}
    return {
        "metadata": {
            "name": name,
            "labels": labels,
            "creationTimestamp": "2026-12-01T11:30:00Z",
            "resourceVersion": "7",
        },
        "spec": spec,
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }


GPU = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
SPARE = {"key": "ultrafleet/spare", "value": "true", "effect": "NoSchedule"}
UNPROVEN = {"key": "ultrafleet/unproven", "value": "true", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("changed", "usable", "spare"),
    [
        ({}, True, False),
        ({"spec": {"taints": [GPU, SPARE]}}, True, True),
        ({"spec": {"taints": [GPU, UNPROVEN]}}, False, False),
        ({"spec": {"unschedulable": True}}, False, False),
        ({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}, False, False),
        ({"status": {}}, False, False),
    ],
)
def test_a_node_is_read(changed: dict[str, Any], usable: bool, spare: bool) -> None:
    found = read_node({**kubernetes_node(), **changed})
    assert (found.usable, found.spare, found.pool, found.ultraserver) == (usable, spare, "rack-a", "rack-a-cr-1")


@pytest.mark.parametrize(("spare", "taints"), [(True, [GPU, SPARE]), (False, [GPU])])
def test_a_patch_changes_one_taint_of_the_node_that_was_read(spare: bool, taints: list[dict[str, str]]) -> None:
    patch = node_patch(kubernetes_node(taints=[GPU, SPARE]), Change(node="a", spare=spare))
    assert patch == {"metadata": {"resourceVersion": "7"}, "spec": {"taints": taints}}


class Api:
    """A cluster's API that refuses what it is told to."""

    def __init__(self, nodes: list[dict[str, Any]], refusal: int | None = None) -> None:
        self.nodes, self.refusal, self.patched = nodes, refusal, dict[str, Any]()

    def list(self, path: str, selector: str) -> list[dict[str, Any]]:
        assert (path, selector) == ("api/v1/nodes", "ultrafleet/pool")
        return self.nodes

    def call(self, method: str, path: str, body: Any, content_type: str) -> None:
        assert (method, content_type) == ("PATCH", "application/merge-patch+json")
        if self.refusal is not None:
            raise ApiError(self.refusal, "refused")
        self.patched[path] = body["spec"]["taints"]


def test_a_look_patches_what_is_to_change_and_says_so() -> None:
    said: list[Any] = []
    api = Api([kubernetes_node(f"n{number}", taints=[GPU, SPARE]) for number in range(3)])
    look(api, {"rack-a": 2}, log=said.append)  # type: ignore[arg-type]
    assert api.patched == {"api/v1/nodes/n0": [GPU], "api/v1/nodes/n1": [GPU]}
    assert [entry["event"] for entry in said] == ["opened", "opened", "looked"]


@pytest.mark.parametrize(("status", "goes_on"), [(409, True), (404, True), (403, False), (500, False)])
def test_a_node_that_changed_is_left_to_the_next_look_and_a_refusal_ends_it(status: int, goes_on: bool) -> None:
    api = Api([kubernetes_node(f"n{number}", taints=[GPU, SPARE]) for number in range(3)], status)
    said: list[Any] = []
    if goes_on:
        look(api, {"rack-a": 2}, log=said.append)  # type: ignore[arg-type]
        assert [entry["event"] for entry in said] == ["skipped", "skipped", "looked"]
    else:
        with pytest.raises(ApiError):
            look(api, {"rack-a": 2}, log=said.append)  # type: ignore[arg-type]
