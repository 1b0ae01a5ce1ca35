"""The command: what it prints, keeps and exits with, and the IAM policy that it prints, under which it runs."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from helpers.command import run
from helpers.doctor_world import Guard, allows, guarded
from helpers.preflight_world import FILE, content, environment_of
from helpers.rehearsal_site import DeployedEnvironment, deployed
from ultrafleet.catalog.eks import SERVICE_LINKED_ROLES
from ultrafleet.cli import app
from ultrafleet.doctor import PROBES, Verdict, answers_file, read_answers
from ultrafleet.doctor.policy import partition
from ultrafleet.doctor.synthesis import answers_beside, refuse_contradicted
from ultrafleet.environment import EnvironmentFileError, load_environment
from ultrafleet.facts import Known, all_facts
from ultrafleet.rehearsal.calls import client
from ultrafleet.rehearsal.ec2.state.zones import ZoneGroups
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws
from ultrafleet.rehearsal.scenarios.remote import EmbeddedAws
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

ENVIRONMENT = environment_of(content())
START = min(block.start for pool in ENVIRONMENT.pools for block in pool.capacity_blocks)
NOW = START - timedelta(hours=1)
READING = [probe for probe in PROBES if not probe.creates]
FACT = "assumption/zone-opted-in"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of environment files: training, whose B300 instances are in a zone that offers them."""
    (tmp_path / "training.yaml").write_text(FILE.read_text().replace("us-east-1b", "us-east-1c"))
    return tmp_path


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Guard]:
    """An account in which nothing is deployed, but whose services were used before."""
    with guarded(monkeypatch, ENVIRONMENT) as (_, made), embedded_aws(ENVIRONMENT, now=NOW):
        for role in SERVICE_LINKED_ROLES:
            service, name = role.split("/")
            client("iam", ENVIRONMENT.account, "us-east-1").create_role(
                RoleName=name, Path=f"/aws-service-role/{service}/", AssumeRolePolicyDocument="{}"
            )
        yield made


def doctor(folder: Path, *arguments: str, moment: datetime = NOW) -> Result:
    as_of = moment.strftime("%Y-%m-%dT%H:%M:%S")
    places = ["--environments", str(folder), "--as-of", as_of]
    result = CliRunner().invoke(app, ["doctor", "training", *places, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def opt_out() -> None:
    zones = SIMULATED_ACCOUNT.part(ZoneGroups, ENVIRONMENT.account, ENVIRONMENT.region)
    zones.opt("us-east-1-dfw-2", opted_in=False)


def test_an_account_that_has_everything(guard: Guard, folder: Path) -> None:
    result = doctor(folder)
    assert result.exit_code == 0, result.output
    *lines, summary = result.output.splitlines()
    assert "yes     zone-opt-in, us-east-1-dfw-2a: us-east-1-dfw-2 is opted-in" in lines
    assert "later   egress, subnet dallas in us-east-1-dfw-2a: the network isn't deployed yet" in lines
    path = answers_file(folder, "training")
    kept = read_answers(path)
    later = sum(line.startswith("later ") for line in lines)
    assert len(kept) + later == sum(len(list(probe.questions(ENVIRONMENT))) for probe in READING)
    assert summary == f"training in account 111122223333: {len(kept)} yes, {later} later; kept in {path}"
    assert {(item.account, item.region, str(item.asked), item.verdict) for item in kept} == {
        ("111122223333", "us-east-1", "2026-12-01", Verdict.YES)
    }
    text = path.read_text()
    assert doctor(folder).exit_code == 0
    assert path.read_text() == text
    assert guard.calls


def test_the_file_changes_what_synth_and_the_facts_say(guard: Guard, folder: Path) -> None:
    environment = load_environment(folder / "training.yaml")
    today = NOW.date()

    def known() -> tuple[Known, str]:
        (listed,) = all_facts(FACT, answers=answers_beside(folder, environment, today=today))
        return listed.known, str(listed.fact.source)

    assert known()[0] is Known.LOW
    assert doctor(folder).exit_code == 0
    refuse_contradicted(folder, environment, answers_beside(folder, environment, today=today))
    assert known()[0] is Known.HIGH
    assert "111122223333" in known()[1]
    opt_out()
    assert doctor(folder).exit_code == 1
    with pytest.raises(EnvironmentFileError) as error:
        refuse_contradicted(folder, environment, answers_beside(folder, environment, today=today))
    assert "us-east-1-dfw-2 is not-opted-in" in str(error.value)
    assert "--opt-in-status opted-in" in str(error.value)
    assert known()[0] is Known.LOW
    assert guard.calls


def test_a_no_is_exit_code_1_with_what_to_do(guard: Guard, folder: Path) -> None:
    opt_out()
    result = doctor(folder, "--dry-run")
    assert result.exit_code == 1
    line = "no      zone-opt-in, us-east-1-dfw-2a: us-east-1-dfw-2 is not-opted-in; expected opted-in\n"
    command = "  aws ec2 modify-availability-zone-group --group-name us-east-1-dfw-2 --opt-in-status opted-in\n"
    assert line + command in result.output
    assert result.output.endswith("nothing is written\n")
    assert not answers_file(folder, "training").exists()
    assert guard.calls


def test_a_denial_is_exit_code_3_and_replaces_no_answer_that_counts(guard: Guard, folder: Path) -> None:
    assert doctor(folder).exit_code == 0
    before = answers_file(folder, "training").read_text()
    guard.refused = {"ssm:GetParameter"}
    result = doctor(folder)
    assert result.exit_code == 3
    assert "ssm:GetParameter is refused (AccessDeniedException)" in result.output
    assert answers_file(folder, "training").read_text() == before
    late = doctor(folder, moment=NOW + timedelta(days=91))
    assert late.exit_code != 0
    verdicts = {item.verdict for item in read_answers(answers_file(folder, "training")) if item.probe == "image"}
    assert verdicts == {Verdict.DENIED}


def test_another_account_is_asked_nothing_else(guard: Guard, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "999999999999")
    result = doctor(folder)
    assert result.exit_code == 1
    assert result.output.startswith("no      account, account of the credentials: 999999999999 (")
    assert {action for action, _ in guard.calls} == {"sts:GetCallerIdentity"}
    assert not answers_file(folder, "training").exists()


def test_json_has_the_same(guard: Guard, folder: Path) -> None:
    result = doctor(folder, "--json", "--only", "zone-opt-in", "--only", "egress")
    found = json.loads(result.output)
    assert (found["exit_code"], result.exit_code, found["account"]) == (0, 0, "111122223333")
    assert found["file"] == str(answers_file(folder, "training"))
    by_probe = {item["probe"]: item for item in found["answers"]}
    assert set(by_probe) == {"account", "zone-opt-in", "egress"}
    assert by_probe["zone-opt-in"] == {
        "probe": "zone-opt-in",
        "subject": "us-east-1-dfw-2a",
        "expected": "opted-in",
        "verdict": "yes",
        "observed": "us-east-1-dfw-2 is opted-in",
        "remedy": None,
        "settles": [FACT],
        "stops_launch": True,
    }
    assert by_probe["egress"]["verdict"] == "later"
    assert guard.calls


def test_one_probe_keeps_the_answers_of_the_others(guard: Guard, folder: Path) -> None:
    assert doctor(folder).exit_code == 0
    before = read_answers(answers_file(folder, "training"))
    assert doctor(folder, "--only", "region", moment=NOW + timedelta(days=2)).exit_code == 0
    after = read_answers(answers_file(folder, "training"))
    assert [item.key for item in after] == [item.key for item in before]
    assert {item.probe for item in after if item not in before} == {"account", "region"}
    assert guard.calls


def test_ctrl_c_keeps_what_was_answered(guard: Guard, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(action: str, _: str) -> None:
        if action == "ec2:DescribeInstanceTypeOfferings":
            raise KeyboardInterrupt

    monkeypatch.setattr(guard, "check", interrupted)
    result = doctor(folder)
    assert result.exit_code == 130
    kept = {item.probe for item in read_answers(answers_file(folder, "training"))}
    assert kept == {"account", "region", "zone-opt-in", "control-plane-zone"}


@pytest.mark.parametrize("wrong", ["zone", "Region"])
def test_fails_on_an_unknown_probe(folder: Path, wrong: str) -> None:
    places = ["--environments", str(folder)]
    result = CliRunner().invoke(app, ["doctor", "training", "--only", wrong, *places])
    assert result.exit_code == 2
    assert "expected one of account, region" in " ".join(result.output.replace("│", "").split())


def test_fails_without_credentials(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "none"))
    result = CliRunner().invoke(app, ["doctor", "training", "--environments", str(folder)])
    assert "credentials for account 111122223333 that are valid in us-east-1" in str(result.exception)


def policy(folder: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(doctor(folder, "--policy", *arguments).output)
    return found


def unused(document: dict[str, Any], calls: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Actions with resources of a policy that no call needed."""
    return [
        (action, resource)
        for statement in document["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
        if not any(allows({"Statement": [{"Action": [action], "Resource": [resource]}]}, *call) for call in calls)
    ]


@pytest.mark.slow
def test_the_printed_policy_is_enough_and_no_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = policy(folder)
    calls: set[tuple[str, str]] = set()
    with guarded(monkeypatch, ENVIRONMENT) as (_, guard), embedded_aws(ENVIRONMENT, now=NOW):
        guard.document = document
        assert "denied" not in doctor(folder).output
        calls |= guard.calls
    shutil.copy(FILE, folder / "training.yaml")
    with deployed("training", up=True) as made, guarded(monkeypatch, made.environment) as (_, guard):
        guard.document = document
        result = doctor(folder, moment=SIMULATED_ACCOUNT.now.astimezone(UTC))
        assert "denied" not in result.output, result.output
        assert "yes     scale-down, rack-b-cr-0bbbbbbbbbbbbbbb1: at 2027-01-26 10:50 UTC" in result.output
        run_others(made, folder, tmp_path)
        calls |= guard.calls
    # Endpoints are asked of a VPC that exists; this environment makes its own.
    assert unused(document, calls) == [("ec2:DescribeVpcEndpoints", "*")]


def run_others(made: DeployedEnvironment, folder: Path, tmp_path: Path) -> None:
    """`preflight` and `retained`, for which the policy is, too."""
    made.write_assembly(tmp_path / "cdk.out")
    (folder / "training.yaml").write_text(made.text)
    places = ["--assembly", str(tmp_path / "cdk.out"), "--environments", str(folder), "--as-of", "2026-12-01T12:00:00"]
    result = CliRunner().invoke(app, ["preflight", "training", *places])
    assert result.exit_code == 0, (result.output, result.exception)
    result = CliRunner().invoke(app, ["retained", "training", "--environments", str(folder)])
    assert result.exit_code == 0, (result.output, result.exception)


def test_an_action_that_nothing_calls_is_found() -> None:
    document = {"Statement": [{"Action": ["a:B", "a:C"], "Resource": ["x/*", "y"]}]}
    assert unused(document, {("a:B", "x/1"), ("a:B", "y"), ("a:C", "y")}) == [("a:C", "x/*")]


def test_a_policy_has_no_wildcard_action_and_no_resource_that_iam_could_narrow(folder: Path) -> None:
    for statement in policy(folder)["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in statement["Action"])
        broad = {"eks:DescribeCluster", "eks:DescribeNodegroup", "iam:GetRole", "ssm:GetParameter"}
        assert statement["Resource"] != ["*"] or not broad & set(statement["Action"])


@pytest.mark.parametrize(
    ("region", "expected"),
    [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eusc-de-east-1", "aws-eusc")],
)
def test_the_partition_is_the_regions(region: str, expected: str) -> None:
    assert partition(region) == expected


def test_probes_have_ids_of_their_own_and_questions_subjects_of_their_own() -> None:
    assert len({probe.id for probe in PROBES}) == len(PROBES)
    listed = {item.id for item in all_facts()}
    for probe in PROBES:
        questions = list(probe.questions(ENVIRONMENT))
        assert len({question.subject for question in questions}) == len(questions), probe.id
        for question in questions:
            assert question.path, question
            assert set(question.settles) <= listed, question
        assert bool(probe.cost) is probe.creates


def test_the_page_has_every_probe_with_its_actions() -> None:
    page = (FILE.parents[2] / "docs" / "doctor.md").read_text()
    for probe in PROBES:
        assert f"| `{probe.id}` |" in page, probe.id
        for permission in probe.permissions:
            assert f"`{permission.action}`" in page, permission.action


@pytest.mark.slow
def test_an_account_that_answers_over_http(folder: Path, tmp_path: Path) -> None:
    aws = EmbeddedAws("training", folder=tmp_path / "state")
    aws.start(environments=folder, now=NOW)
    try:
        variables = aws.variables(account=ENVIRONMENT.account, region=ENVIRONMENT.region)
        as_of = NOW.strftime("%Y-%m-%dT%H:%M:%S")
        result = run("doctor", "training", "--environments", str(folder), "--as-of", as_of, environment=variables)
    finally:
        aws.stop()
    assert result.returncode == 1, result.stdout + result.stderr
    verdicts = Counter(line.split()[0] for line in result.stdout.splitlines()[:-1] if not line.startswith(" "))
    assert verdicts["no"] == len(SERVICE_LINKED_ROLES)  # nothing was made in the account yet
    assert set(verdicts) == {"yes", "no", "later"}
    assert "yes     machine, the size that it gives the node group of a block: it decides on 18" in result.stdout
