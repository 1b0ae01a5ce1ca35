"""Probe of node groups without a desired size: it makes one of one small node with CloudFormation, and deletes it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from ultrafleet.catalog.eks import AmiType
from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.clean_up import CleanUp, cleaned_up
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, Verdict, no, unclear, yes
from ultrafleet.doctor.probes.live_nodes import LiveNodes, live_nodes
from ultrafleet.environment import Environment

_INSTANCE_TYPE: Final = "t4g.nano"
_POLL_SECONDS: Final = 15
_LONGEST_SECONDS: Final = 20 * 60
_UNSTATED: Final = "/ScalingConfig/DesiredSize"
_CHANGE_SET: Final = "revert"
_NO_CHANGES: Final = ("didn't contain changes", "no changes", "no updates")
_DENIALS: Final = ("accessdenied", "not authorized", "unauthorized")
_SIZES: Final = ("scaling", "desired", "minsize", "maxsize")
_STACK_GONE: Final = "ValidationError"


@dataclass
class _Seen:
    """Things that were seen of the one stack that all questions are about.

    Attributes:
        asked: True when the stack was made, or could not be.
        refusal: reason with which the node group could not be made; "" where it was.
        first_size: desired size that it started with.
        differences: properties that drift detection found to differ, after the size was changed.
        reverted: properties that a change set with REVERT_DRIFT would change.
        failure: refusal of a call, which is no answer of EKS.
        left: commands that delete what is left.
    """

    asked: bool = False
    refusal: str = ""
    first_size: int | None = None
    differences: list[str] | None = None
    reverted: list[str] | None = None
    failure: AwsRefusalError | None = None
    clean_up: CleanUp = field(default_factory=CleanUp)


def stack_name(cluster: str) -> str:
    """Name of the stack, and of its node group."""
    return f"ultrafleet-doctor-{cluster}-sizes"


def _questions(environment: Environment) -> Iterator[Question]:
    made_here = [block for pool in environment.pools for block in pool.capacity_blocks if not block.existing_node_group]
    if all(block.initial_desired_size is not None for block in made_here):
        return
    seen, cluster = _Seen(), environment.cluster_name
    yield Question(
        subject="a node group without a desired size",
        expected="accepted by EKS",
        ask=partial(_ask, seen, cluster, _accepted),
        path="pools",
        stops_launch=True,
        settles=("assumption/sizes-may-be-partial",),
    )
    yield Question(
        subject="size that it starts with",
        expected="0, its minimum",
        ask=partial(_ask, seen, cluster, _first_size),
        path="pools",
        settles=("assumption/starts-at-min-size",),
    )
    yield Question(
        subject="drift of its size",
        expected="none, where the size isn't stated",
        ask=partial(_ask, seen, cluster, _drift),
        path="pools",
    )
    yield Question(
        subject="REVERT_DRIFT of its size",
        expected="a change set without changes",
        ask=partial(_ask, seen, cluster, _revert),
        path="pools",
    )


def _ask(seen: _Seen, cluster: str, judge: Any, account: Account) -> Answer | None:  # noqa: ANN401 - one of those below
    if not seen.asked:
        nodes = live_nodes(cluster, account)
        if nodes is None:
            return None
        seen.asked = True
        try:
            with cleaned_up() as seen.clean_up:
                _look(seen, cluster, nodes, account)
        except AwsRefusalError as refusal:
            seen.failure = refusal
    answer: Answer | None = judge(seen)
    if answer is None and seen.failure is not None:
        raise seen.failure
    return None if answer is None else seen.clean_up.judged(answer)


def _accepted(seen: _Seen) -> Answer | None:
    reason = seen.refusal.lower()
    if any(words in reason for words in _DENIALS):
        return Answer(verdict=Verdict.DENIED, observed=seen.refusal, remedy="allow what `--policy --create` prints")
    if any(words in reason for words in _SIZES):
        return no(seen.refusal, "state initial_desired_size: 0 for each new block, and take it out when it has started")
    if seen.refusal:
        return unclear(seen.refusal, "look at the reason: it isn't about sizes")
    return yes("the node group became ACTIVE") if seen.first_size is not None else None


def _first_size(seen: _Seen) -> Answer | None:
    if seen.first_size is None:
        return None
    if seen.first_size == 0:
        return yes("0")
    return no(
        str(seen.first_size),
        "expect launch errors until a block starts, and then a node before the schedule sizes the pool; "
        "`ultrafleet rehearse ENV --fault node-group-starts-with-a-node` shows it",
    )


def _drift(seen: _Seen) -> Answer | None:
    if seen.differences is None:
        return None
    if not seen.differences:
        return yes("IN_SYNC after the size was changed")
    return no(f"{', '.join(seen.differences)} differs", "expect `cdk drift` to report every running pool")


def _revert(seen: _Seen) -> Answer | None:
    if seen.reverted is None:
        return None
    if not seen.reverted:
        return yes("the change set has no changes")
    return no(
        f"it would change {', '.join(seen.reverted)}",
        "forbid `cdk deploy --revert-drift` in your pipeline: it may empty racks; tell the maintainers",
    )


def template(cluster: str, nodes: LiveNodes) -> dict[str, Any]:
    """Template of the node group.

    Args:
        cluster: name of the cluster.
        nodes: whose subnet and role it gets.
    """
    properties = {
        "ClusterName": cluster,
        "NodegroupName": stack_name(cluster),
        "NodeRole": nodes.role,
        "Subnets": [nodes.subnet],
        "InstanceTypes": [_INSTANCE_TYPE],
        "AmiType": AmiType.AL2023_ARM_64_STANDARD.value,
        "ScalingConfig": {"MinSize": 0, "MaxSize": 1},
        "Taints": [{"Key": "ultrafleet/doctor", "Value": "true", "Effect": "NO_SCHEDULE"}],
    }
    return {"Resources": {"Group": {"Type": "AWS::EKS::Nodegroup", "Properties": properties}}}


def _look(seen: _Seen, cluster: str, nodes: LiveNodes, account: Account) -> None:
    name = stack_name(cluster)
    command = f"aws cloudformation delete-stack --stack-name {name}"
    seen.clean_up.add(command, partial(_delete, name, account))
    account.call(
        "cloudformation",
        "create_stack",
        StackName=name,
        TemplateBody=json.dumps(template(cluster, nodes)),
        OnFailure="DO_NOTHING",
    )
    status = _until(name, account)
    if status != "CREATE_COMPLETE":
        events = account.call("cloudformation", "describe_stack_events", StackName=name)["StackEvents"]
        reasons = [item.get("ResourceStatusReason", "") for item in events if "FAILED" in item["ResourceStatus"]]
        seen.refusal = next((reason for reason in reversed(reasons) if reason), status)
        return
    group = {"clusterName": cluster, "nodegroupName": name}
    seen.first_size = account.call("eks", "describe_nodegroup", **group)["nodegroup"]["scalingConfig"]["desiredSize"]
    account.call("eks", "update_nodegroup_config", **group, scalingConfig={"desiredSize": 1 - seen.first_size})
    _until_active(group, account)
    seen.differences = _differences(name, account)
    seen.reverted = _reverted(name, account)


def _until(name: str, account: Account) -> str:
    """Status of the stack when it is no longer in progress; "" of one that is gone."""
    waited = 0
    while True:
        try:
            status = str(account.call("cloudformation", "describe_stacks", StackName=name)["Stacks"][0]["StackStatus"])
        except AwsRefusalError as refusal:
            if refusal.code == _STACK_GONE:
                return ""
            raise
        if not status.endswith("IN_PROGRESS") or waited >= _LONGEST_SECONDS:
            return status
        account.wait(_POLL_SECONDS)
        waited += _POLL_SECONDS


def _until_active(group: Mapping[str, str], account: Account) -> None:
    for _ in range(_LONGEST_SECONDS // _POLL_SECONDS):
        if account.call("eks", "describe_nodegroup", **group)["nodegroup"]["status"] == "ACTIVE":
            return
        account.wait(_POLL_SECONDS)


def _differences(name: str, account: Account) -> list[str] | None:
    """Properties that drift detection finds to differ; None where it doesn't end."""
    detection = account.call("cloudformation", "detect_stack_drift", StackName=name)["StackDriftDetectionId"]
    for _ in range(_LONGEST_SECONDS // _POLL_SECONDS):
        status = account.call(
            "cloudformation", "describe_stack_drift_detection_status", StackDriftDetectionId=detection
        )
        if status["DetectionStatus"] == "DETECTION_COMPLETE":
            found = account.call("cloudformation", "describe_stack_resource_drifts", StackName=name)
            drifts = [item for drift in found["StackResourceDrifts"] for item in drift.get("PropertyDifferences", [])]
            return sorted(item["PropertyPath"] for item in drifts)
        if status["DetectionStatus"] == "DETECTION_FAILED":
            return None
        account.wait(_POLL_SECONDS)
    return None


def _reverted(name: str, account: Account) -> list[str] | None:
    """Properties that a change set with REVERT_DRIFT would change; None where it isn't made."""
    account.call(
        "cloudformation",
        "create_change_set",
        StackName=name,
        ChangeSetName=_CHANGE_SET,
        UsePreviousTemplate=True,
        DeploymentMode="REVERT_DRIFT",
    )
    for _ in range(_LONGEST_SECONDS // _POLL_SECONDS):
        found = account.call("cloudformation", "describe_change_set", StackName=name, ChangeSetName=_CHANGE_SET)
        if found["Status"] == "CREATE_COMPLETE":
            details = [item for change in found["Changes"] for item in change["ResourceChange"].get("Details", [])]
            paths = {str(item["Target"].get("Path") or item["Target"].get("Name") or "a property") for item in details}
            return sorted(paths) or ["a resource"] * bool(found["Changes"])
        if found["Status"] == "FAILED":
            reason = found.get("StatusReason", "").lower()
            return [] if any(words in reason for words in _NO_CHANGES) else None
        account.wait(_POLL_SECONDS)
    return None


def _delete(name: str, account: Account) -> None:
    account.call("cloudformation", "delete_stack", StackName=name)
    status = _until(name, account)
    if status and status != "DELETE_COMPLETE":
        raise AwsRefusalError("cloudformation:DeleteStack", status, "the stack isn't deleted")


_STACKS: Final = ("arn:{partition}:cloudformation:{region}:{account}:stack/ultrafleet-doctor-{cluster}-*/*",)
_OWN_GROUPS: Final = ("arn:{partition}:eks:{region}:{account}:nodegroup/{cluster}/ultrafleet-doctor-{cluster}-*/*",)
_CLUSTER: Final = ("arn:{partition}:eks:{region}:{account}:cluster/{cluster}",)
_NODE_ROLES: Final = ("{node_role}",)
EKS_PERMISSIONS: Final = (
    Permission(action="eks:CreateNodegroup", resources=_CLUSTER),
    Permission(action="eks:DeleteNodegroup", resources=_OWN_GROUPS),
    Permission(
        action="eks:DescribeNodegroup",
        resources=("arn:{partition}:eks:{region}:{account}:nodegroup/{cluster}/*/*",),
    ),
    Permission(action="eks:ListNodegroups", resources=_CLUSTER),
    Permission(action="iam:GetRole", resources=_NODE_ROLES),
    Permission(
        action="iam:PassRole",
        resources=_NODE_ROLES,
        conditions=(("StringEquals", "iam:PassedToService", "eks.amazonaws.com"),),
    ),
)
"""Permissions with which a node group is made and deleted, by CloudFormation on the caller's behalf, too."""
NODE_GROUP_SIZES: Final = Probe(
    id="node-group-sizes",
    asks="Does EKS take a node group without a desired size, start it empty, and CloudFormation leave its size alone?",
    permissions=(
        *(
            Permission(action=f"cloudformation:{name}", resources=_STACKS)
            for name in (
                "CreateChangeSet",
                "CreateStack",
                "DeleteStack",
                "DescribeChangeSet",
                "DescribeStackEvents",
                "DescribeStackResourceDrifts",
                "DetectStackDrift",
            )
        ),
        Permission(action="cloudformation:DescribeStackDriftDetectionStatus"),
        Permission(action="cloudformation:DescribeStacks"),
        *EKS_PERMISSIONS,
        Permission(action="eks:UpdateNodegroupConfig", resources=_OWN_GROUPS),
    ),
    questions=_questions,
    creates=True,
    cost=f"a stack with a node group in the cluster and one {_INSTANCE_TYPE} for up to 40 minutes (less than USD 0.10)",
    later="the cluster isn't deployed yet, or has no node group to take subnet and role from",
)
