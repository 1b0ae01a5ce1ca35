"""Whole templates, right ones and ones that public generators are known to make, from the documents' facts."""

import json
from collections.abc import Iterable
from typing import Any

from ultrafleet.policy import Template
from ultrafleet.rules.schedule_tags import schedule_tags

CR = "cr-0123456789abcdef0"
Layout = Iterable[tuple[int, int, str]]
ENA = "interface"
LATEST = {"Fn::GetAtt": ["Launch", "LatestVersionNumber"]}
SELF = {"Fn::GetAtt": ["Nodes", "GroupId"]}
GROUP = {
    "Nodes": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "nodes", "VpcId": "vpc-1"}},
    "In": {
        "Type": "AWS::EC2::SecurityGroupIngress",
        "Properties": {"GroupId": SELF, "IpProtocol": "-1", "SourceSecurityGroupId": SELF},
    },
    "Out": {
        "Type": "AWS::EC2::SecurityGroupEgress",
        "Properties": {"GroupId": SELF, "IpProtocol": "-1", "DestinationSecurityGroupId": SELF},
    },
}


def launch(
    instance_type: str | None,
    layout: Layout = (),
    *,
    block: str | None = None,
    groups: object = (SELF,),
    volume: dict[str, Any] | None = None,
    **data: Any,
) -> dict[str, Any]:
    """A launch template that is right in everything that isn't said."""
    stated: dict[str, Any] = {
        "NetworkInterfaces": [
            {
                "NetworkCardIndex": card,
                "DeviceIndex": device,
                "InterfaceType": kind,
                "Groups": list(groups) if isinstance(groups, tuple) else groups,
                "DeleteOnTermination": True,
            }
            for card, device, kind in layout
        ],
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/xvda", "Ebs": volume or {"VolumeSize": 200, "VolumeType": "gp3", "Encrypted": True}}
        ],
        **data,
    }
    if instance_type:
        stated["InstanceType"] = instance_type
    if block:
        stated["InstanceMarketOptions"] = {"MarketType": "capacity-block"}
        stated["CapacityReservationSpecification"] = {"CapacityReservationTarget": {"CapacityReservationId": block}}
    return {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": stated}}


def node_group(ami: str, size: int, **properties: Any) -> dict[str, Any]:
    on_block = properties.get("CapacityType") == "CAPACITY_BLOCK"
    return {
        "Type": "AWS::EKS::Nodegroup",
        "Properties": {
            "ClusterName": "fleet",
            "NodeRole": "arn:aws:iam::111122223333:role/node",
            "AmiType": ami,
            "Subnets": ["subnet-0123456789abcdef0"],
            "ScalingConfig": {"MinSize": 0, "MaxSize": size, **({} if on_block else {"DesiredSize": 0})},
            "UpdateConfig": {"MaxUnavailable": 1, "UpdateStrategy": "MINIMAL"},
            "LaunchTemplate": {"Id": {"Ref": "Launch"}, "Version": {"Fn::GetAtt": ["Launch", "LatestVersionNumber"]}},
            "Tags": schedule_tags(capacity_reservation_id=CR, drain_lead_minutes=90) if on_block else {"team": "ml"},
            **properties,
        },
    }


BLOCK = {"CapacityType": "CAPACITY_BLOCK"}


CLUSTER_FACTS = {
    "name": "fleet",
    "apiServerEndpoint": "https://x.gr7.us-east-1.eks.amazonaws.com",
    "certificateAuthority": "Y2VydA==",
    "cidr": "10.100.0.0/16",
}


def node_config_document(**spec: Any) -> str:
    """User data of one part for nodeadm."""
    config = json.dumps({"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": spec})
    return (
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="X"\n\n'
        f"--X\nContent-Type: application/node.eks.aws\n\n{config}\n--X--\n"
    )


def one_efa_a_card(cards: int) -> list[tuple[int, int, str]]:
    """Interfaces as generators write them that know MaximumNetworkCards alone."""
    return [(0, 0, "efa"), *((card, 1, "efa") for card in range(1, cards))]


def efa_only(cards: Iterable[int], *, on_first: bool = True) -> list[tuple[int, int, str]]:
    return [(0, 0, ENA), *([(0, 1, "efa-only")] if on_first else []), *((card, 0, "efa-only") for card in cards)]


GRACE, X86, NEURON = "AL2023_ARM_64_NVIDIA", "AL2023_x86_64_NVIDIA", "AL2023_x86_64_NEURON"
P6E = "p6e-gb200.36xlarge"
# Odd cards take one interface, even ones two.
SIXTEEN_EFA_ONLY = [(0, 0, ENA), *((card, 0 if card % 2 else 1, "efa-only") for card in range(1, 17))]
GOOD: dict[str, dict[str, Any]] = {
    "P6e by four EFA": {
        "Launch": launch(P6E, efa_only((1, 5, 9, 13), on_first=False), block=CR),
        "Rack": node_group(GRACE, 18, **BLOCK),
    },
    "P6e by eight EFA": {
        "Launch": launch(P6E, efa_only(range(1, 16, 2), on_first=False), block=CR),
        "Rack": node_group(GRACE, 9, **BLOCK),
    },
    "P6e by sixteen efa-only (ParallelCluster 3.16)": {
        "Launch": launch(P6E, SIXTEEN_EFA_ONLY, block=CR),
        "Rack": node_group(GRACE, 18, **BLOCK),
    },
    "P6e by sixteen EFA (ParallelCluster 3.14, pull request 6930)": {
        "Launch": launch(
            P6E, [(0, 0, ENA), *((c, *((0, "efa-only") if c % 2 else (1, "efa"))) for c in range(1, 17))], block=CR
        ),
        "Rack": node_group(GRACE, 18, **BLOCK),
    },
    "P6e with its security group": {
        **GROUP,
        "Launch": launch(P6E, efa_only((1, 5, 9, 13), on_first=False), block=CR, groups=[SELF]),
        "Rack": node_group(GRACE, 18, **BLOCK),
    },
    "P6e self-managed": {
        "Launch": launch(
            P6E, efa_only((1, 5, 9, 13), on_first=False), block=CR, IamInstanceProfile={"Name": "node"},
            ImageId="{{resolve:ssm:/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/arm64/nvidia/recommended/"
            "image_id}}",
        ),
        "Rack": {
            "Type": "AWS::AutoScaling::AutoScalingGroup",
            "Properties": {
                "MinSize": "0",
                "MaxSize": "18",
                "VPCZoneIdentifier": ["subnet-0123456789abcdef0"],
                "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Launch"}, "Version": LATEST},
            },
        },
        "Emptied": {
            "Type": "AWS::AutoScaling::ScheduledAction",
            "Properties": {
                "AutoScalingGroupName": {"Ref": "Rack"},
                "DesiredCapacity": 0,
                "StartTime": "2026-12-15T09:30:00Z",
            },
        },
    },
    "Trn2u": {
        "Launch": launch("trn2u.48xlarge", efa_only(range(1, 16)), block=CR),
        "Rack": node_group(NEURON, 4, **BLOCK),
    },
    "B300 reserved here": {
        "Reserved": {
            "Type": "AWS::EC2::CapacityReservation",
            "Properties": {
                "InstanceType": "p6-b300.48xlarge",
                "InstanceCount": 2,
                "InstancePlatform": "Linux/UNIX",
                "AvailabilityZone": "us-east-1b",
            },
        },
        "Near": {"Type": "AWS::EC2::PlacementGroup", "Properties": {"Strategy": "cluster"}},
        "Launch": launch(
            "p6-b300.48xlarge", efa_only(range(1, 17), on_first=False), Placement={"GroupName": {"Ref": "Near"}},
            CapacityReservationSpecification={
                "CapacityReservationTarget": {"CapacityReservationId": {"Ref": "Reserved"}}
            },
        ),
        "Pool": node_group(X86, 2, CapacityType="ON_DEMAND"),
    },
    "B200 with all its IPs": {
        "Launch": launch("p6-b200.48xlarge", [*efa_only(range(1, 8)), *((card, 1, ENA) for card in range(1, 8))]),
        "Pool": node_group(X86, 4),
    },
    "P5 as older documents write it": {
        "Launch": launch("p5.48xlarge", one_efa_a_card(32)),
        "Pool": node_group(X86, 8),
    },
    "P5en on PCS": {
        "Launch": launch(None, efa_only(range(1, 16)), block=CR),
        "Slurm": {
            "Type": "AWS::PCS::ComputeNodeGroup",
            "Properties": {
                "ClusterId": "c",
                "CustomLaunchTemplate": {"TemplateId": {"Ref": "Launch"}, "Version": LATEST},
                "IamInstanceProfileArn": "arn:aws:iam::111122223333:instance-profile/AWSPCS-node",
                "InstanceConfigs": [{"InstanceType": "p5en.48xlarge"}],
                "PurchaseOption": "CAPACITY_BLOCK",
                "ScalingConfiguration": {"MinInstanceCount": 0, "MaxInstanceCount": 8},
                "SubnetIds": ["subnet-0123456789abcdef0"],
            },
        },
    },
    "Trn2 on PCS by spot of no reservation": {
        "Launch": launch("trn2.48xlarge", efa_only(range(1, 16)), InstanceMarketOptions={"MarketType": "spot"}),
    },
    "G6e without EFA": {"Launch": launch("g6e.12xlarge"), "Pool": node_group(X86, 8, Subnets=["subnet-1", "subnet-2"])},
    "a block whose desired size of none nothing raises (EKS guide, Capacity Blocks)": {
        "Launch": launch("p5en.48xlarge", efa_only(range(1, 16)), block=CR),
        "Pool": node_group(X86, 8, ScalingConfig={"MinSize": 0, "MaxSize": 8, "DesiredSize": 0}, Tags={}, **BLOCK),
    },
    "Bottlerocket with its settings and its volumes": {
        "Launch": launch(
            "p5en.48xlarge", efa_only(range(1, 16)),
            UserData={"Fn::Base64": '[settings.kubernetes]\n"max-pods" = 64\n'},
            BlockDeviceMappings=[
                {"DeviceName": name, "Ebs": {"VolumeSize": size, "Encrypted": True}}
                for name, size in (("/dev/xvda", 20), ("/dev/xvdb", 500))
            ],
        ),
        "Pool": node_group("BOTTLEROCKET_x86_64_NVIDIA", 4),
    },
    "an image of one's own": {
        "Launch": launch(
            "p5en.48xlarge", efa_only(range(1, 16)), ImageId="ami-0123456789abcdef0",
            UserData={"Fn::Base64": node_config_document(cluster=CLUSTER_FACTS)},
        ),
        "Pool": node_group("CUSTOM", 4, Labels={"example.com/kubernetes.io": "x", "nvidia.com/gpu.present": "true"}),
    },
    "two node groups that a reservation has room for": {
        "Reserved": {
            "Type": "AWS::EC2::CapacityReservation",
            "Properties": {"InstanceType": "p5en.48xlarge", "InstanceCount": 4, "InstancePlatform": "Linux/UNIX"},
        },
        "Launch": launch(
            "p5en.48xlarge", efa_only(range(1, 16)),
            CapacityReservationSpecification={
                "CapacityReservationTarget": {"CapacityReservationId": {"Ref": "Reserved"}}
            },
        ),
        "First": node_group(X86, 2),
        "Second": node_group(X86, 2),
    },
    "general nodes": {"Pool": node_group("AL2023_x86_64_STANDARD", 3, LaunchTemplate={}, InstanceTypes=["m7i.large"])},
}  # fmt: skip

BAD: dict[str, tuple[dict[str, Any], set[str]]] = {
    "one EFA a card on P6e (terraform-aws-eks 21, eksctl, pulumi-eks 4)": (
        {
            "Launch": launch(P6E, one_efa_a_card(17), block=CR),
            "Rack": node_group(GRACE, 18, **BLOCK),
        },
        {"efa-layout"},
    ),
    "one EFA a card on B300 (the same)": (
        {"Launch": launch("p6-b300.48xlarge", one_efa_a_card(17)), "Pool": node_group(X86, 2)},
        {"efa-layout"},
    ),
    "a placement group for EFA with a block (terraform-aws-eks #3730, eksctl #7949)": (
        {
            "Near": {"Type": "AWS::EC2::PlacementGroup", "Properties": {"Strategy": "cluster"}},
            "Launch": launch(
                "p5en.48xlarge", efa_only(range(1, 16)), block=CR, Placement={"GroupName": {"Ref": "Near"}}
            ),
            "Pool": node_group(X86, 8, **BLOCK),
        },
        {"placement-with-block"},
    ),
    "a P6e on demand for amd64 (global-capacity-orchestrator)": (
        {"Launch": launch(P6E, efa_only((1, 5, 9, 13), on_first=False)), "Pool": node_group(X86, 18)},
        {"market-and-reservation", "ami-architecture"},
    ),
    "SSH for the world and plain disks (Neuron's Trn2 template)": (
        {
            "Bastion": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {
                    "GroupDescription": "nodes",
                    "SecurityGroupIngress": [
                        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}
                    ],
                },
            },
            "Launch": launch("trn2.48xlarge", efa_only(range(1, 16)), volume={"VolumeSize": 500}),
        },
        {"open-to-everybody", "volume-encryption"},
    ),
    "an EFA group that lets all out but not to itself": (
        {
            "Nodes": {
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {
                    "GroupDescription": "efa",
                    "SecurityGroupEgress": [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}],
                },
            },
            "In": GROUP["In"],
            "Launch": launch("p5.48xlarge", one_efa_a_card(32), groups=[SELF]),
        },
        {"efa-security-group"},
    ),
    "a Trn2u of three": (
        {
            "Launch": launch("trn2u.48xlarge", efa_only(range(1, 16)), block=CR),
            "Rack": node_group(NEURON, 3, **BLOCK),
        },
        {"ultraserver-size"},
    ),
    "a type in the group and in its launch template (cdk, eks_v2)": (
        {
            "Launch": launch(P6E, efa_only((1, 5, 9, 13), on_first=False), block=CR),
            "Rack": node_group(GRACE, 18, InstanceTypes=[P6E], **BLOCK),
        },
        {"node-group-launch-template"},
    ),
    "all the private subnets (eks_v2's default)": (
        {
            "Launch": launch("p5.48xlarge", efa_only(range(1, 32))),
            "Pool": node_group(X86, 4, Subnets=["subnet-1", "subnet-2", "subnet-3"]),
        },
        {"one-subnet"},
    ),
}


def template(resources: dict[str, Any]) -> Template:
    """A template of the resources, with the group of EFA that launch templates have unless they state another."""
    return with_group({"Resources": resources})


def with_group(content: dict[str, Any]) -> Template:
    """A template of a content, with the group of EFA where launch templates name it and it isn't there."""
    own = {} if "Nodes" in content["Resources"] else GROUP
    return Template(name="template", content={**content, "Resources": {**own, **content["Resources"]}})
