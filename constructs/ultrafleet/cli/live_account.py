"""Live account of an environment, read with boto3, for `preflight` and `retained`."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ultrafleet.cli.aws_session import session
from ultrafleet.doctor import Permission
from ultrafleet.environment import Environment
from ultrafleet.errors import FleetError
from ultrafleet.preflight import (
    LiveAccount,
    LiveNodeGroup,
    LiveReservation,
    LiveStack,
    RetainedResource,
    ScheduledAction,
)
from ultrafleet.rules.self_managed import CLUSTER_TAG
from ultrafleet.templates.assembly import AssemblyStack

_STACKS: Final = ("arn:{partition}:cloudformation:{region}:{account}:stack/{name}-*/*",)
_CLUSTER: Final = ("arn:{partition}:eks:{region}:{account}:cluster/{name}",)
_NODE_GROUPS: Final = ("arn:{partition}:eks:{region}:{account}:nodegroup/{name}/*/*",)
_ADDONS: Final = ("arn:{partition}:eks:{region}:{account}:addon/{name}/*/*",)
PREFLIGHT_PERMISSIONS: Final = (
    Permission(action="autoscaling:DescribeAutoScalingGroups"),
    Permission(action="autoscaling:DescribeScheduledActions"),
    Permission(action="cloudformation:DescribeStacks"),
    Permission(action="cloudformation:GetTemplate", resources=_STACKS),
    Permission(action="ec2:DescribeCapacityReservations"),
    Permission(action="ec2:DescribeInstances"),
    Permission(action="ec2:DescribeLaunchTemplates"),
    Permission(action="eks:DescribeAddon", resources=_ADDONS),
    Permission(action="eks:DescribeCluster", resources=_CLUSTER),
    Permission(action="eks:DescribeNodegroup", resources=_NODE_GROUPS),
    Permission(action="eks:ListNodegroups", resources=_CLUSTER),
    Permission(action="sts:GetCallerIdentity"),
)
"""IAM permissions that the calls of preflight need."""
RETAINED_PERMISSIONS: Final = (
    Permission(action="cloudformation:DescribeStacks"),
    Permission(action="cloudformation:GetTemplate", resources=_STACKS),
    Permission(action="cloudformation:ListStackResources", resources=_STACKS),
    Permission(action="sts:GetCallerIdentity"),
)
"""IAM permissions that the calls of `retained` need."""
_UNDER_REVIEW: Final = "REVIEW_IN_PROGRESS"
_GROUP_NAME: Final = "aws:autoscaling:groupName"
"""Tag of an instance that Auto Scaling launched: its group."""
_NAMES_IN_A_FILTER: Final = 200
"""Values that a filter of EC2 takes (EC2 API reference, Filter, high)."""


class AccountReader:
    """Reader of an environment's account.

    Args:
        environment: the environment; its region is asked.
        asked: boto3 session for the account. Default: one with the credentials that boto3 finds.

    Raises:
        FleetError: boto3 isn't installed.
    """

    def __init__(self, environment: Environment, *, asked: Any = None) -> None:  # noqa: ANN401 - boto3 has no types
        self._session = session(environment.region) if asked is None else asked
        self._environment = environment

    def read(self, stacks: Sequence[AssemblyStack]) -> LiveAccount:
        """Read what the environment's account holds, after comparing the account itself.

        Args:
            stacks: of the cloud assembly.

        Raises:
            FleetError: another account's credentials, none, or ones that may not ask.
        """
        with self._asking("preflight"):
            self._compare_account()
            live = dict(self._stacks({stack.name for stack in stacks}))
            version = self._cluster_version()
            return LiveAccount(
                cluster_version=version,
                stacks=live,
                node_groups=self._node_groups() if version is not None else {},
                reservations={item.id: item for item in self._reservations()},
                newest_versions=self._newest_versions(_launch_template_names(stacks)),
                addon_versions=dict(self._addon_versions(_addon_names(stacks))) if version is not None else {},
            )

    def retained(self) -> list[RetainedResource]:
        """Resources that the environment's stacks leave when they are deleted, after comparing the account itself.

        Raises:
            FleetError: another account's credentials, none, or ones that may not ask.
        """
        with self._asking("retained"):
            self._compare_account()
            client = self._session.client("cloudformation")
            return [
                RetainedResource(type=item["ResourceType"], id=item["PhysicalResourceId"], stack=stack.name)
                for stack in dict(self._stacks(set(), prefixes=("",))).values()
                for item in _pages(client, "list_stack_resources", "StackResourceSummaries", StackName=stack.name)
                if _is_retained(stack.template, item["LogicalResourceId"]) and "PhysicalResourceId" in item
            ]

    @contextmanager
    def _asking(self, word: str) -> Iterator[None]:
        """Turn what boto3 raises into an error that names the permissions."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as boto3

        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise FleetError(
                path="aws",
                verb="can't be",
                got=f"asked about {self._environment.name} ({error})",
                expected=f"credentials for account {self._environment.account}, with the permissions of "
                f"`ultrafleet {word} --help`",
            ) from error

    def _compare_account(self) -> None:
        caller = self._session.client("sts").get_caller_identity()
        if caller["Account"] != self._environment.account:
            raise FleetError(
                path="the account of the credentials",
                got=f"{caller['Account']} ({caller['Arn']})",
                expected=f"{self._environment.account}, the account of {self._environment.name}",
                remedy="choose another profile or role",
            )

    def _stacks(
        self, wanted: set[str], *, prefixes: Sequence[str] = ("pool-", "racks-", "reservation-")
    ) -> Iterator[tuple[str, LiveStack]]:
        """Stacks of the assembly, and others that are named as the environment's pools, racks and reservations are."""
        client = self._session.client("cloudformation")
        beginnings = tuple(f"{self._environment.name}-{prefix}" for prefix in prefixes)
        for stack in _pages(client, "describe_stacks", "Stacks"):
            name = str(stack["StackName"])
            if stack["StackStatus"] == _UNDER_REVIEW:
                continue  # a change set that was never executed: there is no template
            if name in wanted or name.startswith(beginnings):
                body = client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
                template: Mapping[str, Any] = json.loads(body) if isinstance(body, str) else body
                yield name, LiveStack(name=name, status=str(stack["StackStatus"]), template=template)

    def _cluster_version(self) -> str | None:
        client = self._session.client("eks")
        try:
            return str(client.describe_cluster(name=self._environment.cluster_name)["cluster"]["version"])
        except client.exceptions.ResourceNotFoundException:
            return None

    def _addon_versions(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        client = self._session.client("eks")
        for name in names:
            try:
                found = client.describe_addon(clusterName=self._environment.cluster_name, addonName=name)["addon"]
            except client.exceptions.ResourceNotFoundException:
                continue  # the deployment makes it
            yield name, str(found["addonVersion"])

    def _node_groups(self) -> dict[str, LiveNodeGroup]:
        client, cluster = self._session.client("eks"), self._environment.cluster_name
        instances = self._instances()
        found = {}
        for name in _pages(client, "list_nodegroups", "nodegroups", clusterName=cluster):
            try:
                group = client.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
            except client.exceptions.ResourceNotFoundException:
                continue  # deleted since it was listed
            found[name] = LiveNodeGroup(
                name=name,
                status=group["status"],
                version=group.get("version", ""),
                launch_template_version=(group.get("launchTemplate") or {}).get("version", ""),
                desired_size=(group.get("scalingConfig") or {}).get("desiredSize", 0),
                tags=group.get("tags") or {},
                nodes=len(instances[name]),
                running_in=frozenset(
                    item["CapacityReservationId"] for item in instances[name] if "CapacityReservationId" in item
                ),
                scheduled_actions=tuple(self._scheduled_actions(group)),
            )
        return {**found, **self._own_groups()}

    def _own_groups(self) -> dict[str, LiveNodeGroup]:
        """Auto Scaling groups of self-managed pools of the cluster, by the names of their node groups."""
        cluster = self._environment.cluster_name
        filters = [{"Name": f"tag:{CLUSTER_TAG}", "Values": [cluster]}]
        client = self._session.client("autoscaling")
        groups = list(_pages(client, "describe_auto_scaling_groups", "AutoScalingGroups", Filters=filters))
        instances = self._instances_of({str(group["AutoScalingGroupName"]) for group in groups})
        found = {}
        for group in groups:
            full = str(group["AutoScalingGroupName"])
            name = full.removeprefix(f"{cluster}-")
            found[name] = LiveNodeGroup(
                name=name,
                status="DELETING" if group.get("Status") else "ACTIVE",
                launch_template_version=str((group.get("LaunchTemplate") or {}).get("Version", "")),
                desired_size=group["DesiredCapacity"],
                tags={tag["Key"]: tag["Value"] for tag in group.get("Tags", [])},
                nodes=len(instances[full]),
                running_in=frozenset(
                    item["CapacityReservationId"] for item in instances[full] if "CapacityReservationId" in item
                ),
                is_self_managed=True,
            )
        return found

    def _instances_of(self, groups: set[str]) -> Mapping[str, list[Mapping[str, Any]]]:
        """Instances that start or run, by the names of their Auto Scaling groups."""
        found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        filters = [
            {"Name": "tag-key", "Values": [_GROUP_NAME]},
            {"Name": "instance-state-name", "Values": ["pending", "running"]},
        ]
        client = self._session.client("ec2")
        for reservation in _pages(client, "describe_instances", "Reservations", Filters=filters) if groups else ():
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
                if tags.get(_GROUP_NAME) in groups:
                    found[tags[_GROUP_NAME]].append(instance)
        return found

    def _instances(self) -> Mapping[str, list[Mapping[str, Any]]]:
        """Instances that start or run, by their node group."""
        found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        filters = [
            {"Name": "tag:eks:cluster-name", "Values": [self._environment.cluster_name]},
            {"Name": "instance-state-name", "Values": ["pending", "running"]},
        ]
        for reservation in _pages(self._session.client("ec2"), "describe_instances", "Reservations", Filters=filters):
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
                found[tags.get("eks:nodegroup-name", "")].append(instance)
        return found

    def _scheduled_actions(self, group: Mapping[str, Any]) -> Iterator[ScheduledAction]:
        client = self._session.client("autoscaling")
        for item in (group.get("resources") or {}).get("autoScalingGroups") or []:
            for action in _pages(
                client, "describe_scheduled_actions", "ScheduledUpdateGroupActions", AutoScalingGroupName=item["name"]
            ):
                if "StartTime" in action:
                    yield ScheduledAction(
                        name=action["ScheduledActionName"],
                        group=item["name"],
                        start=action["StartTime"],
                        desired_size=action.get("DesiredCapacity"),
                    )

    def _reservations(self) -> Iterator[LiveReservation]:
        """Every reservation of the region: asked for by their ids, one that isn't there would be an error."""
        client = self._session.client("ec2")
        for item in _pages(client, "describe_capacity_reservations", "CapacityReservations"):
            yield LiveReservation(
                id=item["CapacityReservationId"],
                state=item["State"],
                kind=item.get("ReservationType", "default"),
                instance_type=item["InstanceType"],
                instance_count=item["TotalInstanceCount"],
                availability_zone=item["AvailabilityZone"],
                end=item.get("EndDate"),
                used=item["TotalInstanceCount"] - item.get("AvailableInstanceCount", item["TotalInstanceCount"]),
            )

    def _newest_versions(self, names: Sequence[str]) -> dict[str, int]:
        client = self._session.client("ec2")
        found = {}
        for start in range(0, len(names), _NAMES_IN_A_FILTER):
            filters = [{"Name": "launch-template-name", "Values": names[start : start + _NAMES_IN_A_FILTER]}]
            for item in _pages(client, "describe_launch_templates", "LaunchTemplates", Filters=filters):
                found[str(item["LaunchTemplateName"])] = int(item["LatestVersionNumber"])
        return found


def _pages(client: Any, operation: str, key: str, **request: Any) -> Iterator[Any]:  # noqa: ANN401 - boto3
    for page in client.get_paginator(operation).paginate(**request):
        yield from page[key]


def _is_retained(template: Mapping[str, Any], logical_id: str) -> bool:
    resource = (template.get("Resources") or {}).get(logical_id) or {}
    return str(resource.get("DeletionPolicy", "")).startswith("Retain")


def _launch_template_names(stacks: Iterable[AssemblyStack]) -> list[str]:
    names = {
        (resource.get("Properties") or {}).get("LaunchTemplateName")
        for stack in stacks
        for resource in stack.content.get("Resources", {}).values()
        if resource["Type"] == "AWS::EC2::LaunchTemplate"
    }
    return sorted(name for name in names if isinstance(name, str))


def _addon_names(stacks: Iterable[AssemblyStack]) -> list[str]:
    names = {
        (resource.get("Properties") or {}).get("AddonName")
        for stack in stacks
        for resource in stack.content.get("Resources", {}).values()
        if resource["Type"] == "AWS::EKS::Addon"
    }
    return sorted(name for name in names if isinstance(name, str))
