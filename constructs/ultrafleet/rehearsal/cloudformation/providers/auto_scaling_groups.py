"""Auto Scaling groups, and instance profiles of their instances."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudformation.providers.base import (
    PhysicalResource,
    Properties,
    Provider,
    ResourceContext,
    find,
    is_true,
    only_changed,
    provides,
)
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_SIZES: Final = ("MinSize", "MaxSize", "DesiredCapacity")
_STEP: Final = timedelta(minutes=1)
_LONGEST_DELETION: Final = timedelta(hours=1)


@provides
class AutoScalingGroupProvider(Provider):
    """Auto Scaling group with a launch template."""

    type = "AWS::AutoScaling::AutoScalingGroup"
    known = frozenset(
        {
            "AutoScalingGroupName", "DesiredCapacity", "LaunchTemplate", "LifecycleHookSpecificationList", "MaxSize",
            "MinSize", "NewInstancesProtectedFromScaleIn", "Tags", "VPCZoneIdentifier",
        }
    )  # fmt: skip

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("AutoScalingGroupName", context.name(most=255))
        call(
            "autoscaling",
            "create_auto_scaling_group",
            AutoScalingGroupName=name,
            LaunchTemplate=_template(properties),
            VPCZoneIdentifier=",".join(properties["VPCZoneIdentifier"]),
            Tags=[_tag(name, tag) for tag in properties.get("Tags", [])] or None,
            LifecycleHookSpecificationList=[
                {**hook, "HeartbeatTimeout": int(hook["HeartbeatTimeout"])}
                for hook in properties.get("LifecycleHookSpecificationList", [])
            ]
            or None,
            **_sizes(properties),
            **_protection(properties),
        )
        created = PhysicalResource(physical_id=name)
        self._refuse_a_failure(call, created, properties)
        created.attributes = {"AutoScalingGroupARN": self.describe(call, created, properties)["AutoScalingGroupARN"]}
        return created

    def _refuse_a_failure(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        """Fail a group that states a size which it can't launch, as CloudFormation waits for it in vain."""
        if not int(properties.get("DesiredCapacity", 0)):
            return
        name = resource.physical_id
        found = call("autoscaling", "describe_scaling_activities", AutoScalingGroupName=name)["Activities"]
        if found:
            call("autoscaling", "delete_auto_scaling_group", AutoScalingGroupName=name, ForceDelete=True)
            raise Refusal("NotStabilized", f"Group did not stabilize. {found[0]['StatusMessage']}")

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        answer = call("autoscaling", "describe_auto_scaling_groups", AutoScalingGroupNames=[resource.physical_id])
        return find(answer["AutoScalingGroups"], "ValidationError", f"group {resource.physical_id}")

    def read(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        live = dict(self.describe(call, resource, properties))
        hooks = call("autoscaling", "describe_lifecycle_hooks", AutoScalingGroupName=resource.physical_id)
        own = ("DefaultResult", "HeartbeatTimeout", "LifecycleHookName", "LifecycleTransition")
        return {
            **{key: live[key] for key in ("AutoScalingGroupName", "NewInstancesProtectedFromScaleIn")},
            **{key: str(live[key]) for key in _SIZES},
            "LaunchTemplate": live["LaunchTemplate"],
            "VPCZoneIdentifier": live["VPCZoneIdentifier"].split(","),
            "Tags": [{key: tag[key] for key in ("Key", "Value", "PropagateAtLaunch")} for tag in live["Tags"]],
            "LifecycleHookSpecificationList": [{key: hook[key] for key in own} for hook in hooks["LifecycleHooks"]],
        }

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        """Update a group; without an update policy no instance is replaced (CloudFormation user guide, high)."""
        name = resource.physical_id
        changed = only_changed(
            old, new, *_SIZES, "LaunchTemplate", "LifecycleHookSpecificationList", "NewInstancesProtectedFromScaleIn",
            "Tags", "VPCZoneIdentifier",
        )  # fmt: skip
        given: dict[str, Any] = {key: value for key, value in _sizes(new).items() if key in changed}
        if "LaunchTemplate" in changed:
            given["LaunchTemplate"] = _template(new)
        if "VPCZoneIdentifier" in changed:
            given["VPCZoneIdentifier"] = ",".join(new["VPCZoneIdentifier"])
        if "NewInstancesProtectedFromScaleIn" in changed:
            given |= _protection(new) or {"NewInstancesProtectedFromScaleIn": False}
        if given:
            call("autoscaling", "update_auto_scaling_group", AutoScalingGroupName=name, **given)
        self._update_hooks(call, name, old, new)
        if "Tags" in changed:
            kept = {tag["Key"] for tag in new.get("Tags", [])}
            gone = [_tag(name, tag) for tag in old.get("Tags", []) if tag["Key"] not in kept]
            if gone:
                call("autoscaling", "delete_tags", Tags=gone)
            call("autoscaling", "create_or_update_tags", Tags=[_tag(name, tag) for tag in new.get("Tags", [])])

    @staticmethod
    def _update_hooks(call: Calls, name: str, old: Properties, new: Properties) -> None:
        before, after = (
            {hook["LifecycleHookName"]: hook for hook in items.get("LifecycleHookSpecificationList", [])}
            for items in (old, new)
        )
        for hook in before.keys() - after.keys():
            call("autoscaling", "delete_lifecycle_hook", AutoScalingGroupName=name, LifecycleHookName=hook)
        for hook_name, hook in after.items():
            if before.get(hook_name) != hook:
                seconds = int(hook["HeartbeatTimeout"])
                given = {**hook, "HeartbeatTimeout": seconds}
                call("autoscaling", "put_lifecycle_hook", AutoScalingGroupName=name, **given)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        """Delete a group: its instances leave first, after their lifecycle hooks."""
        name = resource.physical_id
        call(
            "autoscaling", "update_auto_scaling_group", AutoScalingGroupName=name, MinSize=0, MaxSize=0,
            DesiredCapacity=0,
        )  # fmt: skip
        until = SIMULATED_ACCOUNT.now + _LONGEST_DELETION
        while self.describe(call, resource, properties)["Instances"] and SIMULATED_ACCOUNT.now < until:
            SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + _STEP)
        call("autoscaling", "delete_auto_scaling_group", AutoScalingGroupName=name)


def _sizes(properties: Properties) -> dict[str, int]:
    return {key: int(properties[key]) for key in _SIZES if key in properties}


def _protection(properties: Properties) -> dict[str, bool]:
    key = "NewInstancesProtectedFromScaleIn"
    return {key: is_true(properties[key])} if key in properties else {}


def _template(properties: Properties) -> dict[str, str]:
    return {key: str(value) for key, value in properties["LaunchTemplate"].items()}


def _tag(name: str, tag: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ResourceId": name,
        "ResourceType": "auto-scaling-group",
        "Key": tag["Key"],
        "Value": tag["Value"],
        "PropagateAtLaunch": is_true(tag["PropagateAtLaunch"]),
    }


@provides
class InstanceProfileProvider(Provider):
    """Instance profile of one role."""

    type = "AWS::IAM::InstanceProfile"
    known = frozenset({"InstanceProfileName", "Path", "Roles"})

    def create(self, call: Calls, context: ResourceContext, properties: Properties) -> PhysicalResource:
        name = properties.get("InstanceProfileName", context.name(most=128))
        created = call("iam", "create_instance_profile", InstanceProfileName=name, Path=properties.get("Path"))
        for role in properties["Roles"]:
            call("iam", "add_role_to_instance_profile", InstanceProfileName=name, RoleName=role)
        return PhysicalResource(physical_id=name, attributes={"Arn": created["InstanceProfile"]["Arn"]})

    def describe(self, call: Calls, resource: PhysicalResource, properties: Properties) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call("iam", "get_instance_profile", InstanceProfileName=resource.physical_id)[
            "InstanceProfile"
        ]
        return found

    def update(self, call: Calls, resource: PhysicalResource, old: Properties, new: Properties) -> None:
        only_changed(old, new, "Roles")
        name = resource.physical_id
        for role in set(old["Roles"]) - set(new["Roles"]):
            call("iam", "remove_role_from_instance_profile", InstanceProfileName=name, RoleName=role)
        for role in set(new["Roles"]) - set(old["Roles"]):
            call("iam", "add_role_to_instance_profile", InstanceProfileName=name, RoleName=role)

    def delete(self, call: Calls, resource: PhysicalResource, properties: Properties) -> None:
        for role in self.describe(call, resource, properties)["Roles"]:
            call(
                "iam",
                "remove_role_from_instance_profile",
                InstanceProfileName=resource.physical_id,
                RoleName=role["RoleName"],
            )
        call("iam", "delete_instance_profile", InstanceProfileName=resource.physical_id)
