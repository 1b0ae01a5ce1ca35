"""File systems, buckets behind them, secrets, functions and layers of the embedded AWS: what it refuses."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from moto import mock_aws

from ultrafleet.rehearsal import extension
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

ACCOUNT, REGION = "111122223333", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/function"


@pytest.fixture
def call() -> Iterator[Calls]:
    extension.install()
    with mock_aws():
        SIMULATED_ACCOUNT.reset(datetime(2026, 12, 1, tzinfo=UTC))
        yield Calls(account_id=ACCOUNT, region=REGION)
        SIMULATED_ACCOUNT.reset()


class Scene:
    """A subnet, a group that lets itself in, and a file system that FSx takes."""

    def __init__(self, call: Calls) -> None:
        self.call = call
        self.vpc = call("ec2", "create_vpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            call("ec2", "create_subnet", VpcId=self.vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{z}")[
                "Subnet"
            ]["SubnetId"]
            for n, z in enumerate("ab")
        ]
        self.group = call("ec2", "create_security_group", GroupName="efa", Description="efa", VpcId=self.vpc)["GroupId"]
        rules = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": self.group}]}]
        call("ec2", "authorize_security_group_ingress", GroupId=self.group, IpPermissions=rules)
        call("ec2", "authorize_security_group_egress", GroupId=self.group, IpPermissions=rules)

    def file_system(self, lustre: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
        properties = {
            "FileSystemType": "LUSTRE",
            "FileSystemTypeVersion": "2.15",
            "StorageType": "SSD",
            "StorageCapacity": 4800,
            "SubnetIds": self.subnets[:1],
            "SecurityGroupIds": [self.group],
            "LustreConfiguration": {
                "DeploymentType": "PERSISTENT_2",
                "PerUnitStorageThroughput": 1000,
                "EfaEnabled": True,
                "MetadataConfiguration": {"Mode": "AUTOMATIC"},
                **(lustre or {}),
            },
            **changed,
        }
        return {"Type": "AWS::FSx::FileSystem", "Properties": properties}

    def deploy(self, resources: dict[str, Any], name: str = "storage") -> str:
        """Deploy a stack; why it failed, or its status."""
        body = json.dumps({"Resources": resources})
        known = {item["StackName"] for item in self.call("cloudformation", "describe_stacks")["Stacks"]}
        operation = "update_stack" if name in known else "create_stack"
        self.call("cloudformation", operation, StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
        events = self.call("cloudformation", "describe_stack_events", StackName=name)["StackEvents"]
        last = self.call("cloudformation", "describe_stacks", StackName=name)["Stacks"][0]["StackStatus"]
        if "ROLLBACK" not in last:
            return str(last)
        return next(item["ResourceStatusReason"] for item in reversed(events) if "FAILED" in item["ResourceStatus"])


@pytest.fixture
def scene(call: Calls) -> Scene:
    return Scene(call)


def test_a_file_system_is_made_and_read_back(scene: Scene) -> None:
    assert scene.deploy({"Lustre": scene.file_system()}) == "CREATE_COMPLETE"
    (made,) = scene.call("fsx", "describe_file_systems")["FileSystems"]
    assert made["StorageCapacity"] == 4800
    assert scene.deploy({"Lustre": scene.file_system(StorageCapacity=9600)}) == "UPDATE_COMPLETE"


@pytest.mark.parametrize(
    ("lustre", "changed", "reason"),
    [
        ({}, {"StorageCapacity": 5000}, "capacity_gib is 5000 with EFA at 1000 MB/s per TiB"),
        ({"PerUnitStorageThroughput": 200}, {}, "throughput_mbps_per_tib is 200"),
        ({"MetadataConfiguration": None}, {}, "EFA needs a metadata configuration"),
        (
            {},
            {"SecurityGroupIds": ["default"]},
            "EFA needs a security group that allows all traffic from and to itself",
        ),
        ({}, {"SubnetIds": "both"}, "Lustre file systems need exactly one subnet"),
        ({}, {"SubnetIds": ["subnet-0123456789abcdef0"]}, "does not exist"),
    ],
)
def test_refuses_a_file_system(scene: Scene, lustre: dict[str, Any], changed: dict[str, Any], reason: str) -> None:
    if changed.get("SubnetIds") == "both":
        changed = {"SubnetIds": scene.subnets}
    if "SecurityGroupIds" in changed:
        other = scene.call("ec2", "create_security_group", GroupName="o", Description="o", VpcId=scene.vpc)["GroupId"]
        changed = {"SecurityGroupIds": [other]}
    wanted = scene.file_system(lustre, **changed)
    settings = wanted["Properties"]["LustreConfiguration"]
    wanted["Properties"]["LustreConfiguration"] = {key: value for key, value in settings.items() if value is not None}
    assert reason in scene.deploy({"Lustre": wanted})
    assert scene.call("fsx", "describe_file_systems")["FileSystems"] == []


def test_a_file_system_does_not_shrink(scene: Scene) -> None:
    scene.deploy({"Lustre": scene.file_system(StorageCapacity=9600)})
    assert "can't be decreased" in scene.deploy({"Lustre": scene.file_system(StorageCapacity=4800)})


def association(path: str = "/data") -> dict[str, Any]:
    return {
        "Type": "AWS::FSx::DataRepositoryAssociation",
        "Properties": {
            "FileSystemId": {"Ref": "Lustre"},
            "FileSystemPath": path,
            "DataRepositoryPath": "s3://data",
            "S3": {"AutoImportPolicy": {"Events": ["NEW"]}},
        },
    }


def test_two_buckets_do_not_stand_behind_one_folder(scene: Scene) -> None:
    resources = {"Lustre": scene.file_system(), "First": association(), "Second": association("/more")}
    assert scene.deploy(resources) == "CREATE_COMPLETE"
    assert "the path overlaps" in scene.deploy({**resources, "Third": association()})


def test_an_associations_policies_change_in_place(scene: Scene) -> None:
    scene.deploy({"Lustre": scene.file_system(), "Data": association()})
    changed = association()
    changed["Properties"]["S3"] = {"AutoImportPolicy": {"Events": ["NEW", "DELETED"]}}
    assert scene.deploy({"Lustre": scene.file_system(), "Data": changed}) == "UPDATE_COMPLETE"


def test_a_secrets_value_is_made_up_once(scene: Scene) -> None:
    def secret(description: str) -> dict[str, Any]:
        made_up = {"PasswordLength": 48, "ExcludePunctuation": True}
        properties = {"Name": "key", "Description": description, "GenerateSecretString": made_up}
        return {"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": properties}}

    assert scene.deploy(secret("one")) == "CREATE_COMPLETE"
    value = scene.call("secretsmanager", "get_secret_value", SecretId="key")["SecretString"]
    assert len(value) == 48
    assert value.isalnum()
    assert scene.deploy(secret("two")) == "UPDATE_COMPLETE"
    assert scene.call("secretsmanager", "get_secret_value", SecretId="key")["SecretString"] == value


def function(**changed: Any) -> dict[str, Any]:
    properties = {
        "Code": {"S3Bucket": "assets", "S3Key": "code.zip"},
        "Handler": "index.handler",
        "Runtime": "python3.13",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        **changed,
    }
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    return {
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}},
        "Function": {"Type": "AWS::Lambda::Function", "Properties": properties},
    }


def test_refuses_a_function_whose_code_was_not_uploaded(scene: Scene) -> None:
    scene.call("s3", "create_bucket", Bucket="assets")
    assert "NoSuchKey" in scene.deploy(function())
    scene.call("s3", "put_object", Bucket="assets", Key="code.zip", Body=b"code")
    assert scene.deploy(function(), name="again") == "CREATE_COMPLETE"


def test_refuses_a_layer_whose_content_was_not_uploaded(scene: Scene) -> None:
    scene.call("s3", "create_bucket", Bucket="assets")
    layer = {
        "Type": "AWS::Lambda::LayerVersion",
        "Properties": {"Content": {"S3Bucket": "assets", "S3Key": "layer.zip"}},
    }
    assert "NoSuchKey" in scene.deploy({"Layer": layer})
