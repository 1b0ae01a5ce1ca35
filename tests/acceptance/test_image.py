"""The contract of acceptance images: the Dockerfile of the examples keeps it, and the code that runs in them does."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

import ultrafleet.acceptance
from ultrafleet.acceptance import image

DOCKERFILE = Path(__file__).parents[2] / "docs" / "examples" / "acceptance" / "Dockerfile"
PACKAGE = Path(ultrafleet.acceptance.__file__).parent
NEWER_THAN_3_10 = {
    "datetime": {"UTC"},
    "enum": {"StrEnum", "verify", "ReprEnum"},
    "typing": {"Self", "assert_never", "Never", "LiteralString", "Required", "NotRequired", "Unpack", "override"},
    "itertools": {"batched"},
    "asyncio": {"TaskGroup", "timeout", "Runner"},
}
"""Names of the standard library that Ubuntu 22.04's Python lacks (Python documentation, high)."""


def instructions() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile: the word, and the rest with continued lines joined."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())]


def steps(containing: str) -> list[str]:
    return [rest for word, rest in instructions() if word == "RUN" and containing in rest]


def imports_of(*names: str) -> set[str]:
    """Modules of the package that modules import, and these, to the last."""
    found: set[str] = set()
    wanted = {"__init__", *names}
    while wanted:
        name = wanted.pop()
        found.add(name)
        for node in ast.walk(ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ultrafleet.acceptance"):
                parts = (node.module or "").split(".")[2:] or [alias.name for alias in node.names]
                wanted |= {part for part in parts[:1] if (PACKAGE / f"{part}.py").exists()} - found
                wanted |= {alias.name for alias in node.names if (PACKAGE / f"{alias.name}.py").exists()} - found
    return found


class TestDockerfile:
    """It is parsed, not built, which wants a network. Its last step checks the rest where it is built."""

    def test_is_one_image_for_both_architectures(self) -> None:
        text = DOCKERFILE.read_text(encoding="utf-8")
        assert [rest for word, rest in instructions() if word == "FROM"] == [
            "nvcr.io/nvidia/cuda:${CUDA_VERSION}-devel-ubuntu22.04"
        ]
        assert "--platform linux/amd64,linux/arm64" in text
        assert not re.search(r"x86_64|aarch64", " ".join(rest for _, rest in instructions()))

    def test_its_last_step_looks_at_every_program_of_the_contract(self) -> None:
        last = instructions()[-1][1]
        for program in (image.ALL_REDUCE, image.MPIRUN, image.NVBANDWIDTH, image.DCGMI, image.SSHD):
            assert f"{program} " in last or f"{program};" in last, program
        for words in (
            "test -x",
            "sys.version_info >= (3, 10)",
            "ssh ssh-keygen bash",
            "libnccl-net",
            "'^root:!' /etc/shadow",
        ):
            assert words in last

    def test_builds_nccl_and_its_tests_where_they_are_looked_for(self) -> None:
        (nccl,) = steps("NVIDIA/nccl.git")
        (tests,) = steps("NVIDIA/nccl-tests.git")
        assert "/opt/nccl/build/lib" in image.LIBRARIES
        assert nccl.rstrip().endswith(".git")
        assert "git clone" in nccl
        assert " /opt/nccl " in nccl
        assert " MPI=1 MPI_HOME=/opt/amazon/openmpi " in tests
        assert "NCCL_HOME=/opt/nccl/build" in tests
        assert image.ALL_REDUCE == "/opt/nccl-tests/build/all_reduce_perf"

    def test_builds_nvbandwidth_for_several_nodes(self) -> None:
        (step,) = steps("NVIDIA/nvbandwidth.git")
        assert "-DMULTINODE=1" in step
        assert "MPI_HOME=/opt/amazon/openmpi" in step
        assert f" {Path(image.NVBANDWIDTH).parent} " in step

    def test_installs_efa_verified_and_without_what_a_container_lacks(self) -> None:
        (step,) = steps("efa_installer.sh")
        assert step.index("gpg --verify") < step.index("./efa_installer.sh")
        for option in ("--skip-kmod", "--skip-limit-conf", "--no-verify"):
            assert option in step

    def test_what_ssh_starts_finds_the_libraries(self) -> None:
        (step,) = steps("ldconfig")
        for folder in (
            "/opt/nccl/build/lib",
            "/opt/amazon/openmpi/lib",
            "/opt/amazon/efa/lib",
            "/opt/amazon/ofi-nccl/lib",
        ):
            assert folder in step
            assert folder in image.LIBRARIES

    def test_every_version_is_stated(self) -> None:
        versions = dict(rest.split("=", maxsplit=1) for word, rest in instructions() if word == "ARG")
        assert {
            "CUDA_VERSION",
            "EFA_INSTALLER_VERSION",
            "NCCL_VERSION",
            "NCCL_TESTS_VERSION",
            "NVBANDWIDTH_VERSION",
        } <= set(versions)
        assert all(re.search(r"\d", version) for name, version in versions.items() if name.endswith("VERSION"))
        assert "latest" not in DOCKERFILE.read_text(encoding="utf-8")

    def test_every_step_is_one_that_a_shell_reads(self) -> None:
        for word, rest in instructions():
            if word == "RUN":
                subprocess.run(["/bin/bash", "-n", "-c", rest], check=True)

    def test_is_root_s_and_says_so(self) -> None:
        assert [rest for word, rest in instructions() if word == "USER"] == ["root"]

    def test_installs_ssh_python_and_dcgm(self) -> None:
        (step,) = steps("apt-get install")
        for package in ("openssh-client", "openssh-server", "python3", '"${DCGM_PACKAGE}"'):
            assert f" {package} " in step


class TestCode:
    """What an image runs needs nothing that isn't in it."""

    @pytest.mark.parametrize("name", sorted(imports_of("run", "neuron_run", "__main__")))
    def test_runs_on_python_3_10(self, name: str) -> None:
        tree = ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 10))
        for node in ast.walk(tree):
            assert not isinstance(node, ast.TryStar)
            if isinstance(node, ast.ImportFrom):
                names = {alias.name for alias in node.names}
                assert not names & NEWER_THAN_3_10.get(node.module or "", set()), f"{name}: {names}"
            if isinstance(node, ast.Import):
                assert "tomllib" not in {alias.name for alias in node.names}

    def test_a_worker_s_script_is_one_that_a_shell_reads(self) -> None:
        script = image.worker_script()
        subprocess.run(["/bin/bash", "-n", "-c", script], check=True)
        assert script.startswith("set -eu\n")
        assert script.splitlines()[-1].startswith(f"exec {image.SSHD} -D -e -f /dev/null -p {image.SSH_PORT} ")

    def test_only_keys_open_a_worker(self) -> None:
        script = image.worker_script()
        for option in (
            "PasswordAuthentication=no",
            "KbdInteractiveAuthentication=no",
            "PermitRootLogin=prohibit-password",
        ):
            assert f"-o {option}" in script
