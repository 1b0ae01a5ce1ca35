"""The walk of docs/getting-started.md, from the wheel: init, edit, synth, test, rehearsed deployment, review, check.

Python packages and the CDK CLI are lent from this repository, so that no registry is asked; everything else is what a
user has: a folder with a space in its name, the wheel, the files that `ultrafleet init` wrote.
"""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from helpers.command import ROOT
from helpers.rehearsal_site import FIXTURES

pytestmark = [pytest.mark.slow, pytest.mark.cli]

ENVIRONMENT = "research"


def run(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    left_out = {"PYTHONPATH", "JSII_NODE", "CDK_CONTEXT_JSON", "CDK_OUTDIR", "MAKEFLAGS", "MAKELEVEL"}
    environment = {key: value for key, value in os.environ.items() if key not in left_out} | variables
    path = os.pathsep.join(part for part in environment["PATH"].split(os.pathsep) if not part.startswith(str(ROOT)))
    return subprocess.run(
        command, cwd=cwd, env={**environment, "PATH": path}, capture_output=True, text=True, check=False
    )


def lend(folder: Path) -> None:
    """A virtual environment whose packages are this repository's, but for the library."""
    venv.create(folder, with_pip=True)
    ours = Path(pytest.__file__).parent.parent
    (site,) = folder.glob("lib/python*/site-packages")
    lent = site / "lent"
    lent.mkdir()
    for entry in ours.iterdir():
        if "ultrafleet" not in entry.name and not entry.name.endswith(".pth"):
            (lent / entry.name).symlink_to(entry)
    (site / "lent.pth").write_text(f"{lent}\n")
    (folder / "bin" / "node").symlink_to(Path(sys.executable).with_name("node"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and a tool that was installed from it."""
    folder = tmp_path_factory.mktemp("some body")
    built = run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    lend(folder / "tool")
    (wheel,) = folder.glob("*.whl")
    install(folder / "tool", wheel)
    return folder


def install(environment: Path, wheel: Path) -> None:
    python = environment / "bin" / "python"
    done = run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=environment)
    assert done.returncode == 0, done.stderr


def set_up(root: Path) -> None:
    """What `make setup` does, from what this machine has."""
    lend(root / ".venv")
    (wheel,) = (root / "wheels").glob("*.whl")
    install(root / ".venv", wheel)
    (root / "node_modules").symlink_to(ROOT / "node_modules")
    (root / ".venv" / ".ready").touch()


def commit(root: Path) -> None:
    for words in (["add", "--all"], ["commit", "--quiet", "--message", "A fleet"]):
        name = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        assert run("git", *name, *words, cwd=root).returncode == 0


@pytest.fixture(scope="module")
def repository(folder: Path) -> Iterator[Path]:
    done = run(folder / "tool" / "bin" / "ultrafleet", "init", ENVIRONMENT, cwd=folder, GIT_CEILING_DIRECTORIES="/")
    assert done.returncode == 0, done.stderr
    root = folder / ENVIRONMENT
    set_up(root)
    commit(root)
    yield root
    run("make", "stop", f"ENV={ENVIRONMENT}", cwd=root)


def file_of(root: Path) -> Path:
    return root / "stacks" / "environments" / f"{ENVIRONMENT}.yaml"


def test_the_walk(repository: Path) -> None:
    text = file_of(repository).read_text()
    file_of(repository).write_text(text.replace("nodes: 1", "nodes: 2"))
    synth = run("make", "synth", cwd=repository)
    assert synth.returncode == 0, synth.stderr
    assert "fleet at full size" in synth.stdout
    tests = run("make", "test", cwd=repository)
    assert (tests.returncode, "1 passed" in tests.stdout) == (0, True), tests.stdout + tests.stderr
    deployed = run("make", "deploy", f"ENV={ENVIRONMENT}", cwd=repository)
    assert deployed.returncode == 0, deployed.stderr
    assert "2 of 2" in deployed.stdout
    review = run("make", "review", cwd=repository)
    assert review.returncode == 0, review.stderr
    assert "| nodes at full size | 1 | 2 | +1 |" in review.stdout
    checked = run("make", "check", cwd=repository)
    assert checked.returncode == 0, checked.stdout
    assert "0 error" in checked.stdout
    # The library is the wheel's, and nothing is left that git would show.
    where = run(".venv/bin/python", "-c", "import ultrafleet; print(ultrafleet.__file__)", cwd=repository).stdout
    assert str(repository) in where
    changed = run("git", "status", "--porcelain", cwd=repository).stdout.split()
    assert changed == ["M", f"stacks/environments/{ENVIRONMENT}.yaml"]


def test_fails_for_a_base_that_is_no_commit(repository: Path) -> None:
    done = run("make", "review", "BASE=$(touch owned)x;touch owned", cwd=repository)
    assert done.returncode != 0
    assert not (repository / "owned").exists()


def test_what_is_written_passes_the_linters(repository: Path) -> None:
    for file in ("app.py", "tests/test_fleet.py"):
        text = (repository / file).read_text()
        command = [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--select",
            "E,F,I,UP,B",
            "--line-length",
            "120",
            "-",
        ]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_repository_begins_on_a_cluster_that_exists(folder: Path) -> None:
    source = FIXTURES / "adopted.yaml"
    done = run(folder / "tool" / "bin" / "ultrafleet", "init", "theirs", "--from", source, cwd=folder)
    assert done.returncode == 0, done.stderr
    root = folder / "theirs"
    set_up(root)
    synth = run("make", "synth", cwd=root)
    assert synth.returncode == 0, synth.stderr
    templates = [
        json.loads(path.read_text()) for path in (root / "cdk.out" / "assembly-theirs").glob("*.template.json")
    ]
    types = {item["Type"] for template in templates for item in template["Resources"].values()}
    assert "AWS::EKS::Nodegroup" in types
    assert not types & {"AWS::EC2::VPC", "AWS::EKS::Cluster"}
    assert "existing" in yaml.safe_load((root / "stacks" / "environments" / "theirs.yaml").read_text())["cluster"]
