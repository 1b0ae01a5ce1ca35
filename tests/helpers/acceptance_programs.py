"""Programs of an acceptance image that need no GPU: ssh, mpirun and what they run, to be used by the real launcher.

They take the same options as the real ones, refuse what those would refuse, write each call down, and print what a
scenario says. What real Open MPI and sshd do with the same commands is in docs/decisions/0014.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ultrafleet.acceptance.mpi import Cluster
from ultrafleet.acceptance.plan import Plan

_SSH = """
import json, os, shlex, sys, pathlib
here = pathlib.Path(__file__).parent
scenario = json.loads((here / "scenario.json").read_text())
options, words = sys.argv[1:], []
while options and options[0].startswith("-"):
    assert options[0] in ("-F", "-i", "-p", "-o"), options[0]
    words.append(options[1]); options = options[2:]
key = next(word for word in words if word.endswith("id_rsa"))
assert os.stat(key).st_mode & 0o077 == 0, "UNPROTECTED PRIVATE KEY FILE"
host, command = options[0], shlex.split(options[1])
assert command[0] == "env", command
command = [word for word in command[1:] if "=" not in word]
said = {**scenario["default"], **scenario["hosts"].get(host, {})}
if said.get("unreachable"):
    print("ssh: connect to host %s port 2222: Connection refused" % host); sys.exit(255)
if command[0] == "cat":
    print(said.get("name", "node-" + host), end="")
else:
    print(said["dcgm"] if "dcgm" in said else json.dumps({"DCGM Diagnostic": {"test_categories": []}}))
"""

_MPIRUN = """
import json, os, sys, pathlib, time
here = pathlib.Path(__file__).parent
scenario = json.loads((here / "scenario.json").read_text())
words, call = sys.argv[1:], {"exported": {}, "mca": {}}
while words and words[0].startswith("-"):
    word = words.pop(0)
    if word == "-x":
        name, _, value = words.pop(0).partition("=")
        call["exported"][name] = value or os.environ[name]
    elif word == "--mca":
        call["mca"][words.pop(0)] = words.pop(0)
    elif word in ("--hostfile", "-np", "--map-by", "--bind-to"):
        call[word] = words.pop(0)
    else:
        assert word == "--allow-run-as-root", word
lines = pathlib.Path(call["--hostfile"]).read_text().splitlines()
slots = {line.split()[0]: int(line.split("slots=")[1]) for line in lines}
assert sum(slots.values()) == int(call["-np"]), "not enough slots"
assert "OMPI_MCA_orte_default_hostfile" not in os.environ
assert "-p 2222" in os.environ["OMPI_MCA_plm_rsh_args"] == os.environ["PRTE_MCA_plm_ssh_args"]
call.update(hosts=list(slots), ranks=int(call["-np"]), command=words)
with (here / "calls.jsonl").open("a") as file:
    file.write(json.dumps(call) + chr(10))
program = pathlib.Path(words[0]).name
said = dict(scenario["default"])
if len(slots) == 1:
    said.update(scenario["hosts"].get(call["hosts"][0], {}))
name = pathlib.Path(call["--hostfile"]).stem
step = name if name in ("nvlink", "efa", "pairs") else name.split("-")[0]
if step == "pairs" and len(slots) == 1:
    step = "pairs-of-one"
if any(step in scenario["hosts"].get(host, {}).get("spoils", ()) for host in slots):
    said[step] = {"findings": [{"code": "bandwidth", "message": "12 GB/s"}]}
if step in said.get("hangs", ()):
    print("NCCL INFO waiting", flush=True); time.sleep(60)
if program == "nvbandwidth":
    print("Warning: {not JSON}")
    print(json.dumps({"nvbandwidth": said.get(step) or {
        "testcases": [{"name": words[2], "status": "Passed", "bandwidth_matrix": [
            ["N/A" if row == column else "798.02" for column in range(len(slots) * scenario["gpus"])]
            for row in range(len(slots) * scenario["gpus"])]}]}}))
else:
    print(json.dumps({"ranks": int(call["-np"]), **said.get(step, {})}))
sys.exit(said.get("codes", {}).get(step, 0))
"""

_JUDGE = """
import json, sys
log = json.loads(open(sys.argv[1]).read().splitlines()[-1])
rest = [word for word in sys.argv[2:] if word != "--json"]
options = dict(zip(rest[::2], rest[1::2]))
findings = log.get("findings", [])
if int(options["--ranks"]) != log["ranks"]:
    findings = findings + [{"code": "ranks", "message": "%s ranks" % log["ranks"]}]
if "garbage" in log:
    print("Traceback"); sys.exit(3)
print(json.dumps({"passed": not findings, "findings": findings, "notes": ["floor " + options.get(
    "--min-bus-bandwidth-gbs", "published")], "bus_bandwidth_gbs": log.get("gbs", 800.0)}))
sys.exit(1 if findings else 0)
"""


@dataclass
class Programs:
    """The programs in a folder, and what the next run of them is to do.

    Attributes:
        folder: the folder.
        gpus: accelerators of a node.
        workers: host names of the workers.
        default: what each host does: `node`, `nvlink`, `efa`, `pairs`, `pairs-of-one` with what is printed, `codes`
            with exit codes by step, `hangs`, `unreachable`, `dcgm`, `name`; `spoils`, steps that fail with it.
        hosts: what single hosts do otherwise.
    """

    folder: Path
    gpus: int = 4
    workers: Sequence[str] = ("run-node-0-0.run", "run-node-0-1.run", "run-node-0-2.run")
    default: dict[str, Any] = field(default_factory=dict)
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self) -> None:
        """Writes programs, keys, host file and scenario."""
        for name, source in (("ssh", _SSH), ("mpirun", _MPIRUN), ("judge.py", _JUDGE)):
            file = self.folder / name
            file.write_text(f"#!{sys.executable} -SE\n{source}", encoding="utf-8")
            file.chmod(0o755)
        for name in ("nvbandwidth", "dcgmi"):
            (self.folder / name).touch()
        (self.folder / "id_rsa").write_text("a key", encoding="utf-8")
        (self.folder / "id_rsa").chmod(0o640)
        (self.folder / "hostfile").write_text(
            "".join(f"{host} slots={self.gpus}\n" for host in self.workers), encoding="utf-8"
        )
        scenario = {"default": self.default, "hosts": self.hosts, "gpus": self.gpus}
        (self.folder / "scenario.json").write_text(json.dumps(scenario), encoding="utf-8")

    def plan(self, **changed: Any) -> Plan:
        """A plan that runs them, of the workers' nodes by default."""
        cluster = Cluster(
            gpus=self.gpus,
            folder=self.folder / "logs",
            hostfile=str(self.folder / "hostfile"),
            keys=str(self.folder),
            mpirun=str(self.folder / "mpirun"),
            ssh=str(self.folder / "ssh"),
        )
        given: Mapping[str, Any] = {
            "run": "rack-a-1",
            "nodes": [f"node-{host}" for host in self.workers],
            "instance_type": "p6e-gb200.36xlarge",
            "paths": ("nvlink", "efa"),
            "floors": {},
            "cluster": cluster,
            "all_reduce": "/opt/nccl-tests/build/all_reduce_perf",
            "nvbandwidth": str(self.folder / "nvbandwidth"),
            "dcgmi": str(self.folder / "dcgmi"),
            "judge": (sys.executable, "-SE", str(self.folder / "judge.py")),
        }
        return Plan(**{**given, **changed})

    def calls(self) -> list[dict[str, Any]]:
        """Calls of mpirun, in order."""
        file = self.folder / "calls.jsonl"
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
