"""`ultrafleet import`: options, streams, exit codes, and inputs that are of another kind."""

import json
from pathlib import Path

import pytest

from helpers.command import run
from ultrafleet.errors import FleetError
from ultrafleet.importing import read_text, reading

CASE = Path(__file__).parent / "cases" / "eksctl-1-p6-b200-block"
STATED = (
    "--account", "111122223333", "--cidr", "10.20.0.0/16", "--workload", "training",
    "--block", "cr-0123456789abcdef0:2:2026-12-01T11:30Z:2026-12-15T11:30Z",
)  # fmt: skip


def refused(*arguments: str, stdin: str | bytes = "") -> str:
    answer = run("import", *arguments, stdin=stdin)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "Traceback" not in answer.stderr
    return answer.stderr


def test_out_writes_the_file_that_is_printed_otherwise(tmp_path: Path) -> None:
    printed = run("import", str(CASE / "input.yaml"), *STATED)
    out = tmp_path / "b200-lab.yaml"
    written = run("import", str(CASE / "input.yaml"), *STATED, "--out", str(out))
    assert (printed.returncode, written.returncode) == (0, 0)
    assert written.stdout == ""
    assert out.read_text(encoding="utf-8") == printed.stdout


def test_json_has_the_file_the_lines_and_the_launch_templates() -> None:
    answer = run("import", str(CASE / "input.yaml"), *STATED, "--json")
    assert answer.returncode == 0
    content = json.loads(answer.stdout)
    assert content["name"] == "b200-lab"
    assert any("maxSize" in line for line in content["notes"])
    market = next(item for item in content["launch_templates"] if "MarketType" in item["property"])
    assert (market["source"], market["here"], market["reason"]) == ("capacity-block", "capacity-block", None)
    interfaces = next(item for item in content["launch_templates"] if item["property"] == "NetworkInterfaces")
    assert interfaces["reason"]


def test_compare_lists_equal_properties_too() -> None:
    shown = run("import", str(CASE / "input.yaml"), *STATED, "--compare").stderr
    assert "launch template of b200: InstanceType = p6-b200.48xlarge" in shown
    assert "CapacityReservationTarget = cr-0123456789abcdef0" in shown


@pytest.mark.parametrize(
    ("stdin", "expected"),
    [
        ("", "standard input is empty, expected an eksctl ClusterConfig"),
        ("just text", "standard input is a text"),
        ("a: [", "standard input:2:1 is neither YAML nor JSON"),
        ("Region: a\nHeadNode: 1\nRegion: b\n", "standard input:3:1 is neither YAML nor JSON (duplicate key 'Region'"),
        ('resource "aws_instance" "a" {\n  x = 1\n}\n', "terraform show -json plan | ultrafleet import -"),
        ("kind: NodePool\napiVersion: karpenter.sh/v1\n", "NodePool of karpenter.sh/v1"),
        ("account: '1'\npools: []\n", "an environment file already"),
        ('{"version": 4, "terraform_version": "1.9", "resources": []}', "a raw Terraform state"),
        ("AWSTemplateFormatVersion: '2010-09-09'\nResources: {}\n", "a CloudFormation template"),
        ("a: {{ .Values.name }}\nb: [\n", "a template with {{ }}"),
        ("a: [${X}, ${Y}\n", "envsubst"),
        ("a: &a [*a]\n", "refers to itself"),
        ("[" * 3000, "nested too deeply"),
        ('{"a":' * 100_000, "standard input is"),
        (b"\xff\xfe\x00", "standard input is"),
        ("apiVersion: eksctl.io/v1alpha5\n---\napiVersion: eksctl.io/v1alpha5\n", "2 clusters, in documents 1, 2"),
        ("apiVersion: eksctl.io/v1alpha5\nmanagedNodeGroups: {a: 1}\n", "expected a list"),
        ("apiVersion: eksctl.io/v1alpha5\nmanagedNodeGroups: [1]\n", "managedNodeGroups[0]"),
    ],
)  # fmt: skip
def test_fails_other_inputs(stdin: str | bytes, expected: str) -> None:
    assert expected in refused("-", stdin=stdin)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--block", "cr-1:x:2026-12-01T11:30Z:2026-12-15T11:30Z"), "[POOL=]cr-…:COUNT:START:END"),
        (("--block", "cr-1:2:2026-12-01:2026-12-15"), "[POOL=]cr-…:COUNT:START:END"),
        (("--nodes", "none"), "expected a number of nodes"),
        (("--nodes", "4", "--nodes", "5"), "stated twice"),
        (("--workload", "fun"), "expected training or inference"),
        (("--fabric", "infiniband"), "expected efa or roce"),
        (("--format", "cdk"), "expected one of"),
        (("--out", "x.yml"), "expected a file NAME.yaml"),
        (("--zone", "us-west-2a", *STATED), "--zone is 'us-west-2a', expected a zone of us-east-2"),
        (("--region", "us-east-1", *STATED), "region is us-east-2 in input.yaml, us-east-1 as an option"),
        (("--nodes", "other=4", *STATED), "--nodes is for 'other', expected one of the pools b200"),
        (("--name", "Not A Name", *STATED), "--name is 'Not A Name'"),
        ((*STATED[:-2], "--block", "cr-0aaaaaaaaaaaaaaa9:2:2026-12-01T11:30Z:2026-12-15T11:30Z"), "it is for"),
        ((*STATED[:-1], "cr-0123456789abcdef0:3:2026-12-01T11:30Z:2026-12-15T12:00Z"), "11:30 UTC"),
        (("--cidr", "10.20.0.0/25", *STATED[:2], *STATED[4:]), "subnet"),
        (("--account", "1", *STATED[2:]), "twelve digits"),
        (("--adopt", *STATED), "--adopt is for input.yaml, which has ids at most, expected a running cluster"),
        (("--live", "research"), "beside --live research"),
    ],
)
def test_fails_other_options(arguments: tuple[str, ...], expected: str) -> None:
    assert expected in refused(str(CASE / "input.yaml"), *arguments)


def test_fails_without_a_file() -> None:
    assert "FILE is missing" in refused()
    assert "--region is missing" in refused("--live", "research")
    assert "can't be read" in refused("no-such-file.yaml")
    assert "a pipe, a device or a folder" in refused("/dev/null")


def test_fails_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 100)
    plan = tmp_path / "plan.json"
    plan.write_text(" " * 101)
    with pytest.raises(FleetError, match="has more than 100 bytes, expected at most that many: of a plan, keep"):
        read_text(plan)


def test_queues_without_pools_have_one_line_and_no_price() -> None:
    case = Path(__file__).parent / "cases" / "pcluster-9-spot"
    done = run("import", "input.yaml", *(case / "arguments.txt").read_text().split(), cwd=case)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if "SlurmQueues[0]" in line]
    assert line.startswith("input.yaml:12: Scheduling.SlurmQueues[0].ComputeResources[0]: ")
    assert line.endswith(": cpu, of c5.large, is not carried over: pools are accelerated nodes")
    assert "on demand, paid from the start" not in done.stderr
