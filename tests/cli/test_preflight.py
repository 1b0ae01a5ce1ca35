"""The command that asks AWS before a deployment: against the embedded AWS, with the templates that CDK synthesises."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from helpers.rehearsal_site import Content, DeployedEnvironment, deployed, pool_of, site
from ultrafleet.cli import app
from ultrafleet.cli.live_account import PREFLIGHT_PERMISSIONS, RETAINED_PERMISSIONS
from ultrafleet.environment.digest import DIGEST_FILE

ROOT = Path(__file__).parent.parent.parent
RACK_B = "rack-b-cr-0bbbbbbbbbbbbbbb1"
ACCOUNT = "111122223333"


def as_account(monkeypatch: pytest.MonkeyPatch, account: str) -> None:
    """Credentials of an account: the embedded AWS takes the account's number as access key."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeployedEnvironment]:
    """Two racks and two instances that run, half an hour after their blocks began."""
    as_account(monkeypatch, ACCOUNT)
    with deployed("training", up=True) as made:
        yield made


def preflight(made: DeployedEnvironment, folder: Path, *arguments: str, text: str | None = None) -> Any:
    """The command on what was synthesised last, and on its file, or another text of it."""
    made.write_assembly(folder / "cdk.out")
    (folder / "environments").mkdir(exist_ok=True)
    (folder / "environments" / f"{made.name}.yaml").write_text(text or made.text)
    places = ["--assembly", str(folder / "cdk.out"), "--environments", str(folder / "environments")]
    return CliRunner().invoke(app, ["preflight", made.name, *places, "--as-of", "2026-12-01T12:00:00", *arguments])


@pytest.mark.slow
def test_nothing_is_taken_by_a_deployment_that_changes_nothing(fleet: DeployedEnvironment, tmp_path: Path) -> None:
    result = preflight(fleet, tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        f"training in account {ACCOUNT}: 4 of 4 node groups exist, with 38 nodes; a deployment takes no running node "
        "away\n"
    )


@pytest.mark.slow
def test_a_hazard_is_waived_by_its_own_key_alone(fleet: DeployedEnvironment, tmp_path: Path) -> None:
    def held(content: Content) -> None:
        pool_of(content, "rack-b")["hold"] = True

    fleet.edit(held)
    result = preflight(fleet, tmp_path)
    assert result.exit_code == 1
    assert f"hazard: node group {RACK_B} runs 18 nodes, and hold becomes true" in result.output
    assert f"  if that is meant: --accept held:{RACK_B}\n" in result.output
    assert "1 hazard, 0 refusals" in result.output
    accepted = preflight(fleet, tmp_path, "--accept", f"held:{RACK_B}")
    assert accepted.exit_code == 0, accepted.output
    assert f"takes no running node away beyond what is accepted (held:{RACK_B})" in accepted.output
    unknown = preflight(fleet, tmp_path, "--accept", f"held:{RACK_B}", "--accept", "held:rack-q")
    assert "there is no such hazard now" in str(unknown.exception)
    as_json = preflight(fleet, tmp_path, "--json", "--accept", f"held:{RACK_B}")
    content = json.loads(as_json.stdout)
    assert content["exit_code"] == as_json.exit_code == 0
    assert content["findings"][0]["key"] == f"held:{RACK_B}"
    assert content["findings"][0]["accepted"]
    assert content["node_groups"][-1] == {"name": "b300", "exists": True, "nodes": 2}


@pytest.mark.slow
def test_what_preflight_says_of_a_renamed_pool_is_what_aws_does(fleet: DeployedEnvironment, tmp_path: Path) -> None:
    def renamed(content: Content) -> None:
        pool_of(content, "rack-b")["name"] = "rack-z"

    fleet.edit(renamed)
    result = preflight(fleet, tmp_path)
    assert result.exit_code == 1
    assert f"--accept shared:cr-0bbbbbbbbbbbbbbb1:{RACK_B}" in result.output
    assert f"note: node group {RACK_B} is live with 18 nodes and the file no longer names it" in result.output
    assert "3 of 4 node groups exist, with 20 nodes" in result.output


@pytest.mark.slow
def test_another_account_is_refused(
    fleet: DeployedEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_account(monkeypatch, "999999999999")
    result = preflight(fleet, tmp_path)
    assert "the account of the credentials is 999999999999" in str(result.exception)
    assert f"expected {ACCOUNT}, the account of training" in str(result.exception)


@pytest.mark.slow
def test_an_assembly_of_another_file_is_refused(fleet: DeployedEnvironment, tmp_path: Path) -> None:
    edited = fleet.text.replace("hold: false", "")
    edited = re.sub(r"production: true", "production: false", edited)
    result = preflight(fleet, tmp_path, text=edited)
    assert "stale, training.yaml was edited since" in str(result.exception)
    assert "run `make synth ENV=training`" in str(result.exception)
    assert preflight(fleet, tmp_path, text=f"# a comment is no edit\n{fleet.text}").exit_code == 0
    (tmp_path / "cdk.out" / "assembly-training" / DIGEST_FILE).unlink()
    places = ["--assembly", str(tmp_path / "cdk.out"), "--environments", str(tmp_path / "environments")]
    result = CliRunner().invoke(app, ["preflight", "training", *places])
    assert f"has no {DIGEST_FILE}" in str(result.exception)


@pytest.mark.slow
def test_node_groups_that_were_deleted_by_hand_are_no_green(fleet: DeployedEnvironment, tmp_path: Path) -> None:
    listed = fleet.call("eks", "list_nodegroups", clusterName="training")["nodegroups"]
    for name in listed:
        fleet.call("eks", "delete_nodegroup", clusterName="training", nodegroupName=name)
    fleet.simulation.advance(hours=12)
    result = preflight(fleet, tmp_path)
    assert result.exit_code == 3, result.output
    assert "unclear: 3 stacks of pools exist and none of their node groups in cluster training" in result.output
    assert "0 of 4 node groups exist, with 0 nodes; what a deployment does to running nodes is unclear" in result.output


@pytest.mark.slow
def test_what_a_deletion_leaves_is_asked_of_aws(fleet: DeployedEnvironment, tmp_path: Path) -> None:
    (tmp_path / "training.yaml").write_text(fleet.text)
    result = CliRunner().invoke(app, ["retained", "training", "--environments", str(tmp_path)])
    assert result.exit_code == 0, result.output
    first, *others = result.stdout.splitlines()
    reservation = re.match(r"still billed: (cr-[0-9a-f]+) \(AWS::EC2::CapacityReservation of (\S+)\)", first)
    assert reservation is not None, first
    assert reservation[2] == "training-reservation-b300"
    live = fleet.call("ec2", "describe_capacity_reservations", CapacityReservationIds=[reservation[1]])
    assert live["CapacityReservations"][0]["State"] == "active"
    assert f"aws ec2 cancel-capacity-reservation --capacity-reservation-id {reservation[1]}" in first
    assert any("AWS::FSx::FileSystem of training-team-pretraining" in line for line in others)
    assert sum(line.startswith("paid already: ") for line in others) == 3


@pytest.mark.slow
def test_ekss_own_scale_down_that_an_extension_left_behind(fleet: DeployedEnvironment, tmp_path: Path) -> None:
    block = {"CapacityReservationId": "cr-0bbbbbbbbbbbbbbb1"}
    (offering, *_) = fleet.call(
        "ec2", "describe_capacity_block_extension_offerings", CapacityBlockExtensionDurationHours=48, **block
    )["CapacityBlockExtensionOfferings"]
    fleet.call(
        "ec2",
        "purchase_capacity_block_extension",
        CapacityBlockExtensionOfferingId=offering["CapacityBlockExtensionOfferingId"],
        **block,
    )
    fleet.simulation.advance(hours=1)
    result = preflight(fleet, tmp_path)
    assert result.exit_code == 0, result.output
    assert f"takes node group {RACK_B} to 0 at 2027-01-26 10:50 UTC, and {block['CapacityReservationId']} ends at " in (
        result.output
    )
    assert "ends at 2027-01-28 11:30 UTC in EC2 and at 2027-01-26 11:30 UTC in the file" in result.output
    listed = "aws autoscaling delete-scheduled-action --auto-scaling-group-name eks-"
    (command,) = [line for line in result.output.splitlines() if listed in line]
    named = command.rpartition("--auto-scaling-group-name ")[2].partition(" --scheduled-action-name ")
    fleet.call(
        "autoscaling",
        "delete_scheduled_action",
        AutoScalingGroupName=named[0],
        ScheduledActionName=named[2].strip("'"),
    )
    assert "delete-scheduled-action" not in preflight(fleet, tmp_path).output


@pytest.mark.slow
def test_a_node_group_that_was_taken_out_of_its_stack(fleet: DeployedEnvironment, tmp_path: Path) -> None:
    def existing(content: Content) -> None:
        pool_of(content, "rack-b")["blocks"][0]["existing_node_group"] = RACK_B

    fleet.edit(existing)
    result = preflight(fleet, tmp_path)
    assert result.exit_code == 1
    assert "take it out of the stack first, as docs/migration.md says" in result.output
    stack, template = (
        "training-pool-rack-b",
        {"Resources": {"Kept": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}},
    )
    before = fleet.call("cloudformation", "get_template", StackName=stack)["TemplateBody"]
    retained = json.loads(json.dumps(before))
    for resource in retained["Resources"].values():
        resource["DeletionPolicy"] = "Retain"
    for body in ({**retained, "Resources": {**retained["Resources"], **template["Resources"]}}, template):
        fleet.call("cloudformation", "update_stack", StackName=stack, TemplateBody=json.dumps(body))
    assert len(fleet.nodes("rack-b")) == 18
    result = preflight(fleet, tmp_path)
    assert result.exit_code == 0, result.output
    assert "4 of 4 node groups exist, with 38 nodes" in result.output


@pytest.mark.slow
def test_an_account_in_which_nothing_is_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_account(monkeypatch, ACCOUNT)
    with site("training") as made:
        result = preflight(made, tmp_path)
        assert result.exit_code == 0, result.output
        assert "0 of 4 node groups exist, with 0 nodes; a deployment takes no running node away" in result.output


def test_fails_without_templates(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("ultrafleet")), "preflight", "dev", "--assembly", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "run `make synth" in result.stderr


def test_the_help_and_the_page_list_every_permission() -> None:
    told = CliRunner().invoke(app, ["preflight", "--help"], env={"COLUMNS": "200"}).output
    page = (ROOT / "docs" / "preflight.md").read_text()
    policy = json.loads(page.split("```json\n")[1].split("```")[0])
    actions = [permission.action for permission in PREFLIGHT_PERMISSIONS]
    assert policy["Statement"][0]["Action"] == actions
    for permission in actions:
        assert permission in " ".join(told.split())


def test_the_help_of_retained_lists_every_permission() -> None:
    told = CliRunner().invoke(app, ["retained", "--help"], env={"COLUMNS": "200"}).output
    for permission in RETAINED_PERMISSIONS:
        assert permission.action in " ".join(told.split())


def test_make_says_what_a_real_account_goes_on_billing() -> None:
    command = ["make", "--dry-run", "--no-print-directory", "destroy", "ENV=dev", "AWS=real"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    recipe = " ".join(done.stdout.replace("\\\n", " ").split())
    assert 'left=$(ultrafleet retained "$FLEET_ENVIRONMENT") && cdk destroy "$FLEET_ENVIRONMENT/**"' in recipe
    assert recipe.endswith('&& echo "$left"')


def test_make_deploys_to_a_real_account_after_preflight_alone() -> None:
    def recipe(*arguments: str) -> list[str]:
        command = ["make", "--dry-run", "--no-print-directory", "deploy", "ENV=dev", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return [line.strip() for line in done.stdout.splitlines() if re.match(r"\s*(cdk|ultrafleet|python)\b", line)]

    synth, deploy = recipe("AWS=real", "ACCEPT=held:a rolled:b:1-to-2")
    assert synth == 'python app.py synth "$FLEET_ENVIRONMENT"'
    accepted = "--accept 'held:a' --accept 'rolled:b:1-to-2'"
    stacks = '$(ultrafleet stacks "$FLEET_ENVIRONMENT")'
    runs = f'for stacks in {stacks}; do cdk deploy --exclusively --app cdk.out "$stacks"; done'
    assert deploy == f'ultrafleet preflight "$FLEET_ENVIRONMENT" {accepted} && {runs}'
    assert recipe() == ['ultrafleet local deploy "$FLEET_ENVIRONMENT"']


def test_every_call_has_its_permission() -> None:
    source = (ROOT / "constructs" / "ultrafleet" / "cli" / "live_account.py").read_text()
    called = set(re.findall(r'[ (.]"?((?:describe|list|get)_[a-z_]+)"?[(,]', source)) - {"get_paginator"}
    named = {"".join(part.title() for part in name.split("_")) for name in called}
    assert named == {item.action.partition(":")[2] for item in (*PREFLIGHT_PERMISSIONS, *RETAINED_PERMISSIONS)}
