"""Reach of the policy: loops, nested stacks, values that may be absent, older clusters, other launchers."""

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import pytest
from typer.testing import CliRunner

from helpers.policy_templates import (
    BLOCK,
    CR,
    GRACE,
    GROUP,
    P6E,
    SELF,
    X86,
    efa_only,
    launch,
    node_group,
    template,
    with_group,
)
from ultrafleet.catalog import InstanceType
from ultrafleet.cli import app
from ultrafleet.errors import FleetError
from ultrafleet.layout import EfaIntent, Interface, efa_layout
from ultrafleet.policy import Template, check_templates, parse_template, read_templates
from ultrafleet.templates.linking import linked

GB200 = efa_only((1, 5, 9, 13), on_first=False)
B300_WRONG = [(0, 0, "efa"), *efa_only(range(1, 17), on_first=False)[1:]]
NO_VALUE = {"Ref": "AWS::NoValue"}
OPEN = {"Parameters": {"P": {"Type": "String"}}, "Conditions": {"Open": {"Fn::Equals": [{"Ref": "P"}, "a"]}}}


def maybe(value: Any) -> dict[str, Any]:
    return {"Fn::If": ["Open", value, NO_VALUE]}


def found(content: dict[str, Any]) -> set[tuple[str, str, str]]:
    findings = check_templates([with_group(content)])
    return {(item.resource, item.rule, item.severity.value) for item in findings}


RACK = {"Launch": launch(P6E, GB200, block=CR), "Rack": node_group(GRACE, 18, **BLOCK)}


def rack(**data: Any) -> dict[str, Any]:
    resources = deepcopy(RACK)
    resources["Launch"]["Properties"]["LaunchTemplateData"].update(data)
    return resources


class TestValuesThatMayBeAbsent:
    """A value that may be absent is neither passed nor failed."""

    @pytest.mark.parametrize(
        ("resources", "resource", "rule"),
        [
            (rack(ImageId=maybe({"Ref": "P"})), "Rack", "node-group-launch-template"),
            (rack(IamInstanceProfile=maybe({"Name": "x"})), "Launch", "node-group-launch-template"),
            (rack(KeyName=maybe("mine")), "Launch", "ssh-key"),
            (rack(Placement=maybe({"GroupName": "near"})), "Launch", "placement-with-block"),
            (rack(SecurityGroupIds=maybe(["sg-1"])), "Launch", "security-groups-twice"),
            (rack(BlockDeviceMappings=maybe([{"Ebs": {}}])), "Launch", "volume-encryption"),
            (
                rack(CapacityReservationSpecification=maybe({"CapacityReservationTarget": {}})),
                "Launch",
                "market-and-reservation",
            ),
        ],
    )
    def test_cannot_be_told(self, resources: dict[str, Any], resource: str, rule: str) -> None:
        assert found({**OPEN, "Resources": resources}) == {(resource, rule, "unknown")}

    def test_a_value_that_is_open_and_stated_is_stated(self) -> None:
        resources = rack(KeyName={"Fn::If": ["Open", "mine", "yours"]})
        assert found({**OPEN, "Resources": resources}) == {("Launch", "ssh-key", "warning")}

    def test_an_open_size_with_a_block(self) -> None:
        resources = deepcopy(RACK)
        resources["Rack"]["Properties"]["ScalingConfig"]["DesiredSize"] = {"Ref": "P"}
        assert found({**OPEN, "Resources": resources}) == {("Rack", "desired-size-with-block", "unknown")}

    def test_an_encryption_that_is_open(self) -> None:
        disk = {"Type": "AWS::EFS::FileSystem", "Properties": {"Encrypted": {"Ref": "P"}}}
        assert found({**OPEN, "Resources": {"Disk": disk}}) == {("Disk", "volume-encryption", "unknown")}


class TestLoops:
    def content(self, collection: Any) -> dict[str, Any]:
        body = {
            "Launch${Name}": launch(P6E, GB200, block=CR, MetadataOptions={"HttpTokens": "${Name}"}),
            "Rack${Name}": node_group(GRACE, 18, **BLOCK),
        }
        body["Rack${Name}"]["Properties"]["LaunchTemplate"] = {"Id": {"Ref": "Launch${Name}"}, "Version": "$Latest"}
        return {
            "Transform": "AWS::LanguageExtensions",
            "Parameters": {"Names": {"Type": "CommaDelimitedList", "Default": "required,optional"}},
            "Resources": {"Fn::ForEach::Racks": ["Name", collection, body]},
        }

    @pytest.mark.parametrize("collection", [["required", "optional"], {"Ref": "Names"}])
    def test_are_written_out(self, collection: Any) -> None:
        assert found(self.content(collection)) == {
            ("Launchoptional", "imdsv2", "error"),
            ("Rackoptional", "shared-reservation", "error"),
        }

    def test_inside_of_each_other(self) -> None:
        inner = {"Fn::ForEach::Inner": ["B", ["x", "y"], {"${A}&{B}": {"Type": "AWS::SNS::Topic"}}]}
        content = {"Resources": {"Fn::ForEach::Outer": ["A", ["T", "U"], inner]}}
        assert sorted(Template(name="t", content=content).resources) == ["Tx", "Ty", "Ux", "Uy"]

    def test_over_what_is_not_known_say_so(self) -> None:
        assert found(self.content({"Ref": "AWS::NotificationARNs"})) == {("Fn::ForEach::Racks", "unread", "unknown")}

    def test_alone_make_a_template(self) -> None:
        text = "Resources:\n  Fn::ForEach::A: [B, [x], {'T${B}': {Type: 'AWS::SNS::Topic'}}]\n"
        assert list(parse_template(text, name="t").resources) == ["Tx"]


class TestNestedStacks:
    def templates(self, *, egress: bool) -> list[Template]:
        nodes = {name: part for name, part in GROUP.items() if egress or name != "Out"}
        parent = {
            **nodes,
            "Nested": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {"TemplateURL": "./nested.yaml", "Parameters": {"Group": SELF, "Kind": P6E}},
            },
        }
        nested = {
            "Parameters": {"Group": {"Type": "String"}, "Kind": {"Type": "String"}},
            "Resources": {"Launch": launch({"Ref": "Kind"}, GB200, block=CR, groups=[{"Ref": "Group"}])},  # type: ignore[arg-type]
        }
        return [
            Template(name="a/parent.yaml", content={"Resources": parent}),
            Template(name="a/nested.yaml", content=nested),
        ]

    def test_see_what_their_parent_gives(self) -> None:
        assert check_templates(linked(self.templates(egress=True))) == []
        (finding,) = check_templates(linked(self.templates(egress=False)))
        assert (finding.file, finding.rule, finding.severity) == ("a/nested.yaml", "efa-security-group", "error")

    def test_by_an_address_that_names_no_file(self) -> None:
        parent, nested = self.templates(egress=False)
        parent.content["Resources"]["Nested"]["Properties"]["TemplateURL"] = {"Ref": "Asset"}
        (finding,) = check_templates(linked([parent, nested]))
        assert (finding.file, finding.severity) == ("a/nested.yaml", "error")

    def test_alone_cannot_tell(self) -> None:
        (finding, *_) = check_templates(self.templates(egress=False)[1:])
        assert finding.severity == "unknown"

    def test_give_what_their_parent_uses(self) -> None:
        nested = {
            "Resources": dict(GROUP),
            "Outputs": {"Group": {"Value": SELF}},
        }
        parent = {
            "Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "https://x/nested.json"}},
            "Launch": launch(P6E, GB200, block=CR, groups=[{"Fn::GetAtt": ["Nested", "Outputs.Group"]}]),
        }
        templates = [
            Template(name="parent.json", content={"Resources": parent}),
            Template(name="nested.json", content=nested),
        ]
        assert check_templates(linked(templates)) == []
        del nested["Resources"]["Out"]  # type: ignore[attr-defined]
        (finding,) = check_templates(linked(templates))
        assert (finding.file, finding.rule) == ("parent.json", "efa-security-group")


class TestClustersOfTheOlderCdk:
    def cluster(self, **config: Any) -> dict[str, Any]:
        vpc = {"subnetIds": ["subnet-1"], "endpointPublicAccess": False, **config}
        properties = {"Config": {"version": "1.34", "resourcesVpcConfig": vpc}}
        return {"Cluster": {"Type": "Custom::AWSCDK-EKS-Cluster", "Properties": properties}}

    def test_are_clusters(self) -> None:
        assert found({"Resources": self.cluster()}) == set()
        assert found({"Resources": self.cluster(endpointPublicAccess=True)}) == {
            ("Cluster", "public-endpoint", "error")
        }
        networks = {"endpointPublicAccess": "true", "publicAccessCidrs": ["203.0.113.0/24"]}
        assert found({"Resources": self.cluster(**networks)}) == set()


class TestImages:
    def test_a_public_parameter_names_the_architecture(self) -> None:
        path = "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/nvidia/recommended/image_id"
        parameter = {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": path}
        resources = rack(ImageId={"Ref": "Ami"}, UserData="TUlNRS1WZXJzaW9uOiAxLjAK")
        del resources["Rack"]["Properties"]["AmiType"]
        assert found({"Parameters": {"Ami": parameter}, "Resources": resources}) == {
            ("Launch", "ami-architecture", "error")
        }

    def test_of_types_that_the_catalog_does_not_know(self) -> None:
        def pool(ami: str, kind: str) -> set[tuple[str, str, str]]:
            group = node_group(ami, 3, LaunchTemplate={}, InstanceTypes=[kind])
            return found({"Resources": {"Pool": group}})

        assert pool(X86, "g5g.xlarge") == {("Pool", "ami-architecture", "error")}
        assert pool("AL2023_ARM_64_STANDARD", "m7i.large") == {("Pool", "ami-architecture", "error")}
        for ami, kind in ((X86, "g6e.xlarge"), ("AL2023_ARM_64_STANDARD", "m8gd.large"), (X86, "u-6tb1.metal")):
            assert pool(ami, kind) == set()

    def test_of_a_compute_node_group(self) -> None:
        group = {
            "Type": "AWS::PCS::ComputeNodeGroup",
            "Properties": {
                "AmiId": "{{resolve:ssm:/aws/service/pcs/ami/x86_64/latest}}",
                "CustomLaunchTemplate": {"TemplateId": {"Ref": "Launch"}},
                "InstanceConfigs": [{"InstanceType": P6E}],
                "PurchaseOption": "CAPACITY_BLOCK",
                "ScalingConfiguration": {"MinInstanceCount": 0, "MaxInstanceCount": 18},
                "SubnetIds": ["subnet-1"],
            },
        }
        assert ("Slurm", "ami-architecture", "error") in found(
            {"Resources": {"Launch": launch(None, GB200, block=CR), "Slurm": group}}
        )


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "0000::/0", "0:0:0:0:0:0:0:0/0", "10.0.0.0/0"])
def test_everybody_is_everybody_however_it_is_written(network: str) -> None:
    key = "CidrIpv6" if ":" in network else "CidrIp"
    rule = {"IpProtocol": "TCP", "FromPort": 22, "ToPort": 22, key: network}
    group = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [rule]}}
    assert found({"Resources": {"Open": group}}) == {("Open", "open-to-everybody", "error")}


class TestRights:
    def role(self, **statement: Any) -> dict[str, Any]:
        document = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", **statement}]}
        return {"Role": {"Type": "AWS::IAM::RolePolicy", "Properties": {"PolicyDocument": document}}}

    @pytest.mark.parametrize("statement", [{}, {"Action": ["*:*"]}, {"Action": None, "NotAction": "iam:*"}])
    def test_all_of_them(self, statement: dict[str, Any]) -> None:
        assert found({"Resources": self.role(**statement)}) == {("Role", "all-rights", "error")}

    def test_under_a_condition(self) -> None:
        assert found({"Resources": self.role(Condition={"Bool": {"a": "true"}})}) == {("Role", "all-rights", "warning")}

    def test_a_boundary_allows_nothing_by_itself(self) -> None:
        resources = self.role()
        resources["Role"]["Type"] = "AWS::IAM::ManagedPolicy"
        user = {"Type": "AWS::IAM::Role", "Properties": {"PermissionsBoundary": {"Ref": "Role"}}}
        assert found({"Resources": {**resources, "User": user}}) == set()

    def test_of_an_administrator_under_a_condition(self) -> None:
        arn = "arn:aws:iam::aws:policy/AdministratorAccess"
        role = {"Type": "AWS::IAM::Role", "Properties": {"ManagedPolicyArns": [maybe(arn)]}}
        assert found({**OPEN, "Resources": {"Role": role}}) == {("Role", "all-rights", "unknown")}
        role["Properties"] = {"ManagedPolicyArns": [maybe("arn:aws:iam::aws:policy/ReadOnlyAccess")]}
        assert found({**OPEN, "Resources": {"Role": role}}) == set()


OTHER_LAUNCHERS: dict[str, dict[str, Any]] = {
    "AWS Batch": {
        "Type": "AWS::Batch::ComputeEnvironment",
        "Properties": {
            "ComputeResources": {
                "InstanceTypes": ["p6-b300.48xlarge"],
                "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Launch"}},
            }
        },
    },
    "an instance": {
        "Type": "AWS::EC2::Instance",
        "Properties": {"InstanceType": "p6-b300.48xlarge", "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Launch"}}},
    },
    "a fleet": {
        "Type": "AWS::EC2::EC2Fleet",
        "Properties": {
            "LaunchTemplateConfigs": [
                {
                    "LaunchTemplateSpecification": {"LaunchTemplateName": "b300"},
                    "Overrides": [{"InstanceType": "p6-b300.48xlarge"}],
                }
            ]
        },
    },
    "a spot fleet": {
        "Type": "AWS::EC2::SpotFleet",
        "Properties": {
            "SpotFleetRequestConfigData": {
                "LaunchTemplateConfigs": [
                    {
                        "LaunchTemplateSpecification": {"LaunchTemplateId": {"Ref": "Launch"}},
                        "Overrides": [{"InstanceType": "p6-b300.48xlarge"}],
                    }
                ]
            }
        },
    },
}


@pytest.mark.parametrize("launcher", OTHER_LAUNCHERS.values(), ids=OTHER_LAUNCHERS)
def test_the_type_may_be_stated_by_whatever_launches(launcher: dict[str, Any]) -> None:
    wrong = launch(None, B300_WRONG)
    wrong["Properties"]["LaunchTemplateName"] = "b300"
    findings = check_templates([template({"Launch": wrong, "Launcher": launcher})])
    assert {(item.resource, item.rule) for item in findings if item.severity == "error"} == {("Launch", "efa-layout")}


@pytest.mark.parametrize(
    ("deployment", "capacity", "fails"),
    [
        ("SCRATCH_2", 1200, False),
        ("SCRATCH_2", 4800, False),
        ("SCRATCH_2", 3600, True),
        ("SCRATCH_1", 3600, False),
        ("SCRATCH_1", 4800, True),
        (None, 1500, True),
    ],
)
def test_older_file_systems(deployment: str | None, capacity: int, *, fails: bool) -> None:
    properties: dict[str, Any] = {"FileSystemType": "LUSTRE", "StorageCapacity": capacity}
    if deployment:
        properties["LustreConfiguration"] = {"DeploymentType": deployment}
    content = {"Resources": {"Scratch": {"Type": "AWS::FSx::FileSystem", "Properties": properties}}}
    assert found(content) == ({("Scratch", "lustre", "error")} if fails else set())


def test_a_file_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("Resources:\n  A: {Type: AWS::SNS::Topic\n")
    (tmp_path / "b.yaml").write_text("Resources:\n  A: {Type: AWS::SNS::Topic}\n")
    unreadable: list[Any] = []
    assert [Path(item.name).name for item in read_templates([tmp_path], unreadable=unreadable.append)] == ["b.yaml"]
    assert "a.yaml can't be read" in str(unreadable[0])


def test_what_cannot_be_told_of_many_is_one_line(tmp_path: Path) -> None:
    resources = {
        f"Disk{n}": {"Type": "AWS::EFS::FileSystem", "Properties": {"Encrypted": {"Ref": "P"}}} for n in range(5)
    }
    (tmp_path / "a.json").write_text(json.dumps({**OPEN, "Resources": resources}))
    lines = CliRunner().invoke(app, ["check", str(tmp_path)]).stdout.splitlines()
    assert len(lines) == 2
    assert "Disk0 and 4 more: unknown: undecided: Encrypted" in lines[0]
    assert "5 unknown" in lines[1]


def layouts() -> Iterator[Any]:
    for kind in InstanceType.all():
        for intent in EfaIntent:
            try:
                layout = efa_layout(kind, intent)
            except FleetError:
                continue  # a layout that AWS doesn't publish, or an intent that the type lacks
            yield pytest.param(kind, layout, id=f"{kind} {intent.value}")


@pytest.mark.parametrize(("kind", "layout"), list(layouts()))
def test_nothing_is_wrong_with_any_layout_of_the_catalog(kind: InstanceType, layout: Sequence[Interface]) -> None:
    cells = [(card, device, interface) for card, device, interface in layout]
    block = CR if "capacity-block" in (kind.purchase_options or ()) else None
    assert check_templates([template({"Launch": launch(kind.name, cells, block=block)})]) == []


class TestRulesOfParameters:
    """The section Rules: the CDK writes one into every template, about the version of the account's bootstrap."""

    CHECK: ClassVar[dict[str, Any]] = {
        "CheckBootstrapVersion": {
            "Assertions": [{"Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2"], {"Ref": "Version"}]}]}}]
        }
    }

    def found(self, rules: dict[str, Any]) -> list[str]:
        template = Template(
            name="t", content={"Resources": {"B": {"Type": "AWS::S3::Bucket"}}, "Rules": rules, "Parameters": {}}
        )
        return [finding.message for finding in check_templates([template])]

    def test_have_functions_of_their_own(self) -> None:
        assert self.found(self.CHECK) == []

    def test_may_hide_what_a_macro_makes(self) -> None:
        (message,) = self.found({**self.CHECK, "Fn::Transform": {"Name": "M"}})
        assert "Fn::Transform adds what a macro makes" in message

    def test_fails_on_their_functions_elsewhere(self) -> None:
        template = Template(
            name="t",
            content={"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"N": {"Fn::Contains": []}}}}},
        )
        (finding,) = check_templates([template])
        assert "Fn::Contains is no function of CloudFormation" in finding.message


def test_a_layout_of_no_type_is_told_of_once() -> None:
    findings = check_templates([template({"Launch": launch(None, B300_WRONG)})])
    assert [(item.rule, item.severity.value) for item in findings] == [("efa-layout", "unknown")]


def test_the_type_may_be_stated_by_a_group_of_another_template() -> None:
    exported = {
        "Resources": {"Launch": launch(None, B300_WRONG)},
        "Outputs": {"Id": {"Value": {"Ref": "Launch"}, "Export": {"Name": "launch-id"}}},
    }
    group = node_group(X86, 4, InstanceTypes=["p6-b300.48xlarge"])
    group["Properties"]["LaunchTemplate"]["Id"] = {"Fn::ImportValue": "launch-id"}
    made = with_group(exported)
    templates = [made, Template(name="other", content={"Resources": {"Group": group}})]
    for order in (templates, templates[::-1]):
        findings = check_templates(linked(order))
        assert ("Launch", "efa-layout", "error") in {(i.resource, i.rule, i.severity.value) for i in findings}
        assert "unknown" not in {item.severity.value for item in findings if item.rule == "efa-layout"}


@pytest.mark.parametrize(("hops", "told"), [(2, False), (3, True)])
def test_the_hops_of_a_managed_group_of_another_template(hops: int, *, told: bool) -> None:
    made = with_group(
        {
            "Resources": rack(MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": hops}),
            "Outputs": {"Id": {"Value": {"Ref": "Launch"}, "Export": {"Name": "launch-id"}}},
        }
    )
    group = made.content["Resources"].pop("Rack")
    group["Properties"]["LaunchTemplate"]["Id"] = {"Fn::ImportValue": "launch-id"}
    other = Template(name="other", content={"Resources": {"Rack": group}})
    findings = check_templates(linked([made, other]))
    assert told == ("imds-hop-limit" in {item.rule for item in findings})
