"""Changes of a fleet for rules that the other scenarios don't reach: sizes, holds, blocks, clusters, queues."""

import json
from typing import Any

from helpers.policy_templates import launch
from helpers.review_fleet import H200, P5EN, RACK_A, RESERVED, A, Edit, Scenario, Stacks, both, of, put, stacks


def fewer_efa(content: Stacks) -> None:
    """A quarter of the EFA interfaces of the H200 pool."""
    data = content["h200"]["Resources"]["H200Launch"]["Properties"]["LaunchTemplateData"]
    data["NetworkInterfaces"] = data["NetworkInterfaces"][:4]


def all_efa(content: Stacks) -> None:
    data = content["h200"]["Resources"]["H200Launch"]["Properties"]["LaunchTemplateData"]
    data["NetworkInterfaces"] = stacks()["h200"]["Resources"]["H200Launch"]["Properties"]["LaunchTemplateData"][
        "NetworkInterfaces"
    ]


INSTANCES = "racks/rack-a"
ELSEWHERE = "cluster/Elsewhere (AWS::EC2::LaunchTemplate)"


def launch_template(layout: list[tuple[int, int, str]]) -> dict[str, Any]:
    """Launch template that no group of these templates uses."""
    return launch("p5en.48xlarge", layout, block=None, groups=[{"Fn::ImportValue": "efa-group"}])


def instances(in_service: str | None = None) -> Edit:
    """rack-a as an Auto Scaling group, which no update policy rolls unless one is stated."""
    version = {"Fn::GetAtt": ["RackALaunch", "LatestVersionNumber"]}
    group = {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "UpdatePolicy": {"AutoScalingRollingUpdate": {"MinInstancesInService": in_service}} if in_service else {},
        "Properties": {
            "AutoScalingGroupName": "rack-a",
            "MinSize": "0",
            "MaxSize": "18",
            "VPCZoneIdentifier": ["subnet-1"],
            "LaunchTemplate": {"LaunchTemplateId": {"Ref": "RackALaunch"}, "Version": version},
            "Tags": [{"Key": "eks:cluster-name", "Value": "fleet", "PropagateAtLaunch": True}],
        },
    }
    return put("racks", "Resources", "RackA", value=group)


def compute_environment(most: int) -> dict[str, Any]:
    """Compute environment of AWS Batch, which is no pool."""
    resources = {
        "Type": "EC2",
        "MinvCpus": 0,
        "MaxvCpus": 192 * most,
        "InstanceTypes": ["p5.48xlarge"],
        "Subnets": ["subnet-1"],
        "InstanceRole": "nodes",
        "SecurityGroupIds": ["sg-1"],
    }
    return {
        "Type": "AWS::Batch::ComputeEnvironment",
        "Properties": {"Type": "MANAGED", "ComputeResources": resources},
    }


BLOCK_A = "cr-0aaaaaaaaaaaaaaa1"
FOLLOWS = {"ultrafleet:schedule": "capacity-blocks", "ultrafleet:drain-lead-minutes": "90"}
SYSTEM = "h200/System (AWS::EKS::Nodegroup)"


def blocks(*windows: tuple[str, str, str]) -> Edit:
    """The blocks that the template states for rack-a."""
    stated = [{"id": block, "start": f"{start}T11:30:00Z", "end": f"{end}T11:30:00Z"} for block, start, end in windows]
    return put("racks", "Metadata", "ultrafleet:rack-a", value={"blocks": stated})


def system_nodes(version: str) -> Edit:
    """A node group without accelerators."""
    group = {
        "Type": "AWS::EKS::Nodegroup",
        "Properties": {
            "ClusterName": "fleet",
            "NodegroupName": "system",
            "NodeRole": "arn:aws:iam::111122223333:role/nodes",
            "Subnets": ["subnet-1"],
            "InstanceTypes": ["m7i.large"],
            "ReleaseVersion": version,
            "ScalingConfig": {"MinSize": 2, "MaxSize": 4, "DesiredSize": 2},
        },
    }
    return put("h200", "Resources", "System", value=group)


def queue(label: str) -> Edit:
    """A cluster queue for nodes with a label."""
    objects = [
        {"kind": "ResourceFlavor", "metadata": {"name": "h200"}, "spec": {"nodeLabels": {"pool": label}}},
        {
            "kind": "ClusterQueue",
            "metadata": {"name": "training"},
            "spec": {"resourceGroups": [{"flavors": [{"name": "h200"}]}]},
        },
    ]
    manifest = {
        "Type": "Custom::AWSCDK-EKS-KubernetesResource",
        "Properties": {"ClusterName": "fleet", "Manifest": json.dumps(objects)},
    }
    return put("h200", "Resources", "Queue", value=manifest)


def compute_nodes(subnet: str) -> Edit:
    """rack-a as a compute node group of AWS PCS."""

    def edit(content: Stacks) -> None:
        content["racks"]["Resources"]["RackA"] = {
            "Type": "AWS::PCS::ComputeNodeGroup",
            "Properties": {
                "ClusterId": "fleet",
                "Name": "rack-a",
                "AmiId": "ami-1",
                "CustomLaunchTemplate": {"TemplateId": {"Ref": "RackALaunch"}, "Version": "1"},
                "IamInstanceProfileArn": "arn:aws:iam::111122223333:instance-profile/AWSPCS-a",
                "InstanceConfigs": [{"InstanceType": "p6e-gb200.36xlarge"}],
                "PurchaseOption": "CAPACITY_BLOCK",
                "ScalingConfiguration": {"MinInstanceCount": 0, "MaxInstanceCount": 18},
                "SlurmConfiguration": {"SlurmCustomSettings": [{"ParameterName": "Weight", "ParameterValue": subnet}]},
                "SubnetIds": ["subnet-1"],
            },
        }

    return edit


CLUSTER_OF_ITS_OWN: dict[str, Any] = {
    "Type": "AWS::EKS::Cluster",
    "Properties": {
        "Name": "old",
        "DeletionProtection": True,
        "EncryptionConfig": [{"Resources": ["secrets"], "Provider": {"KeyArn": "arn:aws:kms:::key/1"}}],
        "ResourcesVpcConfig": {
            "SubnetIds": ["subnet-1", "subnet-2"],
            "EndpointPublicAccess": False,
            "EndpointPrivateAccess": True,
        },
        "RoleArn": "arn:aws:iam::111122223333:role/a",
        "Version": "1.34",
    },
}

RULE_SCENARIOS: dict[str, Scenario] = {
    "a launch template that is used elsewhere loses EFA interfaces": Scenario(
        edit=put("cluster", "Resources", "Elsewhere", value=launch_template(P5EN[:4])),
        hazards=frozenset({("blocking", "efa-lost", ELSEWHERE), ("notice", "template-version", ELSEWHERE)}),
        says=("EFA interfaces of a node 16 → 3", "no group of these templates uses it"),
    ),
    "a launch template that is used elsewhere goes": Scenario(
        edit=put("cluster", "Resources", "Elsewhere", value=None),
        hazards=frozenset({("notice", "template-version", ELSEWHERE)}),
    ),
    "a group of instances leaves the zone of its block": Scenario(
        edit=put("racks", "Resources", "RackA", "Properties", "VPCZoneIdentifier", value=["subnet-9"]),
        hazards=frozenset({("notice", "zone-moved", INSTANCES), ("blocking", "pool-rolled", INSTANCES)}),
        changed=frozenset({INSTANCES}),
        says=("VPCZoneIdentifier moves the group",),
    ),
    "a group of instances keeps all of them in service": Scenario(
        edit=of("racks", "RackALaunch", "LaunchTemplateData", "ImageId", value="ami-0123456789abcdef1"),
        hazards=frozenset({("blocking", "refused", INSTANCES)}),
        changed=frozenset({INSTANCES}),
        says=("MinInstancesInService 18 of its UpdatePolicy isn't less than MaxSize 18",),
    ),
    "a pool's smallest size is above the stated one": Scenario(
        edit=of("racks", "RackA", "ScalingConfig", value={"MinSize": 2, "MaxSize": 18, "DesiredSize": 0}),
        hazards=frozenset({("blocking", "refused", RACK_A)}),
        changed=A,
        says=("MinSize 2 is above DesiredSize 0",),
    ),
    "a pool shrinks together with its reservation": Scenario(
        edit=both(
            of("h200", "H200", "ScalingConfig", "MaxSize", value=2), of("h200", "Reserved", "InstanceCount", value=2)
        ),
        hazards=frozenset({("blocking", "reservation-lowered", RESERVED), ("blocking", "pool-scaled-down", H200)}),
        more=(0, -16, -2, 0.0),
        changed=frozenset({H200}),
        says=("the reservation is updated first", "`cdk deploy --exclusively h200`"),
    ),
    "a pool loses EFA interfaces": Scenario(
        edit=fewer_efa,
        hazards=frozenset(
            {("blocking", "efa-lost", H200), ("blocking", "pool-rolled", H200)},
        ),
        changed=frozenset({H200}),
        says=("EFA interfaces of a node 16 → 3, 3,200 → 600 Gbit/s",),
    ),
    "a pool's nodes get their other EFA interfaces": Scenario(
        edit=all_efa,
        hazards=frozenset({("notice", "efa-changed", H200), ("blocking", "pool-rolled", H200)}),
        changed=frozenset({H200}),
        says=("EFA interfaces of a node 3 → 16, 600 → 3,200 Gbit/s",),
    ),
    "another service's fleet is larger": Scenario(
        edit=put("h200", "Resources", "Compute", value=compute_environment(32)),
        hazards=frozenset({("notice", "fleet-not-counted", "h200/Compute (AWS::Batch::ComputeEnvironment)")}),
        changed=frozenset({H200}),
        says=("AWS::Batch::ComputeEnvironment, p5.48xlarge",),
    ),
    "a pool's sizes change while more nodes may run": Scenario(
        edit=of("h200", "H200", "ScalingConfig", "MinSize", value=1),
        hazards=frozenset({("blocking", "pool-resized", H200)}),
        changed=frozenset({H200}),
        says=("CloudFormation sends DesiredSize 2 with it",),
    ),
    "a pool is put on hold": Scenario(
        edit=of("racks", "RackA", "Tags", value={**FOLLOWS, "ultrafleet:schedule": "hold"}),
        hazards=frozenset({("blocking", "pool-held", RACK_A)}),
        changed=A,
    ),
    "a pool's nodes are drained earlier": Scenario(
        edit=of("racks", "RackA", "Tags", value={**FOLLOWS, "ultrafleet:drain-lead-minutes": "120"}),
        hazards=frozenset({("notice", "schedule-orders", RACK_A)}),
        changed=A,
        says=("ultrafleet:drain-lead-minutes 90 → 120",),
    ),
    "a pool's nodes are drained at once": Scenario(
        edit=of("racks", "RackA", "Tags", value={**FOLLOWS, "ultrafleet:drain-lead-minutes": "1439"}),
        hazards=frozenset(
            {("blocking", "schedule-orders", RACK_A), ("notice", "block-without-successor", RACK_A)},
        ),
        changed=A,
        says=("at once if the end is nearer, as it is on 2026-11-24",),
    ),
    "a retained pool leaves": Scenario(
        edit=put("h200", "Resources", "H200", value=None),
        hazards=frozenset({("notice", "pool-retained", H200)}),
        more=(0, -32, -4, 0.0),
        changed=frozenset({H200}),
    ),
    "a compute node group of PCS has other settings": Scenario(
        edit=compute_nodes("2"), hazards=frozenset({("notice", "unclassified", RACK_A)}), changed=A
    ),
    "a reservation made here ends": Scenario(
        edit=of("h200", "Reserved", "EndDate", value="2027-06-01T00:00:00Z"),
        hazards=frozenset({("notice", "reservation-end", "h200/Reserved (AWS::EC2::CapacityReservation)")}),
        changed=frozenset({H200}),
        says=("none → 2027-06-01",),
    ),
    "a stack without pools is no longer there": Scenario(
        edit=lambda content: content.pop("extra"), hazards=frozenset({("notice", "stack-left", "extra")})
    ),
    "nodes without accelerators get a release": Scenario(
        edit=system_nodes("1.35.2-20261101"),
        hazards=frozenset({("notice", "nodes-rolled", SYSTEM)}),
        changed=frozenset({H200}),
        says=("ReleaseVersion",),
    ),
    "an empty subnet has another range of the same size": Scenario(
        edit=of("h200", "Spare", "CidrBlock", value="10.0.64.0/20"),
        hazards=frozenset({("notice", "subnet-moved", "h200/Spare (AWS::EC2::Subnet)")}),
        changed=frozenset({H200}),
    ),
    "a default route goes": Scenario(
        edit=put("network", "Resources", "Way", value=None),
        hazards=frozenset({("notice", "egress-lost", "network/Way (AWS::EC2::Route)")}),
        says=("a default route is deleted",),
    ),
    "a subnet gives out public addresses": Scenario(
        edit=of("network", "Subnet", "MapPublicIpOnLaunch", value=True),
        hazards=frozenset({("security", "made-public", "network/Subnet (AWS::EC2::Subnet)")}),
        says=("instances launched in the subnet get public IP addresses",),
    ),
    "a cluster goes": Scenario(
        edit=put("network", "Resources", "Old", value=None),
        hazards=frozenset({("blocking", "cluster-removed", "network/Old (AWS::EKS::Cluster)")}),
    ),
    "a queue's flavor has other labels": Scenario(
        edit=queue("other"),
        hazards=frozenset({("notice", "queue-lost", H200)}),
        changed=frozenset({H200}),
        says=("cluster queue training no longer schedules workloads on it",),
    ),
    "a pool's only block has ended": Scenario(
        edit=lambda _: None,
        hazards=frozenset({("notice", "block-over", RACK_A)}),
        says=("ends 2026-11-20 11:30 UTC",),
    ),
    "a pool's last block is taken out": Scenario(
        edit=blocks((BLOCK_A, "2026-12-01", "2027-01-26")),
        hazards=frozenset({("notice", "block-without-successor", RACK_A)}),
        changed=frozenset({RACK_A}),
    ),
    "a block is said to have one instance": Scenario(
        edit=put("racks", "Metadata", "ultrafleet:rack-a", "blocks", 0, "instances", value=1),
        hazards=frozenset({("notice", "block-metadata", RACK_A)}),
        changed=frozenset({RACK_A}),
        more=(0, 0, 0, -761.904 * 17 / 18),
        says=("instances not stated → 1, largest size 18",),
    ),
    "a block is said to end earlier": Scenario(
        edit=blocks((BLOCK_A, "2026-12-01", "2027-01-12")),
        hazards=frozenset({("notice", "block-shortened", RACK_A)}),
        changed=frozenset({RACK_A}),
        says=("2027-01-26 11:30 → 2027-01-12 11:30 UTC",),
    ),
}

RULE_BEFORE: dict[str, Edit] = {
    "a launch template that is used elsewhere loses EFA interfaces": put(
        "cluster", "Resources", "Elsewhere", value=launch_template(P5EN)
    ),
    "a launch template that is used elsewhere goes": put(
        "cluster", "Resources", "Elsewhere", value=launch_template(P5EN)
    ),
    "a group of instances leaves the zone of its block": instances(),
    "a group of instances keeps all of them in service": instances("18"),
    "a pool's smallest size is above the stated one": of(
        "racks", "RackA", "ScalingConfig", value={"MinSize": 0, "MaxSize": 18, "DesiredSize": 0}
    ),
    "another service's fleet is larger": put("h200", "Resources", "Compute", value=compute_environment(16)),
    "a pool's nodes get their other EFA interfaces": fewer_efa,
    "a pool's sizes change while more nodes may run": of("h200", "H200", "ScalingConfig", "DesiredSize", value=2),
    "a pool is put on hold": of("racks", "RackA", "Tags", value=FOLLOWS),
    "a pool's nodes are drained earlier": of("racks", "RackA", "Tags", value=FOLLOWS),
    "a pool's nodes are drained at once": both(
        of("racks", "RackA", "Tags", value=FOLLOWS), blocks((BLOCK_A, "2026-11-01", "2026-11-25"))
    ),
    "a retained pool leaves": put("h200", "Resources", "H200", "DeletionPolicy", value="Retain"),
    "a compute node group of PCS has other settings": compute_nodes("1"),
    "a stack without pools is no longer there": put(
        "extra", value={"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {}}}}
    ),
    "nodes without accelerators get a release": system_nodes("1.35.1-20261001"),
    "an empty subnet has another range of the same size": put(
        "h200",
        "Resources",
        "Spare",
        value={"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": "vpc-1", "CidrBlock": "10.0.32.0/20"}},
    ),
    "a default route goes": put(
        "network",
        "Resources",
        "Way",
        value={
            "Type": "AWS::EC2::Route",
            "Properties": {"RouteTableId": "rtb-1", "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"},
        },
    ),
    "a cluster goes": put("network", "Resources", "Old", value=CLUSTER_OF_ITS_OWN),
    "a queue's flavor has other labels": queue("h200"),
    "a pool's only block has ended": blocks((BLOCK_A, "2026-11-01", "2026-11-20")),
    "a pool's last block is taken out": both(
        of(
            "racks",
            "RackALaunch",
            "LaunchTemplateData",
            "CapacityReservationSpecification",
            "CapacityReservationTarget",
            value={"CapacityReservationResourceGroupArn": {"Fn::ImportValue": "blocks"}},
        ),
        blocks((BLOCK_A, "2026-12-01", "2027-01-26"), ("cr-0aaaaaaaaaaaaaaa2", "2027-01-26", "2027-03-01")),
    ),
    "a block is said to end earlier": blocks((BLOCK_A, "2026-12-01", "2027-01-26")),
}
"""Edits of the base that come before those of the scenario."""
