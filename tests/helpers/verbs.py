"""Verbs of the CDK CLI and of CloudFormation over running racks: each is run once, one after the other."""

import json
import pickle
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from botocore.exceptions import ClientError

from helpers.cdk_fleet import CdkFleet, Content, Told
from helpers.once import once
from helpers.rehearsal_site import pool_of

Step = Callable[[CdkFleet], object]
Verb = Callable[[CdkFleet], str]
"""Runs a verb, checks what it told, and returns the command."""

_VERBS: dict[str, tuple[Step | None, Verb]] = {}
_RACK_B: Final = "rack-b-cr-0bbbbbbbbbbbbbbb1"
_LOGICAL: Final = "Poolcr0bbbbbbbbbbbbbbb1"
"""Begins the logical ids of rack-b's running block."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a verb did.

    Attributes:
        command: as a user types it.
        lost: node-minutes that the racks' running nodes missed in the hour after it was given.
        problem: why it was not what the verb's test expects; "" where it was.
    """

    command: str
    lost: int
    problem: str = ""


def seen() -> dict[str, Seen]:
    """What each verb did, by its name in the page; run once for all workers of a test run."""
    found: dict[str, Seen] = pickle.loads(once("verbs over running racks", lambda: pickle.dumps(_run())))  # noqa: S301
    return found


def _run() -> dict[str, Seen]:
    found = {}
    with TemporaryDirectory() as folder:
        fleet = CdkFleet(Path(folder))
        try:
            fleet.start()
            _make_assemblies(fleet)
            for name, (given, run) in _VERBS.items():
                found[name] = _one(fleet, given, run)
        finally:
            fleet.stop()
    return found


def _one(fleet: CdkFleet, given: Step | None, run: Verb) -> Seen:
    commands, problems = [], []

    def action() -> None:
        try:
            commands.append(run(fleet))
        except (AssertionError, ClientError, KeyError) as error:
            problems.append(f"{type(error).__name__}: {error}")

    if given is not None:
        given(fleet)
    lost = fleet.lost_by(action)
    return Seen(command="".join(commands), lost=lost, problem="".join(problems))


def _verb(name: str, *, given: Step | None = None) -> Callable[[Verb], Verb]:
    """Add a verb, by its name in the page.

    Args:
        name: first column.
        given: what was done before; nodes that it takes are not counted.
    """

    def register(run: Verb) -> Verb:
        _VERBS[name] = (given, run)
        return run

    return register


# Assemblies


def _edit(content: Content) -> None:
    """A block appended, a longer lead, larger root volumes and a label: three of the four change a running block."""
    pool_of(content, "rack-b")["blocks"].append(
        {
            "capacity_reservation_id": "cr-0bbbbbbbbbbbbbbb2",
            "availability_zone": "us-east-1-dfw-2a",
            "start": datetime(2027, 1, 26, 11, 30, tzinfo=UTC),
            "end": datetime(2027, 2, 9, 11, 30, tzinfo=UTC),
        }
    )
    pool_of(content, "rack-b").update(drain_lead_minutes=120, node={"root_volume_gib": 200, "labels": {"team": "a"}})


def _state_the_size(content: Content) -> None:
    _edit(content)
    pool_of(content, "rack-b")["blocks"][0]["initial_desired_size"] = 0


def _label(content: Content) -> None:
    pool_of(content, "rack-a")["node"] = {"labels": {"team": "a"}}


def _make_assemblies(fleet: CdkFleet) -> None:
    fleet.assembly("stated", _state_the_size)
    fleet.assembly("labelled", _label)
    fleet.assembly("edited", _edit)
    fleet.dispatch("prepare")  # the appended block is bought
    fleet.changed_template(
        "machine", "base", "capacity", lambda text: text.replace("Sizes the node", "Scales the node")
    )
    fleet.changed_template("moved", "edited", "pool-rack-b", lambda text: text.replace(_LOGICAL, f"Moved{_LOGICAL}"))


def _expect(told: Told, code: int, *texts: str) -> str:
    assert told.code == code, told.output
    for text in texts:
        assert text in told.output, told.output
    return told.command


def _expect_status(fleet: CdkFleet, stack: str, status: str) -> None:
    assert fleet.stack_status(stack) == status, f"{stack} is {fleet.stack_status(stack)}"


# Deployments and drift


@_verb("deploy, the same file")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("base", "deploy", "training/**")
    assert told.output.count("(no changes)") == 12, told.output
    return _expect(told, 0)


@_verb("drift")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("base", "drift", "training/**", "--fail")
    cloudformation = fleet.client("cloudformation")
    read = {
        item["ResourceType"]
        for stack in cloudformation.describe_stacks()["Stacks"]
        for item in cloudformation.describe_stack_resource_drifts(StackName=stack["StackName"])["StackResourceDrifts"]
        if item["StackResourceDriftStatus"] == "IN_SYNC"
    }
    assert {"AWS::EKS::Nodegroup", "AWS::EKS::Cluster", "AWS::EC2::LaunchTemplate"} <= read, read
    return _expect(told, 0, "No drift detected")


@_verb("deploy --revert-drift, nothing drifted")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("base", "deploy", "training/**", "--revert-drift")
    assert told.output.count("(no changes)") == 12, told.output
    return _expect(told, 0)


@_verb("deploy --hotswap, an edited file")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("edited", "deploy", "training/pool-rack-b", "--exclusively", "--hotswap")
    return _expect(told, 0)


@_verb("deploy --hotswap, another state machine")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("machine", "deploy", "training/capacity", "--exclusively", "--hotswap")
    return _expect(told, 0, "hotswapped")


@_verb("deploy --revert-drift, a hotswapped state machine")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("base", "deploy", "training/capacity", "--exclusively", "--revert-drift")
    machines = fleet.client("stepfunctions")
    (arn,) = [item["stateMachineArn"] for item in machines.list_state_machines()["stateMachines"]]
    definition = machines.describe_state_machine(stateMachineArn=arn)["definition"]
    assert "Scales the node" in definition, "what is write-only isn't read, and stays"
    return _expect(told, 0, "(no changes)")


@_verb("deploy --hotswap-fallback")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("labelled", "deploy", "training/pool-rack-a", "--exclusively", "--hotswap-fallback")
    assert fleet.group("rack-a-cr-0aaaaaaaaaaaaaaa1")["labels"]["team"] == "a"
    return _expect(told, 0, "Falling back to doing a full deployment")


@_verb("watch")
def _(fleet: CdkFleet) -> str:
    return _expect(fleet.cdk("base", "watch", "training/**"), 1, 'Make sure to add a "watch" key to your cdk.json')


@_verb("gc")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("base", "gc", "aws://111122223333/us-east-1", "--unstable=gc", "--confirm=false")
    return _expect(told, 0)


# Failures


@_verb("a failed update, which CloudFormation rolls back")
def _(fleet: CdkFleet) -> str:
    fleet.dispatch("inject", name="stack-fails")
    told = fleet.cdk("edited", "deploy", "training/pool-rack-b", "--exclusively")
    fleet.dispatch("clear")
    _expect_status(fleet, "pool-rack-b", "UPDATE_ROLLBACK_COMPLETE")
    return _expect(told, 1, "Internal Failure")


@_verb("rollback")
def _(fleet: CdkFleet) -> str:
    fleet.dispatch("inject", name="stack-fails")
    told = fleet.cdk("edited", "deploy", "training/pool-rack-b", "--exclusively", "--no-rollback")
    fleet.dispatch("clear")
    _expect(told, 1, "Internal Failure")
    _expect_status(fleet, "pool-rack-b", "UPDATE_FAILED")
    back = fleet.cdk("edited", "rollback", "training/pool-rack-b")
    _expect(back, 0)
    _expect_status(fleet, "pool-rack-b", "UPDATE_ROLLBACK_COMPLETE")
    return f"{told.command}; {back.command}"


@_verb("continue-update-rollback")
def _(fleet: CdkFleet) -> str:
    fleet.dispatch("inject", name="rollback-fails")
    told = fleet.cdk("edited", "deploy", "training/pool-rack-b", "--exclusively")
    fleet.dispatch("clear")
    _expect(told, 1)
    _expect_status(fleet, "pool-rack-b", "UPDATE_ROLLBACK_FAILED")
    fleet.client("cloudformation").continue_update_rollback(StackName="training-pool-rack-b")
    _expect_status(fleet, "pool-rack-b", "UPDATE_ROLLBACK_COMPLETE")
    return "aws cloudformation continue-update-rollback --stack-name training-pool-rack-b"


@_verb("cancel-update-stack")
def _(fleet: CdkFleet) -> str:
    fleet.dispatch("inject", name="slow")
    told: list[Told] = []
    deploying = threading.Thread(
        target=lambda: told.append(fleet.cdk("edited", "deploy", "training/pool-rack-b", "--exclusively"))
    )
    deploying.start()
    cloudformation = fleet.client("cloudformation")
    until = time.monotonic() + 60
    while _status(cloudformation) != "UPDATE_IN_PROGRESS" and time.monotonic() < until:
        time.sleep(0.05)
    cloudformation.cancel_update_stack(StackName="training-pool-rack-b")
    deploying.join()
    fleet.dispatch("clear")
    _expect_status(fleet, "pool-rack-b", "UPDATE_ROLLBACK_COMPLETE")
    _expect(told[0], 1)
    return "aws cloudformation cancel-update-stack --stack-name training-pool-rack-b"


def _status(cloudformation: Any) -> str:
    return str(cloudformation.describe_stacks(StackName="training-pool-rack-b")["Stacks"][0]["StackStatus"])


@_verb("a stack policy that denies updates")
def _(fleet: CdkFleet) -> str:
    cloudformation = fleet.client("cloudformation")
    denied = {"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": "*"}
    cloudformation.set_stack_policy(
        StackName="training-pool-rack-b", StackPolicyBody=json.dumps({"Statement": [denied]})
    )
    told = fleet.cdk("edited", "deploy", "training/pool-rack-b", "--exclusively")
    _expect(told, 1, "denied by stack policy")
    allowed = {**denied, "Effect": "Allow"}
    cloudformation.set_stack_policy(
        StackName="training-pool-rack-b", StackPolicyBody=json.dumps({"Statement": [allowed]})
    )
    return f"aws cloudformation set-stack-policy --stack-name training-pool-rack-b …; {told.command}"


@_verb("deploy, an edited file")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("edited", "deploy", "training/**")
    group = fleet.group(_RACK_B)
    assert group["labels"]["team"] == "a"
    assert group["tags"]["ultrafleet:drain-lead-minutes"] == "120"
    assert group["launchTemplate"]["version"] == "1"
    assert fleet.group("rack-b-cr-0bbbbbbbbbbbbbbb2")["scalingConfig"]["desiredSize"] == 0
    return _expect(told, 0)


# Resources that change hands


@_verb("deploy, a construct moved")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("moved", "deploy", "training/pool-rack-b", "--exclusively")
    return _expect(told, 1, "already in use")


@_verb("refactor")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("moved", "refactor", "--unstable=refactor", "--force")
    _expect(told, 0, "Stack refactor complete")
    stack = fleet.client("cloudformation").list_stack_resources(StackName="training-pool-rack-b")
    moved = [item for item in stack["StackResourceSummaries"] if item["LogicalResourceId"].startswith("Moved")]
    assert len(moved) == 2, stack["StackResourceSummaries"]
    back = fleet.cdk("edited", "refactor", "--unstable=refactor", "--force")
    _expect(back, 0, "Stack refactor complete")
    return told.command


@_verb("orphan")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("edited", "orphan", "training/pool-rack-b/Pool", "--unstable=orphan", "--yes")
    return _expect(told, 0, "Resources orphaned from training-pool-rack-b", "DELETE_SKIPPED")


@_verb("import")
def _(fleet: CdkFleet) -> str:
    mapping: dict[str, Any] = {}
    templates = {
        item["LaunchTemplateName"]: item["LaunchTemplateId"]
        for item in fleet.client("ec2").describe_launch_templates()["LaunchTemplates"]
    }
    resources = json.loads(fleet.template("edited", "pool-rack-b"))["Resources"]
    for logical_id, resource in resources.items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::EKS::Nodegroup":
            mapping[logical_id] = {"Id": f"training/{properties['NodegroupName']}"}
        else:
            mapping[logical_id] = {"LaunchTemplateId": templates[properties["LaunchTemplateName"]]}
    told = fleet.cdk(
        "edited", "import", "training/pool-rack-b", "--resource-mapping-inline", json.dumps(mapping), "--yes"
    )
    _expect(told, 0)
    _expect(fleet.cdk("edited", "deploy", "training/**"), 0)
    return "cdk import training/pool-rack-b --resource-mapping-inline '…' --yes"


# Changes by hand


def _by_hand(**sizes: int) -> Step:
    def change(fleet: CdkFleet) -> None:
        fleet.client("eks").update_nodegroup_config(clusterName="training", nodegroupName=_RACK_B, scalingConfig=sizes)

    return change


def _without_reservation_tag(fleet: CdkFleet) -> None:
    arn = fleet.group(_RACK_B)["nodegroupArn"]
    fleet.client("eks").untag_resource(resourceArn=arn, tagKeys=["ultrafleet:capacity-reservation"])


def _seventeen(fleet: CdkFleet) -> None:
    """Switch the schedule off, which would bring it back, and take a node by hand."""
    fleet.dispatch("inject", name="schedule-off")
    _by_hand(desiredSize=17)(fleet)
    fleet.dispatch("advance", hours=1)


def _version_two(fleet: CdkFleet) -> None:
    """Roll the rack by hand to the version that the edit of the file made, and wait until it is done."""
    template = {"id": fleet.group(_RACK_B)["launchTemplate"]["id"], "version": "2"}
    fleet.client("eks").update_nodegroup_version(clusterName="training", nodegroupName=_RACK_B, launchTemplate=template)
    fleet.dispatch("advance", hours=12)


@_verb("drift, MaxSize changed by hand", given=_by_hand(maxSize=20))
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("edited", "drift", "training/pool-rack-b", "--fail")
    return _expect(told, 1, "/ScalingConfig/MaxSize")


@_verb("deploy --revert-drift, MaxSize changed by hand")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("edited", "deploy", "training/**", "--revert-drift")
    assert fleet.group(_RACK_B)["scalingConfig"] == {"minSize": 0, "maxSize": 18, "desiredSize": 18}
    return _expect(told, 0)


@_verb("deploy --revert-drift, a tag removed by hand", given=_without_reservation_tag)
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("edited", "deploy", "training/**", "--revert-drift")
    assert fleet.group(_RACK_B)["tags"]["ultrafleet:capacity-reservation"] == "cr-0bbbbbbbbbbbbbbb1"
    return _expect(told, 0)


@_verb(
    "deploy --revert-drift, the schedule switched off by hand",
    given=lambda fleet: fleet.dispatch("inject", name="schedule-off"),
)
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("edited", "deploy", "training/capacity", "--exclusively", "--revert-drift")
    scheduler = fleet.client("scheduler")
    (name,) = [item["Name"] for item in scheduler.list_schedules()["Schedules"]]
    assert scheduler.get_schedule(Name=name)["State"] == "ENABLED"
    fleet.dispatch("clear")
    return _expect(told, 0)


@_verb("deploy --revert-drift, a size set by hand", given=_seventeen)
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("edited", "deploy", "training/pool-rack-b", "--exclusively", "--revert-drift")
    assert fleet.group(_RACK_B)["scalingConfig"]["desiredSize"] == 17, "no size is sent"
    fleet.dispatch("clear")
    return _expect(told, 0, "(no changes)")


@_verb("deploy --revert-drift, a version set by hand", given=_version_two)
def _(fleet: CdkFleet) -> str:
    assert fleet.group(_RACK_B)["launchTemplate"]["version"] == "2"
    told = fleet.cdk("edited", "deploy", "training/pool-rack-b", "--exclusively", "--revert-drift")
    assert fleet.group(_RACK_B)["launchTemplate"]["version"] == "1"
    return _expect(told, 0)


@_verb("deploy, a size stated for a running block")
def _(fleet: CdkFleet) -> str:
    return _expect(fleet.cdk("stated", "deploy", "training/pool-rack-b", "--exclusively"), 0)


@_verb("deploy --revert-drift, a stated size")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("stated", "deploy", "training/pool-rack-b", "--exclusively", "--revert-drift")
    _expect(told, 0)
    _expect(fleet.cdk("edited", "deploy", "training/pool-rack-b", "--exclusively"), 0)
    return told.command


# Ends


@_verb("destroy, without a terminal")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("edited", "destroy", "training/pool-rack-a")
    return _expect(told, 1, "unable to get a confirmation")


@_verb("destroy --force, a pool")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("edited", "destroy", "training/pool-rack-a", "--force")
    return _expect(told, 0, "destroyed")


@_verb("destroy --force, an environment")
def _(fleet: CdkFleet) -> str:
    told = fleet.cdk("edited", "destroy", "training/**", "--force")
    return _expect(told, 1)


NAMES: Final = tuple(_VERBS)
"""Names of the verbs, in the order in which they are run."""
