"""Decision of the acceptance gate: which nodes are tested, released and held. Standard library only, no I/O.

A node is released by a passing result that names this very instance, written by a run that started after whatever was
recorded on it before. Everything else leaves the taint where it is. Actions may be repeated, and a crash between any
two of them changes nothing about the outcome: the next decision is made from what is in the cluster.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from ultrafleet.acceptance.gate_state import (
    OUT_OF_ACTION,
    Action,
    Delete,
    FreeDomain,
    GateNode,
    GateState,
    Hold,
    PutTaint,
    Release,
    Run,
    Standing,
    Start,
)

_POOL_CHARACTERS = 28
_GOES_MINUTES = 15
"""Time that a deleted run keeps another from starting: its pods have to end first. After it something else is stuck."""


def decide(state: GateState) -> list[Action]:
    """Actions for one look at the cluster, in the order in which they are taken.

    Args:
        state: what is in the cluster.
    """
    groups: dict[str, list[GateNode]] = {}
    for node in sorted(state.nodes, key=lambda node: node.name):
        if node.pool in state.pools:
            groups.setdefault(node.node_group, []).append(node)
    actions: list[Action] = []
    for node_group, nodes in sorted(groups.items()):
        actions += _block(state, node_group, nodes)
    deleted = {action.run for action in actions if isinstance(action, Delete)}
    actions += (action for action in _clean(state) if action.run not in deleted)
    return actions


def held_cost(state: GateState) -> dict[str, tuple[int, float | None]]:
    """Nodes out of action by node group, and what they cost in USD an hour; None where the price isn't public.

    Args:
        state: what is in the cluster.
    """
    held: dict[str, tuple[int, float | None]] = {}
    for node in state.nodes:
        if node.pool in state.pools and node.standing in OUT_OF_ACTION:
            usd = state.pools[node.pool].usd_per_node_hour
            count, cost = held.get(node.node_group, (0, 0.0))
            held[node.node_group] = (count + 1, None if usd is None or cost is None else round(cost + usd, 2))
    return held


def run_name(pool: str, nodes: Mapping[str, tuple[str, str]]) -> str:
    """Name of a run: the same for the same nodes with the same record, so that one started twice is one.

    Args:
        pool: the pool.
        nodes: instance and last recorded run of each node.
    """
    text = "\n".join(f"{name} {instance} {last}" for name, (instance, last) in sorted(nodes.items()))
    return f"{pool[:_POOL_CHARACTERS].rstrip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _block(state: GateState, node_group: str, nodes: Sequence[GateNode]) -> list[Action]:
    runs = sorted((run for run in state.runs if run.node_group == node_group), key=lambda run: (run.created, run.name))
    actions: list[Action] = []
    for node in nodes:
        actions += _results(state, node, runs) or _taint(state, node)
    settled = {action.node for action in actions if isinstance(action, Hold | Release)}
    running = [run for run in runs if run.started and run.succeeded is None and run.deleted is None]
    cancelled = [
        Delete(run=run.name, why=why)
        for number, run in enumerate(running)
        if (why := _in_vain(run, nodes, first=number == 0))
    ]
    goes = any(run.deleted is not None and state.now < run.deleted + _GOES_MINUTES * 60 for run in runs)
    busy = bool(settled or running or goes)
    wanted = None if busy else _start(state, node_group, nodes)
    for run in runs:
        if not run.started and run.deleted is None and (wanted is None or wanted.run != run.name):
            actions.append(Delete(run=run.name, why="it has no TrainJob"))
    return [*actions, *cancelled, *([wanted] if wanted is not None else [])]


def _taint(state: GateState, node: GateNode) -> Iterator[Action]:
    """The taint follows the record, whatever EKS or a person did to it."""
    if node.record is None and node.created < state.installed:
        yield Release(node=node.name, standing=Standing.BEFORE_GATE)
    elif node.released:
        signed = node.record is not None and node.record.instance == node.instance
        if node.standing is not None and (node.tainted or not signed):
            yield Release(node=node.name, standing=node.standing, run=node.last_run)
    elif not node.tainted:
        yield PutTaint(node=node.name)


def _is_overdue(state: GateState, run: Run) -> bool:
    return run.succeeded is None and state.now >= run.created + state.run_minutes * 60


def _is_running(state: GateState, run: Run) -> bool:
    return run.started and run.succeeded is None and not _is_overdue(state, run)


def _in_vain(run: Run, nodes: Sequence[GateNode], *, first: bool) -> str:
    """Why a running run can't end well; "" where it can."""
    if not first:
        return "another run of the block is under way"
    here = {node.name: node for node in nodes if not node.leaving}
    lost = sorted(
        name for name, (instance, _) in run.nodes.items() if name not in here or here[name].instance != instance
    )
    if lost:
        return f"nodes left: {', '.join(lost)}"
    return "" if any(run.is_of(node) for node in nodes) else "no node waits for it"


def _results(state: GateState, node: GateNode, runs: Sequence[Run]) -> list[Action]:
    """Consequence of a run that is over for a node that waits for it."""
    for run in runs:
        if run.deleted is not None or not run.started or _is_running(state, run) or not run.is_of(node):
            continue
        usd = state.pools[node.pool].usd_per_node_hour
        result = run.result
        if result is None:
            minutes = f"{state.run_minutes:g}"
            why = f"no result after {minutes} minutes" if run.succeeded is None else "the run ended without a result"
        elif run.succeeded is False and result.passed:
            why = "the run failed, though its result says that everything passed"
        elif node.name not in result.nodes:
            why = "the result doesn't name the node"
        else:
            mine = result.nodes[node.name]
            if mine.passed and result.rack.passed:
                return [Release(node=node.name, standing=Standing.PASSED, run=run.name)]
            standing = Standing.HELD if mine.passed else Standing.FAILED
            findings = (result.rack if mine.passed else mine).findings or ("it failed without a finding",)
            return [Hold(node=node.name, standing=standing, run=run.name, findings=findings, usd_per_hour=usd)]
        standing = Standing.HELD if node.standing is Standing.RETRY else Standing.RETRY
        return [Hold(node=node.name, standing=standing, run=run.name, findings=(why,), usd_per_hour=usd)]
    return []


def _start(state: GateState, node_group: str, nodes: Sequence[GateNode]) -> Start | None:
    """The run that a block needs now."""
    pool = state.pools[nodes[0].pool]
    waiting = [node for node in nodes if not node.released and node.standing is not Standing.FAILED]
    usable = [node for node in waiting if node.ready and node.tainted and not node.leaving]
    # A held rack is tested again when it is asked for, or has a new node.
    if all(node.standing is Standing.HELD for node in usable):
        return None
    if not any(node.released for node in nodes):
        size = pool.node_group_sizes.get(node_group, pool.nodes_per_group)
        failed = sum(node.standing is Standing.FAILED for node in nodes)
        first = min(node.created for node in waiting)
        if len(usable) + failed < size and state.now < first + state.wait_minutes * 60:
            return None
    tested = {node.name: (node.instance, node.last_run) for node in usable}
    name = run_name(nodes[0].pool, tested)
    return Start(run=name, pool=nodes[0].pool, node_group=node_group, nodes=tested)


def _clean(state: GateState) -> Iterator[Delete | FreeDomain]:
    """Runs that no node waits for any more."""
    groups = {node.node_group for node in state.nodes if node.pool in state.pools}
    for run in state.runs:
        if run.deleted is not None or not (run.started or run.node_group not in groups):
            continue
        waited_for = any(run.is_of(node) for node in state.nodes)
        if run.succeeded is not None:
            if run.has_domain:
                yield FreeDomain(run=run.name)
            elif not waited_for and state.now >= (run.finished or run.created) + state.keep_hours * 3600:
                yield Delete(run=run.name, why=f"it ended {state.keep_hours:g} hours ago")
        elif run.node_group not in groups:
            yield Delete(run=run.name, why="the block has no nodes")
        elif _is_overdue(state, run) and not waited_for:
            yield Delete(run=run.name, why=f"it took more than {state.run_minutes:g} minutes")
