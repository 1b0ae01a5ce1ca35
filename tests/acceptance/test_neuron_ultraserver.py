"""The start of a job's pods on UltraServers of Trainium: places are read, exchanged over real sockets, and ordered."""

import ast
import os
import socket
import subprocess
import sys
import threading
import time
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.acceptance import neuron_ultraserver
from ultrafleet.acceptance.neuron_ultraserver import NO_SERVER, Place, arrange, exchange, place, read_place, variables

FILE = Path(neuron_ultraserver.__file__)
# Rows of four nodes as Neuron's guide shows them: pairs of the four have UltraServers of their own.
PAIRS = ("u5wy80u0o2saugxy", "ygml2651y0lwdd46")


def node(number: int, *, server: str = "bog79p1y8tetj5uu", modes: frozenset[int] = frozenset({1, 3, 4})) -> Place:
    pair = f"{PAIRS[number // 2]}{server[-1]}"
    return Place(f"{server}-{number}", modes, {4: (server, number), 2: (pair, number % 2)})


def rack(server: str = "bog79p1y8tetj5uu") -> list[Place]:
    return [node(number, server=server) for number in range(4)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_ranks_follow_the_ultraserver_and_not_the_pods(order: tuple[int, ...]) -> None:
    places = [rack()[number] for number in order]
    seats = arrange(places, 4)
    assert [seat.node for seat in seats] == [0, 1, 2, 3]
    told = variables(seats, places[0].host)
    assert told == {
        "NEURON_GLOBAL_TOPOID": str(order[0]),
        "NEURON_GLOBAL_TOPOID0_HOST": "bog79p1y8tetj5uu-0",
        "NEURON_RT_ULTRASERVER_MODE": "1",
        "NEURON_RT_ULTRASERVER_SERVER_ID": "bog79p1y8tetj5uu",
        "NEURON_RT_ULTRASERVER_NODE_ID": str(order[0]),
        "NODE_RANK": str(order[0]),
        "MASTER_ADDR": "bog79p1y8tetj5uu-0",
        "PET_NODE_RANK": str(order[0]),
        "PET_MASTER_ADDR": "bog79p1y8tetj5uu-0",
    }


@given(order=st.permutations(range(12)))
def test_nodes_of_one_ultraserver_are_next_to_each_other(order: list[int]) -> None:
    places = [place_ for server in ("c", "a", "b") for place_ in rack(server)]
    seats = arrange([places[number] for number in order])
    assert [(seat.server, seat.node) for seat in seats] == [(server, number) for server in "abc" for number in range(4)]


def test_two_nodes_are_joined_where_they_are_a_pair() -> None:
    seats = arrange([node(3), node(2)])
    assert [(seat.mode, seat.server, seat.node) for seat in seats] == [(3, f"{PAIRS[1]}u", 0), (3, f"{PAIRS[1]}u", 1)]
    across = arrange([node(1), node(2)])
    assert {(seat.mode, seat.server, seat.node) for seat in across} == {(4, NO_SERVER, -1)}
    horizontal = arrange([node(number, modes=frozenset({1, 2, 4})) for number in (0, 1)])
    assert {seat.mode for seat in horizontal} == {2}


@pytest.mark.parametrize("numbers", [(0,), (0, 1, 2)])
def test_one_node_and_three_are_joined_with_none(numbers: tuple[int, ...]) -> None:
    assert {seat.mode for seat in arrange([node(number) for number in numbers])} == {4}


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (rack()[:3], "NeuronLink can't join 4 nodes each: 3 of the job's nodes, \\[0, 1, 2\\], are in UltraServer bog"),
        ([*rack("a")[:2], *rack("b")[:2]], "2 of the job's nodes"),
        ([node(0), node(1), node(2), node(2)], "4 of the job's nodes, \\[0, 1, 2\\]"),
        ([node(number, server=NO_SERVER) for number in range(4)], "are in UltraServer 0000000000000000"),
        ([node(number, modes=frozenset({3, 4})) for number in range(4)], "a node's driver doesn't have the mode 1"),
    ],
    ids=["a node missing", "halves of two", "one twice", "none at all", "no mode"],
)
def test_fails_on_nodes_that_are_no_whole_ultraservers(places: list[Place], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arrange(places, 4)


WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=16)


@given(
    host=WORDS,
    modes=st.frozensets(st.integers(0, 9)),
    ids=st.tuples(WORDS, st.integers(-1, 35), WORDS, st.integers(-1, 35)),
)
def test_a_line_says_all_of_a_place(host: str, modes: frozenset[int], ids: tuple[str, int, str, int]) -> None:
    said = Place(host, modes, {4: ids[:2], 2: ids[2:]})
    assert place(said.line()) == said


@given(st.text(max_size=600))
def test_fails_on_anything_else_in_a_line(text: str) -> None:
    with pytest.raises(ValueError, match="is not a node's place") as caught:
        place(f"{text} x y")
    assert len(str(caught.value)) < 400


def test_a_place_is_read_from_the_drivers_files(tmp_path: Path) -> None:
    files = {
        "ultraserver_mode": "1,3,4\n",
        "node_id_4": "2\n",
        "server_id_4": "bog79p1y8tetj5uu\n",
        "node_id_2": "0\n",
        "server_id_2": "x\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert read_place("pod-1", tmp_path, until=0) == Place(
        "pod-1", frozenset({1, 3, 4}), {4: ("bog79p1y8tetj5uu", 2), 2: ("x", 0)}
    )


def test_a_node_that_is_no_member_is_read_as_one_alone(tmp_path: Path) -> None:
    alone = read_place("pod-1", tmp_path, until=0)
    assert alone == Place("pod-1", frozenset(), {4: (NO_SERVER, -1), 2: (NO_SERVER, -1)})
    assert arrange([alone])[0].mode == 4


def test_the_driver_is_waited_for_while_it_looks_for_neighbours(tmp_path: Path) -> None:
    (tmp_path / "ultraserver_mode").write_text("busy\n")
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        (tmp_path / "ultraserver_mode").write_text("1\n")

    assert read_place("pod-1", tmp_path, until=time.monotonic() + 60, pause=pause).modes == {1}
    assert len(waits) == 1
    (tmp_path / "ultraserver_mode").write_text("busy\n")
    with pytest.raises(ValueError, match="ultraserver_mode says busy"):
        read_place("pod-1", tmp_path, until=0)


def test_every_pod_learns_every_place_whichever_comes_first() -> None:
    port, until = free_port(), time.monotonic() + 30
    hosts = [f"127.0.0.{number + 1}" for number in range(4)]
    found: dict[int, list[Place]] = {}

    def pod(index: int) -> None:
        found[index] = exchange(rack()[index], index, hosts, until=until, bind=hosts[index], port=port)

    threads = [threading.Thread(target=pod, args=(index,)) for index in (2, 0, 3)]
    for thread in threads:
        thread.start()
    # What isn't a pod of the job changes nothing.
    for words in (b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\n", b""):
        for _ in range(50):
            try:
                with socket.create_connection((hosts[2], port), timeout=5) as stranger:
                    stranger.sendall(words)
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
    pod(1)
    for thread in threads:
        thread.join(timeout=30)
    assert found == {index: rack() for index in range(4)}


def test_fails_on_a_pod_that_never_comes() -> None:
    with pytest.raises(ValueError, match=r"127.0.0.2 doesn't answer on port \d+: see whether its pod runs"):
        exchange(node(0), 0, ["127.0.0.1", "127.0.0.2"], until=time.monotonic(), bind="127.0.0.1", port=free_port())


def test_it_becomes_the_jobs_own_program() -> None:
    """As in the pod: the text alone, by an interpreter without this project."""
    said = "import os; print(os.environ['NEURON_RT_ULTRASERVER_MODE'], os.environ['PET_NODE_RANK'])"
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            FILE.read_text(),
            "--hosts=localhost",
            "--nodes=1",
            "--",
            sys.executable,
            "-c",
            said,
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "JOB_COMPLETION_INDEX": "0"},
    )
    assert (done.returncode, done.stdout.strip()) == (0, "4 0"), done.stderr
    whole = subprocess.run(
        [sys.executable, "-I", "-c", FILE.read_text(), "--hosts=localhost", "--nodes=1", "--joined=4", "--", "true"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "JOB_COMPLETION_INDEX": "0"},
    )
    assert whole.returncode == 1
    assert "error: NeuronLink can't join 4 nodes each" in whole.stderr


def test_it_needs_the_standard_library_alone() -> None:
    imported = {
        name.split(".")[0]
        for item in ast.walk(ast.parse(FILE.read_text()))
        if isinstance(item, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in item.names] if isinstance(item, ast.Import) else [item.module or ""])
    }
    assert imported <= sys.stdlib_module_names
