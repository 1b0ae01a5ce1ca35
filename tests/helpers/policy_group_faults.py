"""More faults planted in the rack's template: capacity, groups of nodes, schedules, versions, networks, access."""

import json
from typing import Any

from helpers.policy_faults import LAUNCH, Edit, add, auto_scaling, data, interfaces, single
from ultrafleet.rules.schedule_tags import schedule_tags

B300 = interfaces((0, 0, "interface"), *((card, 0, "efa-only") for card in range(1, 17)))
RESERVED = "AWS::EC2::CapacityReservation"


def on_demand(resources: dict[str, Any], **reservation: Any) -> None:
    """Two B300 on an on-demand reservation, in place of the rack."""
    single(resources, "p6-b300.48xlarge")
    data(resources).update(NetworkInterfaces=B300)
    data(resources).pop("InstanceMarketOptions")
    resources["Rack"].pop("CapacityType")
    resources["Rack"]["ScalingConfig"].update(MaxSize=2)
    resources["Subnet"].update(AvailabilityZone="us-east-1b")
    add(
        resources,
        "Reserved",
        RESERVED,
        **{"InstanceType": "p6-b300.48xlarge", "InstanceCount": 2, "InstancePlatform": "Linux/UNIX", **reservation},
    )
    target(resources, CapacityReservationId={"Ref": "Reserved"})


def target(resources: dict[str, Any], **to: Any) -> None:
    data(resources)["CapacityReservationSpecification"].update(CapacityReservationTarget=to)


def block_group(resources: dict[str, Any], *, pool: dict[str, Any] | None, allowed: str = RESERVED) -> None:
    """A resource group of blocks, which an Auto Scaling group targets."""
    auto_scaling(resources, LaunchTemplate=LAUNCH, VPCZoneIdentifier=[{"Ref": "Subnet"}])
    single(resources, "p6-b300.48xlarge")
    data(resources).update(NetworkInterfaces=B300)
    resources["Subnet"].update(AvailabilityZone="us-east-1b")
    parameters = [{"Name": name, "Values": [value]} for name, value in (pool or {}).items()]
    configuration = [
        {"Type": "AWS::EC2::CapacityReservationPool", "Parameters": parameters},
        {
            "Type": "AWS::ResourceGroups::Generic",
            "Parameters": [{"Name": "allowed-resource-types", "Values": [allowed]}],
        },
    ]
    add(
        resources,
        "Blocks",
        "AWS::ResourceGroups::Group",
        Name="blocks",
        Configuration=configuration if pool is not None else [],
    )
    target(resources, CapacityReservationResourceGroupArn={"Fn::GetAtt": ["Blocks", "Arn"]})


def bottlerocket(resources: dict[str, Any], user_data: str) -> None:
    """A B300 on a block with an image of Bottlerocket, whose settings are TOML."""
    single(resources, "p6-b300.48xlarge")
    data(resources).update(NetworkInterfaces=B300, UserData={"Fn::Base64": user_data})
    resources["Rack"].update(AmiType="BOTTLEROCKET_x86_64_NVIDIA")
    resources["Subnet"].update(AvailabilityZone="us-east-1b")


def mime(resources: dict[str, Any], part: str, *, boundary: str = "X") -> None:
    """User data of one part for nodeadm."""
    text = (
        f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{boundary}"\n\n'
        f"--X\nContent-Type: application/node.eks.aws{part}\n--X--\n"
    )
    data(resources).update(UserData={"Fn::Base64": text})


def node_config(resources: dict[str, Any], **stated: Any) -> None:
    config = {"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", **stated}
    mime(resources, f"\n\n{json.dumps(config)}")


def half_a_block(instances: int = 9) -> dict[str, Any]:
    """Metadata of the rack's block with half of its instances."""
    window = {"start": "2026-12-01T11:30:00Z", "end": "2026-12-15T11:30:00Z"}
    return {"ultrafleet:rack": {"blocks": [{"id": "cr-0aaaaaaaaaaaaaaa1", "instances": instances, **window}]}}


def placed(resources: dict[str, Any], strategy: str) -> None:
    on_demand(resources)
    add(resources, "Placed", "AWS::EC2::PlacementGroup", Strategy=strategy)
    data(resources).update(Placement={"GroupName": {"Ref": "Placed"}})


def order(resources: dict[str, Any], old: str, new: str) -> None:
    told = resources["Emptied"]["Target"]
    told["Input"] = told["Input"].replace(old, new)


FOLLOWS = schedule_tags(capacity_reservation_id="cr-0aaaaaaaaaaaaaaa1", drain_lead_minutes=90)

GROUP_FAULTS: dict[str, tuple[Edit, str, str]] = {
    "right reservation, nothing wrong but the key": (
        lambda r: (on_demand(r), data(r).update(KeyName="k")),
        "ssh-key",
        "warning",
    ),
    "right group of blocks, nothing wrong but the key": (
        lambda r: (
            block_group(r, pool={"instance-type": "p6-b300.48xlarge", "reservation-type": "capacity-block"}),
            data(r).update(KeyName="k"),
        ),
        "ssh-key",
        "warning",
    ),
    "a rack without EFA": (
        lambda r: data(r).update(NetworkInterfaces=interfaces((0, 0, "interface"))),
        "no-efa",
        "warning",
    ),
    "a type that nobody knows": (
        lambda r: (
            data(r).update(InstanceType="p6e-gb200.72xlarge"),
            r["Emptied"].update(ScheduleExpression="at(2026-12-15T09:00:00)"),
        ),
        "instance-type",
        "warning",
    ),
    "security groups twice": (
        lambda r: data(r).update(SecurityGroupIds=["sg-1"]),
        "security-groups-twice",
        "error",
    ),
    "a block and no reservation wanted": (
        lambda r: data(r)["CapacityReservationSpecification"].update(CapacityReservationPreference="none"),
        "market-and-reservation",
        "error",
    ),
    "instances spread": (lambda r: placed(r, "spread"), "placement-strategy", "warning"),
    "a P6e reserved on demand": (
        lambda r: add(r, "Reserved", RESERVED, InstanceType="p6e-gb200.36xlarge", InstanceCount=18),
        "block-in-cloudformation",
        "error",
    ),
    "a block that is a reservation made here": (
        lambda r: (
            on_demand(r),
            data(r).update(InstanceMarketOptions={"MarketType": "capacity-block"}),
            r["Rack"].update(CapacityType="CAPACITY_BLOCK"),
        ),
        "block-in-cloudformation",
        "error",
    ),
    "a reservation of another type": (
        lambda r: on_demand(r, InstanceType="p6-b200.48xlarge"),
        "reservation-agreement",
        "error",
    ),
    "a reservation in another zone": (
        lambda r: on_demand(r, AvailabilityZone="us-east-1a"),
        "reservation-agreement",
        "error",
    ),
    "a group that takes instances": (
        lambda r: block_group(
            r,
            pool={"instance-type": "p6-b300.48xlarge", "reservation-type": "capacity-block"},
            allowed="AWS::EC2::Instance",
        ),
        "reservation-group",
        "error",
    ),
    "a group of another type": (
        lambda r: block_group(r, pool={"instance-type": "p5en.48xlarge", "reservation-type": "capacity-block"}),
        "reservation-group",
        "error",
    ),
    "a group that is no pool": (lambda r: block_group(r, pool=None), "reservation-group", "error"),
    "a placement group of an Auto Scaling group": (
        lambda r: auto_scaling(r, LaunchTemplate=LAUNCH, VPCZoneIdentifier=["subnet-1"], PlacementGroup="p"),
        "placement-with-block",
        "error",
    ),
    "nodes before the block": (
        lambda r: r["Rack"]["ScalingConfig"].update(DesiredSize=18),
        "desired-size-with-block",
        "warning",
    ),
    "no image stated": (lambda r: r["Rack"].pop("AmiType"), "ami-architecture", "error"),
    "an image of the other architecture": (
        lambda r: (
            r["Rack"].pop("AmiType"),
            data(r).update(
                ImageId="{{resolve:ssm:/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/nvidia/"
                "recommended/image_id}}"
            ),
        ),
        "ami-architecture",
        "error",
    ),
    "Bottlerocket on GB200": (
        lambda r: (r["Rack"].update(AmiType="BOTTLEROCKET_ARM_64_NVIDIA"), data(r).pop("UserData")),
        "ami-architecture",
        "warning",
    ),
    "MIME for Bottlerocket": (lambda r: bottlerocket(r, "MIME-Version: 1.0\n"), "bottlerocket", "error"),
    "a script for Bottlerocket": (lambda r: bottlerocket(r, "#!/bin/bash\n"), "bottlerocket", "error"),
    "a table twice for Bottlerocket": (lambda r: bottlerocket(r, "[settings]\n[settings]\n"), "bottlerocket", "error"),
    "Bottlerocket's images on its system's volume": (
        lambda r: (bottlerocket(r, "[settings]\n"), data(r)["BlockDeviceMappings"][0]["Ebs"].update(VolumeSize=500)),
        "bottlerocket",
        "error",
    ),
    "a volume that Bottlerocket doesn't have": (
        lambda r: (bottlerocket(r, "[settings]\n"), data(r)["BlockDeviceMappings"][0].update(DeviceName="xvdb")),
        "bottlerocket",
        "error",
    ),
    "TOML for Amazon Linux": (
        lambda r: data(r).update(UserData={"Fn::Base64": "[settings.kubernetes]\n"}),
        "user-data-mime",
        "error",
    ),
    "a custom image that nobody names": (lambda r: r["Rack"].update(AmiType="CUSTOM"), "custom-image", "error"),
    "a version beside an image": (
        lambda r: (
            r["Rack"].update(AmiType="CUSTOM", Version="1.34"),
            data(r).update(ImageId="ami-0123456789abcdef0"),
        ),
        "custom-image",
        "error",
    ),
    "a custom image without user data": (
        lambda r: (
            r["Rack"].update(AmiType="CUSTOM"),
            data(r).update(ImageId="ami-0123456789abcdef0"),
            data(r).pop("UserData"),
        ),
        "custom-image",
        "warning",
    ),
    "a group of reservations for a managed node group": (
        lambda r: target(r, CapacityReservationResourceGroupArn="arn:aws:resource-groups:us-east-1:1:group/a"),
        "block-target",
        "error",
    ),
    "a group of reservations in a Local Zone": (
        lambda r: (
            auto_scaling(r, LaunchTemplate=LAUNCH, VPCZoneIdentifier=[{"Ref": "Subnet"}]),
            target(r, CapacityReservationResourceGroupArn="arn:aws:resource-groups:us-east-1:1:group/a"),
        ),
        "block-target",
        "error",
    ),
    "a NodeConfig of another version": (
        lambda r: node_config(r, apiVersion="node.eks.aws/v1alpha"),
        "node-config",
        "error",
    ),
    "a strategy that nodeadm doesn't know": (
        lambda r: node_config(r, spec={"instance": {"localStorage": {"strategy": "RAID5"}}}),
        "node-config",
        "error",
    ),
    "a NodeConfig that is no YAML": (lambda r: mime(r, "\n\n{"), "node-config", "error"),
    "a NodeConfig in its own headers": (
        lambda r: mime(r, "\napiVersion: node.eks.aws/v1alpha1\n"),
        "node-config",
        "error",
    ),
    "a boundary that separates nothing": (lambda r: mime(r, "\n\n{}", boundary="Y"), "node-config", "error"),
    "spot in a managed node group": (
        lambda r: (on_demand(r), target(r), data(r).update(InstanceMarketOptions={"MarketType": "spot"})),
        "node-group-launch-template",
        "error",
    ),
    "a desired size below the least": (
        lambda r: (
            on_demand(r),
            r[""]["Resources"].pop("Emptied"),
            r["Rack"].update(ScalingConfig={"MinSize": 2, "MaxSize": 2, "DesiredSize": 1}),
        ),
        "group-sizes",
        "error",
    ),
    "two node groups on one block": (
        lambda r: add(r, "Second", "AWS::EKS::Nodegroup", **{**r["Rack"], "NodegroupName": "second", "Tags": FOLLOWS}),
        "shared-reservation",
        "error",
    ),
    "more nodes than are reserved": (
        lambda r: (on_demand(r), r["Rack"]["ScalingConfig"].update(MaxSize=3)),
        "shared-reservation",
        "error",
    ),
    "a block of fewer nodes than none": (
        lambda r: r[""].update(Metadata=half_a_block(-9)),
        "block-metadata",
        "warning",
    ),
    "more nodes than the block has": (lambda r: r[""].update(Metadata=half_a_block()), "shared-reservation", "error"),
    "no update strategy on a block": (lambda r: r["Rack"].pop("UpdateConfig"), "update-strategy", "warning"),
    "the default strategy on a reservation": (
        lambda r: (on_demand(r), r["Rack"].update(UpdateConfig={"UpdateStrategy": "DEFAULT"})),
        "update-strategy",
        "warning",
    ),
    "a label that EKS reserves": (
        lambda r: r["Rack"].update(Labels={"node-role.kubernetes.io/gpu": "true"}),
        "reserved-labels",
        "error",
    ),
    "a label that only some of EKS reserves": (
        lambda r: r["Rack"].update(Labels={"node.kubernetes.io/kind": "gpu"}),
        "reserved-labels",
        "warning",
    ),
    "a desired size of none that a schedule raises": (
        lambda r: (r["Rack"]["ScalingConfig"].update(DesiredSize=0), r["Rack"].update(Tags=FOLLOWS)),
        "desired-size-with-block",
        "warning",
    ),
    "an Auto Scaling group that is filled and states none": (
        lambda r: (
            auto_scaling(r, LaunchTemplate=LAUNCH, VPCZoneIdentifier=[{"Ref": "Subnet"}], DesiredCapacity="0"),
            add(
                r,
                "Filled",
                "AWS::AutoScaling::ScheduledAction",
                AutoScalingGroupName={"Ref": "Fleet"},
                DesiredCapacity=18,
                StartTime="2026-12-01T11:35:00Z",
            ),
        ),
        "desired-size-with-block",
        "warning",
    ),
    "the tag of an earlier release alone": (
        lambda r: (
            r[""]["Resources"].pop("Emptied"),
            r["Rack"].update(
                Tags={"ultrafleet:schedule": "capacity-blocks", "ultrafleet:capacity-block-group": "prod-rack"}
            ),
        ),
        "pool-not-drained",
        "warning",
    ),
    "the tag of another block": (
        lambda r: r["Rack"].update(Tags={**FOLLOWS, "ultrafleet:capacity-reservation": "cr-0bbbbbbbbbbbbbbb1"}),
        "pool-not-drained",
        "warning",
    ),
    "a P6e without launch template": (
        lambda r: (
            r["Rack"].pop("LaunchTemplate"),
            r["Rack"].update(CapacityType="ON_DEMAND"),
            r["Rack"].update(InstanceTypes=["p6e-gb200.36xlarge"]),
        ),
        "capacity-type",
        "error",
    ),
    "PCS on demand": (
        lambda r: (
            r[""]["Resources"].pop("Rack"),
            r[""]["Resources"].pop("Emptied"),
            add(
                r,
                "Slurm",
                "AWS::PCS::ComputeNodeGroup",
                CustomLaunchTemplate={"TemplateId": {"Ref": "Template"}, "Version": "$Latest"},
                InstanceConfigs=[{"InstanceType": "p6e-gb200.36xlarge"}],
                PurchaseOption="ONDEMAND",
                ScalingConfiguration={"MinInstanceCount": 0, "MaxInstanceCount": 18},
                SubnetIds=[{"Ref": "Subnet"}],
            ),
        ),
        "capacity-type",
        "error",
    ),
    "an instance profile": (
        lambda r: data(r).update(IamInstanceProfile={"Name": "node"}),
        "node-group-launch-template",
        "error",
    ),
    "a subnet on an interface": (
        lambda r: data(r)["NetworkInterfaces"][0].update(SubnetId="subnet-1"),
        "node-group-launch-template",
        "error",
    ),
    "a type twice": (
        lambda r: r["Rack"].update(InstanceTypes=["p6e-gb200.36xlarge"]),
        "node-group-launch-template",
        "error",
    ),
    "an image twice": (
        lambda r: data(r).update(ImageId="ami-0123456789abcdef0"),
        "node-group-launch-template",
        "error",
    ),
    "a disk size": (lambda r: r["Rack"].update(DiskSize=100), "node-group-launch-template", "error"),
    "user data that is a script": (
        lambda r: data(r).update(UserData={"Fn::Base64": {"Fn::Sub": "#!/bin/bash\necho ${AWS::Region}"}}),
        "user-data-mime",
        "error",
    ),
    "emptied with EKS": (
        lambda r: r["Emptied"].update(ScheduleExpression="at(2026-12-15T10:50:00)"),
        "block-clock",
        "error",
    ),
    "a lead that is too short": (
        lambda r: r["Rack"].update(
            Tags={"ultrafleet:schedule": "capacity-blocks", "ultrafleet:drain-lead-minutes": "40"}
        ),
        "block-clock",
        "error",
    ),
    "an Auto Scaling group emptied late": (
        lambda r: (
            auto_scaling(r, LaunchTemplate=LAUNCH, VPCZoneIdentifier=["subnet-1"]),
            r[""]["Resources"]["Scaled"]["Properties"].update(StartTime="2026-12-15T11:00:00Z"),
        ),
        "block-clock",
        "error",
    ),
    "no schedule drains it": (lambda r: r[""]["Resources"].pop("Emptied"), "pool-not-drained", "warning"),
    "keys in camel case": (
        lambda r: order(r, '"ClusterName"', '"clusterName"'),
        "schedule",
        "error",
    ),
    "a long name of a schedule": (lambda r: r["Emptied"].update(Name="x" * 65), "schedule", "error"),
    "a release without driver": (
        lambda r: r["Rack"].update(ReleaseVersion="1.34.1-20250904"),
        "release-for-p6e",
        "error",
    ),
    "an old CNI": (
        lambda r: add(
            r, "Cni", "AWS::EKS::Addon", AddonName="vpc-cni", AddonVersion="v1.18.3-eksbuild.1", ClusterName="c"
        ),
        "cni-for-efa-only",
        "error",
    ),
    "a small subnet": (lambda r: r["Subnet"].update(CidrBlock="10.0.0.0/28"), "subnet-addresses", "error"),
    "a cluster in the Local Zone": (
        lambda r: r["Cluster"]["ResourcesVpcConfig"].update(SubnetIds=[{"Ref": "Subnet"}, "subnet-2"]),
        "cluster-subnets",
        "error",
    ),
    "a volume that says nothing": (
        lambda r: data(r)["BlockDeviceMappings"][0]["Ebs"].pop("Encrypted"),
        "volume-encryption",
        "error",
    ),
    "a plain file system": (
        lambda r: add(r, "Homes", "AWS::EFS::FileSystem", Encrypted=False),
        "volume-encryption",
        "error",
    ),
    "an administrator in any partition": (
        lambda r: r["NodeRole"].update(
            ManagedPolicyArns=[
                {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::aws:policy/AdministratorAccess"]]}
            ]
        ),
        "all-rights",
        "error",
    ),
    "a role for everybody": (
        lambda r: r["NodeRole"].update(
            AssumeRolePolicyDocument={
                "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]
            }
        ),
        "trust-everybody",
        "error",
    ),
    "access in a config map": (
        lambda r: r["Cluster"].update(AccessConfig={"AuthenticationMode": "CONFIG_MAP"}),
        "authentication-mode",
        "warning",
    ),
    "more nodes than the quota": (
        lambda r: add(
            r,
            "Workers",
            "AWS::EKS::Nodegroup",
            ScalingConfig={"MaxSize": 451},
            Subnets=["s"],
            NodeRole="n",
            ClusterName="c",
        ),
        "node-quota",
        "warning",
    ),
    "61 rules": (
        lambda r: r["Efa"].update(
            SecurityGroupEgress=[
                {"IpProtocol": "tcp", "FromPort": n, "ToPort": n, "CidrIp": "10.0.0.0/8"} for n in range(61)
            ]
        ),
        "security-group-rules",
        "warning",
    ),
    "201 outputs": (
        lambda r: r[""].update(Outputs={f"O{n}": {"Value": "x"} for n in range(201)}),
        "stack-limits",
        "error",
    ),
    "Amazon Linux 2 on a version that has none": (
        lambda r: (
            single(r, "p5.4xlarge"),
            data(r).update(NetworkInterfaces=interfaces((0, 0, "interface"), (0, 1, "efa-only"))),
            r["Rack"].update(AmiType="AL2_x86_64_GPU"),
        ),
        "amazon-linux-2",
        "error",
    ),
    "Amazon Linux 2 on a version that has some": (
        lambda r: (
            single(r, "p5.4xlarge"),
            data(r).update(NetworkInterfaces=interfaces((0, 0, "interface"), (0, 1, "efa-only"))),
            r["Rack"].update(AmiType="AL2_x86_64_GPU"),
            r["Cluster"].update(Version="1.32"),
        ),
        "amazon-linux-2",
        "warning",
    ),
    "a loop over what nobody knows": (
        lambda r: r[""]["Resources"].update(
            {"Fn::ForEach::Topics": ["Name", {"Ref": "Vpc"}, {"Topic${Name}": {"Type": "AWS::SNS::Topic"}}]}
        ),
        "unread",
        "unknown",
    ),
}
