"""Many UltraServer pools in one construct: what single pools are, but for logical ids, and few round trips to Node."""

from collections import Counter
from typing import Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Annotations, Match, Template
from constructs import Construct, IConstruct
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsii._kernel.providers import process as jsii_process

from helpers.fleet import DALLAS, LAUNCH_TEMPLATE, NODE_GROUP, START, WEEK, Site, ultraserver_block
from ultrafleet.capacity import CapacityBlock
from ultrafleet.catalog import Fabric, UltraServerType
from ultrafleet.errors import FleetError
from ultrafleet.pools import (
    ImportedCluster,
    ImportedSubnet,
    NodeOptions,
    Taint,
    UltraServerPool,
    UltraServerPools,
)
from ultrafleet.pools.logical_ids import logical_id

PLAIN: dict[str, Any] = {
    "cluster": ImportedCluster(cluster_name="research", cluster_security_group_id="sg-cluster"),
    "ultraserver_type": UltraServerType.U_P6E_GB200X72,
    "subnet": ImportedSubnet(subnet_id="subnet-dallas", availability_zone=DALLAS),
    "security_groups": ["sg-efa"],
    "node_role": "arn:aws:iam::111122223333:role/node",
}


def racks(count: int, **given: Any) -> dict[str, list[CapacityBlock]]:
    return {f"rack-{number:03}": [ultraserver_block(number, **given)] for number in range(1, count + 1)}


def stack(**given: Any) -> cdk.Stack:
    return cdk.Stack(cdk.App(builtin_cloud_formation_validation=False), "Pools", **given)


def without_ids(made: cdk.Stack) -> dict[str, Any]:
    """Resources by their physical names, references to launch templates as well, and the metadata."""
    template = Template.from_stack(made).to_json()
    resources = template["Resources"]
    found = {"metadata": template.get("Metadata")}
    for resource in resources.values():
        properties = resource["Properties"]
        if resource["Type"] == NODE_GROUP:
            launched = properties["LaunchTemplate"]["Id"].pop("Ref")
            properties["LaunchTemplate"]["Id"] = resources[launched]["Properties"]["LaunchTemplateName"]
        found[str(properties.get("LaunchTemplateName") or properties["NodegroupName"])] = resource
    return found


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "held, with another lead": ({"hold": True, "drain_lead_minutes": 120, "workload": "inference"}, {}),
    "options": (
        {
            "options": NodeOptions(
                max_pods=110,
                labels={"team": "vision"},
                tags={"cost": "1"},
                startup_taints=[Taint(key="x", value="y", effect="NO_SCHEDULE")],
                max_unavailable=2,
                node_repair_config={"Enabled": False},
            )
        },
        {},
    ),
    "versions and sizes of blocks": ({}, {"launch_template_version": 3, "initial_desired_size": 0}),
    "GB300": (
        {"ultraserver_type": UltraServerType.U_P6E_GB300X72, "fabric": Fabric.EFA},
        {"ultraserver": UltraServerType.U_P6E_GB300X72},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_they_are_what_single_pools_are_but_for_logical_ids(case: str) -> None:
    given, of_blocks = CASES[case]
    pools = racks(7, **of_blocks)
    pools["rack-002"].append(ultraserver_block(102, start=START + WEEK, end=START + 2 * WEEK, **of_blocks))
    many, single = stack(), stack()
    made = UltraServerPools(many, "Racks", pools=pools, **{**PLAIN, **given})
    site = Site(single)
    ones = [
        UltraServerPool(
            single,
            name,
            pool_name=name,
            blocks=blocks,
            cluster=site.cluster,
            subnet=site.dallas,
            security_groups=[site.efa],
            node_role=site.role,
            **{"ultraserver_type": PLAIN["ultraserver_type"], **given},
        )
        for name, blocks in pools.items()
    ]
    assert without_ids(many) == without_ids(single)
    assert list(made.node_groups) == [name for one in ones for name in one.node_groups]
    assert list(made.kubernetes_nodes.values()) == [one.kubernetes_nodes for one in ones]


def test_constructs_of_the_app_are_taken_as_single_pools_take_them() -> None:
    many = stack()
    site = Site(many)
    made = UltraServerPools(
        many,
        "Racks",
        cluster=site.cluster,
        ultraserver_type="u-p6e-gb200x72",
        pools=racks(2),
        subnet=site.dallas,
        security_groups=[site.efa],
    )
    template = Template.from_stack(many)
    template.resource_count_is("AWS::IAM::Role", 1)
    template.has_resource_properties(NODE_GROUP, {"NodeRole": {"Fn::GetAtt": Match.any_value()}})
    assert isinstance(made.connections, ec2.Connections)


def resources(made: cdk.Stack) -> dict[str, Any]:
    found: dict[str, Any] = Template.from_stack(made).to_json()["Resources"]
    return found


def test_a_pool_more_or_less_changes_nothing_of_the_others() -> None:
    before, after = stack(), stack()
    UltraServerPools(before, "Racks", pools=racks(9), **PLAIN)
    UltraServerPools(after, "Racks", pools={k: v for k, v in racks(10).items() if k != "rack-004"}, **PLAIN)
    one, other = resources(before), resources(after)
    assert sorted(one.keys() ^ other.keys()) == sorted(
        key for key in one | other if "rack004" in key or "rack010" in key
    )
    assert all(one[key] == other[key] for key in one.keys() & other.keys())


class OwnIds(cdk.Stack):
    def _allocate_logical_id(self, cfn_element: cdk.CfnElement) -> str:
        return "Own" + "".join(filter(str.isalnum, cfn_element.node.id))


class Level(cdk.Stage):
    pass


def in_a_stage() -> cdk.Stack:
    return cdk.Stack(Level(cdk.App(builtin_cloud_formation_validation=False), "Prod"), "Pools")


def nested() -> cdk.Stack:
    return cdk.NestedStack(stack(), "Nested")


def own_ids() -> cdk.Stack:
    return OwnIds(cdk.App(builtin_cloud_formation_validation=False), "Pools")


@pytest.mark.parametrize("make", [stack, in_a_stage, nested, own_ids])
@pytest.mark.parametrize("count", [1, 9])
def test_node_groups_name_launch_templates_that_are_there(make: Any, count: int) -> None:
    made = make()
    UltraServerPools(Construct(made, "Deep/er"), "Racks", pools=racks(count), **PLAIN)
    found = resources(made)
    named = {item["Properties"]["LaunchTemplate"]["Id"]["Ref"] for item in found.values() if item["Type"] == NODE_GROUP}
    assert len(named) == count
    assert named == {key for key, item in found.items() if item["Type"] == LAUNCH_TEMPLATE}


IDS = st.lists(st.text("abAB01-_./ ", min_size=1, max_size=90).filter(lambda text: text.strip("/ ") != ""), max_size=4)


@settings(max_examples=15, deadline=None)
@given(IDS, st.sampled_from(["Resource", "Default", "x" * 250, "LaunchTemplate-rack-a"]))
@example(["_"], "Default")
@example(["_"], "Resource")
@example(["_", "."], "Default")
def test_logical_ids_are_those_of_cdk(above: list[str], last: str) -> None:
    made = stack()
    scope: Construct = made
    for name in above:
        scope = Construct(scope, name)
    element = cdk.CfnResource(scope, last, type="A::B::C")
    path = element.node.path.removeprefix("Pools/").split("/")
    seen = [part for part in path if part != "Default"]
    if len(seen) > 1 or any(map(str.isalnum, "".join(seen))):  # one alone without a letter is none to the CDK, either
        assert logical_id(path) == made.get_logical_id(element)


def test_tags_of_the_app_reach_every_pool() -> None:
    made = stack()
    pools = UltraServerPools(made, "Racks", pools=racks(7), **PLAIN)
    cdk.Tags.of(made).add("owner", "ml")
    cdk.Tags.of(pools).add("Name", "not ours")
    for resource in resources(made).values():
        properties = resource["Properties"]
        if resource["Type"] == NODE_GROUP:
            assert properties["Tags"]["owner"] == "ml"
            assert properties["Tags"]["ultrafleet:schedule"] == "capacity-blocks"
        else:
            for specification in properties["LaunchTemplateData"]["TagSpecifications"]:
                tags = {item["Key"]: item["Value"] for item in specification["Tags"]}
                assert tags == {"owner": "ml", "Name": properties["LaunchTemplateName"]}


@jsii.implements(cdk.IAspect)
class Count:
    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def visit(self, node: IConstruct) -> None:
        if cdk.CfnResource.is_cfn_resource(node):
            resource: Any = node
            self.seen[resource.cfn_resource_type] += 1
            if resource.cfn_resource_type == LAUNCH_TEMPLATE:
                resource.add_property_override("LaunchTemplateData.MetadataOptions.InstanceMetadataTags", "enabled")


def test_aspects_see_and_change_every_resource() -> None:
    made, aspect = stack(), Count()
    pools = UltraServerPools(made, "Racks", pools=racks(3), **PLAIN)
    cdk.Aspects.of(made).add(aspect)
    group = next(iter(pools.node_groups.values()))
    group.node_group.add_property_override("UpdateConfig.MaxUnavailable", 4)
    found = resources(made)
    assert aspect.seen == {LAUNCH_TEMPLATE: 3, NODE_GROUP: 3}
    changed = Counter(
        item["Properties"]["UpdateConfig"]["MaxUnavailable"] for item in found.values() if item["Type"] == NODE_GROUP
    )
    assert changed == {1: 2, 4: 1}
    options = [
        item["Properties"]["LaunchTemplateData"]["MetadataOptions"]
        for item in found.values()
        if item["Type"] == LAUNCH_TEMPLATE
    ]
    assert {item["InstanceMetadataTags"] for item in options} == {"enabled"}
    assert {item["HttpTokens"] for item in options} == {"required"}


def test_notes_are_one_for_all() -> None:
    made = stack()
    pools = racks(3, ultraserver=UltraServerType.U_P6E_GB300X72)
    pools["rack-001"].append(ultraserver_block(9, ultraserver=UltraServerType.U_P6E_GB300X72))
    given = {**PLAIN, "ultraserver_type": UltraServerType.U_P6E_GB300X72, "fabric": Fabric.EFA}
    UltraServerPools(made, "Racks", pools=pools, **given)
    found = [str(item.entry.data) for item in Annotations.from_stack(made).find_info("*", Match.any_value())]
    assert len(found) == 2
    assert any("pools Racks rest on facts that are not certain" in item for item in found)
    assert any("pool rack-001 runs blocks at the same time" in item for item in found)


def test_a_customer_key_of_the_app_is_granted_once() -> None:
    made = stack()
    key = kms.Key(made, "Key")
    UltraServerPools(made, "Racks", pools=racks(3), **PLAIN, options=NodeOptions(root_volume_key=key))
    (found,) = (item for item in resources(made).values() if item["Type"] == "AWS::KMS::Key")
    assert len(found["Properties"]["KeyPolicy"]["Statement"]) == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pools": {}}, "pools Racks have no pool, expected at least one"),
        (
            {"pools": {"rack-a": [ultraserver_block()], "rack-b": [ultraserver_block()]}},
            "pool rack-b names capacity reservation cr-00000000000000001, which pool rack-a has",
        ),
        ({"pools": {"Rack": [ultraserver_block()]}}, "pool name is 'Rack'"),
        ({"pools": {"rack-a": []}}, "pool rack-a has no capacity block"),
        (
            {"ultraserver_type": "u-p6e-gb200x36"},
            "of pool rack-001 holds u-p6e-gb200x72, expected one u-p6e-gb200x36",
        ),
        ({"ultraserver_type": "u-none"}, "pools Racks"),
        ({"drain_lead_minutes": 5}, "drain_lead_minutes"),
        (
            {"subnet": ImportedSubnet(subnet_id="subnet-1", availability_zone="us-east-1a")},
            "the subnet of pool rack-001 is in us-east-1a",
        ),
        (
            {"subnet": ImportedSubnet(subnet_id="subnet-1", availability_zone=DALLAS, ipv4_cidr_block="100.64.0.0/22")},
            "of pools Racks",
        ),
    ],
)
def test_fails(given: dict[str, Any], message: str) -> None:
    with pytest.raises(FleetError) as caught:
        UltraServerPools(stack(), "Racks", **{"pools": racks(3), **PLAIN, **given})
    assert message in str(caught.value)


def test_connections_fails_for_ids() -> None:
    made = UltraServerPools(stack(), "Racks", pools=racks(1), **PLAIN)
    with pytest.raises(FleetError, match="security_groups of pools Racks are the ids sg-efa, expected constructs"):
        _ = made.connections


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Requests to Node by their kind."""
    counted: Counter[str] = Counter()
    process: Any = jsii_process._NodeProcess
    send = process.send

    def counting(self: object, request: object, response_type: object) -> object:
        counted[type(request).__name__] += 1
        return send(self, request, response_type)

    monkeypatch.setattr(process, "send", counting)
    return counted


def test_a_pool_more_takes_two_requests_to_node(calls: Counter[str]) -> None:
    taken = []
    for count in (20, 60):
        made = stack()
        calls.clear()
        UltraServerPools(made, "Racks", pools=racks(count), **PLAIN)
        taken.append(calls.total())
    assert (taken[1] - taken[0]) / 40 <= 2
    assert taken[0] - 2 * 20 <= 25


def test_a_single_pool_more_takes_six_requests_to_node(calls: Counter[str]) -> None:
    made = stack()
    site = Site(made)

    def add(number: int) -> None:
        UltraServerPool(
            made,
            f"Rack{number}",
            cluster=site.cluster,
            pool_name=f"rack-{number}",
            ultraserver_type=UltraServerType.U_P6E_GB200X72,
            blocks=[ultraserver_block(number)],
            subnet=site.dallas,
            security_groups=[site.efa],
            node_role=site.role,
        )

    add(1)
    calls.clear()
    for number in range(2, 12):
        add(number)
    assert calls.total() / 10 <= 6
