"""The tests of a run on Trainium: nccom-test in each node, then between the good ones. Standard library only.

As `ultrafleet.acceptance.run` does with nccl-tests: a bad node is named and left out. nccom-test starts its processes
on the nodes with Open MPI over ssh and hands them none of its own environment that is documented, so each worker's sshd
gets it from a file. How it is called is AWS's own test of EKS (aws/aws-k8s-tester @9c7b987,
test/cases/neuron/manifests/multi-node-test-neuron.yaml, high).
"""

import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ultrafleet.acceptance.launcher import Launcher
from ultrafleet.acceptance.mpi import Outcome
from ultrafleet.acceptance.nccom_log import judge_nccom, nccom_threshold
from ultrafleet.acceptance.neuron_ultraserver import (
    FILES,
    NO_NODE,
    NO_SERVER,
    Place,
    Seat,
    arrange,
    variables,
)
from ultrafleet.acceptance.plan import Part, Plan
from ultrafleet.acceptance.run import finished, plan_fields, run_parser, say

NCCOM: Final = "/opt/aws/neuron/bin/nccom-test"
"""nccom-test of the package aws-neuronx-tools; the folder is on the image's PATH, where it finds neuron-bench."""

SIZES: Final = ("-b", "8388608", "-e", "1073741824", "-f", "2", "-n", "20", "-w", "5", "-d", "fp32")
"""From where latency ends to where the guide's tables stop growing, 1 GiB; our choice."""

CHECKED: Final = ("-b", "1048576", "-e", "16777216", "-f", "4", "-n", "5", "-w", "1", "-d", "fp32", "--check", "random")
"""Values are computed again on the processor, so they are checked at sizes of MiB."""

_COMMUNICATOR_PORT, _COLLECTOR_PORT = 63182, 60006
_NODE, _TOGETHER, _ASK = 600, 1200, 60
"""Seconds that a step may take (our choice; none has been measured): what takes longer hangs."""

_ATTRIBUTES = ("ultraserver_mode", "node_id_4", "server_id_4", "node_id_2", "server_id_2")


@dataclass(frozen=True, kw_only=True)
class NeuronPlan(Plan):
    """Subject of a run on Trainium; its cluster's `gpus` are logical NeuronCores of a node.

    Attributes:
        logical_core_size: physical NeuronCores of a logical one.
        joined: nodes that NeuronLink joins; 1 for single instances, which have no variables of an UltraServer.
        nccom: nccom-test's program.
    """

    logical_core_size: int
    joined: int = 1
    nccom: str = NCCOM


class NeuronLauncher(Launcher):
    """The tests of one run on Trainium.

    Args:
        plan: what is tested.
        say: where progress goes.
    """

    _plan: NeuronPlan

    def _one_node(self, host: str, node: str) -> Part:
        part = Part()
        alone = self._runtime(arrange([Place(host, frozenset(), _outside())]), host)
        for name, sizes, path in ((f"values-{node}", CHECKED, "values"), (f"node-{node}", SIZES, "node")):
            command = self._cluster.on_host(host, ["env", *_stated(alone), *self._nccom(1, sizes)])
            outcome = self._run(name, command, _NODE)
            self._judge_nccom(outcome, path, 1, part)
        return part

    def _together(self, hosts: Sequence[str], path: str, nodes: Mapping[str, Part], rack: Part) -> list[str]:
        """Tests good nodes together; none is searched for by twos, which NeuronLink of four doesn't have."""
        del nodes
        self._between(hosts, path, rack)
        return list(hosts)

    def _between(self, hosts: Sequence[str], path: str, rack: Part) -> None:
        joined = self._plan.joined if path == "neuronlink" else 1
        if len(hosts) % joined:
            rack.notes.append(f"{len(hosts)} good nodes: NeuronLink joins {joined}, and between them it wasn't tested")
            return
        try:
            seats = arrange([self._place(host) for host in hosts], joined)
        except ValueError as error:
            rack.fail("topology", f"over {path}: {error}: see `cat {FILES}/*` on the nodes")
            return
        ordered = [seat.place.host for seat in seats]
        for host in ordered:
            if not self._hand_over(host, {**self._remote(), **self._runtime(seats, host)}):
                rack.fail("unreachable", f"over {path}: {host} takes no file by ssh")
                return
        addresses = [socket.gethostbyname(host) for host in ordered]
        environment = {
            **self._remote(),
            "NEURON_RT_ROOT_COMM_ID": f"{addresses[0]}:{_COMMUNICATOR_PORT}",
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        }
        own = socket.gethostbyname(socket.gethostname())
        command = [
            *("env", *_stated(environment)),
            *self._nccom(len(hosts), SIZES),
            *("--hosts", *addresses),
            *("--data-collector-host", own, "--data-collector-port", str(_COLLECTOR_PORT)),
        ]
        outcome = self._run(path, command, _TOGETHER)
        self._judge_nccom(outcome, path, len(hosts), rack)

    def _nccom(self, nodes: int, sizes: Sequence[str]) -> list[str]:
        ranks = nodes * self._cluster.gpus
        return [self._plan.nccom, "-r", str(ranks), "-N", str(nodes), *sizes, "--non-interactive", "allr"]

    def _judge_nccom(self, outcome: Outcome, path: str, nodes: int, part: Part) -> None:
        """Adds the verdict on a log, and nccom-test's own end: a log that looks good doesn't outweigh it.

        Values are checked at small sizes, whose bandwidth is no figure.
        """
        values = path == "values"
        link = "node" if values else path
        own = None if values else self._plan.floors.get(path)
        floor = nccom_threshold(self._plan.instance_type, link, min_bus_bandwidth_gbs=own)
        ranks = nodes * self._cluster.gpus
        least = 0 if values else None
        verdict = judge_nccom(outcome.text(), path=link, floor=floor, expected_ranks=ranks, min_largest=least)
        for finding in verdict.findings:
            part.fail(finding.code, f"over {path}: {finding.message}")
        part.notes += [f"over {path}: {note}" for note in verdict.notes]
        if verdict.bus_bandwidth_gbs is not None and not values:
            part.bandwidths[path] = verdict.bus_bandwidth_gbs
        if outcome.failure:
            part.fail("nccom-test", f"over {path}: nccom-test {outcome.failure}, expected 0: see the launcher's log")

    def _remote(self) -> dict[str, str]:
        """Environment of nccom-test everywhere: EFA's, and the interface that sockets are on in a pod."""
        found = {
            "FI_PROVIDER": "efa",
            "FI_EFA_USE_DEVICE_RDMA": "1",
            "CCOM_SOCKET_IFNAME": "eth0",
            "PATH": self._environment["PATH"],
            "LD_LIBRARY_PATH": self._environment.get("LD_LIBRARY_PATH", ""),
        }
        size = self._plan.logical_core_size
        return {**found, **({"NEURON_LOGICAL_NC_CONFIG": str(size)} if size > 1 else {})}

    def _runtime(self, seats: Sequence[Seat], host: str) -> dict[str, str]:
        """Variables of the runtime on a host, which single instances have none of."""
        if self._plan.joined == 1:
            return {}
        return {name: value for name, value in variables(seats, host).items() if name.startswith("NEURON_")}

    def _place(self, host: str) -> Place:
        """Place of a worker, from its driver's files."""
        script = "".join(f'printf "%s=%s\\n" {name} "$(cat {FILES}/{name} 2>/dev/null)"; ' for name in _ATTRIBUTES)
        asked = self._run(f"place-{host}", self._cluster.on_host(host, ["sh", "-c", script]), _ASK)
        return place_of(host, asked.text())

    def _hand_over(self, host: str, environment: Mapping[str, str]) -> bool:
        """True if the environment that sshd gives programs on a worker could be written there."""
        text = "".join(f"{name}={value}\n" for name, value in environment.items())
        script = 'umask 077; mkdir -p "$HOME/.ssh" && printf %s "$0" > "$HOME/.ssh/environment"'
        done = self._run(f"hand-over-{host}", self._cluster.on_host(host, ["sh", "-c", script, text]), _ASK)
        return done.code == 0


def place_of(host: str, text: str) -> Place:
    """Place of a host, from the attributes that its driver has, a line each.

    Raises:
        ValueError: the driver is busy, or an attribute is no number.
    """
    found = dict(line.split("=", maxsplit=1) for line in text[:4096].splitlines() if "=" in line)
    values = {name: found.get(name, "").strip()[:64] for name in _ATTRIBUTES}
    if "busy" in values.values():
        raise ValueError(f"the driver of {host} still looks for the node's neighbours")
    modes = frozenset(int(mode) for mode in values["ultraserver_mode"].replace(",", " ").split() if mode.isdecimal())
    ids = {
        size: (values[f"server_id_{size}"] or NO_SERVER, int(values[f"node_id_{size}"] or NO_NODE)) for size in (4, 2)
    }
    return Place(host, modes, ids)


def _outside() -> dict[int, tuple[str, int]]:
    return dict.fromkeys((4, 2), (NO_SERVER, NO_NODE))


def _stated(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m ultrafleet.acceptance.neuron_run ...`; 0 all passed, 1 something failed, 2 nothing was tested."""
    parser = run_parser("neuron_run", accelerators="logical NeuronCores", paths="neuronlink, efa")
    parser.add_argument("--logical-core-size", type=int, required=True)
    parser.add_argument("--joined", type=int, default=1, help="nodes that NeuronLink joins")
    given = parser.parse_args(arguments)
    plan = NeuronPlan(**plan_fields(given), logical_core_size=given.logical_core_size, joined=given.joined)
    return finished(NeuronLauncher(plan, say=say).result, run=given.run)


if __name__ == "__main__":
    sys.exit(main())
