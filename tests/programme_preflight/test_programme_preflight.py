"""Preflight of a programme: needs of its cells, its accounts asked with real clients, and requests ready to send."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session

from helpers.capacity_site import as_account
from helpers.command import run
from ultrafleet.catalog import UltraServerType, limits
from ultrafleet.cells import CellPlan, cut
from ultrafleet.cells.as_environment import cell_environment
from ultrafleet.layout import fabric_layout
from ultrafleet.programme import FleetSettings, load_programme
from ultrafleet.programme_preflight import Finding, Need, Standing, needs_of, offline, quotas, request_files
from ultrafleet.programme_preflight.comparing import compared
from ultrafleet.programme_preflight.needs import PLATFORM_ALARMS, PLATFORM_ROLES
from ultrafleet.rehearsal.calls import client
from ultrafleet.rehearsal.ec2.api.blocks import NOT_ALLOWED
from ultrafleet.rehearsal.ec2.state.zones import ZoneGroups
from ultrafleet.rehearsal.questions.quotas import Quotas
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

ACCOUNT, REGION, ZONE = "111122223333", "us-east-1", "us-east-1-dfw-2a"
NOW = datetime(2026, 12, 2, tzinfo=UTC)
FILE = """
start: 2026-12-01
end: 2028-12-01
sites:
  - {{ name: dallas, region: us-east-1, zone: us-east-1-dfw-2a, account: "111122223333",
      platform_zones: [us-east-1a, us-east-1b] }}
tranches:
  - name: gb200-a
    site: dallas
    workload: training
    type: u-p6e-gb200x72
    ultraservers: {racks}
    delivery: 2026-12-01
    slip: {{ weeks: {{ 0: 1 }} }}
    assumption: for a test
{limits}
fleet:
  largest_job_accelerators: 720
  reservations: assumed
"""


def written(folder: Path, racks: int, limits_: str = "") -> Path:
    path = folder / "small.yaml"
    path.write_text(FILE.format(racks=racks, limits=limits_))
    return path


def planned(path: Path) -> tuple[CellPlan, FleetSettings]:
    programme = load_programme(path)
    assert programme.fleet is not None
    return cut(programme), programme.fleet


def needs(path: Path) -> dict[str, Need]:
    return {need.quota.key: need for need in needs_of(*planned(path))}


class TestNeeds:
    def test_are_counted_by_cells_racks_and_slots(self, tmp_path: Path) -> None:
        plan, _ = planned(path := written(tmp_path, 40))
        found, slots = needs(path), sum(cell.slots for cell in plan.cells)
        cells = len(plan.cells)
        assert cells > 1
        assert (
            found["vpcs_per_region"].now,
            found["clusters_per_region"].now,
            found["elastic_ips_per_region"].now,
        ) == (cells, cells, cells)
        templates = found["launch_templates_per_region"]
        assert (templates.now, templates.full) == (40 + cells, slots + 2 * cells)
        member = UltraServerType.U_P6E_GB200X72.instance_type
        assert member is not None
        layout = fabric_layout(member)
        interfaces = found["network_interfaces_per_zone"]
        assert (interfaces.where, interfaces.now) == (ZONE, 40 * 18 * len(layout))
        assert interfaces.full == (slots + cells) * 18 * len(layout)

    def test_a_managed_cell_needs_a_node_group_for_each_block(self, tmp_path: Path) -> None:
        found = needs(written(tmp_path, 40))["node_groups_per_cluster"]
        assert found.full <= limits.NODE_GROUPS_PER_CLUSTER.value
        assert found.now <= found.full

    def test_roles_are_counted_over_all_regions(self, tmp_path: Path) -> None:
        plan, fleet = planned(written(tmp_path, 40))
        (found,) = [need for need in needs_of(plan, fleet) if need.quota is quotas.ROLES]
        assert (found.where, found.now) == ("all regions", PLATFORM_ROLES * len(plan.cells))

    def test_a_platform_is_not_larger_than_it_is_counted(self) -> None:
        """Golden templates of an environment with as many kinds of parts as a cell, teams and models apart."""
        golden = Path(__file__).parents[1] / "golden"
        texts = [
            path.read_text()
            for path in golden.glob("training-*.yaml")
            if not path.name.startswith(("training-team", "training-pool", "training-reservation"))
        ]
        assert sum(text.count("Type: AWS::IAM::Role") for text in texts) <= PLATFORM_ROLES
        alarms = sum(text.count("Type: AWS::CloudWatch::Alarm") for text in texts)
        pools = 4  # groups of the environment's pools, whose alarms are in a cell's stacks of racks
        assert alarms - 2 * pools <= PLATFORM_ALARMS

    def test_every_quota_has_a_documented_value_with_a_source(self) -> None:
        for quota in quotas.QUOTAS:
            assert int(quota.documented.value) > 0, quota.key
            assert quota.documented.source is not None, quota.key
            assert quota.code is None or quota.code.startswith("L-"), quota.key


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Programme's file; its account is embedded in this process, and everything is by default."""
    path = written(tmp_path, 40)
    plan, fleet = planned(path)
    as_account(monkeypatch, ACCOUNT)
    with embedded_aws(cell_environment(plan.cells[0], fleet), now=NOW):
        client("ssm", ACCOUNT, REGION).put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
        yield path


def raised(value: float = 1_000_000) -> None:
    known = SIMULATED_ACCOUNT.part(Quotas, ACCOUNT, REGION)
    for service, code in list(known.values):
        known.set(service, code, value)


def asked(path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = run("programme", "preflight", str(path), "--json", *arguments)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def standing(answer: dict[str, Any], what: str) -> list[tuple[str, str]]:
    return [(item["standing"], item["observed"]) for item in answer["findings"] if item["what"].startswith(what)]


class TestAsked:
    def test_an_account_that_asked_for_everything_has_enough(self, account: Path) -> None:
        raised()
        code, answer = asked(account)
        assert [item for item in answer["findings"] if item["standing"] != "enough"] == []
        assert code == 0
        assert standing(answer, "bootstrap") == [("enough", "version 30")]
        assert standing(answer, "allow-listing") == [("enough", "EC2 shows it UltraServers")]
        assert standing(answer, f"offering: p6e-gb200.36xlarge in {ZONE}")[0][0] == "enough"
        assert standing(answer, "zone-opt-in: us-east-1-dfw-2a") == [("enough", "us-east-1-dfw-2 is opted-in")]

    def test_a_new_account_is_short_of_what_its_defaults_lack(self, account: Path) -> None:
        code, answer = asked(account)
        assert code == 1
        short = {item["what"] for item in answer["findings"] if item["standing"] == "short"}
        # A default VPC is in the account, and counts.
        assert standing(answer, "vpc: VPCs per Region")[0][1].startswith("5 (applied)")
        assert f"vpc: Network interfaces per Region, {ZONE}" not in short  # 40 racks of 90 interfaces
        assert standing(answer, f"vpc: Network interfaces per Region, {ZONE}")[0][0] in {"enough", "later"}

    def test_answers_of_the_account_that_are_no(self, account: Path) -> None:
        raised()
        SIMULATED_ACCOUNT.part(ZoneGroups, ACCOUNT, REGION).opt("us-east-1-dfw-2", opted_in=False)
        SIMULATED_ACCOUNT.readings.add(NOT_ALLOWED)
        client("ssm", ACCOUNT, REGION).delete_parameter(Name="/cdk-bootstrap/hnb659fds/version")
        SIMULATED_ACCOUNT.part(Quotas, ACCOUNT, REGION).set("vpc", "L-DF5E4CA3", 100)
        code, answer = asked(account, "--requests", str(account.parent / "requests"))
        assert code == 1
        assert {item["what"] for item in answer["findings"] if item["standing"] == "short"} == {
            "zone-opt-in: us-east-1-dfw-2a",
            "allow-listing: u-p6e-gb200x72 in us-east-1",
            "bootstrap: CDK bootstrap stack",
            f"vpc: Network interfaces per Region, {ZONE}",
        }
        script = (account.parent / "requests" / f"{ACCOUNT}-{REGION}.sh").read_text()
        assert "--group-name us-east-1-dfw-2 --opt-in-status opted-in --region us-east-1" in script
        assert f"npx cdk bootstrap aws://{ACCOUNT}/{REGION}" in script
        letter = (account.parent / "requests" / "account-team.md").read_text()
        assert f"put account {ACCOUNT} on the list for u-p6e-gb200x72 in us-east-1" in letter

    def test_another_account_is_not_asked(self, account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        as_account(monkeypatch, "999988887777")
        code, answer = asked(account)
        assert standing(answer, "account") == [("unknown", "not asked: credentials are of 999988887777")]
        assert code == 1
        assert {item["observed"].partition("(")[2] for item in answer["findings"] if item["now"]} == {
            "default, not asked)"
        }

    def test_every_action_is_in_the_policy(self, account: Path) -> None:
        done = run("programme", "preflight", str(account), "--policy", "--change-sets")
        (document,) = json.loads(done.stdout).values()
        actions = {action for statement in document["Statement"] for action in statement["Action"]}
        assert {
            "cloudformation:DescribeEvents",
            "cloudformation:ListChangeSets",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeCapacityBlockOfferings",
            "ec2:DescribeInstanceTypeOfferings",
            "eks:DescribeClusterVersions",
            "servicequotas:GetServiceQuota",
            "ssm:GetParameter",
        } <= actions
        assert not [action for action in actions if action.split(":")[1].startswith(("Create", "Delete", "Put", "Req"))]

    def test_warnings_of_change_sets_are_passed_on(self, account: Path) -> None:
        raised()
        plan, _ = planned(account)
        name = f"{plan.cells[0].name}-network"
        template = {"Resources": {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlok": "10.0.0.0/16"}}}}
        cloudformation = client("cloudformation", ACCOUNT, REGION)
        cloudformation.create_change_set(
            StackName=name, ChangeSetName="review", ChangeSetType="CREATE", TemplateBody=json.dumps(template)
        )
        code, answer = asked(account, "--change-sets")
        (found,) = [item for item in answer["findings"] if item["what"].startswith("CloudFormation")]
        assert (code, found["standing"], found["what"]) == (1, "short", f"CloudFormation: {name}, Vpc")
        assert "CidrBlok" in found["observed"]


class TestRequests:
    def findings(self, path: Path) -> tuple[CellPlan, list[Finding]]:
        plan, fleet = planned(path)
        return plan, offline(needs_of(plan, fleet))

    def test_commands_are_what_the_aws_cli_takes(self, tmp_path: Path) -> None:
        files = request_files(*self.findings(written(tmp_path, 400)))
        script = files[f"{ACCOUNT}-{REGION}.sh"]
        model = get_session().get_service_model("service-quotas").operation_model("RequestServiceQuotaIncrease")
        requests = [shlex.split(line) for line in script.splitlines() if "request-service-quota-increase" in line]
        assert len(requests) >= 3
        names = {"ServiceCode": "--service-code", "QuotaCode": "--quota-code", "DesiredValue": "--desired-value"}
        for request in requests:
            given = dict(zip(request[3::2], request[4::2], strict=True))
            assert given.keys() == {"--region", *names.values()}
            assert set(model.input_shape.required_members) == set(names)
            pattern = model.input_shape.members["QuotaCode"].metadata["max"]
            assert len(given["--quota-code"]) <= pattern
            assert float(given["--desired-value"]) > 0
        codes = [tuple(request[5:9]) for request in requests]
        assert len(set(codes)) == len(codes), "one request a quota"

    def test_the_script_stops_with_credentials_of_another_account(self, tmp_path: Path) -> None:
        files = request_files(*self.findings(written(tmp_path, 400)))
        aws = tmp_path / "bin" / "aws"
        aws.parent.mkdir()
        aws.write_text('#!/bin/sh\necho "$@" >> "$CALLS"\n[ "$1" = sts ] && echo 999988887777\nexit 0\n')
        aws.chmod(0o755)
        script = tmp_path / "requests.sh"
        script.write_text(files[f"{ACCOUNT}-{REGION}.sh"])
        environment = {**os.environ, "PATH": f"{aws.parent}:{os.environ['PATH']}", "CALLS": str(tmp_path / "calls")}
        done = subprocess.run(["sh", str(script)], env=environment, capture_output=True, text=True, check=False)  # noqa: S607 - the script of this test
        assert (done.returncode, "expected 111122223333" in done.stderr or "999988887777" in done.stderr) == (2, True)
        assert (tmp_path / "calls").read_text().count("\n") == 1
        aws.write_text(f'#!/bin/sh\necho "$@" >> "$CALLS"\n[ "$1" = sts ] && echo {ACCOUNT}\nexit 0\n')
        assert subprocess.run(["sh", str(script)], env=environment, check=False).returncode == 0  # noqa: S607
        assert "request-service-quota-increase" in (tmp_path / "calls").read_text()

    def test_what_is_over_a_maximum_is_in_the_letter(self, tmp_path: Path) -> None:
        plan, fleet = planned(written(tmp_path, 400))
        need = needs_of(plan, fleet)[0]
        many = replace(need, quota=quotas.NODE_GROUPS, where=plan.cells[0].name, now=150, full=200)
        files = request_files(plan, [compared(many, 30, source="applied")])
        assert "200 needed" in files["account-team.md"]
        assert f"is account {ACCOUNT} on the list for u-p6e-gb200x72? It wasn't asked" in files["account-team.md"]
        assert "reported as the most: 100" in files["account-team.md"]
        assert "--desired-value 100" in files[f"{ACCOUNT}-{REGION}.sh"]

    def test_nothing_is_written_where_nothing_is_short(self, tmp_path: Path) -> None:
        plan, findings = self.findings(written(tmp_path, 10))
        enough = [item for item in findings if item.standing is Standing.ENOUGH]
        assert request_files(plan, enough) == {} or plan.requests


def test_offline_asks_nothing_and_says_so(tmp_path: Path) -> None:
    done = run("programme", "preflight", str(written(tmp_path, 400)), "--offline")
    assert done.returncode == 1
    assert "no account was asked" in done.stdout
    assert "not asked: opt-ins, offerings, AWS's list for UltraServers" in done.stdout


def test_fails_without_a_fleet() -> None:
    done = run("programme", "preflight", "seven-years")
    assert done.returncode == 2
    assert "fleet" in done.stderr
