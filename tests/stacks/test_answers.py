"""Answers of an account at synthesis: a no refuses, a yes lifts what is told, deleting goes on."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match

from helpers.answers import DALLAS, OPT_IN, opt_in_answer, write_training_answers
from helpers.rehearsal_site import ENVIRONMENTS
from helpers.today import today
from ultrafleet.app.program import synthesise
from ultrafleet.doctor import Answers, Verdict
from ultrafleet.doctor.synthesis import answers_beside, settled
from ultrafleet.environment import EnvironmentFileError, load_environment
from ultrafleet.environment.digest import refuse_stale_assembly
from ultrafleet.errors import FleetError
from ultrafleet.stacks.fleet_stage import FleetStage

ROOT = ENVIRONMENTS.parent.parent
TODAY = today()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The app's environments: training alone, with an account that says no."""
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "training.yaml").write_text((ENVIRONMENTS / "training.yaml").read_text())
    write_training_answers(folder, opt_in_answer(Verdict.NO))
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path / "cdk.out"))  # of the app in this process
    return folder


def told(context: dict[str, Any], answers: Answers | None) -> list[str]:
    """What the synthesis of training tells about its network."""
    root = cdk.App(context=context, analytics_reporting=False, builtin_cloud_formation_validation=False)
    stage = FleetStage(root, environment=load_environment(ENVIRONMENTS / "training.yaml"), answers=answers)
    network = next(stack for stack in stage.node.find_all() if stack.node.path == "training/network")
    assert isinstance(network, cdk.Stack)
    return [str(item.entry.data) for item in Annotations.from_stack(network).find_info("*", Match.any_value())]


def test_a_no_does_not_synthesise(folder: Path) -> None:
    (error,) = synthesise(root=ROOT, environments=folder, today=TODAY).errors
    assert isinstance(error, EnvironmentFileError)
    assert f"network.subnets: {DALLAS}: account 111122223333 answered no" in str(error)
    assert not list(folder.parent.rglob("*.template.json"))


def cdk_synth(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The CDK CLI on the app, with the environments of a folder."""
    program = folder.parent / "program.py"
    program.write_text(
        "import sys\nfrom datetime import date\nfrom pathlib import Path\n"
        "from ultrafleet.app.program import synthesise\n"
        f"made = synthesise(root=Path({str(ROOT)!r}), environments=Path({str(folder)!r}), "
        f"today=date.fromisoformat({str(TODAY)!r}))\n"
        "sys.exit('\\n'.join([*map(str, made.errors), *made.findings]) or 0)\n"
    )
    path = os.pathsep.join([str(Path(sys.executable).parent), str(ROOT / "node_modules" / ".bin"), os.environ["PATH"]])
    command = ["cdk", "synth", "--quiet", "**", "--app", f"{sys.executable} {program}", *arguments]
    variables = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    output = ["--output", str(folder.parent / "cdk.out")]
    return subprocess.run([*command, *output], cwd=ROOT, capture_output=True, text=True, check=False, env=variables)


@pytest.mark.slow
@pytest.mark.cli
def test_what_the_account_says_no_to_can_be_deleted(folder: Path) -> None:
    refused = cdk_synth(folder)
    assert refused.returncode != 0
    assert f"network.subnets: {DALLAS}: account 111122223333 answered no" in refused.stdout + refused.stderr
    passed = cdk_synth(folder, "--context", "answers=ignore")
    assert passed.returncode == 0, passed.stderr


@pytest.mark.slow
@pytest.mark.cli
def test_answers_are_part_of_the_digest(folder: Path) -> None:
    write_training_answers(folder, opt_in_answer())
    done = cdk_synth(folder)
    assert done.returncode == 0, done.stderr
    assert OPT_IN not in done.stdout + done.stderr
    environment = load_environment(folder / "training.yaml")
    stage = folder.parent / "cdk.out" / "assembly-training"
    refuse_stale_assembly(stage, environment, settled(answers_beside(folder, environment, today=TODAY)))
    with pytest.raises(FleetError, match="is stale"):
        refuse_stale_assembly(stage, environment)


def test_the_opt_in_is_told_until_the_account_says_yes(cdk_context: dict[str, Any], folder: Path) -> None:
    (line,) = told(cdk_context, None)
    assert f"`{OPT_IN}` opts in" in line
    write_training_answers(folder, opt_in_answer())
    environment = load_environment(folder / "training.yaml")
    assert told(cdk_context, answers_beside(folder, environment, today=TODAY)) == []
