"""A fleet as people write it without this library, changes of it, and what each has to be told as."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from policy_templates import GRACE, NEURON, P6E, X86, efa_only, launch, node_group
from ultrafleet.policy import Template
from ultrafleet.policy.linking import linked
from ultrafleet.review import Revision

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


def rack_added(content: Stacks) -> None:
    content["racks"]["Resources"] |= pool("rack-c", GRACE, 18, P6E, GB200, "cr-0ccccccccccccccc1")


def rack_removed(content: Stacks) -> None:
    for name in ("RackB", "RackBLaunch"):
        del content["racks"]["Resources"][name]


def rack_renamed(content: Stacks) -> None:
    resources = content["racks"]["Resources"]
    resources["FirstRack"] = resources.pop("RackA")


def tightened(content: Stacks) -> None:
    statements = content["cluster"]["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    statements[0] |= {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/shards/*"}


RACK_A, RACK_B, H200 = "fleet/rack-a", "fleet/rack-b", "fleet/h200"
EVERY = frozenset({RACK_A, RACK_B, H200})
RACKS = frozenset({RACK_A, RACK_B})
A, B = frozenset({RACK_A}), frozenset({RACK_B})
ROLLED_A: frozenset[Told] = frozenset({("stops", "pool-rolled", RACK_A)})
A_DATA = ("RackALaunch", "LaunchTemplateData")
CLUSTER = "cluster/Fleet (AWS::EKS::Cluster)"
SUBNET = "network/Subnet (AWS::EC2::Subnet)"
RESERVED = "h200/Reserved (AWS::EC2::CapacityReservation)"
BUCKET = "cluster/Checkpoints (AWS::S3::Bucket)"
EVERYBODY = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}

ADMIN_OF_THE_CLUSTER = [
    {
        "PolicyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        "AccessScope": {"Type": "cluster"},
    }
]

SCENARIOS: dict[str, Scenario] = {
    "nothing": Scenario(edit=lambda _: None, says=("None found.", "0 of 3 pools change")),
    "a rack is added": Scenario(
        edit=rack_added,
        more=(1, 72, 18, 761.904),
        changed=frozenset({"fleet/rack-c"}),
        says=("| UltraServers | 2 | 3 | +1 |", "🟢 added", "+761.90"),
    ),
    "a rack is removed": Scenario(
        edit=rack_removed,
        hazards=frozenset({("stops", "pool-removed", RACK_B)}),
        more=(-1, -72, -18, -761.904),
        changed=B,
        says=("🔴 removed", "-1,023,999"),
    ),
    "a stack is no longer there": Scenario(
        edit=lambda content: content.pop("racks"),
        hazards=frozenset({("stops", "pool-removed", RACK_A), ("stops", "pool-removed", RACK_B)}),
        more=(-2, -144, -36, -1523.808),
        changed=RACKS,
        says=("with its stack, which no deployment deletes",),
    ),
    "a pool's type is another": Scenario(
        edit=both(
            of("h200", "H200Launch", "LaunchTemplateData", "InstanceType", value="p6-b200.48xlarge"),
            of("h200", "Reserved", "InstanceType", value="p6-b200.48xlarge"),
        ),
        hazards=frozenset(
            {
                ("stops", "pool-type-changed", H200),
                ("stops", "pool-rolled", H200),
                ("stops", "replaced", RESERVED),
            }
        ),
        changed=frozenset({H200}),
        says=("p5en.48xlarge → p6-b200.48xlarge",),
    ),
    "a pool's accelerator is another": Scenario(
        edit=both(
            of("h200", "H200Launch", "LaunchTemplateData", "InstanceType", value="trn2.48xlarge"),
            of("h200", "H200", "AmiType", value=NEURON),
        ),
        hazards=frozenset(
            {
                ("stops", "pool-replaced", H200),
                ("stops", "pool-type-changed", H200),
                ("stops", "pool-rolled", H200),
            }
        ),
        more=(0, 32, 0, 0.0),
        changed=frozenset({H200}),
        says=("CloudFormation would have to replace it and refuses: AmiType",),
    ),
    "a label is another": Scenario(
        edit=of("racks", "RackA", "Labels", "pool", value="first"),
        changed=A,
        says=("Labels (pool `rack-a` → `first`)",),
    ),
    "a pool's orders to the schedule go": Scenario(
        edit=of("racks", "RackA", "Tags", value={"team": "ml"}),
        hazards=frozenset({("look", "schedule-orders", RACK_A)}),
        changed=A,
        says=("the block schedule no longer sizes it",),
    ),
    "a reservation is swapped": Scenario(
        edit=of(
            "racks",
            *A_DATA,
            "CapacityReservationSpecification",
            "CapacityReservationTarget",
            value={"CapacityReservationId": "cr-0fffffffffffffff1"},
        ),
        hazards=ROLLED_A | {("stops", "reservation-moved", RACK_A)},
        changed=A,
        says=("cr-0aaaaaaaaaaaaaaa1 → cr-0fffffffffffffff1",),
    ),
    "a reservation is swapped in a version that the pool doesn't name": Scenario(
        edit=of(
            "racks",
            *A_DATA,
            "CapacityReservationSpecification",
            "CapacityReservationTarget",
            value={"CapacityReservationId": "cr-0fffffffffffffff1"},
        ),
        hazards=frozenset({("look", "reservation-moved", RACK_A), ("look", "template-version", RACK_A)}),
        changed=A,
        says=("once the pool names the new version",),
    ),
    "a pool names another version": Scenario(
        edit=of("racks", "RackA", "LaunchTemplate", "Version", value="8"),
        hazards=ROLLED_A,
        changed=A,
        says=("LaunchTemplate/Version: 7 → 8",),
    ),
    "a reservation is dropped": Scenario(
        edit=both(
            of("racks", *A_DATA, "CapacityReservationSpecification", value=None),
            of("racks", *A_DATA, "InstanceMarketOptions", value=None),
        ),
        hazards=ROLLED_A | {("stops", "reservation-dropped", RACK_A)},
        changed=A,
    ),
    "a reservation made here is cancelled": Scenario(
        edit=both(
            put("h200", "Resources", "Reserved", value=None),
            of("h200", "H200Launch", "LaunchTemplateData", "CapacityReservationSpecification", value=None),
        ),
        hazards=frozenset(
            {
                ("stops", "pool-rolled", H200),
                ("stops", "reservation-dropped", H200),
                ("stops", "reservation-dropped", RESERVED),
            }
        ),
        changed=frozenset({H200}),
    ),
    "a reservation made here is smaller": Scenario(
        edit=of("h200", "Reserved", "InstanceCount", value=2),
        hazards=frozenset({("stops", "reservation-lowered", RESERVED)}),
        changed=frozenset({H200}),
    ),
    "a subnet shrinks": Scenario(
        edit=put("network", "Parameters", "Bits", "Default", value="26"),
        hazards=frozenset({("stops", "subnet-shrunk", SUBNET), ("stops", "export-in-use", "network/subnet-a")}),
        changed=EVERY,
        says=("4,091 → 59 addresses", "40 nodes at full size", "| 40 | 59 | 19 |"),
    ),
    "a volume's encryption is dropped": Scenario(
        edit=of("racks", *A_DATA, "BlockDeviceMappings", 0, "Ebs", "Encrypted", value=False),
        hazards=ROLLED_A | {("opens", "encryption-dropped", "racks/RackALaunch (AWS::EC2::LaunchTemplate)")},
        changed=A,
        says=("**volume-encryption**",),
    ),
    "a cluster's encryption is dropped": Scenario(
        edit=of("cluster", "Fleet", "EncryptionConfig", value=None),
        hazards=frozenset({("opens", "encryption-dropped", CLUSTER), ("stops", "refused", CLUSTER)}),
        changed=frozenset(),
    ),
    "a group is widened": Scenario(
        edit=of("network", "Efa", "SecurityGroupIngress", value=[EVERYBODY]),
        hazards=frozenset({("opens", "security-group-widened", "network/Efa")}),
        changed=frozenset(),
        says=("tcp 22 from 0.0.0.0/0", "**open-to-everybody**"),
    ),
    "a role may do more": Scenario(
        edit=of(
            "cluster", "Role", "Policies", 0, "PolicyDocument", "Statement", 0, "Action", value=["s3:Get*", "s3:Put*"]
        ),
        hazards=frozenset({("opens", "iam-widened", "cluster/Role")}),
        changed=frozenset(),
        says=("s3:Put",),
    ),
    "a role may do less": Scenario(edit=tightened, changed=frozenset()),
    "somebody else may take a role": Scenario(
        edit=of(
            "cluster",
            "Role",
            "AssumeRolePolicyDocument",
            "Statement",
            0,
            "Principal",
            value={"AWS": "arn:aws:iam::999999999999:root"},
        ),
        hazards=frozenset({("opens", "iam-widened", "cluster/Role (trust)")}),
        changed=frozenset(),
    ),
    "the endpoint is opened": Scenario(
        edit=of("cluster", "Fleet", "ResourcesVpcConfig", "EndpointPublicAccess", value=True),
        hazards=frozenset({("opens", "endpoint-opened", CLUSTER)}),
        changed=frozenset(),
        says=("**public-endpoint**",),
    ),
    "the endpoint is no longer said to be closed": Scenario(
        edit=of("cluster", "Fleet", "ResourcesVpcConfig", "EndpointPublicAccess", value=None),
        hazards=frozenset({("opens", "endpoint-opened", CLUSTER)}),
        changed=frozenset(),
    ),
    "deletion protection is off": Scenario(
        edit=of("cluster", "Fleet", "DeletionProtection", value=False),
        hazards=frozenset({("opens", "deletion-protection-off", CLUSTER)}),
        changed=frozenset(),
    ),
    "a bucket is no longer retained": Scenario(
        edit=put("cluster", "Resources", "Checkpoints", "DeletionPolicy", value="Delete"),
        hazards=frozenset({("opens", "deletion-protection-off", BUCKET)}),
        says=("DeletionPolicy `Retain` → `Delete`",),
    ),
    "a retained bucket leaves": Scenario(
        edit=put("cluster", "Resources", "Checkpoints", value=None),
        hazards=frozenset({("look", "retained", BUCKET)}),
    ),
    "a bucket that nothing retains leaves": Scenario(
        edit=lambda content: content["network"]["Resources"].pop("Bucket"),
        hazards=frozenset({("stops", "data-removed", "network/Bucket (AWS::S3::Bucket)")}),
    ),
    "user data is another": Scenario(
        edit=of("racks", *A_DATA, "UserData", value="TUlNRS1WZXJzaW9uOiAxLjAK"),
        hazards=ROLLED_A,
        changed=A,
        says=("every node is restarted",),
    ),
    "a pool has fewer nodes": Scenario(
        edit=of("racks", "RackA", "ScalingConfig", "MaxSize", value=9),
        hazards=frozenset({("stops", "pool-scaled-down", RACK_A)}),
        more=(0, -36, -9, -380.952),
        changed=A,
        says=("from 18 to 9 nodes", "1 u-p6e-gb200x72 → 1 u-p6e-gb200x36"),
    ),
    "a pool's desired size is smaller": Scenario(
        edit=both(
            of("h200", "H200", "ScalingConfig", "DesiredSize", value=1),
        ),
        hazards=frozenset({("stops", "pool-scaled-down", H200)}),
        changed=frozenset({H200}),
        says=("ScalingConfig/DesiredSize goes from 4 to 1",),
    ),
    "a pool's resource has another name": Scenario(
        edit=rack_renamed, hazards=frozenset({("stops", "pool-replaced", RACK_A)}), changed=A
    ),
    "a pool moves to another subnet": Scenario(
        edit=of("racks", "RackA", "Subnets", value=["subnet-9"]),
        hazards=frozenset({("stops", "pool-replaced", RACK_A)}),
        changed=A,
    ),
    "a pool without a name moves to another subnet": Scenario(
        edit=of("racks", "RackB", "Subnets", value=["subnet-9"]),
        hazards=frozenset({("stops", "pool-replaced", "fleet/RackB")}),
        changed=frozenset({"fleet/RackB"}),
        says=("its nodes are terminated when the new pool is there",),
    ),
    "taints are others": Scenario(
        edit=of("racks", "RackA", "Taints", value=[{"Key": "x", "Effect": "NO_EXECUTE"}]),
        hazards=frozenset({("look", "taints", RACK_A)}),
        changed=A,
    ),
    "IMDSv1 is accepted": Scenario(
        edit=of("racks", *A_DATA, "MetadataOptions", "HttpTokens", value="optional"),
        hazards=ROLLED_A | {("opens", "imds-v1", "racks/RackALaunch (AWS::EC2::LaunchTemplate)")},
        changed=A,
    ),
    "a volume is larger": Scenario(
        edit=of("racks", *A_DATA, "BlockDeviceMappings", 0, "Ebs", "VolumeSize", value=400),
        hazards=ROLLED_A,
        changed=A,
        says=("LaunchTemplateData (BlockDeviceMappings/0/Ebs/VolumeSize `200` → `400`) (new version)",),
    ),
    "the cluster has other subnets": Scenario(
        edit=of("cluster", "Fleet", "ResourcesVpcConfig", "SubnetIds", value=["subnet-1", "subnet-3"]),
        changed=frozenset(),
    ),
    "an export goes": Scenario(
        edit=put("network", "Outputs", "Subnet", value=None),
        hazards=frozenset({("stops", "export-in-use", "network/subnet-a")}),
    ),
    "a resource becomes another type": Scenario(
        edit=put("cluster", "Resources", "Checkpoints", "Type", value="AWS::S3::AccessPoint"),
        hazards=frozenset({("stops", "refused", "cluster/Checkpoints (AWS::S3::Bucket)")}),
    ),
    "an access entry is wider": Scenario(
        edit=of("cluster", "Entry", "AccessPolicies", value=ADMIN_OF_THE_CLUSTER),
        hazards=frozenset({("opens", "iam-widened", "cluster/Entry")}),
        says=("AmazonEKSClusterAdminPolicy on the whole cluster",),
    ),
    "an endpoint of the network has no policy any more": Scenario(
        edit=of("network", "S3", "PolicyDocument", value=None),
        hazards=frozenset({("opens", "iam-widened", "network/S3 (policy)")}),
    ),
    "a role that is elsewhere may do more": Scenario(
        edit=put(
            "network",
            "Resources",
            "More",
            value={
                "Type": "AWS::IAM::RolePolicy",
                "Properties": {
                    "RoleName": "nodes",
                    "PolicyDocument": {"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}},
                },
            },
        ),
        hazards=frozenset({("opens", "iam-widened", "network/nodes")}),
    ),
    "a bucket gets a policy": Scenario(
        edit=put(
            "cluster",
            "Resources",
            "Open",
            value={
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": {"Ref": "Checkpoints"},
                    "PolicyDocument": {
                        "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "Principal": "*"}
                    },
                },
            },
        ),
        hazards=frozenset({("opens", "iam-widened", "cluster/Open (policy)")}),
    ),
    "a new group lets everybody in": Scenario(
        edit=put(
            "network",
            "Resources",
            "Web",
            value={
                "Type": "AWS::EC2::SecurityGroup",
                "Properties": {
                    "SecurityGroupIngress": [
                        {"IpProtocol": "tcp", "FromPort": 8000, "ToPort": 8000, "CidrIp": "0.0.0.0/0"}
                    ]
                },
            },
        ),
        hazards=frozenset({("opens", "security-group-widened", "network/Web")}),
    ),
    "a rule of a group goes": Scenario(
        edit=put("network", "Resources", "Out", value=None),
        hazards=frozenset({("look", "removed", "network/Out (AWS::EC2::SecurityGroupEgress)")}),
        says=("**efa-security-group**",),
    ),
    "the endpoint is closed, and its networks with it": Scenario(
        edit=both(
            of("cluster", "Fleet", "ResourcesVpcConfig", "EndpointPublicAccess", value=False),
            of("cluster", "Fleet", "ResourcesVpcConfig", "PublicAccessCidrs", value=None),
        ),
    ),
    "more networks reach the endpoint": Scenario(
        edit=of("cluster", "Fleet", "ResourcesVpcConfig", "PublicAccessCidrs", value=["10.0.0.0/8", "192.0.2.0/24"]),
        hazards=frozenset({("opens", "endpoint-opened", CLUSTER)}),
        says=("192.0.2.0/24",),
    ),
    "the cluster is a minor version newer": Scenario(
        edit=of("cluster", "Fleet", "Version", value="1.35"),
        hazards=frozenset({("look", "cluster-version", CLUSTER)}),
    ),
    "the cluster skips a version": Scenario(
        edit=of("cluster", "Fleet", "Version", value="1.36"), hazards=frozenset({("stops", "refused", CLUSTER)})
    ),
    "the cluster goes back": Scenario(
        edit=of("cluster", "Fleet", "Version", value="1.33"), hazards=frozenset({("stops", "refused", CLUSTER)})
    ),
    "a file system is smaller": Scenario(
        edit=of("network", "Scratch", "StorageCapacity", value=2400),
        hazards=frozenset({("stops", "refused", "network/Scratch (AWS::FSx::FileSystem)")}),
    ),
    "a namespace goes": Scenario(
        edit=put("cluster", "Resources", "Namespace", value=None),
        hazards=frozenset({("stops", "data-removed", "cluster/Namespace (Custom::AWSCDK-EKS-KubernetesResource)")}),
        says=("Namespace is deleted, with all that is in it",),
    ),
    "a chart goes": Scenario(
        edit=put("cluster", "Resources", "Chart", value=None),
        hazards=frozenset({("look", "uninstalled", "cluster/Chart (Custom::AWSCDK-EKS-HelmChart)")}),
    ),
    "a schedule goes": Scenario(
        edit=put("cluster", "Resources", "Emptied", value=None),
        hazards=frozenset({("look", "schedule-changed", "cluster/Emptied (AWS::Scheduler::Schedule)")}),
    ),
    "two pools name one block": Scenario(
        edit=of(
            "racks",
            "RackBLaunch",
            "LaunchTemplateData",
            "CapacityReservationSpecification",
            "CapacityReservationTarget",
            value={"CapacityReservationId": "cr-0aaaaaaaaaaaaaaa1"},
        ),
        hazards=frozenset(
            {
                ("stops", "pool-rolled", RACK_B),
                ("stops", "reservation-moved", RACK_B),
                ("look", "reservation-shared", RACK_A),
            }
        ),
        changed=B,
    ),
    "a pool may have more nodes": Scenario(
        edit=both(
            of("h200", "H200", "ScalingConfig", "MaxSize", value=6),
            of("h200", "H200", "ScalingConfig", "DesiredSize", value=6),
        ),
        more=(0, 16, 2, 0.0),
        changed=frozenset({H200}),
    ),
    "nothing but the way it is written": Scenario(
        edit=both(
            of("h200", "H200", "ScalingConfig", "MaxSize", value="4"),
            of("cluster", "Fleet", "DeletionProtection", value="true"),
            of("cluster", "Role", "Policies", 0, "PolicyDocument", "Statement", 0, "Action", value=["s3:Get*"]),
        ),
        says=("None found.", "0 of 3 pools change"),
    ),
}

OPEN_TO_THE_OFFICE = both(
    of("cluster", "Fleet", "ResourcesVpcConfig", "EndpointPublicAccess", value=True),
    of("cluster", "Fleet", "ResourcesVpcConfig", "PublicAccessCidrs", value=["10.0.0.0/8"]),
)
NAMED_VERSION = of("racks", "RackA", "LaunchTemplate", "Version", value="7")
BEFORE: dict[str, Edit] = {
    "a reservation is swapped in a version that the pool doesn't name": NAMED_VERSION,
    "a pool names another version": NAMED_VERSION,
    "a bucket that nothing retains leaves": put(
        "network", "Resources", "Bucket", value={"Type": "AWS::S3::Bucket", "Properties": {}}
    ),
    "a pool's desired size is smaller": of("h200", "H200", "ScalingConfig", "DesiredSize", value=4),
    "a pool without a name moves to another subnet": of("racks", "RackB", "NodegroupName", value=None),
    "an access entry is wider": put(
        "cluster",
        "Resources",
        "Entry",
        value={
            "Type": "AWS::EKS::AccessEntry",
            "Properties": {
                "ClusterName": "fleet",
                "PrincipalArn": "arn:aws:iam::111122223333:role/a",
                "AccessPolicies": [
                    {
                        "PolicyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
                        "AccessScope": {"Type": "namespace", "Namespaces": ["a"]},
                    }
                ],
            },
        },
    ),
    "an endpoint of the network has no policy any more": put(
        "network",
        "Resources",
        "S3",
        value={
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {
                "ServiceName": "com.amazonaws.us-east-1.s3",
                "VpcId": "vpc-1",
                "PolicyDocument": {
                    "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*", "Principal": "*"}
                },
            },
        },
    ),
    "the endpoint is closed, and its networks with it": OPEN_TO_THE_OFFICE,
    "more networks reach the endpoint": OPEN_TO_THE_OFFICE,
    "a pool may have more nodes": of("h200", "H200", "ScalingConfig", "DesiredSize", value=4),
    "a file system is smaller": put(
        "network",
        "Resources",
        "Scratch",
        value={
            "Type": "AWS::FSx::FileSystem",
            "Properties": {
                "FileSystemType": "LUSTRE",
                "StorageCapacity": 4800,
                "SubnetIds": ["subnet-1"],
                "LustreConfiguration": {"DeploymentType": "SCRATCH_2"},
            },
        },
    ),
    "a namespace goes": put(
        "cluster",
        "Resources",
        "Namespace",
        value={
            "Type": "Custom::AWSCDK-EKS-KubernetesResource",
            "Properties": {"ClusterName": "fleet", "Manifest": '[{"kind":"Namespace","metadata":{"name":"a"}}]'},
        },
    ),
    "a chart goes": put(
        "cluster",
        "Resources",
        "Chart",
        value={
            "Type": "Custom::AWSCDK-EKS-HelmChart",
            "Properties": {"ClusterName": "fleet", "Release": "kueue", "Chart": "kueue"},
        },
    ),
    "a schedule goes": put(
        "cluster",
        "Resources",
        "Emptied",
        value={"Type": "AWS::Scheduler::Schedule", "Properties": {"ScheduleExpression": "at(2026-12-15T09:00:00)"}},
    ),
}
"""What the base has in addition."""
