"""The tests of a run, which its launcher makes: each node alone, pairs of GPUs, then the good nodes together.

A bad node is named and left out, so that the rest is tested without it. Standard library only.
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, Final

from ultrafleet.acceptance import image
from ultrafleet.acceptance.diagnostic import LEVEL, failed_tests, why_none_ran
from ultrafleet.acceptance.fabric_environment import EFA_ENVIRONMENT, ROCE_ENVIRONMENT
from ultrafleet.acceptance.mpi import Outcome, execute
from ultrafleet.acceptance.pairs import (
    ALL_NODES_TEST,
    LEAST_PART,
    ONE_NODE_TEST,
    parse_pairs,
    slow_gpus,
    slow_pairs,
)
from ultrafleet.acceptance.plan import Part, Plan
from ultrafleet.acceptance.search import Pair, faulty

SIZES = ("-b", "8M", "-e", "16G", "-f", "2", "-g", "1", "-n", "20", "-c", "1")
"""From where latency ends to where bandwidth stops growing in published runs; our choice. Values are checked."""

SECONDS: Final = {
    "ask": 180,
    "node": 300,
    "pairs-of-one": 300,
    "dcgm": 600,
    "pairs": 900,
    "nvlink": 600,
    "network": 600,
}
"""Seconds that each step may take (our choice; none has been measured): what takes longer hangs."""

SEARCH_SECONDS: Final = 300
"""Seconds that two nodes may take when the faulty one is searched for."""

SEARCH_BEFORE_SECONDS: Final = 1800
"""Seconds of a run after which no search begins, so that it ends before the gate gives it up."""

_FEWEST_TO_COMPARE = 3
_NODE = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


class Launcher:
    """The tests of one run.

    Args:
        plan: what is tested.
        say: where progress goes.
    """

    def __init__(self, plan: Plan, *, say: Callable[[str], None] = print) -> None:
        self._plan = plan
        self._cluster = plan.cluster
        self._say = say
        self._environment = plan.cluster.environment()
        self._begun = time.monotonic()

    def result(self) -> dict[str, Any]:
        """Tests everything, and says of each node and of the good ones together whether they pass.

        Raises:
            OSError: the keys or the host file that Kubeflow Trainer mounts aren't there.
        """
        self._cluster.prepare()
        hosts = self._cluster.hosts()
        with ThreadPoolExecutor(max_workers=max(1, len(hosts))) as pool:
            names = self._believed(dict(zip(hosts, pool.map(self._node_name, hosts), strict=True)))
            reached = list(names)
            nodes = dict(zip(reached, pool.map(lambda host: self._one_node(host, names[host]), reached), strict=True))
        _compare(nodes)
        rack = Part()
        good = [host for host in reached if nodes[host].passed]
        if "nvlink" in self._plan.paths and len(good) > 1:
            self._pairs(good, nodes, rack)
            good = [host for host in good if nodes[host].passed]
        for path in self._plan.paths:
            if len(good) > 1:
                good = self._together(good, path, nodes, rack)
            else:
                rack.notes.append(f"{len(good)} good nodes: nothing between nodes was tested over {path}")
        parts = {names[host]: part for host, part in nodes.items()}
        for name in self._plan.nodes:
            if name not in parts:
                parts[name] = Part()
                parts[name].fail("unreachable", "no worker of the run answers from it, expected sshd: replace the node")
        if not parts:
            rack.fail("unreachable", "no worker of the run answers, expected sshd on each node: see the workers' logs")
        return {
            "run": self._plan.run,
            "nodes": {name: part.as_json() for name, part in sorted(parts.items())},
            "rack": rack.as_json(),
        }

    def _log(self, name: str) -> Path:
        return self._cluster.folder / f"{name}.log"

    def _run(self, name: str, command: Sequence[str], seconds: float) -> Outcome:
        begun = time.monotonic()
        outcome = execute(command, log=self._log(name), seconds=seconds, environment=self._environment)
        self._say(f"{name}: {outcome.failure or 'ended'} after {time.monotonic() - begun:.0f} s")
        if outcome.failure:
            for line in outcome.text().splitlines()[-15:]:
                self._say(f"{name} | {line[:300]}")
        return outcome

    def _node_name(self, host: str) -> str | None:
        """Name of the node that a worker is on; None where ssh doesn't get there."""
        until = time.monotonic() + SECONDS["ask"]
        while True:
            asked = self._run(f"name-{host}", self._cluster.on_host(host, ["cat", image.NODE_NAME]), 60)
            name = asked.text().strip()
            if asked.code == 0 and name:
                return name
            if time.monotonic() > until:
                return None
            time.sleep(5)

    def _believed(self, said: Mapping[str, str | None]) -> dict[str, str]:
        """Names of nodes by worker, of those that may be: each once, and none that the run isn't of."""
        names: dict[str, str] = {}
        for host, name in said.items():
            expected = not self._plan.nodes or name in self._plan.nodes
            if name is not None and _NODE.fullmatch(name) and expected and name not in names.values():
                names[host] = name
        return names

    def _one_node(self, host: str, node: str) -> Part:
        part = Part()
        if self._cluster.gpus > 1:
            command = self._cluster.ranks(
                [host], [self._plan.all_reduce, *SIZES], name=f"node-{node}", variables=self._variables("node")
            )
            self._judge(self._run(f"node-{node}", command, SECONDS["node"]), "node", self._cluster.gpus, part)
            self._pairs_of_one(host, node, part)
        self._diagnose(host, node, part)
        return part

    def _together(self, hosts: Sequence[str], path: str, nodes: Mapping[str, Part], rack: Part) -> list[str]:
        """Tests good nodes together. Where that fails it names nodes that fail by twos, and tests the others again."""
        part = self._all_reduce(hosts, path, path, _seconds(path))
        good = list(hosts)
        early = time.monotonic() - self._begun < SEARCH_BEFORE_SECONDS
        if not part.passed and early and len(hosts) >= _FEWEST_TO_COMPARE:
            for host in faulty(hosts, lambda pairs: self._twos(pairs, path)):
                nodes[host].fail("pair", f"over {path}: two nodes fail with it, and its partner passes with another")
                good.remove(host)
            if 1 < len(good) < len(hosts):
                part = self._all_reduce(good, path, f"{path}-again", _seconds(path))
        rack.add(part)
        return good

    def _twos(self, pairs: Sequence[Pair], path: str) -> list[bool]:
        """Verdicts on pairs of nodes, true where one passes; all are tested at once."""

        def passes(pair: Pair) -> bool:
            return self._all_reduce(pair, path, f"{path}-two-{pair[0]}", SEARCH_SECONDS).passed

        with ThreadPoolExecutor(max_workers=max(1, len(pairs))) as pool:
            return list(pool.map(passes, pairs))

    def _all_reduce(self, hosts: Sequence[str], path: str, name: str, seconds: float) -> Part:
        part = Part()
        command = self._cluster.ranks(
            hosts, [self._plan.all_reduce, *SIZES], name=name, variables=self._variables(path)
        )
        self._judge(self._run(name, command, seconds), path, len(hosts) * self._cluster.gpus, part)
        return part

    def _variables(self, path: str) -> dict[str, str]:
        return _variables(path, on_roce="roce" in self._plan.paths)

    def _judge(self, outcome: Outcome, path: str, ranks: int, part: Part) -> None:
        """Adds the verdict on a log, and mpirun's own end: a log that looks good doesn't outweigh it."""
        command = [*self._plan.judge, str(outcome.log), "--path", path, "--json"]
        command += ["--instance-type", self._plan.instance_type, "--ranks", str(ranks)]
        if path in self._plan.floors:
            command += ["--min-bus-bandwidth-gbs", f"{self._plan.floors[path]:g}"]
        if outcome.failure:
            part.fail("mpirun", f"over {path}: mpirun {outcome.failure}, expected 0: see the launcher's log")
        judged = execute(command, log=outcome.log.with_suffix(".verdict"), seconds=300, environment=self._environment)
        try:
            verdict = json.loads(judged.text())
            found = [(str(item["code"]), str(item["message"])) for item in verdict["findings"]]
            passed = bool(verdict["passed"])
        except (ValueError, KeyError, TypeError):
            part.fail("no-verdict", f"over {path}: {' '.join(judged.text().split())[:300]}")
            return
        for code, message in found:
            part.fail(code, f"over {path}: {message}")
        part.notes += [f"over {path}: {note}" for note in verdict.get("notes", [])]
        bandwidth = verdict.get("bus_bandwidth_gbs")
        if isinstance(bandwidth, int | float):
            part.bandwidths[path] = bandwidth
        if not passed and not found:
            part.fail("failed", f"over {path}: the log doesn't pass")

    def _pairs_of_one(self, host: str, node: str, part: Part) -> None:
        if not Path(self._plan.nvbandwidth).exists():
            return part.notes.append("the image has no nvbandwidth: no pair of GPUs was measured")
        command = [self._plan.nvbandwidth, "-t", ONE_NODE_TEST, "-j"]
        name = f"pairs-{node}"
        outcome = self._run(
            name, self._cluster.ranks([host], command, name=name, ranks_per_node=1), SECONDS["pairs-of-one"]
        )
        found = parse_pairs(outcome.text(), ONE_NODE_TEST)
        if found.not_run:
            return part.notes.append(f"nvbandwidth doesn't run {ONE_NODE_TEST} here")
        if found.error or outcome.failure:
            return part.fail("nvbandwidth", f"nvbandwidth {outcome.failure or 'failed'}: {found.error}")
        for gpu, speed in slow_gpus(found.matrix).items():
            part.fail("slow-gpu", f"GPU {gpu} reads and is read at {speed:g} GB/s, the others faster: replace the node")
        for (gpu, other), speed in slow_pairs(found.matrix).items():
            part.fail("slow-pair", f"GPU {gpu} reads GPU {other} at {speed:g} GB/s, others faster: replace the node")
        return None

    def _pairs(self, hosts: Sequence[str], nodes: Mapping[str, Part], rack: Part) -> None:
        """Every pair of GPUs over NVLink between the nodes, which names the node of a slow one."""
        if not Path(self._plan.nvbandwidth).exists():
            return
        command = [self._plan.nvbandwidth, "-t", ALL_NODES_TEST, "-j", "-i", "1"]
        outcome = self._run("pairs", self._cluster.ranks(hosts, command, name="pairs"), SECONDS["pairs"])
        found = parse_pairs(outcome.text(), ALL_NODES_TEST)
        if found.not_run:
            rack.notes.append("nvbandwidth wasn't built with MULTINODE: no pair of GPUs between nodes was measured")
            return
        if found.error or outcome.failure:
            rack.fail("nvbandwidth", f"nvbandwidth {outcome.failure or 'failed'}: {found.error}")
            return
        for gpu, speed in slow_gpus(found.matrix).items():
            if gpu // self._cluster.gpus < len(hosts):
                nodes[hosts[gpu // self._cluster.gpus]].fail(
                    "slow-gpu",
                    f"GPU {gpu % self._cluster.gpus} reads and is read over NVLink at {speed:g} GB/s, those of other "
                    "nodes faster: replace the node",
                )
        for (gpu, other), speed in slow_pairs(found.matrix).items():
            rack.fail("slow-pair", f"rank {gpu} reads rank {other} over NVLink at {speed:g} GB/s, others faster")

    def _diagnose(self, host: str, node: str, part: Part) -> None:
        if not Path(self._plan.dcgmi).exists():
            part.notes.append("the image has no DCGM: no diagnostic ran")
            return
        command = self._cluster.on_host(host, [self._plan.dcgmi, "diag", "-r", LEVEL, "-j"])
        outcome = self._run(f"dcgm-{node}", command, SECONDS["dcgm"])
        failed = failed_tests(outcome.text())
        if failed is None:
            part.notes.append(f"DCGM's diagnostic didn't run: {why_none_ran(outcome.text())}")
            return
        for line in failed:
            part.fail("dcgm", line)


def _seconds(path: str) -> int:
    """Seconds of a test between nodes: over NVLink, or over the one network that they have."""
    return SECONDS["nvlink" if path == "nvlink" else "network"]


def _variables(path: str, *, on_roce: bool) -> dict[str, str]:
    """NCCL's environment. EFA and RoCE are tested alone: NVLink between nodes, and reductions there, are off."""
    nvlink = "1" if path == "nvlink" else "0"
    return {
        "NCCL_DEBUG": "INFO",
        **(ROCE_ENVIRONMENT if on_roce else {**EFA_ENVIRONMENT, "FI_EFA_FORK_SAFE": "1"}),
        "NCCL_MNNVL_ENABLE": nvlink,
        **({} if path == "node" else {"NCCL_NVLS_ENABLE": nvlink}),
    }


def _compare(nodes: Mapping[str, Part]) -> None:
    """Marks nodes that are slow beside the others: alike nodes reach alike bandwidths, floor or no floor."""
    reached = [part.bandwidths["node"] for part in nodes.values() if "node" in part.bandwidths]
    if len(reached) < _FEWEST_TO_COMPARE:
        return
    middle = median(reached)
    for part in nodes.values():
        own = part.bandwidths.get("node", middle)
        if own < LEAST_PART * middle:
            part.fail("slow-node", f"an all-reduce in the node reaches {own:g} GB/s, the others {middle:g}")
