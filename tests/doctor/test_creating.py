"""Probes that make something: every answer, under their policy, and nothing is left whatever happens."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from helpers.doctor_world import Guard, guarded
from helpers.preflight_world import content, environment_of
from helpers.rehearsal_site import DeployedEnvironment, deployed
from ultrafleet.cli import app
from ultrafleet.cli.asked_account import AskedAccount
from ultrafleet.doctor import PROBES, Answer, AwsRefusalError, Verdict, ask
from ultrafleet.doctor.clean_up import cleaned_up
from ultrafleet.doctor.policy import policy_document
from ultrafleet.doctor.probe import yes
from ultrafleet.doctor.probes.group_target import GROUP_TARGET
from ultrafleet.doctor.probes.node_group_sizes import NODE_GROUP_SIZES
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.assumptions import GROUPS_WORK, SIZES_MAY_BE_PARTIAL, STARTS_AT_MIN_SIZE
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

pytestmark = pytest.mark.slow

STACK = "ultrafleet-doctor-training-sizes"
BY_THE_SERVICE = {"iam:GetRole", "iam:PassRole"}
"""Actions that EKS asks IAM about on the caller's behalf: no call of the caller's own."""
YES, NO, DENIED, UNCLEAR = Verdict.YES, Verdict.NO, Verdict.DENIED, Verdict.UNCLEAR

World = tuple[AskedAccount, Guard, DeployedEnvironment]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A fleet that runs, and credentials with the policy that is printed; nothing of a probe is left in the end."""
    with deployed("training", up=True) as made, guarded(monkeypatch, made.environment) as (account, guard):
        guard.document = policy_document(made.environment, probes=PROBES)
        before = things(made)
        yield account, guard, made
        if "cloudformation:DeleteStack" not in guard.refused:
            assert things(made) == before


def things(made: DeployedEnvironment) -> dict[str, list[str]]:
    """Stacks, node groups, launch templates and groups of the account."""
    stacks = made.call.pages("cloudformation", "describe_stacks", "Stacks")
    return {
        "stacks": [item["StackName"] for item in stacks],
        "node groups": made.call("eks", "list_nodegroups", clusterName="training")["nodegroups"],
        "templates": [
            item["LaunchTemplateName"] for item in made.call("ec2", "describe_launch_templates")["LaunchTemplates"]
        ],
        "groups": [item["GroupName"] for item in made.call("resource-groups", "list_groups")["GroupIdentifiers"]],
    }


def answers(world: World, probe: Any = NODE_GROUP_SIZES) -> list[Answer]:
    account, _, made = world
    found = [ask(question, account) for question in probe.questions(made.environment)]
    return [item for item in found if item is not None]


def verdicts(found: list[Answer]) -> list[Verdict]:
    return [item.verdict for item in found]


def test_what_the_rehearsal_assumes_is_yes_under_the_policy_and_no_more(world: World) -> None:
    _, guard, made = world
    sizes = answers(world)
    assert [item.observed for item in sizes] == [
        "the node group became ACTIVE",
        "0",
        "IN_SYNC after the size was changed",
        "the change set has no changes",
    ]
    assert verdicts([*sizes, *answers(world, GROUP_TARGET)]) == [YES] * 5
    # A node group that EKS takes after all is deleted: with the policy, too.
    SIMULATED_ACCOUNT.readings.add(GROUPS_WORK)
    (taken,) = answers(world, GROUP_TARGET)
    assert (taken.verdict, taken.observed) == (NO, "EKS makes the node group")
    SIMULATED_ACCOUNT.readings.add(SIZES_MAY_BE_PARTIAL.fault)
    answers(world)
    called = {action for action, _ in guard.calls}
    needed = {item.action for probe in (NODE_GROUP_SIZES, GROUP_TARGET) for item in probe.permissions}
    assert needed - called == BY_THE_SERVICE
    assert called <= needed
    document = policy_document(made.environment, probes=(NODE_GROUP_SIZES, GROUP_TARGET))
    creating = [item for item in document["Statement"] if item["Sid"].startswith("Create")]
    assert {action for item in creating for action in item["Action"]} == needed
    passing = [item for item in creating if "iam:PassRole" in item["Action"]]
    assert [item["Condition"] for item in passing] == [{"StringEquals": {"iam:PassedToService": "eks.amazonaws.com"}}]


def test_eks_refuses_sizes_without_the_desired_one(world: World) -> None:
    SIMULATED_ACCOUNT.readings.add(SIZES_MAY_BE_PARTIAL.fault)
    (found,) = answers(world)
    assert found.verdict is NO
    assert "desired" in found.observed.lower()
    assert found.remedy.startswith("state initial_desired_size: 0 for each new block")


def test_the_node_group_starts_with_a_node(world: World) -> None:
    SIMULATED_ACCOUNT.readings.add(STARTS_AT_MIN_SIZE.fault)
    found = answers(world)
    assert verdicts(found) == [YES, NO, YES, YES]
    assert found[1].observed == "1"


@pytest.mark.parametrize(
    ("code", "message", "verdict"),
    [
        ("AccessDeniedException", "not authorized to perform: eks:CreateNodegroup", DENIED),
        ("InvalidParameterException", "Instance type t4g.nano is not supported", UNCLEAR),
    ],
)
def test_a_stack_that_fails_for_another_reason_is_no_answer_about_sizes(
    world: World, code: str, message: str, verdict: Verdict
) -> None:
    def fails(service: str, action: str, _: dict[str, Any]) -> None:
        if (service, action) == ("eks", "CreateNodegroup"):
            raise Refusal(code, message)

    SIMULATED_ACCOUNT.checks.append(fails)
    found = answers(world)
    assert found[0].verdict is verdict
    assert message in found[0].observed


AT_THE_END = {"cloudformation:DeleteStack", "cloudformation:DescribeStackEvents"}
"""Actions that are needed at the end, or after a failure, alone."""


@pytest.mark.parametrize(
    "action", sorted({item.action for item in NODE_GROUP_SIZES.permissions} - BY_THE_SERVICE - AT_THE_END)
)
def test_a_denial_is_named_and_nothing_is_left(world: World, action: str) -> None:
    _, guard, _ = world
    guard.refused = {action}
    if action == "cloudformation:DescribeStacks":
        guard.refused.add("cloudformation:DeleteStack")  # the fixture's: whether it is gone can't be seen
    found = answers(world)
    if action in {"eks:CreateNodegroup", "eks:DeleteNodegroup"}:  # CloudFormation's calls on the caller's behalf
        assert verdicts(found) == [YES] * 4
        return
    denied = [item for item in found if item.verdict is DENIED]
    assert denied, found
    assert all(item.observed.startswith(action) for item in denied)


@pytest.mark.parametrize("action", sorted({item.action for item in GROUP_TARGET.permissions} - BY_THE_SERVICE))
def test_a_denial_of_the_group_is_named(world: World, action: str) -> None:
    _, guard, made = world
    guard.refused = {action}
    (found,) = answers(world, GROUP_TARGET)
    if action.partition(":")[2].startswith("Delete"):
        assert found.verdict is UNCLEAR
        assert "delete what is left: aws " in found.remedy
        guard.refused = set()
        (again,) = [item for item in things(made)["groups"] if "doctor" in item] or [""]
        clean(made, again)
        return
    assert found.verdict is DENIED, found
    assert found.observed.startswith(action)


def clean(made: DeployedEnvironment, group: str) -> None:
    """Delete what the test let stay."""
    if group:
        made.call("resource-groups", "delete_group", Group=group)
    for name in things(made)["templates"]:
        if "doctor" in name:
            made.call("ec2", "delete_launch_template", LaunchTemplateName=name)


def test_what_can_not_be_deleted_is_unclear_with_the_command(world: World) -> None:
    _, guard, _ = world
    guard.refused = {"cloudformation:DeleteStack"}
    found = answers(world)
    assert verdicts(found) == [UNCLEAR] * 4
    assert found[0].observed == "yes: the node group became ACTIVE"
    assert found[0].remedy.startswith(f"delete what is left: aws cloudformation delete-stack --stack-name {STACK} (")


@pytest.mark.parametrize("operation", ["detect_stack_drift", "create_change_set", "update_nodegroup_config"])
def test_ctrl_c_deletes_what_was_made(world: World, monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    account, _, made = world
    plain = account.call

    def call(service: str, name: str, /, **request: Any) -> dict[str, Any]:
        if name == operation:
            assert STACK in things(made)["stacks"]
            raise KeyboardInterrupt
        return plain(service, name, **request)

    monkeypatch.setattr(account, "call", call)
    with pytest.raises(KeyboardInterrupt):
        answers(world)


def test_a_stack_that_is_in_the_way_is_deleted_for_the_next_run(world: World) -> None:
    _, _, made = world
    made.call("cloudformation", "create_stack", StackName=STACK, TemplateBody=json.dumps({"Resources": {
        "A": {"Type": "AWS::SNS::Topic"}
    }}))  # fmt: skip
    (first, *_) = answers(world)
    assert first.verdict is UNCLEAR
    assert "AlreadyExistsException" in first.observed
    assert verdicts(answers(world)) == [YES] * 4


def test_the_command_asks_first(world: World, tmp_path: Path) -> None:
    _, _, made = world
    (tmp_path / "training.yaml").write_text(made.text)
    places = ["--environments", str(tmp_path), "--dry-run", "--only", "group-target", "--create"]
    declined = CliRunner().invoke(app, ["doctor", "training", *places], input="n\n")
    assert "It makes a resource group, a launch template and perhaps an empty node group (USD 0)" in declined.output
    assert "group-target, a node group on" not in declined.output
    agreed = CliRunner().invoke(app, ["doctor", "training", *places], input="y\n")
    assert "yes     group-target, a node group on a group of reservations: InvalidParameterException" in agreed.output
    silent = CliRunner().invoke(app, ["doctor", "training", *places, "--yes"])
    assert "Do it?" not in silent.output
    assert "yes     group-target" in silent.output


class TestCleanUp:
    """Clean-up alone."""

    def test_deletes_in_the_opposite_order(self) -> None:
        done: list[str] = []
        with cleaned_up() as clean_up:
            clean_up.add("a", lambda: done.append("a"))
            clean_up.add("b", lambda: done.append("b"))
        assert done == ["b", "a"]
        assert clean_up.judged(yes("x")) == yes("x")

    def test_goes_on_after_a_refusal_and_names_it(self) -> None:
        done: list[str] = []

        def refused() -> None:
            raise AwsRefusalError("a:B", "AccessDenied", "no")

        with cleaned_up() as clean_up:
            clean_up.add("first", lambda: done.append("first"))
            clean_up.add("second", refused)
        assert done == ["first"]
        assert clean_up.judged(yes("x")).remedy == "delete what is left: second (a:B: AccessDenied)"

    def test_fails_on_an_interrupt_that_leaves_something(self) -> None:
        def refused() -> None:
            raise AwsRefusalError("a:B", "AccessDenied", "no")

        def interrupted() -> None:
            with cleaned_up() as clean_up:
                clean_up.add("aws a b", refused)
                raise KeyboardInterrupt

        with pytest.raises(FleetError, match=r"left in the account, expected deleted: aws a b \(a:B: AccessDenied\)"):
            interrupted()


def test_an_environment_that_states_its_sizes_has_no_question() -> None:
    edited = content()
    for pool in edited["pools"]:
        for block in pool.get("blocks", []):
            block["initial_desired_size"] = 0
    assert list(NODE_GROUP_SIZES.questions(environment_of(edited))) == []
    assert list(NODE_GROUP_SIZES.questions(environment_of(content()))) != []
