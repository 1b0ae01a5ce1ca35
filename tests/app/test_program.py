"""The app as a program: one bad environment stops only itself, it works without the CDK CLI, Ctrl-C is one line."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from helpers.rehearsal_site import ENVIRONMENTS, ROOT
from ultrafleet.app import program
from ultrafleet.errors import FleetError

pytestmark = pytest.mark.slow


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of another team, in a folder with a space: one environment, and what the CDK needs."""
    root = tmp_path / "a fleet"
    (root / "stacks" / "environments").mkdir(parents=True)
    shutil.copy(ENVIRONMENTS / "dev.yaml", root / "stacks" / "environments")
    shutil.copy(ROOT / "cdk.json", root)
    shutil.copy(ROOT / "app.py", root)
    return root


def start(root: Path, **variables: str) -> subprocess.Popen[str]:
    left_out = {"CDK_CONTEXT_JSON", "CDK_OUTDIR"}
    environment = {key: value for key, value in os.environ.items() if key not in left_out} | variables
    command = [sys.executable, "app.py"]
    return subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(root: Path, **variables: str) -> tuple[int, str]:
    process = start(root, **variables)
    _, told = process.communicate()
    return process.returncode, told


def edit(root: Path, name: str, change: Callable[[str], str]) -> None:
    text = (ENVIRONMENTS / "dev.yaml").read_text()
    changed = change(text)
    assert changed != text
    (root / "stacks" / "environments" / f"{name}.yaml").write_text(changed)


def test_without_the_cli_it_gives_what_the_cli_gives(repository: Path) -> None:
    code, told = run(repository)
    assert (code, "Traceback" in told) == (0, False), told
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    other = repository.parent / "with the CLI"
    assert run(repository, CDK_CONTEXT_JSON=json.dumps({**context, "x": 1}), CDK_OUTDIR=str(other))[0] == 0
    names = {path.name for path in (repository / "cdk.out" / "assembly-dev").glob("*.template.json")}
    assert len(names) > 5
    for name in names:
        ours, theirs = (folder / "assembly-dev" / name for folder in (repository / "cdk.out", other))
        assert ours.read_text() == theirs.read_text()


def test_environments_that_fail_are_left_out_and_told_each(repository: Path) -> None:
    edit(repository, "broken", lambda text: text.replace("us-east-2a", "us-east-9a"))
    edit(repository, "crowded", lambda text: text.replace("nodes: 1", "nodes: 900"))  # what the stage refuses
    code, told = run(repository)
    assert code == 1
    assert "Traceback" not in told
    assert "error: stacks/environments/broken.yaml" in told
    assert "error: stacks/environments/crowded.yaml" in told
    written = {path.name for path in (repository / "cdk.out").glob("assembly-*")}
    assert written == {"assembly-dev"}
    assert list((repository / "cdk.out" / "assembly-dev").glob("*.template.json"))
    # Nothing is remembered of a run that failed.
    assert not list((repository / ".cache").glob("assemblies/*"))


def test_two_that_collide_are_both_left_out(repository: Path) -> None:
    edit(repository, "dev-pool", lambda text: text.replace("name: h100", "name: x"))
    edit(repository, "other", lambda text: text.replace("10.20.", "10.21."))
    edit(repository, "dev", lambda text: text.replace("name: h100", "name: pool-x"))
    code, told = run(repository)
    names = {path.name for path in (repository / "cdk.out").glob("assembly-*")}
    assert (code, names) == (1, {"assembly-other"}), told


def test_an_interrupt_is_one_line(repository: Path) -> None:
    process = start(repository)
    time.sleep(4)  # CDK is being loaded, or synthesises
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert told.splitlines()[-1] == "interrupted: nothing is deployed by a synthesis"


def test_findings_are_told_without_a_trace(repository: Path) -> None:
    (repository / "app.py").write_text(
        "from pathlib import Path\n"
        "from aws_cdk import aws_sqs as sqs\n"
        "from ultrafleet.app import main\n"
        "main(root=Path(__file__).parent, customise=lambda stage: sqs.Queue(stage.network, 'Plain'))\n"
    )
    code, told = run(repository)
    assert code == 1
    assert "error: the templates have findings:" in told
    assert "AwsSolutions-SQS4: dev/network/Plain" in told
    assert "Traceback" not in told


def test_fails_without_cdk_json(repository: Path) -> None:
    (repository / "cdk.json").unlink()
    code, told = run(repository)
    assert code == 1
    assert told.startswith("error: ")
    assert "cdk.json can't be used" in told
    assert len(told.splitlines()) == 1


def test_a_stage_can_be_customised(repository: Path) -> None:
    (repository / "app.py").write_text(
        "from pathlib import Path\n"
        "import aws_cdk as cdk\n"
        "from ultrafleet.app import main\n"
        "main(root=Path(__file__).parent, customise=lambda stage: cdk.Tags.of(stage).add('cost-center', '42'))\n"
    )
    code, told = run(repository)
    assert code == 0, told
    (network,) = (repository / "cdk.out" / "assembly-dev").glob("*network*.template.json")
    vpcs = [item for item in json.loads(network.read_text())["Resources"].values() if item["Type"] == "AWS::EC2::VPC"]
    assert {"Key": "cost-center", "Value": "42"} in vpcs[0]["Properties"]["Tags"]


def test_fails_without_the_packages_of_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "find_spec", lambda _: None)
    with pytest.raises(FleetError, match=r"cdk_nag is not installed, expected .*: pip install 'ultrafleet\[app\]'"):
        program.synthesise(root=tmp_path, today=date(2026, 12, 1))
