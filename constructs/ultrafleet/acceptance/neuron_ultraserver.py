"""Start of a Neuron job on UltraServers, in each of its pods: who is where, then the job's own program.

The Neuron runtime needs to know which UltraServer a node is in, which of its nodes it is, and which host comes first;
the driver has the first two in files. This is what Neuron's own script for MPI jobs does (aws-neuron-sdk,
src/k8/k8s-ultraserver-init-script.sh, high), without MPI: the pods ask each other. Standard library only, in one file:
a job carries its text.
"""

import argparse
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FILES = Path("/sys/class/neuron_device")
PORT = 29499
"""Port on which pods ask each other; torchrun's own is the next one."""

WAIT_SECONDS = 1800
"""Pods come one by one: images of many gigabytes are pulled first."""

NO_SERVER, NO_NODE = "0000000000000000", -1
"""Ids that the driver and Neuron's script give a node outside an UltraServer."""

MODES = {4: (1,), 2: (3, 2), 1: (4,)}
"""Runtime modes by the nodes that NeuronLink joins (neuron_driver_shared.h, high): the first that every node has."""

_LINE = re.compile(r"([\w.:-]{1,253}) ([0-9,]{0,32}) (\w{1,64}) (-?\d{1,4}) (\w{1,64}) (-?\d{1,4})")
_LONGEST = 512


@dataclass(frozen=True)
class Place:
    """A node, as its driver describes it.

    Attributes:
        host: name of the pod on it.
        modes: modes that it supports.
        ids: UltraServer and number in it, by how many nodes are joined.
    """

    host: str
    modes: frozenset[int]
    ids: Mapping[int, tuple[str, int]]

    def line(self) -> str:
        """The place as a line of text, which `place` reads."""
        (server4, node4), (server2, node2) = self.ids[4], self.ids[2]
        return f"{self.host} {','.join(map(str, sorted(self.modes)))} {server4} {node4} {server2} {node2}"


@dataclass(frozen=True)
class Seat:
    """A node in the order of the job.

    Attributes:
        place: the node.
        mode: mode of the runtime.
        server: UltraServer, as the runtime gets it.
        node: number in it, as the runtime gets it.
    """

    place: Place
    mode: int
    server: str
    node: int


def place(line: str) -> Place:
    """A place from its line.

    Raises:
        ValueError: the line is something else.
    """
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"{line[:80]!r} is not a node's place")
    host, modes, server4, node4, server2, node2 = found.groups()
    supported = frozenset(int(mode) for mode in modes.split(",") if mode)
    return Place(host, supported, {4: (server4, int(node4)), 2: (server2, int(node2))})


def arrange(places: Sequence[Place], size: int | None = None) -> list[Seat]:
    """The nodes in the order of their ranks: those that NeuronLink joins are next to each other.

    Args:
        places: every node of the job.
        size: nodes that NeuronLink has to join: 4, 2 or 1. Default: as many as it joins where the pods are.

    Raises:
        ValueError: it doesn't join that many here.
    """
    for joined in (size,) if size is not None else (4, 2, 1):
        why, seats = _arranged(places, joined)
        if seats:
            return seats
    raise ValueError(f"NeuronLink can't join {size} nodes each: {why}")


def _arranged(places: Sequence[Place], size: int) -> tuple[str, list[Seat]]:
    """Seats, or why there are none."""
    mode = next((mode for mode in MODES[size] if all(mode in place.modes for place in places)), None)
    if size == 1:
        ordered = sorted(places, key=lambda item: item.host)
        return "", [Seat(item, MODES[1][0], NO_SERVER, NO_NODE) for item in ordered]
    if mode is None:
        return f"a node's driver doesn't have the mode {' or '.join(map(str, MODES[size]))}", []
    servers: dict[str, list[Place]] = {}
    for item in places:
        servers.setdefault(item.ids[size][0], []).append(item)
    for server, members in servers.items():
        numbers = {item.ids[size][1] for item in members}
        if server == NO_SERVER or len(members) != size or numbers != set(range(size)):
            return f"{len(members)} of the job's nodes, {sorted(numbers)}, are in UltraServer {server}", []
    ordered = sorted(places, key=lambda item: (item.ids[size], item.host))
    return "", [Seat(item, mode, *item.ids[size]) for item in ordered]


def variables(seats: Sequence[Seat], host: str) -> dict[str, str]:
    """Environment variables of the runtime and of torchrun on one node."""
    rank = next(number for number, seat in enumerate(seats) if seat.place.host == host)
    seat, first = seats[rank], seats[0].place.host
    return {
        "NEURON_GLOBAL_TOPOID": str(rank),
        "NEURON_GLOBAL_TOPOID0_HOST": first,
        "NEURON_RT_ULTRASERVER_MODE": str(seat.mode),
        "NEURON_RT_ULTRASERVER_SERVER_ID": seat.server,
        "NEURON_RT_ULTRASERVER_NODE_ID": str(seat.node),
        "NODE_RANK": str(rank),
        "MASTER_ADDR": first,
        # torchrun's own: what its command line leaves out.
        "PET_NODE_RANK": str(rank),
        "PET_MASTER_ADDR": first,
    }


def read_place(host: str, files: Path = FILES, *, until: float, pause: Callable[[float], None] = time.sleep) -> Place:
    """This node's place, once its driver has made out its neighbours.

    Raises:
        ValueError: it hasn't in time.
    """
    while True:
        modes = _read(files / "ultraserver_mode", "")
        numbers = {size: _read(files / f"node_id_{size}", str(NO_NODE)) for size in (4, 2)}
        if "busy" not in (modes, *numbers.values()):
            ids = {size: (_read(files / f"server_id_{size}", NO_SERVER), int(numbers[size])) for size in (4, 2)}
            return Place(host, frozenset(int(mode) for mode in re.findall(r"\d+", modes)), ids)
        if time.monotonic() > until:
            raise ValueError(f"{files}/ultraserver_mode says busy: the driver still looks for the node's neighbours")
        pause(1)


def _read(file: Path, without: str) -> str:
    try:
        return file.read_text()[:64].strip() or without
    except OSError:
        return without


def exchange(
    own: Place, index: int, hosts: Sequence[str], *, until: float, bind: str = "", port: int = PORT
) -> list[Place]:
    """The places of all nodes: each asks every other one, and answers until every other one has asked.

    Raises:
        ValueError: a pod doesn't answer, doesn't ask, or answers something else.
    """
    others = set(range(len(hosts))) - {index}
    asked: set[int] = set()
    dual = not bind and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    with socket.create_server((bind, port), family=family, backlog=1024, dualstack_ipv6=dual) as server:
        threading.Thread(target=_answer, args=(server, own.line(), asked), daemon=True).start()
        found = {index: own, **{number: place(_ask(hosts[number], port, index, until)) for number in sorted(others)}}
        while others - asked:
            if time.monotonic() > until:
                raise ValueError(f"{', '.join(hosts[number] for number in sorted(others - asked))} didn't ask in time")
            time.sleep(0.05)
    return [found[number] for number in range(len(hosts))]


def _answer(server: socket.socket, line: str, asked: set[int]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:  # closed: everybody has asked
            return
        with connection:
            try:
                connection.settimeout(5)
                number = connection.recv(16).decode("ascii", "replace").strip()
                connection.sendall(line.encode() + b"\n")
                connection.recv(1)  # the other one has read it when it hangs up
            except OSError:
                continue
        if number.isdecimal():
            asked.add(int(number))


def _ask(host: str, port: int, index: int, until: float) -> str:
    while True:
        try:
            with socket.create_connection((host, port), timeout=5) as connection:
                connection.sendall(f"{index}\n".encode())
                answer = b""
                while not answer.endswith(b"\n") and len(answer) < _LONGEST:
                    part = connection.recv(_LONGEST)
                    if not part:
                        break
                    answer += part
            if answer.endswith(b"\n"):
                return answer.decode("ascii", "replace").strip()
        except OSError:
            pass
        if time.monotonic() > until:
            raise ValueError(f"{host} doesn't answer on port {port}: see whether its pod runs")
        time.sleep(0.2)


def main(arguments: Sequence[str]) -> None:
    """Exchange places, set the variables, become the program; exits with 1 if the nodes aren't what the job needs."""
    parser = argparse.ArgumentParser(prog="neuron_ultraserver")
    parser.add_argument("--hosts", required=True, help="name of a pod, with {} for its number")
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--joined", type=int, choices=sorted(MODES))
    parser.add_argument("program", nargs="+")
    given = parser.parse_args(arguments)
    hosts = [given.hosts.replace("{}", str(number)) for number in range(given.nodes)]
    index, until = int(os.environ["JOB_COMPLETION_INDEX"]), time.monotonic() + WAIT_SECONDS
    try:
        own = read_place(socket.getfqdn(), until=until)
        seats = arrange(exchange(own, index, hosts, until=until), given.joined)
        told = variables(seats, own.host)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    shown = " ".join(f"{name}={value}" for name, value in told.items())
    print(f"{given.nodes} nodes, mode {seats[0].mode}: {shown}", file=sys.stderr, flush=True)  # noqa: T201 - a command prints
    os.environ.update(told)
    os.execvp(given.program[0], given.program)  # noqa: S606 - the job's own program


if __name__ == "__main__":
    main(sys.argv[1:])
