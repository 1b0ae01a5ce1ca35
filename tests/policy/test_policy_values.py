"""Values as templates really have them: open, dynamic, odd; and rules that look at several of them together."""

import json
from copy import deepcopy
from typing import Any

import pytest

from helpers.policy_templates import BLOCK, CR, GRACE, P6E, SELF, X86, efa_only, launch, node_group, with_group
from ultrafleet.cli import commands
from ultrafleet.cli._refusal import UNUSABLE_INPUT
from ultrafleet.errors import FleetError
from ultrafleet.policy import Template, check_templates, parse_template

GB200 = efa_only((1, 5, 9, 13), on_first=False)
P5EN = efa_only(range(1, 16))
RACK = {"Launch": launch(P6E, GB200, block=CR), "Rack": node_group(GRACE, 18, **BLOCK)}
OPEN = {"Parameters": {"P": {"Type": "String"}}, "Conditions": {"Open": {"Fn::Equals": [{"Ref": "P"}, "a"]}}}
DYNAMIC = "{{resolve:ssm:/fleet/x}}"


def found(content: dict[str, Any]) -> set[tuple[str, str, str]]:
    findings = check_templates([with_group(content)])
    return {(item.resource, item.rule, item.severity.value) for item in findings}


def severities(content: dict[str, Any]) -> set[str]:
    return {severity for _, _, severity in found(content)}


def rack(**data: Any) -> dict[str, Any]:
    resources = deepcopy(RACK)
    resources["Launch"]["Properties"]["LaunchTemplateData"].update(data)
    return {**OPEN, "Resources": resources}


def rack_group(**properties: Any) -> dict[str, Any]:
    resources = deepcopy(RACK)
    resources["Rack"]["Properties"].update(properties)
    return {**OPEN, "Resources": resources}


@pytest.mark.parametrize(
    "text",
    [
        '{"Resources": {"A": {"Type": "AWS::SNS::Topic"}, "A": {"Type": "AWS::SQS::Queue"}}}',
        "Resources:\n  A: {Type: 'AWS::SNS::Topic'}\n  A: {Type: 'AWS::SQS::Queue'}\n",
        '{"Resources": ' + '{"a":' * 500 + "1" + "}" * 500 + "}",
        "Resources: " + "[" * 300 + "]" * 300,
        '{"Resources": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "a: &a {Resources: {b: {Type: 'AWS::A::B', c: *a}}}\nResources: *a\n",
        "Resources:\n  ? {a: b}\n  : {Type: 'AWS::SNS::Topic'}\n",
        "Resources:\n" + "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'x'}]\n" for n in range(12)),
    ],
    ids=["a key twice", "in YAML", "deep", "deep YAML", "very deep", "in itself", "a key that is a map", "a bomb"],
)
def test_fails_on_text_that_is_no_template(text: str) -> None:
    with pytest.raises(FleetError, match="can't be read"):
        parse_template(text, name="t.yaml")


ODD: dict[str, dict[str, Any]] = {
    "parameters in a list": {**rack(), "Parameters": ["a"]},
    "outputs in a list": {**rack(), "Outputs": ["a"]},
    "a Ref to a list": rack(KeyName={"Ref": ["a"]}),
    "a Ref by a function": rack(KeyName={"Ref": {"Fn::Sub": "P"}}),
    "a condition in a list": rack(KeyName={"Fn::If": [["Open"], 1, 2]}),
    "an endless size": rack_group(ScalingConfig={"MaxSize": float("inf"), "MinSize": 0, "DesiredSize": 0}),
    "half a card": rack(NetworkInterfaces=[{"NetworkCardIndex": 1.5, "DeviceIndex": 0}]),
    "a number for text": rack(UserData=5, MetadataOptions=7, BlockDeviceMappings=9),
    "text for a list": rack(NetworkInterfaces="eth0", SecurityGroupIds="sg"),
    "an open group of reservations": {
        **OPEN,
        "Resources": {
            "Group": {
                "Type": "AWS::ResourceGroups::Group",
                "Properties": {
                    "Configuration": [
                        {
                            "Type": "AWS::EC2::CapacityReservationPool",
                            "Parameters": [{"Name": "instance-type", "Values": {"Ref": "P"}}],
                        },
                        {"Type": "AWS::ResourceGroups::Generic", "Parameters": {"Fn::If": ["Open", [], []]}},
                    ]
                },
            }
        },
    },
    "a file system by reference": {
        "Resources": {
            "Disk": {
                "Type": "AWS::FSx::FileSystem",
                "Properties": {"FileSystemType": "LUSTRE", "StorageCapacity": DYNAMIC, "LustreConfiguration": "x"},
            }
        }
    },
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_odd_values_are_no_crash(content: dict[str, Any]) -> None:
    check_templates([Template(name="t", content=content)])


def test_a_crash_is_no_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(commands, "app", lambda **_: 1 / 0)
    with pytest.raises(SystemExit) as stopped:
        commands.main()
    assert stopped.value.code == UNUSABLE_INPUT
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        rack(InstanceMarketOptions={"MarketType": DYNAMIC}),
        rack(MetadataOptions={"HttpTokens": DYNAMIC}),
        rack(UserData=DYNAMIC),
        rack(UserData={"Fn::Base64": DYNAMIC}),
        rack(
            CapacityReservationSpecification={"CapacityReservationTarget": {"CapacityReservationId": DYNAMIC}},
        ),
        rack(BlockDeviceMappings=[{"Ebs": {"Encrypted": DYNAMIC}}]),
        rack(InstanceType=DYNAMIC),
        rack_group(AmiType=DYNAMIC),
        rack_group(CapacityType=DYNAMIC),
        rack_group(ScalingConfig={"MinSize": 0, "MaxSize": DYNAMIC}),
        rack_group(ReleaseVersion=DYNAMIC),
    ],
)
def test_a_dynamic_reference_is_not_its_own_text(content: dict[str, Any]) -> None:
    assert severities(content) <= {"unknown"}


def test_what_a_whole_open_part_states_is_not_known() -> None:
    content = rack()
    properties = content["Resources"]["Launch"]["Properties"]
    data = properties["LaunchTemplateData"]
    properties["LaunchTemplateData"] = {"Fn::If": ["Open", {**data, "EbsOptimized": True}, data]}
    assert severities(content) == {"unknown"}


def test_what_a_transform_adds_is_not_known() -> None:
    content = rack()
    data = content["Resources"]["Launch"]["Properties"]["LaunchTemplateData"]
    del data["MetadataOptions"], data["InstanceType"]
    data["Fn::Transform"] = {"Name": "AWS::Include", "Parameters": {"Location": "s3://a/b"}}
    assert severities(content) == {"unknown"}


WAYS = (
    ("In", "SecurityGroupIngress", "SourceSecurityGroupId"),
    ("Out", "SecurityGroupEgress", "DestinationSecurityGroupId"),
)
CLUSTER = {"Fn::GetAtt": ["Cluster", "ClusterSecurityGroupId"]}


class TestGroupsOfEfa:
    """The groups of an interface add up."""

    RULES = (
        ("In", "SecurityGroupIngress", "SourceSecurityGroupId"),
        ("Out", "SecurityGroupEgress", "DestinationSecurityGroupId"),
    )

    def content(self, ways: set[str], *beside: Any) -> dict[str, Any]:
        resources: dict[str, Any] = {
            "Nodes": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "nodes"}},
            "Cluster": {
                "Type": "AWS::EKS::Cluster",
                "Properties": {"ResourcesVpcConfig": {"EndpointPublicAccess": False}},
            },
            "Launch": launch(P6E, GB200, block=CR, groups=[SELF, *beside]),
        }
        for name, kind, key in WAYS:
            if name in ways:
                rule = {"GroupId": SELF, "IpProtocol": "-1", key: SELF}
                resources[name] = {"Type": f"AWS::EC2::{kind}", "Properties": rule}
        return {**OPEN, "Resources": resources}

    @pytest.mark.parametrize("beside", [(), (CLUSTER,), ("sg-0123456789abcdef0",), ({"Ref": "P"},)])
    def test_one_that_has_both_rules_is_enough(self, beside: tuple[Any, ...]) -> None:
        assert found(self.content({"In", "Out"}, *beside)) == set()

    @pytest.mark.parametrize("beside", [(), (CLUSTER,), ("sg-0123456789abcdef0",), ({"Ref": "P"},)])
    @pytest.mark.parametrize("way", ["In", "Out"])
    def test_one_that_has_one_rule_is_meant_for_efa(self, beside: tuple[Any, ...], way: str) -> None:
        assert found(self.content({way}, *beside)) == {("Launch", "efa-security-group", "error")}

    @pytest.mark.parametrize(
        ("beside", "severity"),
        [((), "error"), ((CLUSTER,), "unknown"), (("sg-1",), "unknown"), (({"Ref": "P"},), "unknown")],
    )
    def test_one_that_has_none_may_stand_beside_one_that_has_both(self, beside: tuple[Any, ...], severity: str) -> None:
        assert found(self.content(set(), *beside)) == {("Launch", "efa-security-group", severity)}

    def test_every_interface_counts(self) -> None:
        content = self.content({"In", "Out"})
        other = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "other"}}
        content["Resources"]["Other"] = other
        data = content["Resources"]["Launch"]["Properties"]["LaunchTemplateData"]
        data["NetworkInterfaces"][3]["Groups"] = [{"Fn::GetAtt": ["Other", "GroupId"]}]
        assert found(content) == {("Launch", "efa-security-group", "error")}


SCALED = {
    "Type": "AWS::AutoScaling::AutoScalingGroup",
    "Properties": {
        "MinSize": "0",
        "MaxSize": "18",
        "VPCZoneIdentifier": ["subnet-1"],
        "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Launch"}, "Version": "$Latest"},
    },
}


class TestClock:
    """Due time of a schedule, in UTC."""

    def content(self, expression: str, zone: str | None = None, name: str = "rack", **order: Any) -> dict[str, Any]:
        resources = deepcopy(RACK)
        resources["Rack"]["Properties"] |= {"NodegroupName": "rack", "Tags": {}}
        told = {"ClusterName": "fleet", "NodegroupName": name, "ScalingConfig": {"DesiredSize": 0}, **order}
        resources["Emptied"] = {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "ScheduleExpression": expression,
                "FlexibleTimeWindow": {"Mode": "OFF"},
                **({"ScheduleExpressionTimezone": zone} if zone else {}),
                "Target": {
                    "Arn": "arn:aws:scheduler:::aws-sdk:eks:updateNodegroupConfig",
                    "Input": {"Fn::ToJsonString": told},
                },
            },
        }
        return {"Resources": resources}

    @pytest.mark.parametrize(
        ("expression", "zone", "severity"),
        [
            ("at(2027-03-15T10:00:00)", None, None),
            ("at(2027-03-15T10:50:00)", None, "error"),
            ("at(2027-03-15T11:50:00)", "Europe/Berlin", "error"),
            ("at(2027-03-15T10:50:00)", "Europe/Berlin", None),
            ("at(2027-03-15T19:50:00)", "Asia/Tokyo", "error"),
            ("cron(50 10 * * ? *)", None, "error"),
            ("cron(50 9 * * ? *)", None, None),
            ("cron(50 9 * * ? *)", "Europe/Berlin", None),
            ("rate(1 day)", None, "unknown"),
            ("at(2027-03-15T10:50:00)", "Middle/Earth", "unknown"),
        ],
    )
    def test_of_a_node_group(self, expression: str, zone: str | None, severity: str | None) -> None:
        wanted = {("Emptied", "block-clock", severity)} if severity else set()
        assert found(self.content(expression, zone)) == wanted

    def test_of_another_template(self) -> None:
        findings = found(self.content("at(2027-03-15T10:50:00)", name="elsewhere"))
        assert ("Emptied", "block-clock", "unknown") in findings
        assert not [item for item in findings if item[2] == "error"]

    @pytest.mark.parametrize(("start", "late"), [("2027-03-15T10:50:00Z", True), ("2027-03-15T10:50:00+02:00", False)])
    def test_of_an_action_of_auto_scaling(self, start: str, *, late: bool) -> None:
        action = {"AutoScalingGroupName": {"Ref": "Rack"}, "DesiredCapacity": 0, "StartTime": start}
        resources = {
            "Launch": RACK["Launch"],
            "Rack": SCALED,
            "Emptied": {"Type": "AWS::AutoScaling::ScheduledAction", "Properties": action},
        }
        assert found({"Resources": resources}) == ({("Emptied", "block-clock", "error")} if late else set())

    def test_an_auto_scaling_group_may_be_emptied_by_the_scheduler(self) -> None:
        content = self.content("at(2027-03-15T10:50:00)")
        resources = content["Resources"]
        resources["Rack"] = SCALED
        order = {"AutoScalingGroupName": "${Rack}", "MinSize": 0, "MaxSize": 0, "DesiredCapacity": 0}
        target = resources["Emptied"]["Properties"]["Target"]
        target["Arn"] = "arn:aws:scheduler:::aws-sdk:autoscaling:updateAutoScalingGroup"
        target["Input"] = {"Fn::Sub": json.dumps(order)}
        assert found(content) == {("Emptied", "block-clock", "error")}
        resources["Emptied"]["Properties"]["ScheduleExpression"] = "at(2027-03-15T09:50:00)"
        assert found(content) == set()


class TestImages:
    @pytest.mark.parametrize(
        ("ami", "fails"),
        [("BOTTLEROCKET_x86_64", True), ("BOTTLEROCKET_x86_64_NVIDIA", False), ("AL2023_x86_64_STANDARD", True)],
    )
    def test_of_gpus_have_a_driver(self, ami: str, *, fails: bool) -> None:
        volume = {"VolumeSize": 100, "Encrypted": True}
        pool = {"Launch": launch("p5en.48xlarge", P5EN, volume=volume), "Pool": node_group(ami, 4)}
        assert found({"Resources": pool}) == ({("Pool", "ami-architecture", "error")} if fails else set())

    def test_that_the_launch_template_names_are_mended_there(self) -> None:
        path = (
            "{{resolve:ssm:/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended/image_id}}"
        )
        pool = {
            "Launch": launch(
                "p5en.48xlarge", P5EN, ImageId=f"{{{{resolve:ssm:{path}}}}}", UserData="TUlNRS1WZXJzaW9uOiAxLjAK"
            ),
            "Pool": node_group(X86, 4),
        }
        del pool["Pool"]["Properties"]["AmiType"]
        assert found({"Resources": pool}) == {("Launch", "ami-architecture", "error")}


class TestMarkets:
    def target(self, **target: str) -> dict[str, Any]:
        return {"CapacityReservationSpecification": {"CapacityReservationTarget": target}}

    def test_a_reservation_and_a_group_are_one_too_many(self) -> None:
        both = self.target(CapacityReservationId=CR, CapacityReservationResourceGroupArn="arn:aws:a:b:c:group/d")
        assert found(rack(**both)) == {("Launch", "market-and-reservation", "error")}

    def test_a_group_is_named_by_its_arn(self) -> None:
        content = rack(**self.target(CapacityReservationResourceGroupArn=CR))
        assert found(content) == {("Launch", "reservation-id", "error"), ("Launch", "block-target", "error")}

    def test_a_type_is_sold_in_some_markets_only(self) -> None:
        resources = {"Launch": launch("trn2u.48xlarge", P5EN, InstanceMarketOptions={"MarketType": "spot"})}
        assert found({"Resources": resources}) == {("Launch", "market-and-reservation", "error")}


def test_what_launches_may_override_the_type() -> None:
    group = {
        "Type": "AWS::AutoScaling::AutoScalingGroup",
        "Properties": {
            "MinSize": "0",
            "MaxSize": "4",
            "VPCZoneIdentifier": ["subnet-1"],
            "MixedInstancesPolicy": {
                "LaunchTemplate": {
                    "LaunchTemplateSpecification": {"LaunchTemplateId": {"Ref": "Launch"}},
                    "Overrides": [{"InstanceType": "p5.48xlarge"}, {"InstanceType": "p5en.48xlarge"}],
                }
            },
        },
    }
    resources = {"Launch": launch("p5.48xlarge", efa_only(range(1, 32))), "Pool": group}
    assert ("Launch", "efa-layout", "error") in found({"Resources": resources})


@pytest.mark.parametrize(
    ("zone", "fails"),
    [
        ({"Fn::Sub": "${AWS::Region}-dfw-2a"}, False),
        ({"Fn::Sub": "${AWS::Region}a"}, True),
        ("us-east-1a", True),
        (DYNAMIC, False),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, False),
    ],
)
def test_a_zone_as_far_as_it_is_known(zone: Any, *, fails: bool) -> None:
    content = rack_group(Subnets=[{"Ref": "Subnet"}])
    content["Resources"]["Subnet"] = {
        "Type": "AWS::EC2::Subnet",
        "Properties": {"CidrBlock": "10.0.0.0/20", "AvailabilityZone": zone},
    }
    assert found(content) == ({("Rack", "zone", "error")} if fails else set())


@pytest.mark.parametrize("resource", ["*", "arn:aws:*:*:*:*", "arn:*:*:*:*:*"])
def test_everything_has_several_names(resource: str) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": resource}
    role = {"Type": "AWS::IAM::RolePolicy", "Properties": {"PolicyDocument": {"Statement": [statement]}}}
    assert found({"Resources": {"Role": role}}) == {("Role", "all-rights", "error")}


HDD = {"StorageType": "HDD"}


@pytest.mark.parametrize(
    ("properties", "configuration", "fails"),
    [
        ({"StorageCapacity": 6000, **HDD}, {"DeploymentType": "PERSISTENT_1", "PerUnitStorageThroughput": 12}, False),
        ({"StorageCapacity": 2400, **HDD}, {"DeploymentType": "PERSISTENT_1", "PerUnitStorageThroughput": 12}, True),
        ({"StorageCapacity": 2400}, {"DeploymentType": "PERSISTENT_1", "PerUnitStorageThroughput": 400}, True),
        ({"StorageCapacity": 2400}, {"DeploymentType": "PERSISTENT_2"}, True),
        ({}, {"DeploymentType": "SCRATCH_2"}, True),
        ({"BackupId": "backup-1"}, {"DeploymentType": "SCRATCH_2"}, False),
        ({"StorageType": "INTELLIGENT_TIERING"}, {"DeploymentType": "PERSISTENT_2"}, False),
    ],
)  # fmt: skip
def test_file_systems(properties: dict[str, Any], configuration: dict[str, Any], *, fails: bool) -> None:
    stated = {"FileSystemType": "LUSTRE", "LustreConfiguration": configuration, **properties}
    content = {"Resources": {"Scratch": {"Type": "AWS::FSx::FileSystem", "Properties": stated}}}
    assert found(content) == ({("Scratch", "lustre", "error")} if fails else set())
