"""A fleet as people write it without this library, and how to change it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from helpers.policy_templates import GRACE, P6E, X86, efa_only, launch, node_group
from ultrafleet.policy import Template
from ultrafleet.review import Revision
from ultrafleet.rules.schedule_tags import schedule_tags
from ultrafleet.templates.linking import linked

Stacks = dict[str, dict[str, Any]]
Edit = Callable[[Stacks], object]
Told = tuple[str, str, str]
"""Level, kind and subject of a hazard."""

GB200 = efa_only((1, 5, 9, 13), on_first=False)
P5EN = efa_only(range(1, 16))
TRN2 = efa_only(range(1, 16))
DATA = ("Properties", "LaunchTemplateData")


def pool(
    name: str, ami: str, size: int, instance_type: str, layout: list[tuple[int, int, str]], block: str | None
) -> dict[str, Any]:
    """A launch template and its node group, each named after the pool."""
    group = node_group(ami, size, NodegroupName=name, **({"CapacityType": "CAPACITY_BLOCK"} if block else {}))
    template = f"{name.title().replace('-', '')}Launch"
    group["Properties"]["LaunchTemplate"] = {
        "Id": {"Ref": template},
        "Version": {"Fn::GetAtt": [template, "LatestVersionNumber"]},
    }
    if block:
        group["Properties"]["Tags"] = schedule_tags(capacity_reservation_id=block, drain_lead_minutes=90)
    group["Properties"]["ClusterName"] = "fleet"
    group["Properties"]["Labels"] = {"pool": name}
    group["Properties"]["Subnets"] = [{"Fn::ImportValue": "subnet-a"}]
    groups = [{"Fn::ImportValue": "efa-group"}]
    return {
        template: launch(instance_type, layout, block=block, groups=groups),
        name.title().replace("-", ""): group,
    }


def stacks() -> Stacks:
    own = {"Fn::GetAtt": ["Efa", "GroupId"]}
    return {
        "network": {
            "Parameters": {"Bits": {"Type": "String", "Default": "20"}},
            "Resources": {
                "Subnet": {
                    "Type": "AWS::EC2::Subnet",
                    "Properties": {"VpcId": "vpc-1", "CidrBlock": {"Fn::Sub": "10.0.0.0/${Bits}"}},
                },
                "Efa": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "efa", "VpcId": "vpc-1"}},
                "In": {
                    "Type": "AWS::EC2::SecurityGroupIngress",
                    "Properties": {"GroupId": own, "IpProtocol": "-1", "SourceSecurityGroupId": own},
                },
                "Out": {
                    "Type": "AWS::EC2::SecurityGroupEgress",
                    "Properties": {"GroupId": own, "IpProtocol": "-1", "DestinationSecurityGroupId": own},
                },
            },
            "Outputs": {
                "Subnet": {"Value": {"Ref": "Subnet"}, "Export": {"Name": "subnet-a"}},
                "Group": {"Value": own, "Export": {"Name": "efa-group"}},
            },
        },
        "cluster": {
            "Resources": {
                "Fleet": {
                    "Type": "AWS::EKS::Cluster",
                    "DeletionPolicy": "Retain",
                    "Properties": {
                        "Name": "fleet",
                        "Version": "1.34",
                        "DeletionProtection": True,
                        "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                        "EncryptionConfig": [{"Resources": ["secrets"], "Provider": {"KeyArn": "arn:aws:kms:::key/1"}}],
                        "ResourcesVpcConfig": {
                            "SubnetIds": ["subnet-1", "subnet-2"],
                            "EndpointPublicAccess": False,
                            "EndpointPrivateAccess": True,
                        },
                    },
                },
                "Role": {
                    "Type": "AWS::IAM::Role",
                    "Properties": {
                        "AssumeRolePolicyDocument": {
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": "sts:AssumeRole",
                                    "Principal": {"Service": "eks.amazonaws.com"},
                                }
                            ]
                        },
                        "Policies": [
                            {
                                "PolicyName": "read",
                                "PolicyDocument": {
                                    "Statement": [
                                        {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::data/*"}
                                    ]
                                },
                            }
                        ],
                    },
                },
                "Checkpoints": {
                    "Type": "AWS::S3::Bucket",
                    "DeletionPolicy": "Retain",
                    "UpdateReplacePolicy": "Retain",
                    "Properties": {
                        "BucketEncryption": {"ServerSideEncryptionConfiguration": []},
                        "PublicAccessBlockConfiguration": {"BlockPublicAcls": True},
                    },
                },
            }
        },
        "racks": {
            "Metadata": {
                f"ultrafleet:{name}": {
                    "blocks": [{"id": block, "start": "2026-12-01T11:30:00Z", "end": "2027-01-26T11:30:00Z"}]
                }
                for name, block in (("rack-a", "cr-0aaaaaaaaaaaaaaa1"), ("rack-b", "cr-0bbbbbbbbbbbbbbb1"))
            },
            "Resources": {
                **pool("rack-a", GRACE, 18, P6E, GB200, "cr-0aaaaaaaaaaaaaaa1"),
                **pool("rack-b", GRACE, 18, P6E, GB200, "cr-0bbbbbbbbbbbbbbb1"),
            },
        },
        "h200": {
            "Resources": {
                "Reserved": {
                    "Type": "AWS::EC2::CapacityReservation",
                    "Properties": {
                        "InstanceType": "p5en.48xlarge",
                        "InstancePlatform": "Linux/UNIX",
                        "AvailabilityZone": "us-east-1a",
                        "InstanceCount": 4,
                    },
                },
                **pool("h200", X86, 4, "p5en.48xlarge", P5EN, None),
            }
        },
    }


def revision(label: str, edit: Edit | None = None) -> Revision:
    """The fleet, perhaps after an edit."""
    made = deepcopy(stacks())
    made["h200"]["Resources"]["H200Launch"]["Properties"]["LaunchTemplateData"]["CapacityReservationSpecification"] = {
        "CapacityReservationTarget": {"CapacityReservationId": {"Ref": "Reserved"}}
    }
    if edit is not None:
        edit(made)
    templates = [Template(name=name, content=content, text=str(content)) for name, content in made.items()]
    return Revision(label=label, stacks=dict(zip(made, linked(templates), strict=True)))


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A change with a known answer.

    Attributes:
        edit: what changes.
        hazards: every hazard that has to be told, and no other.
        more: what the fleet gains: UltraServers, accelerators, nodes, USD an hour.
        changed: pools that are shown as changed.
        says: words that the review has to contain.
    """

    edit: Edit
    hazards: frozenset[Told] = frozenset()
    more: tuple[int, int, int, float] = (0, 0, 0, 0.0)
    changed: frozenset[str] = frozenset()
    says: tuple[str, ...] = ()


def put(*path: str | int, value: object) -> Edit:
    """Set a value of the templates; None takes it out."""

    def edit(content: Any) -> None:
        *inner, last = path
        for part in inner:
            content = content[part]
        if value is None:
            del content[last]
        else:
            content[last] = deepcopy(value)

    return edit


def both(*edits: Edit) -> Edit:
    return lambda content: [edit(content) for edit in edits]


def of(stack: str, logical_id: str, *path: str | int, value: object) -> Edit:
    return put(stack, "Resources", logical_id, "Properties", *path, value=value)


RACK_A, RACK_B, H200 = "fleet/rack-a", "fleet/rack-b", "fleet/h200"
EVERY = frozenset({RACK_A, RACK_B, H200})
RACKS = frozenset({RACK_A, RACK_B})
A, B = frozenset({RACK_A}), frozenset({RACK_B})
ROLLED_A: frozenset[Told] = frozenset({("blocking", "pool-rolled", RACK_A)})
A_DATA = ("RackALaunch", "LaunchTemplateData")
CLUSTER = "cluster/Fleet (AWS::EKS::Cluster)"
SUBNET = "network/Subnet (AWS::EC2::Subnet)"
RESERVED = "h200/Reserved (AWS::EC2::CapacityReservation)"
BUCKET = "cluster/Checkpoints (AWS::S3::Bucket)"
