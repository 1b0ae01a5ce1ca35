"""Pools of self-managed nodes: an Auto Scaling group for each block, with what EKS would have added."""

import json

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from helpers.fleet import LAUNCH_TEMPLATE, NODE_GROUP, START, WEEK, Site, only, ultraserver_block, user_data
from ultrafleet.cluster import ImportedCluster, SelfManagedNodeAccess
from ultrafleet.errors import FleetError
from ultrafleet.pools import NodeImage, NodeOptions, SelfManagedNodes, Taint
from ultrafleet.rules.block_clock import EVICTION_MINUTES

GROUP = "AWS::AutoScaling::AutoScalingGroup"
NODES = SelfManagedNodes(
    instance_profile_arn="arn:aws:iam::111122223333:instance-profile/nodes",
    api_server_endpoint="https://0123.gr7.us-east-1.eks.amazonaws.com",
    certificate_authority="LS0tLS1CRUdJTi0=",
    service_cidr="172.20.0.0/16",
    kubernetes_version="1.35",
)


def test_each_block_is_an_auto_scaling_group_that_begins_empty(site: Site) -> None:
    blocks = [ultraserver_block(1), ultraserver_block(2, start=START + WEEK, end=START + 2 * WEEK)]
    pool = site.ultraserver_pool(blocks=blocks, self_managed=NODES)
    found = Template.from_stack(site.stack).find_resources(GROUP).values()
    assert Template.from_stack(site.stack).find_resources(NODE_GROUP) == {}
    assert [item["Properties"]["AutoScalingGroupName"] for item in found] == [f"research-{n}" for n in pool.node_groups]
    for item in found:
        assert (item["Properties"]["MinSize"], item["Properties"]["MaxSize"]) == ("0", "18")
        assert "DesiredCapacity" not in item["Properties"]
        assert "UpdatePolicy" not in item
        assert item["Properties"]["NewInstancesProtectedFromScaleIn"] is False


def test_an_instance_that_leaves_is_held_as_long_as_eks_would_evict(site: Site) -> None:
    site.ultraserver_pool(self_managed=NODES)
    (hook,) = only(site.stack, GROUP)["LifecycleHookSpecificationList"]
    assert hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert (hook["HeartbeatTimeout"], hook["DefaultResult"]) == (EVICTION_MINUTES * 60, "CONTINUE")


def test_orders_to_the_schedule_are_the_groups_and_its_instances_have_the_clusters_tag(site: Site) -> None:
    site.ultraserver_pool(self_managed=NODES, hold=True, drain_lead_minutes=120)
    tags = {tag["Key"]: (tag["Value"], tag["PropagateAtLaunch"]) for tag in only(site.stack, GROUP)["Tags"]}
    assert tags == {
        "ultrafleet:schedule": ("hold", False),
        "ultrafleet:capacity-reservation": ("cr-00000000000000001", False),
        "ultrafleet:drain-lead-minutes": ("120", False),
        "ultrafleet:cluster": ("research", False),
        "kubernetes.io/cluster/research": ("owned", True),
    }


def test_the_launch_template_has_image_profile_cluster_labels_and_taints(site: Site) -> None:
    site.ultraserver_pool(
        self_managed=NODES,
        options=NodeOptions(labels={"team": "x"}, taints=[Taint(key="a", value="b", effect="NO_EXECUTE")]),
    )
    data = only(site.stack, LAUNCH_TEMPLATE)["LaunchTemplateData"]
    parameter = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/arm64/nvidia/recommended/image_id"
    assert data["ImageId"] == f"{{{{resolve:ssm:{parameter}}}}}"
    assert data["IamInstanceProfile"] == {"Arn": NODES.instance_profile_arn}
    assert data["InstanceMarketOptions"] == {"MarketType": "capacity-block"}
    text = user_data(site.stack)
    spec = json.loads(text[text.index("{") : text.index("\n}\n") + 2])["spec"]
    assert spec["cluster"] == NODES.cluster_details("research")
    labels, taints = spec["kubelet"]["flags"]
    assert dict(item.split("=") for item in labels.removeprefix("--node-labels=").split(",")) == {
        "ultrafleet/pool": "rack-a",
        "ultrafleet/workload": "training",
        "ultrafleet/capacity": "u-p6e-gb200x72",
        "nvidia.com/gpu.present": "true",
        "ultrafleet/management": "self-managed",
        "ultrafleet/node-group": "rack-a-cr-00000000000000001",
        "ultrafleet/ultraserver": "rack-a-cr-00000000000000001",
        "team": "x",
    }
    assert taints == "--register-with-taints=a=b:NoExecute"


def test_tags_of_the_app_reach_the_group(site: Site) -> None:
    pool = site.ultraserver_pool(self_managed=NODES)
    cdk.Tags.of(pool).add("cost-center", "4711")
    tags = {tag["Key"]: tag["PropagateAtLaunch"] for tag in only(site.stack, GROUP)["Tags"]}
    assert tags["cost-center"] is False
    assert tags["kubernetes.io/cluster/research"] is True


def test_access_is_a_role_a_profile_and_an_entry_of_ec2_linux(stack: cdk.Stack) -> None:
    access = SelfManagedNodeAccess(stack, "Access", cluster=ImportedCluster(cluster_name="research"))
    entry = only(stack, "AWS::EKS::AccessEntry")
    assert entry["Type"] == "EC2_LINUX"
    assert entry["PrincipalArn"] == stack.resolve(access.role.role_arn)
    assert only(stack, "AWS::IAM::InstanceProfile")["Roles"] == [stack.resolve(access.role.role_name)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            NodeOptions(image=NodeImage(image_id="ami-0123456789abcdef0", user_data="#!/bin/bash\n")),
            "has user_data of its own",
        ),
        (NodeOptions(max_unavailable=2), "max_unavailable of pool rack-a is stated for self-managed nodes"),
        (NodeOptions(node_repair_config={"Enabled": True}), "node_repair_config of pool rack-a is stated"),
    ],
)
def test_fails_on_what_self_managed_nodes_can_not_have(site: Site, options: NodeOptions, said: str) -> None:
    with pytest.raises(FleetError, match=said):
        site.ultraserver_pool(self_managed=NODES, options=options)


def test_fails_without_the_role_of_the_profile(site: Site) -> None:
    with pytest.raises(FleetError, match="node_role of pool rack-a is missing"):
        site.ultraserver_pool(self_managed=NODES, node_role=None)
