"""An environment on a VPC and a cluster that exist: deployed, changed and destroyed, with nothing of theirs touched."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from helpers.adopted_layers import LAYERS, adopted
from helpers.environment_changes import Content, each, put
from helpers.rehearsal_site import DeployedEnvironment, site, synthesised
from ultrafleet.policy import check_templates, parse_template
from ultrafleet.preflight import Level
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.scenarios.assembly import destroy_assembly
from ultrafleet.rehearsal.simulated_account import Refusal
from ultrafleet.templates.existing import existing_of
from ultrafleet.templates.template_changes import imports

pytestmark = pytest.mark.slow

Described = dict[str, Any]
CLUSTER = "research"


def theirs(made: DeployedEnvironment) -> Described:
    """Every existing thing of the environment as its own service describes it, and the VPC with all that is in it."""
    environment, call = made.environment, made.call
    vpc = {"Filters": [{"Name": "vpc-id", "Values": [environment.network.vpc_id]}]}
    role = str(environment.cluster.node_role_arn).rpartition("/")[2]
    addons = call("eks", "list_addons", clusterName=CLUSTER)["addons"]
    found: Described = {
        "vpc": call("ec2", "describe_vpcs", **vpc)["Vpcs"],
        "dns": [
            call("ec2", "describe_vpc_attribute", VpcId=environment.network.vpc_id, Attribute=name)
            for name in ("enableDnsSupport", "enableDnsHostnames")
        ],
        "subnets": call("ec2", "describe_subnets", **vpc)["Subnets"],
        "route tables": call("ec2", "describe_route_tables", **vpc)["RouteTables"],
        "security groups": call("ec2", "describe_security_groups", **vpc)["SecurityGroups"],
        "rules": call("ec2", "describe_security_group_rules")["SecurityGroupRules"],
        "endpoints": call("ec2", "describe_vpc_endpoints", **vpc)["VpcEndpoints"],
        "gateways": call("ec2", "describe_nat_gateways", Filter=vpc["Filters"])["NatGateways"],
        "flow logs": call("ec2", "describe_flow_logs")["FlowLogs"],
        "network acls": call("ec2", "describe_network_acls", **vpc)["NetworkAcls"],
        "cluster": call("eks", "describe_cluster", name=CLUSTER)["cluster"],
        "add-ons": [call("eks", "describe_addon", clusterName=CLUSTER, addonName=name)["addon"] for name in addons],
        "access entries": _entries(call),
        "associations": call("eks", "list_pod_identity_associations", clusterName=CLUSTER)["associations"],
        "role": call("iam", "get_role", RoleName=role)["Role"],
        "policies": call("iam", "list_attached_role_policies", RoleName=role)["AttachedPolicies"],
        "inline policies": call("iam", "list_role_policies", RoleName=role)["PolicyNames"],
        "log groups": call("logs", "describe_log_groups")["logGroups"],
        "metric filters": call("logs", "describe_metric_filters")["metricFilters"],
        "charts": made.simulation.kubernetes(),
    }
    for key, arn in (("topic", environment.alarm_topic_arn), ("key", environment.encryption_key_arn)):
        if arn is not None:
            found[key] = (
                call("sns", "get_topic_attributes", TopicArn=arn)["Attributes"]
                if key == "topic"
                else [
                    call("kms", "describe_key", KeyId=arn)["KeyMetadata"],
                    call("kms", "get_key_policy", KeyId=arn, PolicyName="default")["Policy"],
                ]
            )
    return {kind: json.loads(json.dumps(value, default=str, sort_keys=True)) for kind, value in found.items()}


def _entries(call: Calls) -> Described:
    """Access entries; a cluster that is in ConfigMap mode alone has none."""
    try:
        names = call("eks", "list_access_entries", clusterName=CLUSTER)["accessEntries"]
    except Refusal as refusal:
        return {"refused": refusal.code}
    return {
        name: call("eks", "describe_access_entry", clusterName=CLUSTER, principalArn=name)["accessEntry"]
        for name in names
    }


def differences(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """Paths of what was there before and is otherwise now; what was added to a list or a mapping is none."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key, value in before.items():
            if key in _COUNTED:
                continue
            yield from differences(value, now.get(key), f"{path}.{key}")
    elif isinstance(before, list) and isinstance(now, list):
        for item in before:
            if item not in now and not any(
                isinstance(item, dict) and isinstance(other, dict) and _same(item, other) for other in now
            ):
                yield f"{path}[{_name(item)}]"
    elif before != now:
        yield f"{path}: {before!r} -> {now!r}"


def _same(one: Described, other: Described) -> bool:
    """True if a thing of a list is there still, with nothing taken from it or changed."""
    return _name(one) == _name(other) and not list(differences(one, other))


_COUNTED = {"AvailableIpAddressCount", "metricFilterCount"}
"""Numbers of what others have in a subnet and on a log group; once the stacks are gone they are as before."""
_IDS = (
    "RouteTableAssociationId",
    "NetworkAclAssociationId",
    "SubnetId",
    "RouteTableId",
    "SecurityGroupRuleId",
    "GroupId",
    "NetworkAclId",
    "NatGatewayId",
    "VpcId",
    "logGroupName",
    "addonName",
    "release",
)


def _name(item: Any) -> str:
    return next((str(item[key]) for key in _IDS if isinstance(item, dict) and key in item), str(item))


def small(content: Content) -> None:
    """Nothing is kept when the stacks go."""
    content["production"] = False


CHANGES: dict[str, Callable[[Content], object]] = {
    "adopted": each(
        put("pools", "rack-a", "node", labels={"team": "post-training"}, root_volume_gib=200),
        put("network", "subnets", "b300-b", name="b300-b"),
        put("pools", "b300", launch_template_version=1),
    ),
    "adopted-all": each(
        put("kubernetes", pods_ready_minutes=60),
        put("teams", "pretraining", data_buckets=["example-pretraining-data", "example-more-data"]),
        put("cluster", addons=["cert-manager", "metrics-server"]),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_of_theirs_is_touched(name: str) -> None:
    with site(name, small) as made:
        before = theirs(made)
        deployed = made.deploy()
        assert set(deployed.values()) == {"created"}
        made.simulation.bring_up()
        assert [item for item in made.simulation.dispatch("audit") if item["problem"]] == []
        assert all(group.running == group.full for pool in map(made.pool, _pools(made)) for group in pool.node_groups)
        assert list(differences(before, theirs(made))) == []

        changed = made.deploy(CHANGES[name])
        assert "updated" in changed.values()
        assert list(differences(before, theirs(made))) == []
        made.simulation.prepare()
        assert list(differences(before, theirs(made))) == []

        made.simulation.unprotect()
        destroy_assembly(list(made.stacks), made.call)
        after = theirs(made)
        assert list(differences(before, after)) == []
        assert {kind for kind in before if before[kind] != after[kind]} <= {"access entries", "charts"}
        # EKS made the entry of the nodes' role; charts whose kinds others may use by then are retained.
        role = made.environment.cluster.node_role_arn
        assert after["access entries"].keys() - before["access entries"].keys() <= {role}
        retained = {item["type"] for item in made.simulation.dispatch("retained")}
        assert retained <= {"Custom::AWSCDK-EKS-HelmChart"}
        assert made.call("cloudformation", "describe_stacks")["Stacks"] == []


def _pools(made: DeployedEnvironment) -> list[str]:
    return [pool.name for pool in made.environment.pools]


def test_no_template_has_a_resource_of_theirs() -> None:
    with site("adopted") as made:
        for stack in made.stacks:
            template = json.loads(stack.template)
            named = existing_of(template)
            resources = json.dumps({name: item["Type"] for name, item in template["Resources"].items()})
            assert "AWS::EKS::Cluster" not in resources
            assert "AWS::EC2::VPC" not in resources.replace("AWS::EC2::VPCEndpoint", "")
            assert named, stack.name
        found = check_templates([parse_template(stack.template, name=stack.name) for stack in made.stacks])
        assert [item for item in found if item.severity == "error"] == []


def test_preflight_of_an_existing_cluster() -> None:
    with site("adopted") as made:
        assert [item for item in made.preflight() if item.level is not Level.NOTE] == []
        made.deploy()
        made.simulation.bring_up()
        assert [item for item in made.preflight() if item.level is not Level.NOTE] == []
        made.edit(put("cluster", "existing", name="another"))
        made.simulation.prepare()
        told = " ".join(item.text for item in made.preflight() if item.level is Level.REFUSED)
        assert "stack adopted-pool-rack-a has node groups in cluster research, and the file has another" in told


@pytest.mark.parametrize(("change", "stacks"), [case[1:] for case in LAYERS], ids=[case[0] for case in LAYERS])
def test_a_layer_alone_imports_nothing_that_no_stack_exports(
    change: Callable[[Content], object], stacks: list[str]
) -> None:
    content = adopted(change)
    _, made = synthesised(yaml.safe_dump(content), "adopted")
    assert sorted(stack.name for stack in made) == sorted(f"adopted-{stack}" for stack in stacks)
    templates = [json.loads(stack.template) for stack in made]
    exported = {
        output["Export"]["Name"]
        for template in templates
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }
    assert {name for template in templates for name in imports(template)} <= exported
    assert all(template["Resources"] for template in templates)
