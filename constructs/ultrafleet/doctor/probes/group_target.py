"""Probe of a launch template that targets a group of reservations: EKS should refuse a node group with it."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Final

from ultrafleet.catalog.eks import AmiType
from ultrafleet.doctor.account import Account, AwsRefusalError
from ultrafleet.doctor.clean_up import CleanUp, cleaned_up
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, yes
from ultrafleet.doctor.probes.live_nodes import LiveNodes, live_nodes
from ultrafleet.doctor.probes.node_group_sizes import EKS_PERMISSIONS
from ultrafleet.environment import Environment

_INSTANCE_TYPE: Final = "p5.48xlarge"
_REFUSALS: Final = {"InvalidParameterException", "InvalidRequestException"}
_GONE: Final = "ResourceNotFoundException"
_POLL_SECONDS: Final = 15
_POLLS: Final = 80
_GROUP: Final = (
    {"Type": "AWS::EC2::CapacityReservationPool"},
    {
        "Type": "AWS::ResourceGroups::Generic",
        "Parameters": [{"Name": "allowed-resource-types", "Values": ["AWS::EC2::CapacityReservation"]}],
    },
)


def _questions(environment: Environment) -> Iterator[Question]:
    if any(pool.capacity_blocks for pool in environment.pools):
        yield Question(
            subject="a node group on a group of reservations",
            expected="refused, so that each block is targeted by its id",
            ask=partial(_ask, environment.cluster_name),
            path="pools",
            settles=("capacity-block/eks-target-group-arn-refused",),
        )


def _ask(cluster: str, account: Account) -> Answer | None:
    nodes = live_nodes(cluster, account)
    if nodes is None:
        return None
    with cleaned_up() as clean_up:
        answer = _look(cluster, nodes, account, clean_up)
    return clean_up.judged(answer)


def _look(cluster: str, nodes: LiveNodes, account: Account, clean_up: CleanUp) -> Answer:
    name = f"ultrafleet-doctor-{cluster}-group"
    clean_up.add(
        f"aws resource-groups delete-group --group {name}",
        partial(_delete, account, "resource-groups", "delete_group", "NotFoundException", Group=name),
    )
    group = account.call("resource-groups", "create_group", Name=name, Configuration=list(_GROUP))["Group"]["GroupArn"]
    clean_up.add(
        f"aws ec2 delete-launch-template --launch-template-name {name}",
        partial(
            _delete,
            account,
            "ec2",
            "delete_launch_template",
            "InvalidLaunchTemplateName.NotFoundException",
            LaunchTemplateName=name,
        ),
    )
    account.call(
        "ec2",
        "create_launch_template",
        LaunchTemplateName=name,
        LaunchTemplateData={
            "InstanceType": _INSTANCE_TYPE,
            "InstanceMarketOptions": {"MarketType": "capacity-block"},
            "CapacityReservationSpecification": {
                "CapacityReservationTarget": {"CapacityReservationResourceGroupArn": group}
            },
        },
    )
    own = {"clusterName": cluster, "nodegroupName": name}
    clean_up.add(
        f"aws eks delete-nodegroup --cluster-name {cluster} --nodegroup-name {name}",
        partial(_delete_node_group, own, account),
    )
    try:
        account.call(
            "eks",
            "create_nodegroup",
            **own,
            nodeRole=nodes.role,
            subnets=[nodes.subnet],
            capacityType="CAPACITY_BLOCK",
            amiType=AmiType.AL2023_X86_64_NVIDIA.value,
            scalingConfig={"minSize": 0, "maxSize": 1, "desiredSize": 0},
            launchTemplate={"name": name, "version": "1"},
        )
    except AwsRefusalError as refusal:
        if refusal.code in _REFUSALS:
            return yes(f"{refusal.code}: {refusal.message}")
        raise
    return no("EKS makes the node group", "nothing: no pool of this library rests on it; tell the maintainers")


def _delete(account: Account, service: str, operation: str, gone: str, **request: str) -> None:
    """Delete a thing, unless it isn't there."""
    try:
        account.call(service, operation, **request)
    except AwsRefusalError as refusal:
        if refusal.code != gone:
            raise


def _delete_node_group(own: dict[str, str], account: Account) -> None:
    """Delete the node group, if EKS made it, and wait until it is gone: it holds the launch template."""
    _delete(account, "eks", "delete_nodegroup", _GONE, **own)
    for _ in range(_POLLS):
        try:
            account.call("eks", "describe_nodegroup", **own)
        except AwsRefusalError as refusal:
            if refusal.code == _GONE:
                return
            raise
        account.wait(_POLL_SECONDS)
    raise AwsRefusalError("eks:DeleteNodegroup", "InProgress", json.dumps(own))


GROUP_TARGET: Final = Probe(
    id="group-target",
    asks="Does EKS refuse a node group whose launch template targets a group of reservations?",
    permissions=(
        Permission(
            action="ec2:CreateLaunchTemplate", resources=("arn:{partition}:ec2:{region}:{account}:launch-template/*",)
        ),
        Permission(
            action="ec2:DeleteLaunchTemplate", resources=("arn:{partition}:ec2:{region}:{account}:launch-template/*",)
        ),
        *EKS_PERMISSIONS,
        Permission(action="resource-groups:CreateGroup"),
        Permission(
            action="resource-groups:DeleteGroup",
            resources=("arn:{partition}:resource-groups:{region}:{account}:group/ultrafleet-doctor-{cluster}-*",),
        ),
    ),
    questions=_questions,
    creates=True,
    cost="a resource group, a launch template and perhaps an empty node group (USD 0)",
    later="the cluster isn't deployed yet, or has no node group to take subnet and role from",
)
