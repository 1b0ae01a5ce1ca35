"""A run on Trainium with stand-ins for ssh and nccom-test: what each node is started with, and who passes."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ultrafleet.acceptance import image, neuron_run, run
from ultrafleet.acceptance.mpi import Cluster
from ultrafleet.acceptance.neuron_run import NeuronLauncher, NeuronPlan, place_of

CORES = 64
HOSTS = [f"127.0.0.{number}" for number in range(2, 6)]
SERVER = "00c0ffee00c0ffee"

# A worker is a folder: its home, with its node's name and its driver's files in it.
SSH = """#!{python}
import os, subprocess, sys
host, command = sys.argv[-2:]
home = os.path.join({folder!r}, host)
os.chdir(home)
environment = dict(os.environ, HOME=home, STAND_IN_HOST=host)
sys.exit(subprocess.run(["sh", "-c", command], env=environment).returncode)
"""
# It notes what it was started with; a worker's file `slow` or `broken` changes what it prints.
NCCOM = """#!{python}
import json, os, sys
host = os.environ.get("STAND_IN_HOST", "launcher")
def of(option):
    return sys.argv[sys.argv.index(option) + 1]
ranks, nodes, largest = int(of("-r")), int(of("-N")), int(of("-e"))
noted = {{"arguments": sys.argv[1:], "environment": dict(os.environ)}}
kind = "values" if "--check" in sys.argv else "node" if nodes == 1 else "together"
with open(os.path.join({folder!r}, "calls"), "a") as file:
    file.write(json.dumps([host, kind, noted]) + chr(10))
home = os.path.join({folder!r}, host)
if os.path.exists(os.path.join(home, "broken")):
    print("size(B) count(elems) type time:avg(us) algbw(GB/s) busbw(GB/s)")
    print("1 errors found - test failed")
    sys.exit(1)
bus = 50.0 if os.path.exists(os.path.join(home, "slow")) else 100.0
if kind == "together":
    bus = float(open(os.path.join({folder!r}, "together")).read())
print("size(B) count(elems) type time:avg(us) algbw(GB/s) busbw(GB/s)")
print(f"{{largest}} {{largest // 4}} fp32 10.00 {{bus * ranks / 2 / (ranks - 1):.2f}} {{bus:.2f}}")
print(f"Avg bus bandwidth: {{bus:.4f}}GB/s")
"""


def executable(path: Path, text: str, folder: Path) -> str:
    path.write_text(text.format(python=sys.executable, folder=str(folder)), encoding="utf-8")
    path.chmod(0o755)
    return str(path)


class Fleet:
    """Workers on loopback, and what nccom-test was started with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "keys").mkdir()
        (folder / "keys" / "id_rsa").write_text("key")
        (folder / "hostfile").write_text("".join(f"{host} slots={CORES}\n" for host in HOSTS))
        (folder / "together").write_text("80")
        for number, host in enumerate(HOSTS):
            (folder / host / "neuron").mkdir(parents=True)
            (folder / host / "node-name").write_text(f"node-{number}")
            self.file(host, ultraserver_mode="1, 4", server_id_4=SERVER, node_id_4=str(3 - number))

    def file(self, host: str, **content: str) -> None:
        for name, text in content.items():
            (self.folder / host / "neuron" / name).write_text(text)

    def run(self, *, paths: tuple[str, ...] = ("neuronlink", "efa"), joined: int = 4) -> dict[str, Any]:
        cluster = Cluster(
            gpus=CORES,
            folder=self.folder / "work",
            hostfile=str(self.folder / "hostfile"),
            keys=str(self.folder / "keys"),
            ssh=executable(self.folder / "ssh", SSH, self.folder),
        )
        plan = NeuronPlan(
            run="x",
            nodes=[f"node-{number}" for number in range(len(HOSTS))],
            instance_type="trn2u.48xlarge",
            paths=paths,
            floors=dict.fromkeys(paths, 60.0),
            cluster=cluster,
            logical_core_size=2,
            joined=joined,
            nccom=executable(self.folder / "nccom-test", NCCOM, self.folder),
        )
        return NeuronLauncher(plan, say=lambda _: None).result()

    def calls(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        lines = (self.folder / "calls").read_text().splitlines()
        return [(host, noted) for host, name, noted in map(json.loads, lines) if name == kind]

    def given(self, host: str) -> dict[str, str]:
        """Environment that sshd gives programs on a worker, as the last step left it."""
        lines = (self.folder / host / ".ssh" / "environment").read_text().splitlines()
        return dict(line.split("=", maxsplit=1) for line in lines)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setattr(image, "NODE_NAME", "node-name")
    monkeypatch.setattr(neuron_run, "FILES", Path("neuron"))
    return Fleet(tmp_path)


def codes(result: dict[str, Any]) -> dict[str, list[str]]:
    parts = {**result["nodes"], "rack": result["rack"]}
    return {name: [item["code"] for item in part["findings"]] for name, part in parts.items() if part["findings"]}


def test_good_nodes_pass_alone_and_together(fleet: Fleet) -> None:
    result = fleet.run()
    assert codes(result) == {}
    assert result["rack"]["bus_bandwidth_gbs"] == {"neuronlink": 80.0, "efa": 80.0}
    assert {name: part["bus_bandwidth_gbs"] for name, part in result["nodes"].items()} == {
        f"node-{number}": {"node": 100.0} for number in range(4)
    }


def test_each_node_computes_its_values_again(fleet: Fleet) -> None:
    fleet.run()
    assert sorted(host for host, _ in fleet.calls("values")) == HOSTS
    for _, noted in fleet.calls("values"):
        assert noted["arguments"][-4:] == ["--check", "random", "--non-interactive", "allr"]


def test_neuronlink_is_between_nodes_in_the_order_of_the_driver(fleet: Fleet) -> None:
    fleet.run(paths=("neuronlink",))
    ((_, noted),) = fleet.calls("together")
    arguments = noted["arguments"]
    start = arguments.index("--hosts")
    assert arguments[start + 1 : start + 5] == HOSTS[::-1]
    assert arguments[:4] == ["-r", "256", "-N", "4"]
    assert noted["environment"]["NEURON_RT_ROOT_COMM_ID"] == f"{HOSTS[-1]}:63182"
    given = fleet.given(HOSTS[-1])
    assert given["NEURON_RT_ULTRASERVER_MODE"] == "1"
    assert (given["NEURON_RT_ULTRASERVER_SERVER_ID"], given["NEURON_RT_ULTRASERVER_NODE_ID"]) == (SERVER, "0")
    assert (given["FI_PROVIDER"], given["NEURON_LOGICAL_NC_CONFIG"]) == ("efa", "2")
    assert (fleet.folder / HOSTS[0] / ".ssh" / "environment").stat().st_mode & 0o077 == 0


def test_over_efa_neuronlink_is_off(fleet: Fleet) -> None:
    fleet.run(paths=("efa",))
    assert {fleet.given(host)["NEURON_RT_ULTRASERVER_MODE"] for host in HOSTS} == {"4"}


def test_single_instances_get_no_variables_of_ultraservers(fleet: Fleet) -> None:
    fleet.run(paths=("efa",), joined=1)
    assert not any("ULTRASERVER" in name for host in HOSTS for name in fleet.given(host))
    for _, noted in fleet.calls("node"):
        assert not any("ULTRASERVER" in name for name in noted["environment"])


def test_a_broken_node_is_named_and_left_out(fleet: Fleet) -> None:
    (fleet.folder / HOSTS[2] / "broken").touch()
    result = fleet.run()
    assert codes(result) == {"node-2": ["failed", "nccom-test"] * 2}  # its values, and its bandwidth
    assert result["rack"]["bus_bandwidth_gbs"] == {"efa": 80.0}
    assert "3 good nodes: NeuronLink joins 4, and between them it wasn't tested" in result["rack"]["notes"]


def test_a_node_that_is_slow_beside_the_others_is_named(fleet: Fleet) -> None:
    (fleet.folder / HOSTS[1] / "slow").touch()
    assert codes(fleet.run()) == {"node-1": ["slow-node"]}


def test_nodes_below_their_floor_fail_together(fleet: Fleet) -> None:
    (fleet.folder / "together").write_text("59.9")
    assert codes(fleet.run()) == {"rack": ["bandwidth", "bandwidth"]}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"server_id_4": "another"}, "are in UltraServer"),
        ({"ultraserver_mode": "4"}, "a node's driver doesn't have the mode 1"),
        ({"ultraserver_mode": "busy"}, "still looks for the node's neighbours"),
        ({"node_id_4": "none"}, "invalid literal"),
    ],
)
def test_nodes_that_neuronlink_does_not_join_fail(fleet: Fleet, wrong: dict[str, str], says: str) -> None:
    fleet.file(HOSTS[1], **wrong)
    result = fleet.run(paths=("neuronlink",))
    assert codes(result) == {"rack": ["topology"]}
    assert says in result["rack"]["findings"][0]["message"]
    assert all(part["passed"] for part in result["nodes"].values())


def test_a_worker_that_takes_no_file_is_named(fleet: Fleet) -> None:
    (fleet.folder / HOSTS[0] / ".ssh").write_text("a file where the folder goes")
    result = fleet.run(paths=("efa",))
    assert codes(result) == {"rack": ["unreachable"]}
    assert HOSTS[0] in result["rack"]["findings"][0]["message"]


def test_a_node_without_a_driver_is_outside_ultraservers() -> None:
    found = place_of("a", "ultraserver_mode=\nnode_id_4=\nserver_id_4=\n")
    assert found.modes == frozenset()
    assert found.ids == {4: ("0000000000000000", -1), 2: ("0000000000000000", -1)}


def test_the_command_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        neuron_run.main(["--run", "x"])
    assert "--logical-core-size" in capsys.readouterr().err


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_an_earlier_result_changes_nothing_about_how_the_command_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, passed: bool, code: int
) -> None:
    def there(*arguments: object, **options: object) -> None:
        del arguments, options
        raise FileExistsError("ConfigMap result-trn2-1 of an earlier run is there: delete it")

    found = {"run": "trn2-1", "nodes": {"a": {"passed": passed}}, "rack": {"passed": True}}
    monkeypatch.setattr(neuron_run.NeuronLauncher, "result", lambda _: found)
    monkeypatch.setattr(run, "write_result", there)
    given = ["--run", "trn2-1", "--nodes", "a", "--instance-type", "trn2.48xlarge", "--gpus", "64", "--paths", "efa"]
    assert neuron_run.main([*given, "--floor=efa=50", "--logical-core-size", "2"]) == code
    said = capsys.readouterr()
    assert "delete it; this run's result is the line above" in said.err
    assert '"run": "trn2-1"' in said.out
