"""Faults planted in the rack's template that other rules than those of one resource find, in several spellings."""

import json
from typing import Any

from helpers.policy_faults import LAUNCH, Edit, add, auto_scaling, data, interfaces, single
from helpers.policy_group_faults import B300, bottlerocket, mime, node_config, on_demand, order, target
from helpers.policy_templates import CLUSTER_FACTS, node_config_document

MANAGED = "arn:aws:iam::aws:policy"
IMAGES = "/aws/service/eks/optimized-ami"
SELF = {"Ref": "Efa"}
AUTO_SCALING_ROLE = (
    "arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
)


def p5(resources: dict[str, Any], cards: int) -> None:
    """A P5 on demand with some of its 32 EFA interfaces, in place of the rack."""
    on_demand(resources)
    resources[""]["Resources"].pop("Reserved")
    data(resources).pop("CapacityReservationSpecification")
    single(resources, "p5.48xlarge")
    layout = [(0, 0, "interface"), (0, 1, "efa-only"), *((card, 0, "efa-only") for card in range(1, cards))]
    data(resources).update(NetworkInterfaces=interfaces(*layout))


def custom(resources: dict[str, Any], text: str) -> None:
    """An image of one's own with user data."""
    p5(resources, 32)
    resources["Rack"].pop("AmiType")
    data(resources).update(ImageId="ami-0123456789abcdef0", UserData={"Fn::Base64": text})


def self_managed(resources: dict[str, Any], image: str, text: str) -> None:
    """An Auto Scaling group on the block, with an image of EKS by its path."""
    auto_scaling(resources, LaunchTemplate=LAUNCH, VPCZoneIdentifier=[{"Ref": "Subnet"}])
    data(resources).update(ImageId=f"{{{{resolve:ssm:{IMAGES}/{image}/recommended/image_id}}}}")
    data(resources).update(UserData={"Fn::Base64": text})


def batch(resources: dict[str, Any], **computes: Any) -> None:
    """A compute environment on the launch template, in place of the node group."""
    p5(resources, 32)
    for name in ("Rack", "Emptied"):
        resources[""]["Resources"].pop(name)
    add(
        resources,
        "Jobs",
        "AWS::Batch::ComputeEnvironment",
        Type="MANAGED",
        ComputeResources={
            "Type": "EC2",
            "MinvCpus": 0,
            "MaxvCpus": 768,
            "InstanceTypes": ["p5.48xlarge"],
            "Subnets": [{"Ref": "Subnet"}],
            "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}, "Version": "$Latest"},
            **computes,
        },
    )


def hyperpod(resources: dict[str, Any], count: int, *subnets: str, kind: str = "ml.p6e-gb200.36xlarge") -> None:
    add(
        resources,
        "HyperPod",
        "AWS::SageMaker::Cluster",
        InstanceGroups=[{"InstanceGroupName": "racks", "InstanceType": kind, "InstanceCount": count}],
        VpcConfig={"SecurityGroupIds": [SELF], "Subnets": list(subnets)},
    )


def role(resources: dict[str, Any], *managed: str, statement: dict[str, Any] | None = None) -> None:
    document = {"Statement": [{"Effect": "Allow", **statement}]} if statement else None
    add(
        resources,
        "Workers",
        "AWS::IAM::Role",
        AssumeRolePolicyDocument={
            "Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        },
        ManagedPolicyArns=[f"{MANAGED}/{name}" for name in managed],
        Policies=[{"PolicyName": "p", "PolicyDocument": document}] if document else [],
    )


def key(resources: dict[str, Any], *statements: dict[str, Any]) -> None:
    """A key of the template for the nodes' volume."""
    administrator = {"AWS": "arn:aws:iam::111122223333:root"}
    own = {"Effect": "Allow", "Principal": administrator, "Action": "kms:*", "Resource": "*"}
    add(resources, "Key", "AWS::KMS::Key", KeyPolicy={"Statement": [own, *statements]})
    data(resources)["BlockDeviceMappings"][0]["Ebs"].update(KmsKeyId={"Fn::GetAtt": ["Key", "Arn"]})


def pod_role(resources: dict[str, Any], service: str, *actions: str) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": list(actions)}
    add(resources, "PodRole", "AWS::IAM::Role", AssumeRolePolicyDocument={"Statement": [trust]})
    associate(resources, "Association")


def associate(resources: dict[str, Any], name: str) -> None:
    add(
        resources,
        name,
        "AWS::EKS::PodIdentityAssociation",
        ClusterName={"Ref": "Cluster"},
        Namespace="kube-system",
        ServiceAccount="aws-node",
        RoleArn={"Fn::GetAtt": ["PodRole", "Arn"]},
    )


def cni(resources: dict[str, Any], configuration: Any, **properties: Any) -> None:
    add(
        resources,
        "Cni",
        "AWS::EKS::Addon",
        AddonName="vpc-cni",
        ClusterName={"Ref": "Cluster"},
        ConfigurationValues=configuration,
        **properties,
    )


def public(resources: dict[str, Any], **subnet: Any) -> None:
    """A subnet whose default route is an internet gateway."""
    resources["Subnet"].update(subnet)
    add(resources, "Gateway", "AWS::EC2::InternetGateway")
    add(resources, "Table", "AWS::EC2::RouteTable", VpcId={"Ref": "Vpc"})
    out = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": {"Ref": "Gateway"}}
    add(resources, "Out", "AWS::EC2::Route", RouteTableId={"Ref": "Table"}, **out)
    ends = {"RouteTableId": {"Ref": "Table"}, "SubnetId": {"Ref": "Subnet"}}
    add(resources, "Routed", "AWS::EC2::SubnetRouteTableAssociation", **ends)


def update_policy(resources: dict[str, Any], policy: dict[str, Any], **properties: Any) -> None:
    auto_scaling(resources, LaunchTemplate=LAUNCH, VPCZoneIdentifier=[{"Ref": "Subnet"}], **properties)
    resources[""]["Resources"]["Fleet"]["UpdatePolicy"] = policy


def grouped(resources: dict[str, Any], member: Any, kind: str = "p5.48xlarge", count: int = 2) -> None:
    """A reservation behind a resource group, which the node group targets."""
    on_demand(resources, InstanceType=kind, InstanceCount=count, AvailabilityZone="us-east-1b")
    add(
        resources,
        "Grouped",
        "AWS::ResourceGroups::Group",
        Name="grouped",
        Configuration=[
            {"Type": "AWS::EC2::CapacityReservationPool"},
            {
                "Type": "AWS::ResourceGroups::Generic",
                "Parameters": [{"Name": "allowed-resource-types", "Values": ["AWS::EC2::CapacityReservation"]}],
            },
        ],
        Resources=[member],
    )
    target(resources, CapacityReservationResourceGroupArn={"Fn::GetAtt": ["Grouped", "Arn"]})


def ingress(resources: dict[str, Any], low: int, high: int, **source: Any) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": low, "ToPort": high, **(source or {"CidrIp": "0.0.0.0/0"})}
    resources["Efa"].setdefault("SecurityGroupIngress", []).append(rule)


def entry(resources: dict[str, Any], principal: Any, name: str = "Entry", **properties: Any) -> None:
    add(resources, name, "AWS::EKS::AccessEntry", ClusterName={"Ref": "Cluster"}, PrincipalArn=principal, **properties)


ARN = "arn:aws:ec2:us-east-1:111122223333:capacity-reservation/"
OTHER_ROLE = "arn:aws:iam::111122223333:role/other"

REACH_FAULTS: dict[str, tuple[Edit, str, str]] = {
    "a quarter of P5's EFA": (lambda r: p5(r, 8), "efa-bandwidth", "warning"),
    "one EFA of 32": (lambda r: p5(r, 1), "efa-bandwidth", "warning"),
    "two EFA of P6e's four": (
        lambda r: data(r).update(
            NetworkInterfaces=interfaces((0, 0, "interface"), (1, 0, "efa-only"), (5, 0, "efa-only"))
        ),
        "efa-bandwidth",
        "warning",
    ),
    "EFA on a type that has none": (
        lambda r: (
            p5(r, 1),
            data(r).update(InstanceType="m7i.xlarge"),
            r["Rack"].update(AmiType="AL2023_x86_64_STANDARD"),
        ),
        "efa-type",
        "error",
    ),
    "EFA on the small one of a family": (
        lambda r: (
            p5(r, 1),
            data(r).update(InstanceType="g6f.xlarge"),
        ),
        "efa-type",
        "error",
    ),
    "interfaces that are kept": (
        lambda r: data(r)["NetworkInterfaces"][1].update(DeleteOnTermination=False),
        "interfaces-outlive",
        "warning",
    ),
    "interfaces with an address that say nothing": (
        lambda r: (
            p5(r, 32),
            data(r).update(
                NetworkInterfaces=[
                    {key: value for key, value in item.items() if key != "DeleteOnTermination"}
                    for item in interfaces((0, 0, "efa"), *((card, 1, "efa") for card in range(1, 32)))
                ]
            ),
        ),
        "interfaces-outlive",
        "warning",
    ),
    "EFA without groups": (lambda r: data(r)["NetworkInterfaces"][1].pop("Groups"), "efa-security-group", "error"),
    "EFA with a group of elsewhere": (
        lambda r: [item.update(Groups=["sg-0123456789abcdef0"]) for item in data(r)["NetworkInterfaces"]],
        "efa-security-group",
        "unknown",
    ),
    "a condition of four parts": (
        lambda r: data(r).update(NetworkInterfaces={"Fn::If": ["IsProduction", data(r)["NetworkInterfaces"], [], []]}),
        "function-parts",
        "error",
    ),
    "a join of one part": (
        lambda r: r["Rack"].update(NodeRole={"Fn::Join": [["arn:aws:iam::", "role"]]}),
        "function-parts",
        "error",
    ),
    "a comparison of three parts": (
        lambda r: r[""]["Conditions"].update(Odd={"Fn::Equals": ["a", "b", "c"]}),
        "function-parts",
        "error",
    ),
    "Ray's dashboard for everybody": (lambda r: ingress(r, 8265, 8265), "open-to-everybody", "error"),
    "the kubelet for everybody, in IPv6": (
        lambda r: add(
            r,
            "Kubelet",
            "AWS::EC2::SecurityGroupIngress",
            GroupId=SELF,
            IpProtocol="6",
            FromPort=10250,
            ToPort=10250,
            CidrIpv6="0:0::/0",
        ),
        "open-to-everybody",
        "error",
    ),
    "every port for half of everybody": (
        lambda r: ingress(r, 0, 65535, CidrIp="128.0.0.0/1"),
        "open-to-everybody",
        "error",
    ),
    "Lustre without its second range": (lambda r: ingress(r, 988, 988, CidrIp="10.0.0.0/8"), "lustre-ports", "warning"),
    "Lustre with the range of older clients": (
        lambda r: (ingress(r, 988, 988, CidrIp="10.0.0.0/8"), ingress(r, 1021, 1023, CidrIp="10.0.0.0/8")),
        "lustre-ports",
        "warning",
    ),
    "a pinned version": (
        lambda r: r["Rack"]["LaunchTemplate"].update(Version="1"),
        "launch-template-version",
        "warning",
    ),
    "a pinned version of a group": (
        lambda r: auto_scaling(r, LaunchTemplate={**LAUNCH, "Version": 2}, VPCZoneIdentifier=[{"Ref": "Subnet"}]),
        "launch-template-version",
        "warning",
    ),
    "as many in service as there may be": (
        lambda r: update_policy(r, {"AutoScalingRollingUpdate": {"MinInstancesInService": 18}}),
        "rolling-update",
        "error",
    ),
    "a second group on a full block": (
        lambda r: update_policy(r, {"AutoScalingReplacingUpdate": {"WillReplace": "true"}}),
        "rolling-update",
        "error",
    ),
    "all healthy on a full block": (
        lambda r: update_policy(
            r, {}, InstanceMaintenancePolicy={"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110}
        ),
        "rolling-update",
        "error",
    ),
    "IAMFullAccess": (lambda r: role(r, "IAMFullAccess"), "privilege-escalation", "error"),
    "PowerUserAccess": (lambda r: role(r, "PowerUserAccess"), "privilege-escalation", "warning"),
    "a policy that it may attach to any role": (
        lambda r: role(r, statement={"Action": ["iam:CreateRole", "iam:Attach*"], "Resource": "arn:aws:iam::*:role/*"}),
        "privilege-escalation",
        "error",
    ),
    "a policy apart that it may put on any role of the account": (
        lambda r: (
            role(r),
            add(
                r,
                "Apart",
                "AWS::IAM::Policy",
                PolicyName="apart",
                Roles=[{"Ref": "Workers"}],
                PolicyDocument={
                    "Statement": {
                        "Effect": "Allow",
                        "Action": "iam:PutRolePolicy",
                        "Resource": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"},
                    }
                },
            ),
        ),
        "privilege-escalation",
        "error",
    ),
    "any role for an instance of its own": (
        lambda r: role(r, statement={"Action": ["iam:PassRole", "ec2:Run*"], "Resource": "*"}),
        "privilege-escalation",
        "warning",
    ),
    "two groups with the cluster's tag": (
        lambda r: (
            r["Efa"].update(Tags=[{"Key": {"Fn::Sub": "kubernetes.io/cluster/${Stage}-fleet"}, "Value": "owned"}]),
        ),
        "tagged-groups",
        "warning",
    ),
    "a first interface without the cluster's group": (
        lambda r: data(r)["NetworkInterfaces"][0].update(Groups=[SELF]),
        "cluster-security-group",
        "warning",
    ),
    "no interface with the cluster's group": (
        lambda r: [item.update(Groups=[SELF]) for item in data(r)["NetworkInterfaces"]],
        "cluster-security-group",
        "warning",
    ),
    "an entry for a managed role": (
        lambda r: entry(r, {"Fn::GetAtt": ["NodeRole", "Arn"]}, Type="EC2_LINUX"),
        "access-entry",
        "error",
    ),
    "an entry twice": (lambda r: (entry(r, OTHER_ROLE), entry(r, OTHER_ROLE, "Again")), "access-entry", "error"),
    "an entry with a group of Kubernetes": (
        lambda r: entry(r, OTHER_ROLE, KubernetesGroups=["system:masters"]),
        "access-entry",
        "error",
    ),
    "nodes with groups of their own": (
        lambda r: entry(r, OTHER_ROLE, Type="EC2_LINUX", KubernetesGroups=["nodes"]),
        "access-entry",
        "error",
    ),
    "a public subnet": (public, "public-subnet", "warning"),
    "a subnet that gives addresses": (
        lambda r: r["Subnet"].update(MapPublicIpOnLaunch=True),
        "public-subnet",
        "warning",
    ),
    "a key that Auto Scaling may not use": (key, "volume-key", "error"),
    "a key without grants": (
        lambda r: key(
            r,
            {
                "Effect": "Allow",
                "Principal": {"AWS": AUTO_SCALING_ROLE},
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                "Resource": "*",
            },
        ),
        "volume-key",
        "error",
    ),
    "a pod's role without tags": (
        lambda r: pod_role(r, "pods.eks.amazonaws.com", "sts:AssumeRole"),
        "pod-identity",
        "error",
    ),
    "a pod's role for another service": (
        lambda r: pod_role(r, "ec2.amazonaws.com", "sts:AssumeRole", "sts:TagSession"),
        "pod-identity",
        "error",
    ),
    "two associations of one account": (
        lambda r: (
            pod_role(r, "pods.eks.amazonaws.com", "sts:AssumeRole", "sts:TagSession"),
            associate(r, "Second"),
        ),
        "pod-identity",
        "error",
    ),
    "an identity beside a role of the account": (
        lambda r: (
            pod_role(r, "pods.eks.amazonaws.com", "sts:AssumeRole", "sts:TagSession"),
            r[""]["Resources"].pop("Association"),
            cni(
                r,
                None,
                ServiceAccountRoleArn=OTHER_ROLE,
                PodIdentityAssociations=[{"ServiceAccount": "aws-node", "RoleArn": {"Fn::GetAtt": ["PodRole", "Arn"]}}],
            ),
        ),
        "pod-identity",
        "warning",
    ),
    "a switch that is no text": (
        lambda r: cni(r, '{"env": {"ENABLE_POD_ENI": true}}'),
        "addon-configuration",
        "error",
    ),
    "a variable that isn't known": (
        lambda r: cni(r, "env:\n  ENABLE_PREFIX_DELEGATON: 'true'\n"),
        "addon-configuration",
        "warning",
    ),
    "a configuration that is no text": (lambda r: cni(r, {"env": {}}), "addon-configuration", "error"),
    "a configuration that can't be read": (lambda r: cni(r, '{"env": '), "addon-configuration", "error"),
    "prefixes that a subnet doesn't hold": (
        lambda r: (
            cni(r, '{"env": {"ENABLE_PREFIX_DELEGATION": "true"}}'),
            node_config(r, spec={"kubelet": {"config": {"maxPods": 110}}}),
            r["Subnet"].update(CidrBlock="10.0.0.0/25"),
        ),
        "prefix-delegation",
        "error",
    ),
    "an image of Amazon Linux 2 by its parameter": (
        lambda r: (
            self_managed(r, "1.34/amazon-linux-2023/arm64/nvidia", ""),
            r[""]["Parameters"].update(
                Image={
                    "Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
                    "Default": f"{IMAGES}/1.32/amazon-linux-2-arm64",
                }
            ),
            data(r).update(ImageId={"Ref": "Image"}),
        ),
        "amazon-linux-2",
        "warning",
    ),
    "an image of Amazon Linux 2 by its path": (
        lambda r: self_managed(r, "1.32/amazon-linux-2-arm64", ""),
        "amazon-linux-2",
        "warning",
    ),
    "a version that EKS no longer makes": (
        lambda r: (p5(r, 32), r["Cluster"].update(Version="1.29")),
        "kubernetes-version",
        "error",
    ),
    "a script of Amazon Linux 2 on its successor": (
        lambda r: self_managed(r, "1.34/amazon-linux-2023/arm64/nvidia", "#!/bin/bash\n/etc/eks/bootstrap.sh fleet\n"),
        "user-data-format",
        "error",
    ),
    "a script for Bottlerocket by its path": (
        lambda r: (
            self_managed(r, "x", "#!/bin/bash\necho\n"),
            data(r).update(
                ImageId="{{resolve:ssm:/aws/service/bottlerocket/aws-k8s-1.34-nvidia/arm64/latest/image_id}}"
            ),
        ),
        "user-data-format",
        "error",
    ),
    "a custom image whose NodeConfig names no cluster": (
        lambda r: custom(
            r,
            node_config_document(),
        ),
        "cluster-facts",
        "error",
    ),
    "a custom Bottlerocket that names no cluster": (
        lambda r: custom(r, "[settings.kubernetes]\nmax-pods = 64\n"),
        "cluster-facts",
        "error",
    ),
    "pods as text": (lambda r: node_config(r, spec={"kubelet": {"config": {"maxPods": "64"}}}), "node-config", "error"),
    "flags as a mapping": (
        lambda r: node_config(r, spec={"kubelet": {"flags": {"node-labels": "a=b"}}}),
        "node-config",
        "error",
    ),
    "a script without an empty line before it": (
        lambda r: data(r).update(
            UserData={
                "Fn::Base64": 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="X"\n\n'
                "--X\nContent-Type: text/x-shellscript\n#!/bin/bash\necho\n--X--\n"
            }
        ),
        "node-config",
        "error",
    ),
    "RAID10 of three disks": (
        lambda r: node_config(r, spec={"instance": {"localStorage": {"strategy": "RAID10"}}}),
        "node-config",
        "error",
    ),
    "a document that is indented": (
        lambda r: (
            mime(r, "\n\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n"),
            data(r).update(
                UserData={
                    "Fn::Base64": "\n".join(f"    {line}" for line in data(r)["UserData"]["Fn::Base64"].splitlines())
                }
            ),
        ),
        "node-config",
        "error",
    ),
    "two volumes of one name": (
        lambda r: data(r)["BlockDeviceMappings"].append({**data(r)["BlockDeviceMappings"][0]}),
        "volume-names",
        "error",
    ),
    "a bare name of a volume of Bottlerocket": (
        lambda r: (bottlerocket(r, "[settings]\n"), data(r)["BlockDeviceMappings"][0].update(DeviceName="xvda")),
        "bottlerocket",
        "error",
    ),
    "containerd's settings as a mapping": (
        lambda r: node_config(r, spec={"containerd": {"config": {"version": 2}}}),
        "node-config",
        "error",
    ),
    "a label that the kubelet doesn't take": (
        lambda r: node_config(r, spec={"kubelet": {"flags": ["--node-labels=a=b,node-role.kubernetes.io/gpu=true"]}}),
        "reserved-labels",
        "error",
    ),
    "Batch over two subnets": (lambda r: batch(r, Subnets=[{"Ref": "Subnet"}, "subnet-2"]), "batch", "error"),
    "Batch with an image of Amazon Linux 2": (
        lambda r: batch(r, Ec2Configuration=[{"ImageType": "ECS_AL2_NVIDIA"}]),
        "batch",
        "warning",
    ),
    "Batch with an image without driver": (
        lambda r: batch(r, Ec2Configuration=[{"ImageType": "ECS_AL2023"}]),
        "batch",
        "error",
    ),
    "Batch of two architectures": (lambda r: batch(r, InstanceTypes=["p5.48xlarge", "m7g.16xlarge"]), "batch", "error"),
    "Batch with a key": (lambda r: batch(r, Ec2KeyPair="mine"), "batch", "warning"),
    "Batch in a group of spread": (
        lambda r: (
            batch(r, PlacementGroup={"Ref": "Apart"}),
            add(r, "Apart", "AWS::EC2::PlacementGroup", Strategy="spread"),
        ),
        "batch",
        "warning",
    ),
    "ten of a rack in HyperPod": (lambda r: hyperpod(r, 10, "subnet-1"), "hyperpod", "error"),
    "HyperPod over two subnets": (
        lambda r: hyperpod(r, 4, "subnet-1", "subnet-2", kind="ml.p5.48xlarge"),
        "hyperpod",
        "warning",
    ),
    "a fleet over two subnets": (
        lambda r: (
            p5(r, 32),
            add(
                r,
                "Spread",
                "AWS::EC2::EC2Fleet",
                TargetCapacitySpecification={"TotalTargetCapacity": 2},
                LaunchTemplateConfigs=[
                    {
                        "LaunchTemplateSpecification": LAUNCH,
                        "Overrides": [{"SubnetId": "subnet-1"}, {"SubnetId": "subnet-2"}],
                    }
                ],
            ),
        ),
        "ec2-fleet",
        "error",
    ),
    "a node group of none at most": (
        lambda r: (on_demand(r), r["Rack"].update(ScalingConfig={"MinSize": 0, "MaxSize": 0, "DesiredSize": 0})),
        "group-sizes",
        "error",
    ),
    "a tier that EKS doesn't have": (
        lambda r: r["Cluster"].update(ControlPlaneScalingConfig={"Tier": "xxl"}),
        "service-values",
        "error",
    ),
    "a log that EKS doesn't write": (
        lambda r: r["Cluster"].update(Logging={"ClusterLogging": {"EnabledTypes": [{"Type": "kubelet"}]}}),
        "service-values",
        "error",
    ),
    "an effect as Kubernetes spells it": (
        lambda r: r["Rack"].update(Taints=[{"Key": "nvidia.com/gpu", "Effect": "NoSchedule"}]),
        "service-values",
        "error",
    ),
    "a label with a value that isn't one": (
        lambda r: r["Rack"].update(Labels={"example.com/team": "a b"}),
        "service-values",
        "error",
    ),
    "a volume larger than gp3": (
        lambda r: data(r)["BlockDeviceMappings"][0]["Ebs"].update(VolumeType="gp3", VolumeSize=100_000),
        "service-values",
        "error",
    ),
    "partitions of a cluster": (
        lambda r: add(r, "Near", "AWS::EC2::PlacementGroup", Strategy="cluster", PartitionCount=3),
        "service-values",
        "error",
    ),
    "a target that names nothing": (lambda r: (on_demand(r), target(r)), "reservation-unused", "warning"),
    "a reservation in another placement group": (
        lambda r: (
            on_demand(r, PlacementGroupArn={"Fn::Sub": "arn:aws:ec2:us-east-1:111122223333:placement-group/${Near}"}),
            add(r, "Near", "AWS::EC2::PlacementGroup", Strategy="cluster"),
        ),
        "reservation-unused",
        "warning",
    ),
    "an open reservation that is opted out of": (
        lambda r: (
            on_demand(r),
            data(r).update(CapacityReservationSpecification={"CapacityReservationPreference": "none"}),
        ),
        "reservation-unused",
        "warning",
    ),
    "a targeted reservation that nothing targets": (
        lambda r: (on_demand(r, InstanceMatchCriteria="targeted"), data(r).pop("CapacityReservationSpecification")),
        "reservation-unused",
        "warning",
    ),
    "another type behind a group, by Fn::Sub": (
        lambda r: grouped(r, {"Fn::Sub": f"{ARN}${{Reserved}}"}),
        "reservation-agreement",
        "error",
    ),
    "another type behind a group, by Fn::Join": (
        lambda r: grouped(r, {"Fn::Join": ["", [ARN, {"Ref": "Reserved"}]]}),
        "reservation-agreement",
        "error",
    ),
    "another type behind a group, by a variable of Fn::Sub": (
        lambda r: grouped(r, {"Fn::Sub": [f"{ARN}${{Id}}", {"Id": {"Ref": "Reserved"}}]}),
        "reservation-agreement",
        "error",
    ),
    "another type behind a group, by Fn::GetAtt": (
        lambda r: grouped(r, {"Fn::GetAtt": ["Reserved", "CapacityReservationArn"]}),
        "reservation-agreement",
        "error",
    ),
    "more nodes than a group of reservations has": (
        lambda r: grouped(r, {"Fn::Sub": f"{ARN}${{Reserved}}"}, "p6-b300.48xlarge", 1),
        "shared-reservation",
        "error",
    ),
    "a zone of no reservation behind a group": (
        lambda r: (
            grouped(r, {"Fn::Sub": f"{ARN}${{Reserved}}"}, "p6-b300.48xlarge"),
            r["Subnet"].update(AvailabilityZone="us-east-1c"),
        ),
        "reservation-agreement",
        "error",
    ),
    "an order about labels": (
        lambda r: r["Emptied"]["Target"].update(
            Input=json.dumps(
                {"ClusterName": "prod-fleet", "NodegroupName": "rack", "Labels": {"AddOrUpdateLabels": {"a": "b"}}}
            )
        ),
        "pool-not-drained",
        "warning",
    ),
    "a schedule that is switched off": (lambda r: r["Emptied"].update(State="DISABLED"), "pool-not-drained", "warning"),
    "an order of another cluster": (lambda r: order(r, "prod-fleet", "other"), "pool-not-drained", "warning"),
    "an order that only fills": (
        lambda r: order(r, '"DesiredSize":0', '"DesiredSize":18'),
        "pool-not-drained",
        "warning",
    ),
    "a window that ends too late": (
        lambda r: r["Emptied"].update(FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 120}),
        "block-clock",
        "error",
    ),
    "a recurrence that is too late": (
        lambda r: (
            auto_scaling(r, LaunchTemplate=LAUNCH, VPCZoneIdentifier=[{"Ref": "Subnet"}]),
            r[""]["Resources"]["Scaled"].update(
                Properties={
                    "AutoScalingGroupName": {"Ref": "Fleet"},
                    "DesiredCapacity": 0,
                    "Recurrence": "50 11 * * *",
                    "TimeZone": "Europe/Berlin",
                }
            ),
        ),
        "block-clock",
        "error",
    ),
    "a moment after the block": (
        lambda r: (
            r[""].update(
                Metadata={
                    "ultrafleet:rack": {
                        "blocks": [
                            {
                                "id": "cr-0aaaaaaaaaaaaaaa1",
                                "start": "2026-12-01T11:30:00Z",
                                "end": "2026-12-14T11:30:00Z",
                            }
                        ]
                    }
                }
            ),
        ),
        "block-clock",
        "error",
    ),
    "five fields of cron": (
        lambda r: r["Emptied"].update(ScheduleExpression="cron(0 10 * * ?)"),
        "schedule",
        "error",
    ),
    "an order without cluster": (lambda r: order(r, '"ClusterName":"prod-fleet",', ""), "schedule", "error"),
    "a least size above the desired one": (
        lambda r: order(r, '"DesiredSize":0', '"MinSize":1,"DesiredSize":0'),
        "schedule",
        "error",
    ),
    "a key of another service": (lambda r: order(r, '"ScalingConfig"', '"Scaling"'), "schedule", "error"),
    "a size of Auto Scaling to EKS": (
        lambda r: order(r, '"DesiredSize":0', '"DesiredSize":0,"DesiredCapacity":0'),
        "schedule",
        "error",
    ),
}
"""Faults by their names: the edit, and the finding that tells it alone."""

TWINS: dict[str, Edit] = {
    "all of P5's EFA": lambda r: p5(r, 32),
    "an old image's family in another name": lambda r: self_managed(r, "1.34/amazon-linux-2023/arm64/nvidia", ""),
    "a port for one's own network": lambda r: ingress(r, 8265, 8265, CidrIp="10.0.0.0/8"),
    "a web server for everybody": lambda r: ingress(r, 443, 443),
    "both ranges of Lustre": lambda r: ingress(r, 988, 1023, CidrIp="10.0.0.0/8"),
    "fewer in service than there may be": lambda r: update_policy(
        r, {"AutoScalingRollingUpdate": {"MinInstancesInService": 17}}
    ),
    "a role that may pass one role": lambda r: role(
        r, statement={"Action": ["iam:PassRole", "ec2:RunInstances"], "Resource": "arn:aws:iam::1:role/team/*"}
    ),
    "a role that may pass roles to one service": lambda r: role(
        r,
        statement={
            "Action": ["iam:PassRole", "ec2:RunInstances"],
            "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        },
    ),
    "a key that Auto Scaling may use": lambda r: key(
        r,
        {
            "Effect": "Allow",
            "Principal": {"AWS": AUTO_SCALING_ROLE},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*", "kms:CreateGrant"],
            "Resource": "*",
        },
    ),
    "a pod's role": lambda r: pod_role(r, "pods.eks.amazonaws.com", "sts:AssumeRole", "sts:TagSession"),
    "labels that the kubelet takes": lambda r: node_config(
        r, spec={"kubelet": {"flags": ["--node-labels=a=b,node.kubernetes.io/kind=gpu,kubernetes.io/os=linux"]}}
    ),
    "a script for cloud-init alone without an empty line before it": lambda r: self_managed(
        r,
        "1.34/amazon-linux-2023/arm64/nvidia",
        'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="X"\n\n'
        "--X\nContent-Type: text/x-shellscript\n#!/bin/bash\necho\n--X--\n",
    ),
    "a configuration of texts": lambda r: cni(r, '{"env": {"ENABLE_PREFIX_DELEGATION": "true"}}'),
    "an entry of another role": lambda r: entry(r, OTHER_ROLE, KubernetesGroups=["viewers"]),
    "a custom image that names its cluster": lambda r: custom(
        r,
        node_config_document(cluster=CLUSTER_FACTS),
    ),
    "Batch in one subnet": lambda r: batch(r, Ec2Configuration=[{"ImageType": "ECS_AL2023_NVIDIA"}]),
    "a rack in HyperPod": lambda r: hyperpod(r, 18, "subnet-1"),
    "its type behind a group": lambda r: grouped(r, {"Fn::Sub": f"{ARN}${{Reserved}}"}, "p6-b300.48xlarge"),
    "an order with a zone of its own": lambda r: r["Emptied"].update(
        ScheduleExpression="cron(0 10 * * ? *)", ScheduleExpressionTimezone="Europe/Berlin"
    ),
    "a window that ends in time": lambda r: r["Emptied"].update(
        ScheduleExpression="at(2026-12-15T09:00:00)",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30},
    ),
    "volumes of Bottlerocket": lambda r: (
        bottlerocket(r, "[settings.kubernetes]\nmax-pods = 64\n"),
        data(r)["BlockDeviceMappings"].append(
            {"DeviceName": "/dev/xvdb", "Ebs": {"Encrypted": True, "VolumeSize": 500}}
        ),
    ),
    "the interfaces of B300": lambda r: (on_demand(r), data(r).update(NetworkInterfaces=B300)),
}
"""Edits like those of the faults after which nothing is wrong."""
