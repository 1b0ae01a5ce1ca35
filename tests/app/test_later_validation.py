"""Templates of an assembly that another process made are held to CloudFormation's rules."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.rehearsal_site import ENVIRONMENTS, ROOT
from ultrafleet.app import program
from ultrafleet.cell_assembly import app_run
from ultrafleet.errors import FleetError


def assembly(folder: Path, *, properties: dict[str, object]) -> Path:
    """An assembly of a stage with one stack of one subnet, as CDK writes it."""
    stage = folder / "assembly-cell"
    stage.mkdir(parents=True)
    nested = {"type": "cdk:cloud-assembly", "properties": {"directoryName": stage.name, "displayName": "cell"}}
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://111122223333/us-east-1",
        "properties": {"templateFile": "net.template.json", "stackName": "cell-net"},
    }
    (folder / "manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": {stage.name: nested}}))
    (stage / "manifest.json").write_text(json.dumps({"version": "55.0.0", "artifacts": {"net": stack}}))
    template = {"Resources": {"Subnet": {"Type": "AWS::EC2::Subnet", "Properties": properties}}}
    (stage / "net.template.json").write_text(json.dumps(template))
    return folder


def validate(folder: Path, memory: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "ultrafleet.app.later_validation", str(folder), str(memory)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_the_keys_of_both_layers_are_equal() -> None:
    assert program.ENVIRONMENTS_CONTEXT == app_run.ENVIRONMENTS_CONTEXT
    assert program.VALIDATED_LATER_CONTEXT == app_run.VALIDATED_LATER_CONTEXT


@pytest.mark.slow
def test_a_finding_is_told_and_not_remembered(tmp_path: Path) -> None:
    folder = assembly(tmp_path / "out", properties={"VpcId": "vpc-0aaaaaaaaaaaaaaa1", "Bogus": 1})
    code, told = validate(folder, tmp_path / "memory")
    assert (code, told.splitlines()[0]) == (1, "error: the templates have findings:")
    assert "Bogus" in told
    assert not (tmp_path / "memory").exists()


@pytest.mark.slow
def test_what_is_valid_is_remembered(tmp_path: Path) -> None:
    properties = {"VpcId": "vpc-0aaaaaaaaaaaaaaa1", "CidrBlock": "10.0.0.0/24"}
    folder = assembly(tmp_path / "out", properties=dict(properties))
    assert validate(folder, tmp_path / "memory") == (0, "")
    assert len(json.loads((tmp_path / "memory" / "valid-cloudformation.json").read_text())) == 1


@pytest.mark.slow
def test_the_app_leaves_the_rules_to_it_for_files_of_another_folder_alone(tmp_path: Path) -> None:
    """The engine writes `valid-cloudformation.json`: the app of an environment of its own runs it, whatever is said."""
    root = tmp_path / "fleet"
    (root / "stacks" / "environments").mkdir(parents=True)
    shutil.copy(ENVIRONMENTS / "dev.yaml", root / "stacks" / "environments")
    for name in ("app.py", "cdk.json"):
        shutil.copy(ROOT / name, root)
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | {app_run.VALIDATED_LATER_CONTEXT: True}
    variables = {**os.environ, "CDK_CONTEXT_JSON": json.dumps(context), "CDK_OUTDIR": str(tmp_path / "out")}
    subprocess.run([sys.executable, "app.py"], cwd=root, env=variables, check=True, capture_output=True)
    assert (root / ".cache" / "valid-cloudformation.json").exists()


def test_a_finding_of_the_rules_stops_a_programme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cdk.json").write_text("{}")
    (tmp_path / "app.py").write_text("")  # it makes nothing and refuses nothing
    rules = tmp_path / "rules.py"
    rules.write_text("import sys\nsys.exit('error: the templates have findings:\\nE3002: cell-net: no')\n")
    monkeypatch.setattr(app_run, "_VALIDATION", "rules")
    with pytest.raises(FleetError, match="E3002: cell-net: no"):
        app_run.run_app(tmp_path, environments=tmp_path, outdir=tmp_path / "out")
