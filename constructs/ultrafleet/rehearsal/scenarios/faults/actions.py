"""Actions that inject a fault: an API error, a state of a block, a deleted resource."""

import time
from collections.abc import Callable
from typing import Any, Final

from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.autoscaling.clock import Groups
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.cloudwatch.host_log import HostLog
from ultrafleet.rehearsal.ec2.state.instance_types import NotSold
from ultrafleet.rehearsal.eks.clock import Nodes
from ultrafleet.rehearsal.eks.rules.versions import WithdrawnVersions
from ultrafleet.rehearsal.eks.state import Eks
from ultrafleet.rehearsal.scenarios.faults.fault import FaultTarget, Undo
from ultrafleet.rehearsal.scenarios.pool_view import node_group_instances, own_groups
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rehearsal.stepfunctions.clock import Schedules

Injection = Callable[[FaultTarget], Undo]

_OFF_THE_BUS: Final = 79
_LINE: Final = f"NVRM: Xid (PCI:0000:53:00): {_OFF_THE_BUS}, GPU has fallen off the bus."
"""Kernel line of a GPU that is gone (NVIDIA, Xid errors, high)."""


def answers(
    service: str,
    action: str,
    code: str,
    message: str,
    *,
    times: int | None = None,
    about: str = "",
    of_pool: bool = False,
) -> Injection:
    """API operation that returns an error.

    Args:
        service: as in an IAM action, `eks`.
        action: as in an IAM action, `CreateNodegroup`.
        code: the service's error code.
        message: what the service says.
        times: how many calls; None: all, until the fault is cleared.
        about: the call must be about a type of resource (CloudFormation) that begins so.
        of_pool: only calls about the target's pool.
    """

    def inject(target: FaultTarget | None) -> Undo:  # without a target, about every call
        left = [times]

        def check(its_service: str, its_action: str, what: dict[str, Any]) -> None:
            if (its_service, its_action) != (service, action) or left[0] == 0:
                return
            if target is not None and not target.has(what):
                return
            if about and not str(what.get("type", "")).startswith(about):
                return
            if of_pool and target is not None and target.pool_name not in str(what):
                return
            if left[0] is not None:
                left[0] -= 1
            raise Refusal(code, message)

        SIMULATED_ACCOUNT.checks.append(check)
        return lambda: SIMULATED_ACCOUNT.checks.remove(check)

    return inject


def reading(name: str) -> Injection:
    """Another reading of AWS, which the services ask for by the fault's name."""

    def inject(_: FaultTarget) -> Undo:
        SIMULATED_ACCOUNT.readings.add(name)
        return lambda: SIMULATED_ACCOUNT.readings.discard(name)

    return inject


def slow(seconds: float) -> Injection:
    """CloudFormation takes wall-clock time for every resource, so that a deployment can be interrupted."""

    def inject(target: FaultTarget) -> Undo:
        def check(service: str, action: str, what: dict[str, Any]) -> None:
            if (service, action) == ("cloudformation", "Resource") and target.has(what):
                time.sleep(seconds)

        SIMULATED_ACCOUNT.checks.append(check)
        return lambda: SIMULATED_ACCOUNT.checks.remove(check)

    return inject


def subnet_is_full(target: FaultTarget) -> Undo:
    """Other interfaces use every address of the pool's subnet."""
    environment = target.environment
    pool = next(pool for pool in environment.pools if pool.name == target.pool_name)
    stated, name = environment.subnet(pool.subnet).subnet_id, f"{environment.name}-network-{pool.subnet}"
    call = _call(target)
    by_id, by_name = {"Name": "subnet-id", "Values": [stated]}, {"Name": "tag:Name", "Values": [name]}
    subnets = call("ec2", "describe_subnets", Filters=[by_id if stated is not None else by_name])["Subnets"]
    if not subnets:
        raise FleetError(
            path=f"subnet {name}",
            verb="does not",
            got="exist yet",
            expected="it",
            remedy=f"deploy {environment.name} first",
        )
    subnet_id = subnets[0]["SubnetId"]
    from moto.ec2.models import ec2_backends  # noqa: PLC0415

    subnet = ec2_backends[environment.account][environment.region].get_subnet(subnet_id)
    before = subnet._available_ip_addresses  # moto has no other way
    subnet._available_ip_addresses = 0

    def undo() -> None:
        subnet._available_ip_addresses = before

    return undo


def type_is_not_sold(target: FaultTarget) -> Undo:
    """EC2 doesn't sell the pool's type in the pool's zone."""
    environment = target.environment
    pool = next(pool for pool in environment.pools if pool.name == target.pool_name)
    place = (str(pool.instance), environment.subnet(pool.subnet).availability_zone)
    places = SIMULATED_ACCOUNT.part(NotSold, environment.account, environment.region).places
    places.add(place)
    return lambda: places.discard(place)


def version_is_withdrawn(target: FaultTarget) -> Undo:
    """EKS no longer offers the environment's Kubernetes version."""
    environment = target.environment
    names = SIMULATED_ACCOUNT.part(WithdrawnVersions, environment.account, environment.region).names
    names.add(environment.cluster.kubernetes_version)
    return lambda: names.discard(environment.cluster.kubernetes_version)


def efa_rule_is_gone(target: FaultTarget) -> Undo:
    """The self-referencing rule of the EFA security group was removed."""
    call = _call(target)
    exports = {item["Name"]: item["Value"] for item in call("cloudformation", "list_exports")["Exports"]}
    name = f"{target.environment.name}-efa-security-group-id"
    existing = target.environment.network.efa_security_group_id
    if existing is not None:
        exports[name] = existing
    if name not in exports:
        raise FleetError(
            path=f"export {name}",
            verb="does not",
            got="exist yet",
            expected="it",
            remedy=f"deploy {target.environment.name} first",
        )
    group_id = exports[name]
    (group,) = call("ec2", "describe_security_groups", GroupIds=[group_id])["SecurityGroups"]
    permission = [
        {"IpProtocol": rule["IpProtocol"], "UserIdGroupPairs": [pair]}
        for rule in group["IpPermissionsEgress"]
        for pair in rule.get("UserIdGroupPairs", [])
        if pair["GroupId"] == group_id
    ]
    call("ec2", "revoke_security_group_egress", GroupId=group_id, IpPermissions=permission)

    def undo() -> None:
        call("ec2", "authorize_security_group_egress", GroupId=group_id, IpPermissions=permission)

    return undo


def log_group_is_taken(target: FaultTarget) -> Undo:
    """A log group of the cluster's name exists."""
    call, name = _call(target), f"/aws/eks/{target.environment.cluster_name}/cluster"
    call("logs", "create_log_group", logGroupName=name)

    def undo() -> None:
        call("logs", "delete_log_group", logGroupName=name)

    return undo


def pool_is_gone(target: FaultTarget) -> Undo:
    """A node group of the pool was deleted by hand."""
    call, cluster = _call(target), target.environment.cluster_name
    if target.node_group in own_groups(target.environment):
        name = f"{cluster}-{target.node_group}"
        call("autoscaling", "delete_auto_scaling_group", AutoScalingGroupName=name, ForceDelete=True)
    else:
        call("eks", "delete_nodegroup", clusterName=cluster, nodegroupName=target.node_group)
    return _nothing


def node_fails(target: FaultTarget) -> Undo:
    """The hardware under a node of the pool fails."""
    _nodes(target).fail_node(_a_node(target))
    return _nothing


def node_is_lost(target: FaultTarget) -> Undo:
    """The kubelet of a node of the pool says nothing any more."""
    _nodes(target).lose_node(_a_node(target))
    return _nothing


def gpu_dies(target: FaultTarget) -> Undo:
    """A GPU of a node of the pool falls off the bus: the kernel says so, and the node stays Ready."""
    account, region, node = target.environment.account, target.environment.region, _a_node(target)
    _nodes(target).fail_gpu(node, _OFF_THE_BUS)
    SIMULATED_ACCOUNT.part(HostLog, account, region).write(target.environment.cluster_name, node, _LINE)
    return _nothing


def update_is_stuck(target: FaultTarget) -> Undo:
    """An update of the pool's node group makes no progress, and no other one is taken meanwhile."""
    eks = SIMULATED_ACCOUNT.part(Eks, target.environment.account, target.environment.region)
    cluster = eks.cluster(target.environment.cluster_name)
    group = eks.node_group(target.environment.cluster_name, target.node_group)
    group.update, group.held_up = cluster.update("VersionUpdate", status="InProgress"), True
    group.settle_status()

    def undo() -> None:
        group.held_up = False
        if group.roll is None and not group.draining:
            group.finish_update()

    return undo


def tick_is_lost(target: FaultTarget) -> Undo:
    """The next start of the block schedule fails until Scheduler gives it up."""
    schedules = SIMULATED_ACCOUNT.part(Schedules, target.environment.account, target.environment.region)
    schedules.refuses_starts = 1
    return lambda: setattr(schedules, "refuses_starts", 0)


def template_is_gone(target: FaultTarget) -> Undo:
    """The launch template of a node group of the pool was deleted by hand."""
    name = f"{target.environment.cluster_name}-{target.node_group}"
    _call(target)("ec2", "delete_launch_template", LaunchTemplateName=name)
    return _nothing


def schedule_is_off(target: FaultTarget) -> Undo:
    """The block schedule was disabled."""
    call = _call(target)
    schedules = call("scheduler", "list_schedules")["Schedules"]
    if not schedules:
        raise FleetError(
            path="the block schedule",
            verb="does not",
            got="exist yet",
            expected="it",
            remedy=f"deploy {target.environment.name} first",
        )

    def set_state(state: str) -> None:
        for schedule in schedules:
            found = call("scheduler", "get_schedule", Name=schedule["Name"])
            given = {key: found[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
            call("scheduler", "update_schedule", **given, State=state)

    set_state("DISABLED")
    return lambda: set_state("ENABLED")


def _a_node(target: FaultTarget) -> str:
    """Instance of one node of the pool."""
    instances = node_group_instances(target.environment, [target.node_group], _call(target))
    if not instances:
        raise FleetError(
            path=f"pool {target.pool_name}",
            verb="runs",
            got="no node",
            expected="one to fail",
            remedy="let its block begin first",
        )
    return min(str(instance["InstanceId"]) for instance in instances)


def _nodes(target: FaultTarget) -> Nodes | Groups:
    """Clock of the pool's nodes: EKS's, or Auto Scaling's where it is self-managed."""
    account, region = target.environment.account, target.environment.region
    if target.node_group in own_groups(target.environment):
        return SIMULATED_ACCOUNT.part(Groups, account, region)
    return SIMULATED_ACCOUNT.part(Nodes, account, region)


def _nothing() -> None:
    """No undo: a deployment ends the fault."""


def _call(target: FaultTarget) -> Calls:
    return Calls(account_id=target.environment.account, region=target.environment.region)
