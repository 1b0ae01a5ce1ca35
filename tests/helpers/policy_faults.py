"""A rack's template, and the faults that are planted in it: one or more for every rule of the policy."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ultrafleet.policy import Template, parse_template

DATA = Path(__file__).parent.parent / "data" / "policy"
RACK = parse_template((DATA / "rack.yaml").read_text(), name="rack.yaml").content
Edit = Callable[[dict[str, Any]], object]


def edited(edit: Edit) -> Template:
    """The rack with a fault in it."""
    content = copy.deepcopy(dict(RACK))
    edit({name: resource["Properties"] for name, resource in content["Resources"].items()} | {"": content})
    return Template(name="rack.yaml", content=content)


def data(resources: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = resources["Template"]["LaunchTemplateData"]
    return content


def single(resources: dict[str, Any], instance_type: str) -> None:
    """Another type, with its image."""
    data(resources).update(InstanceType=instance_type)
    resources["Rack"].update(AmiType="AL2023_x86_64_NVIDIA")


def interfaces(*layout: tuple[int, int, str]) -> list[dict[str, Any]]:
    return [
        {
            "NetworkCardIndex": card,
            "DeviceIndex": device,
            "InterfaceType": kind,
            "Groups": [{"Ref": "Efa"}, {"Fn::GetAtt": ["Cluster", "ClusterSecurityGroupId"]}],
            "DeleteOnTermination": True,
        }
        for card, device, kind in layout
    ]


def auto_scaling(resources: dict[str, Any], **properties: Any) -> None:
    """An Auto Scaling group on the block, in place of the node group."""
    for name in ("Rack", "Emptied"):
        resources[""]["Resources"].pop(name, None)
    resources[""]["Resources"]["Fleet"] = {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "Properties": {"MaxSize": "18", "MinSize": "0", **properties},
    }
    add(
        resources,
        "Scaled",
        "AWS::AutoScaling::ScheduledAction",
        AutoScalingGroupName={"Ref": "Fleet"},
        DesiredCapacity=0,
        StartTime="2026-12-15T10:00:00Z",
    )


def system(resources: dict[str, Any]) -> dict[str, Any]:
    """A node group without accelerators."""
    like = {key: resources["Rack"][key] for key in ("ClusterName", "NodeRole", "Subnets")}
    return {**like, "InstanceTypes": ["m7g.large"], "AmiType": "AL2023_ARM_64_STANDARD"}


def add(resources: dict[str, Any], logical_id: str, kind: str, **properties: Any) -> None:
    resources[""]["Resources"][logical_id] = {"Type": kind, "Properties": properties}


LAUNCH = {"LaunchTemplateId": {"Ref": "Template"}, "Version": "$Latest"}

FAULTS: dict[str, tuple[Edit, str, str]] = {
    "device 1 on the odd cards of a P6e, which take one interface": (
        lambda r: data(r).update(
            NetworkInterfaces=interfaces((0, 0, "interface"), *((n, 1, "efa-only") for n in (1, 5, 9, 13)))
        ),
        "efa-layout",
        "error",
    ),
    "a primary that is efa-only": (
        lambda r: data(r).update(NetworkInterfaces=interfaces((0, 0, "efa-only"), (1, 0, "efa-only"))),
        "efa-layout",
        "error",
    ),
    "two EFA on one card": (
        lambda r: data(r).update(NetworkInterfaces=interfaces((0, 0, "interface"), (1, 0, "efa-only"), (1, 1, "efa"))),
        "efa-layout",
        "error",
    ),
    "EFA on B300's first card": (
        lambda r: (single(r, "p6-b300.48xlarge"), data(r).update(NetworkInterfaces=interfaces((0, 0, "efa")))),
        "efa-layout",
        "error",
    ),
    "a card that isn't there": (
        lambda r: (
            single(r, "p5en.48xlarge"),
            data(r).update(NetworkInterfaces=interfaces((0, 0, "interface"), (16, 0, "efa-only"))),
        ),
        "efa-layout",
        "error",
    ),
    "a public address": (
        lambda r: data(r)["NetworkInterfaces"][0].update(AssociatePublicIpAddress=True),
        "public-ip",
        "error",
    ),
    "a block without its reservation": (
        lambda r: data(r).pop("CapacityReservationSpecification"),
        "market-and-reservation",
        "error",
    ),
    "a reservation by spot": (
        lambda r: data(r)["InstanceMarketOptions"].update(MarketType="spot"),
        "market-and-reservation",
        "error",
    ),
    "a P6e on demand": (lambda r: data(r).pop("InstanceMarketOptions"), "market-and-reservation", "error"),
    "the block's id for its reservation's": (
        lambda r: data(r)["CapacityReservationSpecification"]["CapacityReservationTarget"].update(
            CapacityReservationId="cbr-0aaaaaaaaaaaaaaa1"
        ),
        "reservation-id",
        "error",
    ),
    "a placement group beside a block": (
        lambda r: data(r).update(Placement={"GroupName": "cluster"}),
        "placement-with-block",
        "error",
    ),
    "IMDSv1": (lambda r: data(r)["MetadataOptions"].update(HttpTokens="optional"), "imdsv2", "error"),
    "IMDS that pods reach": (
        lambda r: data(r)["MetadataOptions"].update(HttpPutResponseHopLimit=3),
        "imds-hop-limit",
        "warning",
    ),
    "IMDS that isn't stated": (lambda r: data(r).pop("MetadataOptions"), "imdsv2", "warning"),
    "a plain volume": (
        lambda r: data(r)["BlockDeviceMappings"][0]["Ebs"].update(Encrypted=False),
        "volume-encryption",
        "error",
    ),
    "an SSH key": (lambda r: data(r).update(KeyName="admin"), "ssh-key", "warning"),
    "long user data": (
        lambda r: data(r).update(UserData={"Fn::Base64": "MIME-Version: 1.0\n" + "x" * 16_384}),
        "user-data-size",
        "error",
    ),
    "a node group on demand": (lambda r: r["Rack"].update(CapacityType="ON_DEMAND"), "capacity-type", "error"),
    "a node group without capacity type": (lambda r: r["Rack"].pop("CapacityType"), "capacity-type", "error"),
    "a block's node group without a block": (
        lambda r: (
            single(r, "p5en.48xlarge"),
            data(r).update(NetworkInterfaces=interfaces((0, 0, "interface"))),
            data(r).pop("InstanceMarketOptions"),
        ),
        "capacity-type",
        "error",
    ),
    "an x86 image on Arm": (lambda r: r["Rack"].update(AmiType="AL2023_x86_64_NVIDIA"), "ami-architecture", "error"),
    "an image without driver": (
        lambda r: r["Rack"].update(AmiType="AL2023_ARM_64_STANDARD"),
        "ami-architecture",
        "error",
    ),
    "two subnets": (lambda r: r["Rack"].update(Subnets=["subnet-1", "subnet-2"]), "one-subnet", "error"),
    "two subnets of a group": (
        lambda r: auto_scaling(r, LaunchTemplate=LAUNCH, VPCZoneIdentifier=["subnet-1", "subnet-2"]),
        "one-subnet",
        "error",
    ),
    "half a rack": (lambda r: r["Rack"]["ScalingConfig"].update(MaxSize=12), "ultraserver-size", "error"),
    "two racks in one": (lambda r: r["Rack"]["ScalingConfig"].update(MaxSize=36), "ultraserver-size", "error"),
    "mixed instances on a block": (
        lambda r: auto_scaling(
            r,
            VPCZoneIdentifier=["subnet-1"],
            MixedInstancesPolicy={"LaunchTemplate": {"LaunchTemplateSpecification": LAUNCH}},
        ),
        "mixed-instances-with-block",
        "error",
    ),
    "another zone": (lambda r: r["Subnet"].update(AvailabilityZone="us-east-1a"), "zone", "error"),
    "no way out within the group": (lambda r: r[""]["Resources"].pop("EfaOut"), "efa-security-group", "error"),
    "egress to everybody instead": (
        lambda r: (
            r["EfaOut"].pop("DestinationSecurityGroupId"),
            r["EfaOut"].update(CidrIp="0.0.0.0/0"),
        ),
        "efa-security-group",
        "error",
    ),
    "SSH from everybody": (
        lambda r: r["Efa"].update(
            SecurityGroupIngress=[{"IpProtocol": "tcp", "FromPort": 20, "ToPort": 30, "CidrIp": "0.0.0.0/0"}]
        ),
        "open-to-everybody",
        "error",
    ),
    "everything from everybody": (
        lambda r: r["Efa"].update(SecurityGroupIngress={"IpProtocol": -1, "CidrIpv6": "::/0"}),
        "open-to-everybody",
        "error",
    ),
    "a capacity that FSx refuses": (lambda r: r["Scratch"].update(StorageCapacity=5000), "lustre", "error"),
    "EFA without metadata": (
        lambda r: r["Scratch"]["LustreConfiguration"].pop("MetadataConfiguration"),
        "lustre",
        "error",
    ),
    "a public endpoint": (
        lambda r: r["Cluster"]["ResourcesVpcConfig"].update(EndpointPublicAccess=True),
        "public-endpoint",
        "error",
    ),
    "an endpoint that isn't stated": (
        lambda r: r["Cluster"]["ResourcesVpcConfig"].pop("EndpointPublicAccess"),
        "public-endpoint",
        "warning",
    ),
    "an old cluster": (lambda r: r["Cluster"].update(Version="1.32"), "kubernetes-for-p6e", "error"),
    "all rights": (
        lambda r: r["NodeRole"]["Policies"][0]["PolicyDocument"]["Statement"].update(Action="*"),
        "all-rights",
        "error",
    ),
    "an administrator": (
        lambda r: r["NodeRole"].update(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
        "all-rights",
        "error",
    ),
    "a stack of 501 resources": (
        lambda r: r[""]["Resources"].update({f"Topic{n}": {"Type": "AWS::SNS::Topic"} for n in range(501)}),
        "stack-limits",
        "error",
    ),
    "31 node groups": (
        lambda r: r[""]["Resources"].update(
            {f"Nodes{n}": {"Type": "AWS::EKS::Nodegroup", "Properties": system(r)} for n in range(30)}
        ),
        "node-group-quota",
        "warning",
    ),
}
