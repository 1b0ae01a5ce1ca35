"""Why the embedded EKS refuses a cluster or a node group: each rule alone."""

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from ultrafleet.catalog.source import Source
from ultrafleet.rehearsal import extension
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.eks.rules import clusters
from ultrafleet.rehearsal.eks.rules import node_groups as node_group_rules
from ultrafleet.rehearsal.eks.state import Eks, NodeGroupRecord
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ACCOUNT, REGION = "111122223333", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/node"
Request = dict[str, Any]
KEY = {"clusterName": "training", "nodegroupName": "pool"}
NONE = {"desiredSize": 0}


class Scene:
    """A cluster in a VPC, and a request for a node group that EKS takes."""

    def __init__(self, call: Calls) -> None:
        self.call = call
        self.vpc = call("ec2", "create_vpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [self.subnet(f"10.0.{n}.0/24", f"us-east-1{zone}") for n, zone in enumerate("ab")]
        self.create_cluster(self.cluster())

    def subnet(self, cidr: str, zone: str, vpc: str | None = None) -> str:
        made = self.call("ec2", "create_subnet", VpcId=vpc or self.vpc, CidrBlock=cidr, AvailabilityZone=zone)
        return str(made["Subnet"]["SubnetId"])

    def cluster(self, name: str = "training") -> Request:
        return {"name": name, "roleArn": ROLE, "version": "1.34", "resourcesVpcConfig": {"subnetIds": self.subnets}}

    def create_cluster(self, request: Request) -> None:
        self.call("eks", "create_cluster", **request)

    def template(self, **data: Any) -> dict[str, str]:
        name = f"template-{len(self.call('ec2', 'describe_launch_templates')['LaunchTemplates'])}"
        data = {"InstanceType": "p5.4xlarge", **data}
        data = {key: value for key, value in data.items() if value is not None}
        made = self.call("ec2", "create_launch_template", LaunchTemplateName=name, LaunchTemplateData=data)
        return {"id": made["LaunchTemplate"]["LaunchTemplateId"], "version": "1"}

    def group(self, **changed: Any) -> Request:
        request = {
            "clusterName": "training",
            "nodegroupName": "pool",
            "nodeRole": ROLE,
            "subnets": self.subnets,
            "amiType": "AL2023_x86_64_NVIDIA",
            "capacityType": "ON_DEMAND",
            "scalingConfig": {"minSize": 0, "maxSize": 2, "desiredSize": 0},
            "launchTemplate": self.template() if "launchTemplate" not in changed else None,
            **changed,
        }
        return {key: value for key, value in request.items() if value is not None}

    def create_group(self, request: Request) -> None:
        self.call("eks", "create_nodegroup", **request)

    def fill_quota(self) -> Request:
        eks = SIMULATED_ACCOUNT.part(Eks, ACCOUNT, REGION)
        described = {
            "nodegroupName": "x",
            "status": "ACTIVE",
            "scalingConfig": {"desiredSize": 0},
            "capacityType": "ON_DEMAND",
        }
        groups = {f"pool-{number}": NodeGroupRecord(described=described) for number in range(30)}
        eks.cluster("training").node_groups.update(groups)
        return self.group()

    def named_twice(self) -> Request:
        self.create_group(self.group())
        return self.group()

    def elsewhere(self) -> Request:
        other = self.call("ec2", "create_vpc", CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        return self.group(subnets=[self.subnet("10.1.0.0/24", "us-east-1a", other)])

    def partial_sizes(self) -> Request:
        SIMULATED_ACCOUNT.readings.add("node-group-sizes-refused")
        return self.group(scalingConfig={"minSize": 0, "maxSize": 2})

    def on_blocks(self, **data: Any) -> Request:
        return self.group(capacityType="CAPACITY_BLOCK", launchTemplate=self.template(**data))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


MARKET = {"InstanceMarketOptions": {"MarketType": "capacity-block"}}
TARGET = {
    "CapacityReservationSpecification": {"CapacityReservationTarget": {"CapacityReservationId": "cr-0aaaaaaaaaaaaaaa1"}}
}
GROUP_TARGET = {
    "CapacityReservationSpecification": {
        "CapacityReservationTarget": {
            "CapacityReservationResourceGroupArn": f"arn:aws:resource-groups:{REGION}:{ACCOUNT}:group/blocks"
        }
    }
}
IMAGE = "ami-0123456789abcdef0"
TAINTS = [{"key": f"k{number}", "value": "v", "effect": "NO_SCHEDULE"} for number in range(51)]

GROUPS: dict[str, Callable[[Scene], Request]] = {
    "name-taken": Scene.named_twice,
    "group-quota": Scene.fill_quota,
    "template-missing": lambda scene: scene.group(launchTemplate={**scene.template(), "version": "7"}),
    "type-twice": lambda scene: scene.group(instanceTypes=["p5.4xlarge"]),
    "type-unknown": lambda scene: scene.group(launchTemplate=scene.template(InstanceType="p99.mega")),
    "profile-in-template": lambda scene: scene.group(launchTemplate=scene.template(IamInstanceProfile={"Name": "x"})),
    "subnet-in-template": lambda scene: scene.group(
        launchTemplate=scene.template(NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": scene.subnets[0]}])
    ),
    "hibernation-in-template": lambda scene: scene.group(
        launchTemplate=scene.template(HibernationOptions={"Configured": True})
    ),
    "block-without-market": lambda scene: scene.on_blocks(**TARGET),
    "market-without-block": lambda scene: scene.group(launchTemplate=scene.template(**MARKET, **TARGET)),
    "block-without-target": lambda scene: scene.on_blocks(**MARKET),
    "block-by-group": lambda scene: scene.on_blocks(**MARKET, **GROUP_TARGET),
    "custom-without-image": lambda scene: scene.group(amiType="CUSTOM"),
    "image-beside-ami-type": lambda scene: scene.group(launchTemplate=scene.template(ImageId=IMAGE)),
    "version-beside-image": lambda scene: scene.group(
        amiType="CUSTOM", version="1.34", launchTemplate=scene.template(ImageId=IMAGE)
    ),
    "user-data-not-mime": lambda scene: scene.group(launchTemplate=scene.template(UserData=encoded("#!/bin/sh"))),
    "sizes-partial": Scene.partial_sizes,
    "sizes": lambda scene: scene.group(scalingConfig={"minSize": 2, "maxSize": 1, "desiredSize": 0}),
    "node-quota": lambda scene: scene.group(scalingConfig={"minSize": 0, "maxSize": 451, "desiredSize": 0}),
    "subnet-missing": lambda scene: scene.group(subnets=[*scene.subnets, "subnet-0123456789abcdef0"]),
    "subnet-elsewhere": Scene.elsewhere,
    "ami-unknown": lambda scene: scene.group(amiType="AL2_x86_64_GPU"),
    "ami-architecture": lambda scene: scene.group(amiType="AL2023_ARM_64_NVIDIA"),
    "taint-quota": lambda scene: scene.group(taints=TAINTS),
    "reserved-label": lambda scene: scene.group(labels={"eks.amazonaws.com/nodegroup": "mine"}),
}
CLUSTERS: dict[str, Callable[[Scene], Request]] = {
    "cluster-name": Scene.cluster,
    "cluster-version": lambda scene: {**scene.cluster("other"), "version": "1.19"},
    "cluster-zones": lambda scene: {
        **scene.cluster("other"),
        "resourcesVpcConfig": {"subnetIds": [scene.subnets[0], scene.subnet("10.0.9.0/24", "us-east-1a")]},
    },
    "cluster-local-zone": lambda scene: {
        **scene.cluster("other"),
        "resourcesVpcConfig": {"subnetIds": [scene.subnets[0], scene.subnet("10.0.9.0/24", "us-east-1-dfw-2a")]},
    },
    "cluster-security-group": lambda scene: {
        **scene.cluster("other"),
        "resourcesVpcConfig": {"subnetIds": scene.subnets, "securityGroupIds": ["sg-0123456789abcdef0"]},
    },
}


@pytest.fixture
def scene() -> Iterator[Scene]:
    extension.install()
    with mock_aws():
        SIMULATED_ACCOUNT.reset(NOW)
        yield Scene(Calls(account_id=ACCOUNT, region=REGION))
        SIMULATED_ACCOUNT.reset()


def test_every_rule_has_a_case() -> None:
    assert {rule.id for rule in node_group_rules.NODEGROUP_RULES} == set(GROUPS)
    assert {rule.id for rule in clusters.CLUSTER_RULES} == set(CLUSTERS)
    for rule in (*node_group_rules.NODEGROUP_RULES, *clusters.CLUSTER_RULES):
        assert isinstance(rule.source, Source)
    assert set(node_group_rules.REASONS) == set(GROUPS)
    assert set(clusters.REASONS) == set(CLUSTERS)


def test_a_good_request_is_taken(scene: Scene) -> None:
    scene.create_group(scene.group())
    scene.create_group({**scene.on_blocks(**MARKET, **TARGET), "nodegroupName": "rack"})
    assert scene.call("eks", "list_nodegroups", clusterName="training")["nodegroups"] == ["pool", "rack"]


@pytest.mark.parametrize("name", GROUPS)
def test_a_node_group_is_refused_by_one_rule_alone(scene: Scene, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    request = GROUPS[name](scene)
    rules = node_group_rules.NODEGROUP_RULES
    (rule,) = [rule for rule in rules if rule.id == name]
    with pytest.raises(Refusal) as caught:
        scene.create_group(request)
    assert caught.value.code == rule.code
    monkeypatch.setattr(node_group_rules, "NODEGROUP_RULES", [other for other in rules if other.id != name])
    scene.create_group(request)


UPDATES: dict[str, tuple[str, Request]] = {
    "sizes": ("config", {"scalingConfig": {"maxSize": 1}}),
    "node-quota": ("config", {"scalingConfig": {"maxSize": 451}}),
    "taint-quota": ("config", {"taints": {"addOrUpdateTaints": TAINTS}}),
    "reserved-label": ("config", {"labels": {"addOrUpdateLabels": {"node-role.kubernetes.io/x": "y"}}}),
    "block-by-group": ("version", {**MARKET, **GROUP_TARGET}),
    "block-without-target": ("version", MARKET),
    "profile-in-template": ("version", {**MARKET, **TARGET, "IamInstanceProfile": {"Name": "x"}}),
    "user-data-not-mime": ("version", {**MARKET, **TARGET, "UserData": encoded("#!/bin/sh")}),
}


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_is_refused_as_a_creation_is(scene: Scene, name: str) -> None:
    template = scene.template(**MARKET, **TARGET)
    sizes = {"minSize": 0, "maxSize": 2, "desiredSize": 2}
    scene.create_group(scene.group(capacityType="CAPACITY_BLOCK", launchTemplate=template, scalingConfig=sizes | NONE))
    scene.call("eks", "update_nodegroup_config", **KEY, scalingConfig=sizes)
    kind, given = UPDATES[name]
    if kind == "version":
        data = {"InstanceType": "p5.4xlarge", **given}
        made = {"LaunchTemplateId": template["id"], "LaunchTemplateData": data}
        scene.call("ec2", "create_launch_template_version", **made)
        given = {"launchTemplate": {"id": template["id"], "version": "2"}}
    (rule,) = [rule for rule in node_group_rules.NODEGROUP_RULES if rule.id == name]
    before = scene.call("eks", "describe_nodegroup", **KEY)["nodegroup"]
    with pytest.raises(Refusal) as caught:
        scene.call("eks", f"update_nodegroup_{kind}", **KEY, **given)
    assert caught.value.code == rule.code
    assert scene.call("eks", "describe_nodegroup", **KEY)["nodegroup"] == before


def test_an_update_without_a_size_leaves_it(scene: Scene) -> None:
    scene.create_group(scene.group(scalingConfig={"minSize": 0, "maxSize": 2, "desiredSize": 1}))
    scene.call("eks", "update_nodegroup_config", **KEY, scalingConfig={"minSize": 0, "maxSize": 4})
    sizes = scene.call("eks", "describe_nodegroup", **KEY)["nodegroup"]["scalingConfig"]
    assert sizes == {"minSize": 0, "maxSize": 4, "desiredSize": 1}


class TestUserData:
    """Nodes whose user data doesn't bring them into the cluster."""

    NODEADM = (
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="//"\n\n--//\n'
        "Content-Type: application/node.eks.aws\n\n{}\n--//--\n"
    )
    CONFIG = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {}\n"

    @pytest.mark.parametrize(
        ("ami_type", "data", "says"),
        [
            ("BOTTLEROCKET_x86_64_NVIDIA", {"UserData": encoded(NODEADM.format(CONFIG))}, "not TOML"),
            ("AL2023_x86_64_NVIDIA", {"UserData": encoded(NODEADM.format("[settings]\n"))}, "no NodeConfig"),
            ("CUSTOM", {"ImageId": IMAGE}, "no user data"),
        ],
    )
    def test_that_no_node_joins_with(self, scene: Scene, ami_type: str, data: Request, says: str) -> None:
        sizes = {"minSize": 0, "maxSize": 2, "desiredSize": 1}
        template = scene.template(InstanceType="m6i.large", **data)
        scene.create_group(scene.group(amiType=ami_type, launchTemplate=template, scalingConfig=sizes))
        found = scene.call("eks", "describe_nodegroup", **KEY)["nodegroup"]
        assert found["status"] == "CREATE_FAILED"
        (issue,) = found["health"]["issues"]
        assert issue["code"] == "NodeCreationFailure"
        assert "Instances failed to join the kubernetes cluster" in issue["message"]
        assert says in issue["message"]

    @pytest.mark.parametrize(
        ("ami_type", "data"),
        [
            ("BOTTLEROCKET_x86_64_NVIDIA", {"UserData": encoded("[settings.kubernetes]\nmax-pods = 64\n")}),
            ("AL2023_x86_64_NVIDIA", {"UserData": encoded(NODEADM.format(CONFIG))}),
            ("AL2023_x86_64_NVIDIA", {}),
            ("CUSTOM", {"ImageId": IMAGE, "UserData": encoded("#!/bin/sh")}),
        ],
    )
    def test_that_nodes_join_with(self, scene: Scene, ami_type: str, data: Request) -> None:
        sizes = {"minSize": 0, "maxSize": 2, "desiredSize": 1}
        template = scene.template(InstanceType="m6i.large", **data)
        scene.create_group(scene.group(amiType=ami_type, launchTemplate=template, scalingConfig=sizes))
        assert scene.call("eks", "describe_nodegroup", **KEY)["nodegroup"]["status"] == "ACTIVE"


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_cluster_is_refused_by_one_rule_alone(scene: Scene, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    request = CLUSTERS[name](scene)
    rules = clusters.CLUSTER_RULES
    (rule,) = [rule for rule in rules if rule.id == name]
    with pytest.raises(Refusal) as caught:
        scene.create_cluster(request)
    assert caught.value.code == rule.code
    monkeypatch.setattr(clusters, "CLUSTER_RULES", [other for other in rules if other.id != name])
    if name == "cluster-name":
        # EC2 refuses a second security group of the cluster's name.
        with pytest.raises(Refusal, match="already exists"):
            scene.create_cluster(request)
    else:
        scene.create_cluster(request)
