"""Programs on the nodes of a run: one by ssh, or ranks by mpirun. Standard library only."""

import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ultrafleet.acceptance import image

_MOST_BYTES = 64 << 20
"""Most of a program's output that is kept; NCCL's of 72 ranks is a few MiB."""
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Cluster:
    """The workers, and how they are reached.

    Attributes:
        gpus: accelerators of a node, which is its ranks.
        folder: folder for keys, host files and logs.
        hostfile: host names of the workers, a line each.
        keys: folder of the keys.
        port: port of the workers' sshd.
        mpirun: Open MPI's command.
        ssh: ssh's command.
    """

    gpus: int
    folder: Path
    hostfile: str = image.HOSTFILE
    keys: str = image.KEYS
    port: int = image.SSH_PORT
    mpirun: str = image.MPIRUN
    ssh: str = "ssh"

    def hosts(self) -> list[str]:
        """Host names of the workers, in order, each once.

        Raises:
            OSError: the file can't be read.
        """
        lines = Path(self.hostfile).read_text(encoding="utf-8").splitlines()
        return list(dict.fromkeys(line.split()[0] for line in lines if line.strip() and not line.startswith("#")))

    def prepare(self) -> None:
        """Makes the folder, and in it a key that ssh accepts: only its owner may read it.

        Raises:
            OSError: there is no key, or nowhere to write.
        """
        key = (Path(self.keys) / "id_rsa").read_bytes()
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)

    @property
    def _key(self) -> Path:
        return self.folder / "id_rsa"

    def ssh_options(self) -> list[str]:
        """Options of ssh: the run's own key and port, whatever the image's ssh_config says."""
        stated = {
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "ConnectionAttempts": "10",
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
            # The workers make their host keys when they start; the run's key says who they are to one another.
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
        }
        options = [word for name, value in stated.items() for word in ("-o", f"{name}={value}")]
        return ["-F", "/dev/null", "-i", str(self._key), "-p", str(self.port), *options]

    def on_host(self, host: str, command: Sequence[str]) -> list[str]:
        """Command that runs another on a worker, which has `PATH` and the libraries as here."""
        variables = [f"{name}={value}" for name, value in self._remote_environment().items()]
        return [self.ssh, *self.ssh_options(), host, shlex.join(["env", *variables, *command])]

    def ranks(
        self,
        hosts: Sequence[str],
        command: Sequence[str],
        *,
        name: str,
        ranks_per_node: int | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Command that runs another as ranks of MPI on workers.

        Args:
            hosts: workers.
            command: what each rank runs.
            name: name of the step, for its host file.
            ranks_per_node: ranks of each. Default: one for each accelerator.
            variables: environment of the ranks, beside `PATH` and the libraries.
        """
        each = self.gpus if ranks_per_node is None else ranks_per_node
        hostfile = self.folder / f"{name}.hosts"
        hostfile.write_text("".join(f"{host} slots={each}\n" for host in hosts), encoding="utf-8")
        exported = ["-x", "PATH", "-x", "LD_LIBRARY_PATH"]
        for variable, value in (variables or {}).items():
            exported += ["-x", f"{variable}={value}"]
        return [
            *(self.mpirun, "--allow-run-as-root", "--hostfile", str(hostfile)),
            *("-np", str(each * len(hosts)), "--map-by", f"ppr:{each}:node", "--bind-to", "none"),
            # The ranks' own messages are few; TCP carries them everywhere (AWS's samples, high).
            *("--mca", "pml", "^cm,ucx", "--mca", "btl", "tcp,self"),
            *exported,
            *command,
        ]

    def environment(self) -> dict[str, str]:
        """Environment of mpirun here: ssh's options for Open MPI 4 and 5, and no host file but a step's own."""
        inherited = {name: value for name, value in os.environ.items() if name != "OMPI_MCA_orte_default_hostfile"}
        options = " ".join(self.ssh_options())
        return {
            **inherited,
            **self._remote_environment(),
            "OMPI_MCA_plm_rsh_agent": self.ssh,
            "OMPI_MCA_plm_rsh_args": options,
            "OMPI_MCA_plm_rsh_no_tree_spawn": "1",  # only the launcher has the key
            "PRTE_MCA_plm_ssh_agent": self.ssh,
            "PRTE_MCA_plm_ssh_args": options,
            "PRTE_MCA_plm_ssh_no_tree_spawn": "1",
        }

    @staticmethod
    def _remote_environment() -> dict[str, str]:
        libraries = [folder for folder in image.LIBRARIES if Path(folder).is_dir()]
        inherited = os.environ.get("LD_LIBRARY_PATH", "").split(":")
        path = ("/opt/amazon/openmpi/bin", "/opt/amazon/efa/bin", *os.environ.get("PATH", "/usr/bin:/bin").split(":"))
        return {
            "PATH": ":".join(dict.fromkeys(path)),
            "LD_LIBRARY_PATH": ":".join(dict.fromkeys(item for item in (*libraries, *inherited) if item)),
        }


@dataclass(frozen=True)
class Outcome:
    """End of a program.

    Attributes:
        code: exit code; None: it took too long, and was ended.
        log: file with what it printed.
    """

    code: int | None
    log: Path

    @property
    def failure(self) -> str | None:
        """Words for an end that isn't 0; None for a good one."""
        if self.code is None:
            return "took too long and was ended"
        return None if self.code == 0 else f"ended with {self.code}"

    def text(self) -> str:
        """Its output, as far as it was kept."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def execute(command: Sequence[str], *, log: Path, seconds: float, environment: Mapping[str, str]) -> Outcome:
    """Runs a program, with its output in a file; what takes too long is ended with all that it started.

    Args:
        command: the program and its arguments.
        log: file for both of its outputs.
        seconds: how long it may take.
        environment: its environment.
    """
    late = threading.Event()
    with log.open("wb") as file:
        try:
            process = subprocess.Popen(  # noqa: S603 - commands of this package
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )
        except OSError as error:
            file.write(f"{error}\n".encode())
            return Outcome(127, log)

        def end() -> None:
            late.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            _keep(process, file)
            code = process.wait()
        finally:
            timer.cancel()
    return Outcome(None if late.is_set() else code, log)


def _keep(process: "subprocess.Popen[bytes]", file: IO[bytes]) -> None:
    """Writes the first part of the output to the file, and takes the rest from the program, which never waits."""
    kept = 0
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    with process.stdout as output:
        while block := output.read1(_BLOCK):  # type: ignore[attr-defined]
            file.write(block[: max(0, _MOST_BYTES - kept)])
            kept += len(block)
