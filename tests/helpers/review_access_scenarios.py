"""Changes of access, data, networks and clusters, and what each has to be told as."""

from typing import Any

from helpers.review_fleet import (
    A_DATA,
    BUCKET,
    CLUSTER,
    EVERY,
    ROLLED_A,
    SUBNET,
    A,
    Edit,
    Scenario,
    Stacks,
    both,
    of,
    put,
)


def _chart(name: str) -> dict[str, Any]:
    properties = {"ClusterName": "fleet", "Release": name, "Chart": name}
    return {"Type": "Custom::AWSCDK-EKS-HelmChart", "Properties": properties}


_ADMIN_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"


def _role(action: str, resource: str, *managed: str) -> dict[str, Any]:
    """Role of an instance with one statement."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    allowed = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Statement": [trust]},
            "ManagedPolicyArns": list(managed),
            "Policies": [{"PolicyName": "a", "PolicyDocument": {"Statement": [allowed]}}],
        },
    }


def tightened(content: Stacks) -> None:
    statements = content["cluster"]["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    statements[0] |= {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/shards/*"}


EVERYBODY = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}
ADMIN_OF_THE_CLUSTER = [
    {
        "PolicyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        "AccessScope": {"Type": "cluster"},
    }
]
OPEN_TO_THE_OFFICE = both(
    of("cluster", "Fleet", "ResourcesVpcConfig", "EndpointPublicAccess", value=True),
    of("cluster", "Fleet", "ResourcesVpcConfig", "PublicAccessCidrs", value=["10.0.0.0/8"]),
)

ACCESS_SCENARIOS: dict[str, Scenario] = {
    "a subnet shrinks": Scenario(
        edit=put("network", "Parameters", "Bits", "Default", value="26"),
        hazards=frozenset({("blocking", "subnet-shrunk", SUBNET), ("blocking", "export-in-use", "network/subnet-a")}),
        changed=EVERY,
        says=("4,091 → 59 addresses", "40 nodes at full size", "| 40 | 59 | 19 |"),
    ),
    "a volume's encryption is dropped": Scenario(
        edit=of("racks", *A_DATA, "BlockDeviceMappings", 0, "Ebs", "Encrypted", value=False),
        hazards=ROLLED_A | {("security", "encryption-dropped", "racks/RackALaunch (AWS::EC2::LaunchTemplate)")},
        changed=A,
        says=("**volume-encryption**",),
    ),
    "a cluster's encryption is dropped": Scenario(
        edit=of("cluster", "Fleet", "EncryptionConfig", value=None),
        hazards=frozenset({("security", "encryption-dropped", CLUSTER), ("blocking", "refused", CLUSTER)}),
        changed=frozenset(),
    ),
    "a group is widened": Scenario(
        edit=of("network", "Efa", "SecurityGroupIngress", value=[EVERYBODY]),
        hazards=frozenset({("security", "security-group-widened", "network/Efa")}),
        changed=frozenset(),
        says=("tcp 22 from 0.0.0.0/0", "**open-to-everybody**"),
    ),
    "a role may do more": Scenario(
        edit=of(
            "cluster", "Role", "Policies", 0, "PolicyDocument", "Statement", 0, "Action", value=["s3:Get*", "s3:Put*"]
        ),
        hazards=frozenset({("security", "iam-widened", "cluster/Role")}),
        changed=frozenset(),
        says=("s3:Put",),
    ),
    "a new role that may change any role": Scenario(
        edit=put("cluster", "Resources", "Admin", value=_role("iam:PutRolePolicy", "*")),
        hazards=frozenset({("security", "new-rights", "cluster/Admin")}),
        says=("it is new, and it has iam:PutRolePolicy on any role or policy",),
    ),
    "a new role that decrypts everything": Scenario(
        edit=put("cluster", "Resources", "Reader", value=_role("kms:Decrypt", "*")),
        hazards=frozenset({("security", "new-rights", "cluster/Reader")}),
        says=("kms:Decrypt on everything",),
    ),
    "a new administrator": Scenario(
        edit=put("cluster", "Resources", "Admin", value=_role("s3:GetObject", "arn:aws:s3:::a/*", _ADMIN_POLICY)),
        hazards=frozenset({("security", "new-rights", "cluster/Admin")}),
    ),
    "a new role that decrypts with one key": Scenario(
        edit=put("cluster", "Resources", "Reader", value=_role("kms:Decrypt", "arn:aws:kms:us-east-1:1:key/a"))
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
        hazards=frozenset({("security", "iam-widened", "cluster/Role (trust)")}),
        changed=frozenset(),
    ),
    "the endpoint is opened": Scenario(
        edit=of("cluster", "Fleet", "ResourcesVpcConfig", "EndpointPublicAccess", value=True),
        hazards=frozenset({("security", "endpoint-opened", CLUSTER)}),
        changed=frozenset(),
        says=("**public-endpoint**",),
    ),
    "the endpoint is no longer said to be closed": Scenario(
        edit=of("cluster", "Fleet", "ResourcesVpcConfig", "EndpointPublicAccess", value=None),
        hazards=frozenset({("security", "endpoint-opened", CLUSTER)}),
        changed=frozenset(),
    ),
    "deletion protection is off": Scenario(
        edit=of("cluster", "Fleet", "DeletionProtection", value=False),
        hazards=frozenset({("security", "deletion-protection-off", CLUSTER)}),
        changed=frozenset(),
    ),
    "a bucket is no longer retained": Scenario(
        edit=put("cluster", "Resources", "Checkpoints", "DeletionPolicy", value="Delete"),
        hazards=frozenset({("security", "deletion-protection-off", BUCKET)}),
        says=("DeletionPolicy `Retain` → `Delete`",),
    ),
    "a retained bucket leaves": Scenario(
        edit=put("cluster", "Resources", "Checkpoints", value=None),
        hazards=frozenset({("notice", "retained", BUCKET)}),
    ),
    "a bucket that nothing retains leaves": Scenario(
        edit=lambda content: content["network"]["Resources"].pop("Bucket"),
        hazards=frozenset({("blocking", "data-removed", "network/Bucket (AWS::S3::Bucket)")}),
    ),
    "IMDSv1 is accepted": Scenario(
        edit=of("racks", *A_DATA, "MetadataOptions", "HttpTokens", value="optional"),
        hazards=ROLLED_A | {("security", "imds-v1", "racks/RackALaunch (AWS::EC2::LaunchTemplate)")},
        changed=A,
    ),
    "the cluster has other subnets": Scenario(
        edit=of("cluster", "Fleet", "ResourcesVpcConfig", "SubnetIds", value=["subnet-1", "subnet-3"]),
        changed=frozenset(),
    ),
    "an export goes": Scenario(
        edit=put("network", "Outputs", "Subnet", value=None),
        hazards=frozenset({("blocking", "export-in-use", "network/subnet-a")}),
    ),
    "a resource becomes another type": Scenario(
        edit=put("cluster", "Resources", "Checkpoints", "Type", value="AWS::S3::AccessPoint"),
        hazards=frozenset({("blocking", "refused", "cluster/Checkpoints (AWS::S3::Bucket)")}),
    ),
    "an access entry is wider": Scenario(
        edit=of("cluster", "Entry", "AccessPolicies", value=ADMIN_OF_THE_CLUSTER),
        hazards=frozenset({("security", "iam-widened", "cluster/Entry")}),
        says=("AmazonEKSClusterAdminPolicy on the whole cluster",),
    ),
    "an endpoint of the network has no policy any more": Scenario(
        edit=of("network", "S3", "PolicyDocument", value=None),
        hazards=frozenset({("security", "iam-widened", "network/S3 (policy)")}),
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
        hazards=frozenset({("security", "iam-widened", "network/nodes")}),
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
        hazards=frozenset({("security", "iam-widened", "cluster/Open (policy)")}),
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
        hazards=frozenset({("security", "security-group-widened", "network/Web")}),
    ),
    "a rule of a group goes": Scenario(
        edit=put("network", "Resources", "Out", value=None),
        hazards=frozenset({("notice", "removed", "network/Out (AWS::EC2::SecurityGroupEgress)")}),
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
        hazards=frozenset({("security", "endpoint-opened", CLUSTER)}),
        says=("192.0.2.0/24",),
    ),
    "the cluster is a minor version newer": Scenario(
        edit=of("cluster", "Fleet", "Version", value="1.35"),
        hazards=frozenset({("notice", "cluster-version", CLUSTER)}),
    ),
    "the cluster skips a version": Scenario(
        edit=of("cluster", "Fleet", "Version", value="1.36"), hazards=frozenset({("blocking", "refused", CLUSTER)})
    ),
    "the cluster goes back": Scenario(
        edit=of("cluster", "Fleet", "Version", value="1.33"), hazards=frozenset({("blocking", "refused", CLUSTER)})
    ),
    "a file system is smaller": Scenario(
        edit=of("network", "Scratch", "StorageCapacity", value=2400),
        hazards=frozenset({("blocking", "refused", "network/Scratch (AWS::FSx::FileSystem)")}),
    ),
    "a namespace goes": Scenario(
        edit=put("cluster", "Resources", "Namespace", value=None),
        hazards=frozenset({("blocking", "data-removed", "cluster/Namespace (Custom::AWSCDK-EKS-KubernetesResource)")}),
        says=("Namespace is deleted, with everything in it",),
    ),
    "a chart goes": Scenario(
        edit=put("cluster", "Resources", "Chart", value=None),
        hazards=frozenset({("notice", "uninstalled", "cluster/Chart (Custom::AWSCDK-EKS-HelmChart)")}),
    ),
    "a chart goes that stays in the cluster": Scenario(
        edit=put("cluster", "Resources", "Kept", value=None),
        hazards=frozenset({("notice", "retained", "cluster/Kept (Custom::AWSCDK-EKS-HelmChart)")}),
        says=("the release stays in the cluster with the kinds that it brought",),
    ),
    "efa has another driver": Scenario(
        edit=both(
            put("cluster", "Resources", "Efa", value=None),
            put("cluster", "Resources", "Dranet", value=_chart("aws-dranet")),
        ),
        hazards=frozenset(
            {
                ("notice", "uninstalled", "cluster/Efa (Custom::AWSCDK-EKS-HelmChart)"),
                ("blocking", "efa-driver", "cluster/Dranet (Custom::AWSCDK-EKS-HelmChart)"),
            }
        ),
        says=("EFA's driver aws-dranet is installed before aws-efa-k8s-device-plugin is removed",),
    ),
    "a schedule goes": Scenario(
        edit=put("cluster", "Resources", "Emptied", value=None),
        hazards=frozenset({("notice", "schedule-changed", "cluster/Emptied (AWS::Scheduler::Schedule)")}),
    ),
}

ACCESS_BEFORE: dict[str, Edit] = {
    "a bucket that nothing retains leaves": put(
        "network", "Resources", "Bucket", value={"Type": "AWS::S3::Bucket", "Properties": {}}
    ),
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
    "a chart goes that stays in the cluster": put(
        "cluster", "Resources", "Kept", value={**_chart("jobset"), "DeletionPolicy": "Retain"}
    ),
    "efa has another driver": put("cluster", "Resources", "Efa", value=_chart("aws-efa-k8s-device-plugin")),
    "a schedule goes": put(
        "cluster",
        "Resources",
        "Emptied",
        value={"Type": "AWS::Scheduler::Schedule", "Properties": {"ScheduleExpression": "at(2026-12-15T09:00:00)"}},
    ),
}
"""Resources of the base in addition."""
