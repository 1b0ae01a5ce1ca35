"""Contents of an acceptance image by path: the contract of docs/acceptance.md. Standard library only.

AWS's own images have it (awsome-distributed-ai, micro-benchmarks/nccl-tests, Dockerfile and GB200 sample, high), and
the one of the Dockerfile under docs/examples/acceptance.
"""

from collections.abc import Mapping
from typing import Final

AWS_IMAGE: Final = "public.ecr.aws/hpc-cloud/nccl-tests"
"""Image that AWS publishes for both architectures. Its tags move: name a digest."""

AWS_ARM64_IMAGE: Final = "public.ecr.aws/u1m6g1t5/nccl-tests-arm64"
"""Image of AWS's GB200 sample, for arm64 alone."""

ALL_REDUCE: Final = "/opt/nccl-tests/build/all_reduce_perf"
"""nccl-tests built with MPI."""

MPIRUN: Final = "/opt/amazon/openmpi/bin/mpirun"
"""Open MPI 4.1 of the EFA installer. Called by its whole path it finds its own parts on other nodes (Open MPI FAQ)."""

SSHD: Final = "/usr/sbin/sshd"
"""OpenSSH's server, with `ssh` and `ssh-keygen` on the path; its configuration isn't used."""

PYTHON: Final = "python3"
"""Python 3.10 (Ubuntu 22.04's) or newer."""

NVBANDWIDTH: Final = "/opt/nvbandwidth/nvbandwidth"
"""nvbandwidth built with `-DMULTINODE=1`; without it no pair of GPUs is measured."""

DCGMI: Final = "/usr/bin/dcgmi"
"""DCGM's command; without it no diagnostic runs."""

LIBRARIES: Final = (
    "/opt/gdrcopy/lib",
    "/opt/amazon/openmpi/lib",
    "/opt/nccl/build/lib",
    "/opt/amazon/efa/lib",
    "/opt/amazon/ofi-nccl/lib",
    "/opt/amazon/ofi-nccl/lib/aarch64-linux-gnu",
    "/opt/amazon/ofi-nccl/lib/x86_64-linux-gnu",
    "/opt/aws-ofi-nccl/install/lib",
    "/usr/local/nvidia/lib",
    "/usr/local/nvidia/lib64",
)
"""Folders of NCCL, EFA's libfabric and aws-ofi-nccl, in the order of AWS's samples; those that exist are searched."""

SSH_PORT: Final = 2222
"""Port of sshd in the workers' pods: above 1024, and not the node's own."""

KEYS: Final = "/etc/ultrafleet/ssh"
"""Folder where Kubeflow Trainer mounts the run's keys: `id_rsa`, `id_rsa.pub`, `authorized_keys`.

Root's ssh refuses a key that its group may read, and Trainer mounts it so (mode 0640; kubeflow/trainer 2.3.0,
constants.go, high): the launcher copies it.
"""

HOSTFILE: Final = "/etc/mpi/hostfile"
"""Workers' host names, a line each, as Kubeflow Trainer writes them (kubeflow/trainer 2.3.0, constants.go, high)."""

NODE_NAME: Final = "/tmp/ultrafleet-node"  # noqa: S108 - in the pod's own file system
"""File in a worker with the name of its node, which the launcher asks for."""


def worker_script(*, options: Mapping[str, str] | None = None) -> str:
    """Shell script of a worker: the name of its node, a host key of its own, and sshd for root's keys alone.

    All options are stated, since images' own sshd_config differ: AWS's allows loose modes of keys, others don't.

    Args:
        options: further options of sshd. Default: none.
    """
    every = {
        "AuthorizedKeysFile": f"{KEYS}/authorized_keys",
        "HostKey": "/run/sshd/host_key",
        "KbdInteractiveAuthentication": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "PidFile": "none",
        "StrictModes": "no",  # a Secret's folder is writable by the group
        "UsePAM": "no",
        **(options or {}),
    }
    stated = " ".join(f"-o {name}={value}" for name, value in every.items())
    return "\n".join(
        (
            "set -eu",
            f'printf %s "$NODE_NAME" > {NODE_NAME}',
            "mkdir -p /run/sshd",
            "chmod 0755 /run/sshd",
            "ssh-keygen -q -t ed25519 -N '' -f /run/sshd/host_key",
            f"exec {SSHD} -D -e -f /dev/null -p {SSH_PORT} {stated}",
        )
    )
