"""Operations on Auto Scaling groups, their sizes, tags and lifecycle hooks."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from ultrafleet.rehearsal.autoscaling.clock import Groups
from ultrafleet.rehearsal.autoscaling.state import AutoScaling, AutoScalingGroup
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

_KEPT: Final = ("NewInstancesProtectedFromScaleIn", "HealthCheckType", "HealthCheckGracePeriod", "DefaultCooldown")
_UNKNOWN: Final = (
    "LaunchConfigurationName", "InstanceId", "LoadBalancerNames", "TargetGroupARNs", "CapacityRebalance",
    "MixedInstancesPolicy", "WarmPoolConfiguration",
)  # fmt: skip
_PAGE: Final = 50

Answer = Callable[[AutoScalingResponse], ActionResult]


def install() -> None:
    """Answer the operations on groups in the place of moto's."""
    for answer in (
        create_auto_scaling_group,
        describe_auto_scaling_groups,
        update_auto_scaling_group,
        set_desired_capacity,
        delete_auto_scaling_group,
        create_or_update_tags,
        delete_tags,
        describe_tags,
        put_lifecycle_hook,
        delete_lifecycle_hook,
        describe_lifecycle_hooks,
        describe_scaling_activities,
        terminate_instance_in_auto_scaling_group,
    ):
        getattr(AutoScalingResponse, answer.__name__)  # moto knows the operation
        setattr(AutoScalingResponse, answer.__name__, answer)


def _state(response: AutoScalingResponse) -> AutoScaling:
    return SIMULATED_ACCOUNT.part(AutoScaling, response.current_account, response.region)


def _groups(response: AutoScalingResponse) -> Groups:
    return SIMULATED_ACCOUNT.part(Groups, response.current_account, response.region)


def _named(response: AutoScalingResponse) -> AutoScalingGroup:
    return _state(response).group(str(response._get_param("AutoScalingGroupName")))


def create_auto_scaling_group(response: AutoScalingResponse) -> ActionResult:
    """CreateAutoScalingGroup: without a desired size it begins with the least (API reference, high)."""
    params, state = response._get_params(), _state(response)
    name = params["AutoScalingGroupName"]
    if name in state.groups:
        raise Refusal("AlreadyExists", f"AutoScalingGroup by this name already exists - {name}")
    for key in _UNKNOWN:
        if params.get(key):
            raise Refusal("NotModelled", f"the embedded AWS does not model {key} of an Auto Scaling group")
    if not params.get("LaunchTemplate"):
        raise Refusal("ValidationError", "Valid requests must contain either launchTemplate, LaunchConfigurationName")
    least, most = int(params["MinSize"]), int(params["MaxSize"])
    arn = f"arn:aws:autoscaling:{state.region}:{state.account_id}:autoScalingGroup:{uuid.uuid4()}"
    described: dict[str, Any] = {
        "AutoScalingGroupName": name,
        "AutoScalingGroupARN": f"{arn}:autoScalingGroupName/{name}",
        "MinSize": least,
        "MaxSize": most,
        "DesiredCapacity": int(params.get("DesiredCapacity", least)),
        "DefaultCooldown": 300,
        "HealthCheckType": "EC2",
        "HealthCheckGracePeriod": 0,
        "NewInstancesProtectedFromScaleIn": False,
        "VPCZoneIdentifier": params["VPCZoneIdentifier"],
        "AvailabilityZones": _zones(response, params["VPCZoneIdentifier"]),
        "LaunchTemplate": dict(params["LaunchTemplate"]),
        "CreatedTime": SIMULATED_ACCOUNT.now,
        "Tags": [_tag(name, tag) for tag in params.get("Tags", [])],
        **{key: params[key] for key in _KEPT if key in params},
    }
    _check_sizes(described)
    group = AutoScalingGroup(described=described)
    for hook in params.get("LifecycleHookSpecificationList", []):
        group.hooks[hook["LifecycleHookName"]] = _hook(name, hook)
    state.groups[name] = group
    _groups(response).fill(group)
    return EmptyResult()


def _zones(response: AutoScalingResponse, subnets: str) -> list[str]:
    call = Calls(account_id=response.current_account, region=response.region)
    found = call("ec2", "describe_subnets", SubnetIds=subnets.split(","))["Subnets"]
    return sorted({subnet["AvailabilityZone"] for subnet in found})


def _tag(group: str, tag: Mapping[str, Any]) -> dict[str, Any]:
    propagated = str(tag.get("PropagateAtLaunch", False)).lower() == "true"
    return {
        "Key": tag["Key"],
        "Value": tag.get("Value", ""),
        "PropagateAtLaunch": propagated,
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
    }


def _hook(group: str, given: Mapping[str, Any]) -> dict[str, Any]:
    heartbeat = int(given.get("HeartbeatTimeout") or 3600)
    if not 30 <= heartbeat <= 7200:  # noqa: PLR2004 - the API's own
        raise Refusal("ValidationError", f"HeartbeatTimeout {heartbeat} is not between 30 and 7200")
    return {
        "LifecycleHookName": given["LifecycleHookName"],
        "AutoScalingGroupName": group,
        "LifecycleTransition": given["LifecycleTransition"],
        "HeartbeatTimeout": heartbeat,
        "GlobalTimeout": min(heartbeat * 100, 48 * 3600),
        "DefaultResult": given.get("DefaultResult") or "ABANDON",
    }


def _check_sizes(described: Mapping[str, Any]) -> None:
    least, wanted, most = (int(described[key]) for key in ("MinSize", "DesiredCapacity", "MaxSize"))
    if least > most:
        raise Refusal("ValidationError", "Max bound must be greater than or equal to min bound")
    if not least <= wanted <= most:
        raise Refusal(
            "ValidationError",
            f"Desired capacity:{wanted} must be between the specified min size:{least} and max size:{most}",
        )


def describe_auto_scaling_groups(response: AutoScalingResponse) -> ActionResult:
    """DescribeAutoScalingGroups; `IncludeInstances` is true by default (API reference, high)."""
    params, groups = response._get_params(), _state(response).groups
    names = params.get("AutoScalingGroupNames") or sorted(groups)
    found = [groups[name] for name in names if name in groups and _matches(groups[name], params.get("Filters") or [])]
    start, most = int(params.get("NextToken") or 0), int(params.get("MaxRecords") or _PAGE)
    with_instances = str(params.get("IncludeInstances", True)).lower() == "true"
    clock = _groups(response)
    answer = [
        {**group.described, **({"Instances": _instances(clock, group)} if with_instances else {})}
        for group in found[start : start + most]
    ]
    more = {"NextToken": str(start + most)} if start + most < len(found) else {}
    return ActionResult({"AutoScalingGroups": answer, **more})


def _matches(group: AutoScalingGroup, filters: list[Mapping[str, Any]]) -> bool:
    for item in filters:
        name, values = item["Name"], item["Values"]
        if name == "tag-key":
            found = bool(set(values) & set(group.tags))
        elif name.startswith("tag:"):
            found = group.tags.get(name.removeprefix("tag:")) in values
        else:
            raise Refusal("NotModelled", f"the embedded AWS does not model the filter {name}")
        if not found:
            return False
    return True


def _instances(clock: Groups, group: AutoScalingGroup) -> list[dict[str, Any]]:
    leaving = {instance for _, instance in group.draining}
    return [
        {
            "InstanceId": item.id,
            "InstanceType": item.instance_type,
            "AvailabilityZone": group.described["AvailabilityZones"][0],
            "LifecycleState": "Terminating:Wait" if item.id in leaving else "InService",
            "HealthStatus": "Unhealthy" if item.id in group.unhealthy else "Healthy",
            "LaunchTemplate": group.described["LaunchTemplate"],
            "ProtectedFromScaleIn": group.described["NewInstancesProtectedFromScaleIn"],
        }
        for item in clock.of(group)
    ]


def update_auto_scaling_group(response: AutoScalingResponse) -> ActionResult:
    """UpdateAutoScalingGroup: a largest size below the desired one lowers that too (API reference, high)."""
    params, group = response._get_params(), _named(response)
    changed = dict(group.described)
    for key in ("MinSize", "MaxSize"):
        if key in params:
            changed[key] = int(params[key])
    if "DesiredCapacity" in params:
        changed["DesiredCapacity"] = int(params["DesiredCapacity"])
    else:
        changed["DesiredCapacity"] = min(max(changed["MinSize"], group.desired), changed["MaxSize"])
    changed |= {key: params[key] for key in ("LaunchTemplate", "VPCZoneIdentifier", *_KEPT) if key in params}
    _check_sizes(changed)
    group.described = changed
    _groups(response).resize(group)
    return EmptyResult()


def set_desired_capacity(response: AutoScalingResponse) -> ActionResult:
    """SetDesiredCapacity: what is too much leaves, but for instances that are protected from scale-in."""
    group = _named(response)
    changed = {**group.described, "DesiredCapacity": int(response._get_param("DesiredCapacity"))}
    _check_sizes(changed)
    group.described = changed
    _groups(response).resize(group)
    return EmptyResult()


def delete_auto_scaling_group(response: AutoScalingResponse) -> ActionResult:
    """DeleteAutoScalingGroup: refused while it has instances, but by force."""
    group, clock = _named(response), _groups(response)
    forced = str(response._get_param("ForceDelete", False)).lower() == "true"
    if clock.of(group) and not forced:
        raise Refusal(
            "ResourceInUse", "You cannot delete an AutoScalingGroup while there are instances still in the group."
        )
    clock.delete(group, forced=forced)
    return EmptyResult()


def create_or_update_tags(response: AutoScalingResponse) -> ActionResult:
    """CreateOrUpdateTags."""
    for tag in response._get_params().get("Tags", []):
        group = _state(response).group(tag["ResourceId"])
        others = [item for item in group.described["Tags"] if item["Key"] != tag["Key"]]
        group.described["Tags"] = [*others, _tag(group.name, tag)]
    return EmptyResult()


def delete_tags(response: AutoScalingResponse) -> ActionResult:
    """DeleteTags."""
    for tag in response._get_params().get("Tags", []):
        group = _state(response).group(tag["ResourceId"])
        group.described["Tags"] = [item for item in group.described["Tags"] if item["Key"] != tag["Key"]]
    return EmptyResult()


def describe_tags(response: AutoScalingResponse) -> ActionResult:
    """DescribeTags."""
    return ActionResult(
        {"Tags": [tag for group in _state(response).groups.values() for tag in group.described["Tags"]]}
    )


def put_lifecycle_hook(response: AutoScalingResponse) -> ActionResult:
    """PutLifecycleHook."""
    params, group = response._get_params(), _named(response)
    group.hooks[params["LifecycleHookName"]] = _hook(group.name, params)
    return EmptyResult()


def delete_lifecycle_hook(response: AutoScalingResponse) -> ActionResult:
    """DeleteLifecycleHook."""
    _named(response).hooks.pop(str(response._get_param("LifecycleHookName")), None)
    return EmptyResult()


def describe_lifecycle_hooks(response: AutoScalingResponse) -> ActionResult:
    """DescribeLifecycleHooks."""
    return ActionResult({"LifecycleHooks": list(_named(response).hooks.values())})


def describe_scaling_activities(response: AutoScalingResponse) -> ActionResult:
    """DescribeScalingActivities: the last launch of a group, where it failed."""
    group = _named(response)
    failed = {
        "ActivityId": str(uuid.uuid4()),
        "AutoScalingGroupName": group.name,
        "Cause": "an instance was started in response to a difference between desired and actual capacity",
        "StartTime": SIMULATED_ACCOUNT.now,
        "StatusCode": "Failed",
        "StatusMessage": group.failure,
        "Progress": 100,
    }
    return ActionResult({"Activities": [failed] if group.failure else []})


def terminate_instance_in_auto_scaling_group(response: AutoScalingResponse) -> ActionResult:
    """TerminateInstanceInAutoScalingGroup."""
    instance = str(response._get_param("InstanceId"))
    clock = _groups(response)
    group = clock.group_of(instance)
    if str(response._get_param("ShouldDecrementDesiredCapacity", False)).lower() == "true":
        group.described["DesiredCapacity"] = max(0, group.desired - 1)
    clock.leave(group, [instance])
    clock.fill(group)
    return ActionResult(
        {
            "Activity": {
                "ActivityId": str(uuid.uuid4()),
                "AutoScalingGroupName": group.name,
                "Cause": "",
                "StartTime": SIMULATED_ACCOUNT.now,
                "StatusCode": "InProgress",
            }
        }
    )
