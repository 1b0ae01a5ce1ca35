"""The gate's decision: each rule once, and what holds whatever happens in the cluster, in any order, with crashes."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ultrafleet.acceptance.gate import decide, held_cost, run_name
from ultrafleet.acceptance.gate_state import (
    Action,
    Delete,
    FreeDomain,
    GateNode,
    GateState,
    Hold,
    PoolFacts,
    PutTaint,
    Record,
    Release,
    Run,
    RunResult,
    Standing,
    Start,
    TestResult,
    read_result,
)
from ultrafleet.rehearsal.block_starts.cluster import Ending, RehearsedCluster, RehearsedNode

GROUP = "rack-a-cr-1"
PASSED, FAILED = TestResult(passed=True), TestResult(passed=False, findings=("bandwidth: 12 GB/s",))
MINUTE = 60.0
START = 1_000_000.0


def node(number: int = 0, **changed: Any) -> GateNode:
    given = {"name": f"n{number}", "instance": f"i-{number}", "node_group": GROUP, "pool": "rack-a", "created": START}
    return GateNode(**{**given, **changed})


def recorded(standing: Standing, number: int = 0, run: str = "old", **changed: Any) -> GateNode:
    record = Record(standing=standing, run=run, instance=f"i-{number}")
    return node(number, record=record, **{"tainted": standing not in {"passed", "before-gate", "waived"}, **changed})


def run_of(*nodes: GateNode, result: RunResult | None = None, **changed: Any) -> Run:
    given = {
        "name": "run-1",
        "node_group": GROUP,
        "created": START,
        "nodes": {item.name: (item.instance, item.last_run) for item in nodes},
        "result": result,
        **({"succeeded": result.passed, "finished": START + 5 * MINUTE} if result is not None else {}),
    }
    return Run(**{**given, **changed})


def result(rack: TestResult = PASSED, **nodes: TestResult) -> RunResult:
    return RunResult(nodes=nodes, rack=rack)


def actions(
    *nodes: GateNode, runs: tuple[Run, ...] = (), minutes: float = 1, size: int = 2, **changed: Any
) -> list[Action]:
    facts = PoolFacts(node_group_sizes={GROUP: size}, nodes_per_group=size, usd_per_node_hour=42.28)
    return decide(
        GateState(
            now=START + minutes * MINUTE,
            installed=0,
            pools={"rack-a": facts},
            nodes=nodes,
            runs=runs,
            run_minutes=60,
            **changed,
        )
    )


class TestStart:
    def test_waits_for_the_whole_block(self) -> None:
        assert actions(node(0)) == []
        assert actions(node(0), node(1, ready=False)) == []

    def test_starts_when_the_block_is_whole_or_the_wait_is_over(self) -> None:
        (start,) = actions(node(0), node(1))
        assert isinstance(start, Start)
        assert start.nodes == {"n0": ("i-0", ""), "n1": ("i-1", "")}
        assert actions(node(0), minutes=14) == []
        (late,) = actions(node(0), minutes=15)
        assert isinstance(late, Start)
        assert set(late.nodes) == {"n0"}

    def test_one_run_a_block_at_a_time(self) -> None:
        assert actions(node(0), node(1), runs=(run_of(node(0), node(1)),)) == []
        assert actions(node(0), node(1), runs=(run_of(node(0), node(1), deleted=START),)) == []

    def test_a_run_whose_deletion_is_stuck_blocks_no_other_for_ever(self) -> None:
        stuck = run_of(node(0), node(1), deleted=START)
        assert actions(node(0), node(1), runs=(stuck,), minutes=14) == []
        (start,) = actions(node(0), node(1), runs=(stuck,), minutes=15)
        assert isinstance(start, Start)

    def test_the_same_nodes_give_the_same_run_and_others_another(self) -> None:
        assert run_name("rack-a", {"a": ("i-1", ""), "b": ("i-2", "")}) == run_name(
            "rack-a", {"b": ("i-2", ""), "a": ("i-1", "")}
        )
        assert run_name("rack-a", {"a": ("i-1", "")}) != run_name("rack-a", {"a": ("i-1", "run-1")})
        assert len(run_name("p" * 40, {"a": ("i-1", "")})) <= 40

    def test_a_replaced_node_is_tested_alone(self) -> None:
        (start,) = actions(recorded(Standing.PASSED, 0), node(1, created=START + 40 * MINUTE), minutes=41)
        assert isinstance(start, Start)
        assert set(start.nodes) == {"n1"}

    def test_an_untainted_unproven_node_gets_the_taint_before_it_is_tested(self) -> None:
        assert actions(node(0, tainted=False), node(1)) == [PutTaint(node="n0")]

    def test_cordoned_nodes_are_left_alone(self) -> None:
        assert actions(node(0, leaving=True), node(1, leaving=True), minutes=20) == []

    def test_a_held_rack_waits_to_be_asked_or_for_a_new_node(self) -> None:
        held = recorded(Standing.HELD, 0)
        assert actions(held, recorded(Standing.HELD, 1), minutes=600) == []
        for other in (recorded(Standing.AGAIN, 1), node(1, instance="i-9")):
            (start,) = actions(held, other, minutes=600)
            assert isinstance(start, Start)
            assert set(start.nodes) == {"n0", "n1"}

    def test_a_failed_node_is_tested_again_only_when_asked(self) -> None:
        assert actions(recorded(Standing.PASSED, 0), recorded(Standing.FAILED, 1), minutes=600) == []
        (start,) = actions(recorded(Standing.PASSED, 0), recorded(Standing.AGAIN, 1), minutes=600)
        assert isinstance(start, Start)
        assert start.nodes == {"n1": ("i-1", "old")}

    def test_another_pool_is_nobody_s_business(self) -> None:
        assert actions(node(0, pool="other"), node(1, pool="other"), minutes=20) == []


class TestResults:
    def test_a_passing_result_releases_what_it_names(self) -> None:
        run = run_of(node(0), node(1), result=result(n0=PASSED, n1=PASSED))
        assert actions(node(0), node(1), runs=(run,), minutes=6) == [
            Release(node="n0", standing=Standing.PASSED, run="run-1"),
            Release(node="n1", standing=Standing.PASSED, run="run-1"),
        ]

    def test_a_bad_node_is_held_and_the_rest_released(self) -> None:
        run = run_of(node(0), node(1), result=result(n0=FAILED, n1=PASSED))
        assert actions(node(0), node(1), runs=(run,), minutes=6) == [
            Hold(node="n0", standing=Standing.FAILED, run="run-1", findings=FAILED.findings, usd_per_hour=42.28),
            Release(node="n1", standing=Standing.PASSED, run="run-1"),
        ]

    def test_a_failed_rack_is_held_whole(self) -> None:
        run = run_of(node(0), node(1), result=result(FAILED, n0=PASSED, n1=PASSED))
        taken = actions(node(0), node(1), runs=(run,), minutes=6)
        assert [(type(item), item.standing) for item in taken] == [(Hold, "held"), (Hold, "held")]  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        "changed",
        [
            {"succeeded": False, "finished": START},
            {"succeeded": True, "finished": START},
            {"succeeded": False, "finished": START, "result": result(n0=PASSED)},
            {"succeeded": True, "finished": START, "result": result(n7=PASSED)},
            {"succeeded": None, "created": START - 60 * MINUTE},
        ],
        ids=["failed without a result", "succeeded without one", "failed though it passes", "not named", "hangs"],
    )
    def test_without_a_result_that_can_be_trusted_it_is_tested_once_more_and_then_held(
        self, changed: dict[str, Any]
    ) -> None:
        (first,) = actions(node(0), runs=(run_of(node(0), **changed),), size=1)
        assert isinstance(first, Hold)
        assert first.standing == Standing.RETRY
        again = recorded(Standing.RETRY, 0)
        (second,) = actions(again, runs=(run_of(again, **changed),), size=1)
        assert isinstance(second, Hold)
        assert second.standing == Standing.HELD

    def test_a_result_of_an_earlier_run_is_not_taken_twice(self) -> None:
        old = run_of(node(0), result=result(n0=PASSED))
        asked = recorded(Standing.AGAIN, 0, run="run-2")
        assert not [item for item in actions(asked, runs=(old,), size=1) if isinstance(item, Release)]

    def test_a_result_of_another_instance_releases_nothing(self) -> None:
        old = run_of(node(0), result=result(n0=PASSED))
        assert not [item for item in actions(node(0, instance="i-9"), runs=(old,), size=2) if isinstance(item, Release)]


class TestTaint:
    def test_the_taint_that_comes_back_on_a_proven_node_is_taken_off(self) -> None:
        assert actions(recorded(Standing.PASSED, tainted=True)) == [
            Release(node="n0", standing=Standing.PASSED, run="old")
        ]
        assert actions(recorded(Standing.PASSED)) == []

    def test_the_record_of_another_instance_counts_for_nothing(self) -> None:
        stale = node(0, instance="i-9", tainted=False, record=Record(standing=Standing.PASSED, run="r", instance="i-0"))
        assert actions(stale) == [PutTaint(node="n0")]

    def test_nodes_that_ran_before_the_gate_are_taken_as_they_are(self) -> None:
        facts = PoolFacts(node_group_sizes={}, nodes_per_group=2)
        state = GateState(now=START + 9, installed=START + 1, pools={"rack-a": facts}, nodes=[node(0)])
        assert decide(state) == [Release(node="n0", standing=Standing.BEFORE_GATE)]

    def test_a_person_may_waive_and_the_gate_signs_it(self) -> None:
        asked = node(0, record=Record(standing=Standing.WAIVED))
        assert actions(asked) == [Release(node="n0", standing=Standing.WAIVED)]

    @pytest.mark.parametrize("standing", [Standing.FAILED, Standing.HELD, Standing.RETRY])
    def test_a_taint_that_a_person_takes_off_comes_back(self, standing: Standing) -> None:
        assert PutTaint(node="n0") in actions(recorded(standing, tainted=False))


class TestClean:
    def test_a_run_whose_nodes_leave_is_cancelled(self) -> None:
        for nodes in ((node(0),), (node(0), node(1, leaving=True)), (node(0), node(1, instance="i-9"))):
            taken = actions(*nodes, runs=(run_of(node(0), node(1)),))
            assert taken == [Delete(run="run-1", why="")]

    def test_a_run_of_an_emptied_block_is_cancelled(self) -> None:
        assert actions(runs=(run_of(node(0)),)) == [Delete(run="run-1", why="")]
        assert actions(runs=(run_of(node(0), started=False),)) == [Delete(run="run-1", why="")]

    def test_a_hung_run_is_deleted_once_its_nodes_say_so(self) -> None:
        held = recorded(Standing.RETRY, 0, run="run-1")
        assert actions(held, runs=(run_of(node(0)),), minutes=61, size=1) == [Delete(run="run-1", why="")]

    def test_a_half_made_run_is_finished_or_deleted(self) -> None:
        name = run_name("rack-a", {"n0": ("i-0", "")})
        (start,) = actions(node(0), runs=(run_of(node(0), name=name, started=False),), size=1)
        assert isinstance(start, Start)
        assert start.run == name
        assert actions(node(0), runs=(run_of(node(0), started=False),), size=2) == [Delete(run="run-1", why="")]

    def test_a_finished_run_frees_its_domain_at_once_and_goes_after_a_day(self) -> None:
        done = recorded(Standing.PASSED, 0, run="run-1")
        run = run_of(node(0), result=result(n0=PASSED), has_domain=True)
        assert actions(done, runs=(run,), minutes=6, size=1) == [FreeDomain(run="run-1")]
        kept = run_of(node(0), result=result(n0=PASSED))
        assert actions(done, runs=(kept,), minutes=60, size=1) == []
        assert actions(done, runs=(kept,), minutes=1445, size=1) == [Delete(run="run-1", why="")]


def test_what_a_held_rack_costs_is_said() -> None:
    facts = PoolFacts(node_group_sizes={}, nodes_per_group=2, usd_per_node_hour=42.28)
    free = PoolFacts(node_group_sizes={}, nodes_per_group=2)
    nodes = [recorded(Standing.HELD, 0), recorded(Standing.FAILED, 1), recorded(Standing.PASSED, 2)]
    priced = GateState(now=START, installed=0, pools={"rack-a": facts}, nodes=nodes)
    assert held_cost(priced) == {GROUP: (2, 84.56)}
    assert held_cost(GateState(now=START, installed=0, pools={"rack-a": free}, nodes=nodes)) == {GROUP: (2, None)}


GOOD = {"run": "r", "nodes": {"a": {"passed": True}}, "rack": {"passed": True}}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "{",
        "[" * 100_000,
        json.dumps({**GOOD, "run": "other"}),
        json.dumps({**GOOD, "nodes": {}}),
        json.dumps({**GOOD, "nodes": {"a": {"passed": 1}}}),
        json.dumps({**GOOD, "nodes": {"a": {"passed": "true"}}}),
        json.dumps({**GOOD, "nodes": {"a": {"passed": True}, "b": {}}}),
        json.dumps({**GOOD, "rack": None}),
        json.dumps(GOOD) + " " * 300_000,
    ],
)
def test_what_is_no_result_is_none(text: str | None) -> None:
    assert read_result(text, "r") is None


@given(
    st.text()
    | st.recursive(st.none() | st.booleans() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(
        json.dumps
    )
)
def test_no_text_breaks_the_reader(text: str) -> None:
    found = read_result(text, "r")
    assert found is None or found.nodes


# What happens to a block, in any order, with crashes between any two actions.

EVENTS = st.sampled_from(
    [
        "tick",
        "tick",
        "tick",
        "crash",
        "crash",
        "minute",
        "hour",
        "replace",
        "drain",
        "taint",
        "untaint",
        "again",
        "late",
        "join",
    ]
)
STEP = st.tuples(EVENTS, st.integers(0, 3), st.integers(0, 6))


class World:
    """A rack of four nodes whose faults are known, and everything that can happen to it."""

    def __init__(self, bad: set[int], *, rack_fault: bool, hangs: int) -> None:
        self.rack_fault, self.hangs, self.instances = rack_fault, hangs, 4
        facts = PoolFacts(node_group_sizes={GROUP: 4}, nodes_per_group=4, usd_per_node_hour=1.0)
        self.cluster = RehearsedCluster(pool="rack-a", node_group=GROUP, facts=facts, launcher=self.test)
        self.now = START
        for number in range(4):
            self.join(number, bad=number in bad)

    def join(self, number: int, *, bad: bool = False) -> None:
        self.instances += 1
        self.cluster.nodes[f"n{number}"] = RehearsedNode(
            name=f"n{number}", instance=f"i-{self.instances}", created=self.now, ready_at=self.now + 60, bad=bad
        )

    def test(self, nodes: Mapping[str, RehearsedNode], run: str) -> Ending:
        if self.hangs:
            self.hangs -= 1
            return Ending(minutes=None)
        rack = not self.rack_fault or len(nodes) == 1
        written = {
            "run": run,
            "nodes": {name: {"passed": not one.bad} for name, one in nodes.items()},
            "rack": {"passed": rack},
        }
        passed = rack and not any(one.bad for one in nodes.values())
        return Ending(minutes=8, succeeded=passed, result=json.dumps(written))

    def tick(self, most: int | None = None) -> None:
        for action in decide(self.cluster.look(self.now))[:most]:
            if isinstance(action, Release):
                released = self.cluster.nodes[action.node]
                assert released.proven, f"{action} without a passing result of {released}"
                assert not released.bad
            self.cluster.take(action, self.now)
        self.now += 60

    def happen(self, event: str, number: int, most: int) -> None:
        nodes, name = self.cluster.nodes, f"n{number}"
        match event:
            case "tick":
                self.tick()
            case "crash":
                self.tick(most)
            case "minute" | "hour":
                self.now += 60 if event == "minute" else 3600
            case "replace" | "join":
                self.join(number)
            case "drain":
                nodes.pop(name, None)
            case "taint" if name in nodes:
                nodes[name].tainted = True
            case "untaint" if name in nodes:
                nodes[name].tainted = False
            case "again" if name in nodes:
                self.cluster.ask_again(name)
                nodes[name].proven = False
            case "late" if name in nodes:
                nodes[name].ready_at = self.now + 600


@settings(max_examples=120)
@given(st.sets(st.integers(0, 3)), st.booleans(), st.integers(0, 2), st.lists(STEP, max_size=40))
def test_nothing_is_released_without_a_passing_result_and_nothing_good_is_held(
    bad: set[int], rack_fault: bool, hangs: int, steps: list[tuple[str, int, int]]
) -> None:
    world = World(bad, rack_fault=rack_fault, hangs=hangs)
    for step in steps:
        world.happen(*step)
    # Whatever has happened: when the fault is gone and somebody asks, all that is good is released within some hours.
    world.rack_fault, world.hangs = False, 0
    for _ in range(90):
        world.tick()
    for one in world.cluster.nodes.values():
        if one.record is not None and one.record.standing in {Standing.HELD, Standing.FAILED}:
            world.cluster.ask_again(one.name)
            one.proven = False
    for _ in range(90):
        world.tick()
    for one in world.cluster.nodes.values():
        assert one.tainted == one.bad, one
    standing = {one.record.standing for one in world.cluster.nodes.values() if one.record is not None}
    assert standing <= {Standing.PASSED, Standing.FAILED}


@settings(max_examples=40)
@given(st.lists(st.integers(0, 5), max_size=30))
def test_a_crash_between_any_two_actions_changes_nothing(crashes: list[int]) -> None:
    worlds = []
    for plan in ([], crashes):
        world = World({1}, rack_fault=False, hangs=1)
        for most in plan:
            world.tick(most)
        for _ in range(120):
            world.tick()
        worlds.append(
            {name: (one.tainted, one.record and one.record.standing) for name, one in world.cluster.nodes.items()}
        )
    assert worlds[0] == worlds[1]
