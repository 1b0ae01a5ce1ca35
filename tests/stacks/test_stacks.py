"""The shipped environments: what their templates hold, and what no template may hold."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import yaml

from ultrafleet.environment import load_environment
from ultrafleet.environment.deployment_runs import deployment_runs
from ultrafleet.errors import FleetError
from ultrafleet.stacks.fleet_stage import FleetStage
from ultrafleet.templates.references import references

ENVIRONMENTS = Path(__file__).parent.parent.parent / "stacks" / "environments"
NAMES = ["dev", "inference", "training"]

Templates = dict[str, dict[str, Any]]


def synth(context: dict[str, Any], path: Path) -> Templates:
    app = cdk.App(context=context, analytics_reporting=False, builtin_cloud_formation_validation=False)
    stage = FleetStage(app, environment=load_environment(path))
    return {stack.stack_name: stack.template for stack in stage.synth().stacks}


@pytest.fixture(scope="module")
def shipped() -> dict[str, Templates]:
    context = json.loads((ENVIRONMENTS.parent.parent / "cdk.json").read_text())["context"]
    return {name: synth(context, ENVIRONMENTS / f"{name}.yaml") for name in NAMES}


def resources(templates: Templates, resource_type: str) -> Iterator[dict[str, Any]]:
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] == resource_type:
                yield resource


def pools(templates: Templates, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Launch template data and node group of each block of a pool, or of the pool without blocks."""
    ((stack, template),) = [(key, value) for key, value in templates.items() if key.endswith(f"-pool-{name}")]
    return [
        (template["Resources"][group["LaunchTemplate"]["Id"]["Ref"]]["Properties"]["LaunchTemplateData"], group)
        for group in (r["Properties"] for r in resources({stack: template}, "AWS::EKS::Nodegroup"))
    ]


def pool(templates: Templates, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    (found,) = pools(templates, name)
    return found


def layout(data: dict[str, Any]) -> list[tuple[int, int, str]]:
    return [(i["NetworkCardIndex"], i["DeviceIndex"], i["InterfaceType"]) for i in data["NetworkInterfaces"]]


def target(data: dict[str, Any]) -> str:
    """Capacity reservation that a launch template targets."""
    found: str = data["CapacityReservationSpecification"]["CapacityReservationTarget"]["CapacityReservationId"]
    return found


GB200 = [(0, 0, "interface"), (1, 0, "efa-only"), (5, 0, "efa-only"), (9, 0, "efa-only"), (13, 0, "efa-only")]


class TestPools:
    @pytest.mark.parametrize(
        ("environment", "name", "size", "reservations"),
        [
            ("training", "rack-a", 18, ["cr-0aaaaaaaaaaaaaaa1", "cr-0aaaaaaaaaaaaaaa2"]),
            ("training", "rack-b", 18, ["cr-0bbbbbbbbbbbbbbb1"]),
            ("inference", "rack-c", 9, ["cr-0cccccccccccccc01"]),
        ],
    )
    def test_racks(
        self, shipped: dict[str, Templates], environment: str, name: str, size: int, reservations: list[str]
    ) -> None:
        found = pools(shipped[environment], name)
        for data, group in found:
            assert layout(data) == GB200
            assert group["CapacityType"] == "CAPACITY_BLOCK"
            assert group["ScalingConfig"] == {"MinSize": 0, "MaxSize": size}
            assert data["InstanceMarketOptions"] == {"MarketType": "capacity-block"}
            assert "Placement" not in data
        assert [target(data) for data, _ in found] == reservations
        assert [group["NodegroupName"] for _, group in found] == [f"{name}-{block}" for block in reservations]

    def test_b300_on_its_reservation_in_its_placement_group(self, shipped: dict[str, Templates]) -> None:
        data, group = pool(shipped["training"], "b300")
        assert layout(data) == [(0, 0, "interface"), *((card, 0, "efa-only") for card in range(1, 17))]
        assert group["CapacityType"] == "ON_DEMAND"
        assert group["ScalingConfig"] == {"MinSize": 0, "MaxSize": 2, "DesiredSize": 2}
        assert data["Placement"] == {"GroupName": {"Fn::ImportValue": "training-reservation-b300-placement-group"}}
        assert data["CapacityReservationSpecification"]["CapacityReservationTarget"] == {
            "CapacityReservationId": {"Fn::ImportValue": "training-reservation-b300-id"}
        }

    def test_h200_on_a_block_of_instances(self, shipped: dict[str, Templates]) -> None:
        data, group = pool(shipped["inference"], "h200")
        assert len(layout(data)) == 17
        assert group["ScalingConfig"] == {"MinSize": 0, "MaxSize": 4}

    def test_dev_on_demand(self, shipped: dict[str, Templates]) -> None:
        data, group = pool(shipped["dev"], "h100")
        assert layout(data) == [(0, 0, "interface"), (0, 1, "efa-only")]
        assert group["ScalingConfig"] == {"MinSize": 0, "MaxSize": 1, "DesiredSize": 1}
        assert "CapacityReservationSpecification" not in data


class TestEveryTemplate:
    def test_no_placement_group_stands_with_a_block(self, shipped: dict[str, Templates]) -> None:
        for templates in shipped.values():
            for resource in resources(templates, "AWS::EC2::LaunchTemplate"):
                data = resource["Properties"]["LaunchTemplateData"]
                if "InstanceMarketOptions" in data:
                    assert "Placement" not in data

    def test_no_placement_group_has_tags(self, shipped: dict[str, Templates]) -> None:
        groups = [r for templates in shipped.values() for r in resources(templates, "AWS::EC2::PlacementGroup")]
        assert groups
        assert all("Tags" not in group["Properties"] for group in groups)

    def test_no_local_zone_subnet_is_the_clusters_or_an_endpoints(self, shipped: dict[str, Templates]) -> None:
        for name in ("training", "inference"):
            network = shipped[name][f"{name}-network"]["Resources"]
            (local,) = [
                key
                for key, resource in network.items()
                if resource["Type"] == "AWS::EC2::Subnet" and "dfw" in str(resource["Properties"]["AvailabilityZone"])
            ]
            endpoints = [r["Properties"] for r in network.values() if r["Type"] == "AWS::EC2::VPCEndpoint"]
            assert endpoints
            assert local not in json.dumps([endpoint.get("SubnetIds") for endpoint in endpoints])
            assert "dallas" not in json.dumps(shipped[name][f"{name}-cluster"])

    def test_no_lambda_and_no_custom_resource_but_the_cdk_s_own_kubectl(self, shipped: dict[str, Templates]) -> None:
        for templates in shipped.values():
            for name, template in templates.items():
                types = {resource["Type"] for resource in template["Resources"].values()}
                found = {
                    kind for kind in types if kind.startswith(("Custom::", "AWS::Lambda", "AWS::CloudFormation::Cu"))
                }
                if not any(part in name for part in ("-kubernetes", "-care", "-team-", "-model-")):
                    assert not found
                if not name.endswith("-kubernetes"):
                    assert not [kind for kind in found if kind.startswith("AWS::Lambda")]
                assert {kind for kind in found if kind.startswith("Custom::")} <= {
                    "Custom::AWSCDK-EKS-HelmChart",
                    "Custom::AWSCDK-EKS-KubernetesResource",
                }

    def test_production_keeps_what_pools_stand_on(self, shipped: dict[str, Templates]) -> None:
        kept = {"AWS::EC2::Subnet", "AWS::EC2::VPC", "AWS::EC2::CapacityReservation"}
        for name in ("training", "inference"):
            for template in shipped[name].values():
                for resource in template["Resources"].values():
                    if resource["Type"] in kept:
                        assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
                        assert resource["UpdateReplacePolicy"] == "Retain"

    def test_dev_cleans_up_after_itself(self, shipped: dict[str, Templates]) -> None:
        policies = {
            (resource["Type"], resource["DeletionPolicy"])
            for template in shipped["dev"].values()
            for resource in template["Resources"].values()
            if resource.get("DeletionPolicy", "").startswith("Retain")
        }
        # A chart with kinds isn't uninstalled, since every object of theirs would go, and it ends with the cluster.
        assert policies == {("Custom::AWSCDK-EKS-HelmChart", "Retain")}

    def test_fits_cloudformation(self, shipped: dict[str, Templates]) -> None:
        for templates in shipped.values():
            for template in templates.values():
                assert len(template["Resources"]) <= 500
                assert len(json.dumps(template)) < 1_000_000
                assert len(template["Description"]) <= 1024

    def test_two_synths_are_identical(self, shipped: dict[str, Templates], cdk_context: dict[str, Any]) -> None:
        for name in NAMES:
            again = synth(cdk_context, ENVIRONMENTS / f"{name}.yaml")
            assert json.dumps(again) == json.dumps(shipped[name])


def test_the_addresses_of_the_file_get_the_alarms(shipped: dict[str, Templates]) -> None:
    template = shipped["training"]["training-capacity"]
    (subscription,) = resources({"": template}, "AWS::SNS::Subscription")
    ((topic, _),) = [item for item in template["Resources"].items() if item[1]["Type"] == "AWS::SNS::Topic"]
    assert subscription["Properties"] == {
        "TopicArn": {"Ref": topic},
        "Protocol": "email",
        "Endpoint": "fleet-oncall@example.com",
    }
    assert not list(resources(shipped["dev"], "AWS::SNS::Subscription"))


class TestReservations:
    def needed(self, cdk_context: dict[str, Any]) -> dict[str, set[str]]:
        """Stacks that each stack depends on, directly or not."""
        app = cdk.App(context=cdk_context, analytics_reporting=False, builtin_cloud_formation_validation=False)
        stage = FleetStage(app, environment=load_environment(ENVIRONMENTS / "training.yaml"))
        direct = {
            child.stack_name: {item.stack_name for item in child.dependencies}
            for child in stage.node.children
            if isinstance(child, cdk.Stack)
        }
        found = {}
        for name in direct:
            left, seen = [name], set[str]()
            while left:
                for other in direct[left.pop()] - seen:
                    seen.add(other)
                    left.append(other)
            found[name] = seen
        return found

    def test_only_the_pool_on_a_reservation_depends_on_its_stack(self, cdk_context: dict[str, Any]) -> None:
        needed = self.needed(cdk_context)
        assert {name for name, others in needed.items() if "training-reservation-b300" in others} == {
            "training-pool-b300"
        }
        assert "training-capacity" in needed["training-reservation-b300"]

    def test_no_other_stack_imports_anything_of_it(self, shipped: dict[str, Templates]) -> None:
        importing = {name for name, it in shipped["training"].items() if "training-reservation-b300" in json.dumps(it)}
        assert importing == {"training-reservation-b300", "training-pool-b300"}

    def test_the_schedule_has_a_stack_without_reservations(self, shipped: dict[str, Templates]) -> None:
        held = {name for name, it in shipped["training"].items() if "AWS::EC2::CapacityReservation" in json.dumps(it)}
        assert held == {"training-reservation-b300"}
        assert "AWS::StepFunctions::StateMachine" in json.dumps(shipped["training"]["training-capacity"])

    def test_what_is_reserved_and_not_used_is_told(self, shipped: dict[str, Templates]) -> None:
        template = shipped["training"]["training-reservation-b300"]
        (alarm,) = [item["Properties"] for item in resources({"": template}, "AWS::CloudWatch::Alarm")]
        ((reservation, _),) = [
            item for item in template["Resources"].items() if item[1]["Type"] == "AWS::EC2::CapacityReservation"
        ]
        assert alarm["Dimensions"] == [{"Name": "CapacityReservationId", "Value": {"Ref": reservation}}]
        assert alarm["MetricName"] == "AvailableInstanceCount"
        assert alarm["EvaluationPeriods"] * alarm["Period"] == 120 * 60
        assert alarm["AlarmActions"] == [{"Fn::ImportValue": "training-alarm-topic-arn"}]

    def test_reservations_come_in_a_run_of_their_own(self) -> None:
        assert deployment_runs(load_environment(ENVIRONMENTS / "training.yaml")) == [
            "training/!(reservation-b300|pool-b300)",
            "training/@(reservation-b300|pool-b300)",
        ]
        assert deployment_runs(load_environment(ENVIRONMENTS / "dev.yaml")) == ["dev/**"]


def test_the_node_role_and_the_security_group_are_in_every_pool(shipped: dict[str, Templates]) -> None:
    data, group = pool(shipped["training"], "rack-b")
    assert group["NodeRole"] == {"Fn::ImportValue": "training-node-role-arn"}
    assert data["NetworkInterfaces"][0]["Groups"] == [
        {"Fn::ImportValue": "training-cluster-security-group-id"},
        {"Fn::ImportValue": "training-efa-security-group-id"},
    ]


def edited(tmp_path: Path, **network: Any) -> Path:
    content = yaml.safe_load((ENVIRONMENTS / "training.yaml").read_text())
    for subnet in content["network"]["subnets"]:
        subnet.update(network.get(subnet["name"].replace("-", "_"), {}))
    path = tmp_path / "training.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            {"dallas": {"cidr": "10.64.32.0/22"}},
            r"subnet dallas \(10.64.32.0/22\) has 992 usable IPs, expected 3,456 .*\(rack-a 1,728, rack-b 1,728\)",
        ),
        ({"dallas": {"cidr": None}}, "subnet dallas of environment training has no cidr, .*ultrafleet network plan"),
        ({"control_a": {"availability_zone": "us-east-1-dfw-2a"}}, "control-a .* is in Local Zone us-east-1-dfw-2a"),
        ({"dallas": {"cidr": "10.65.32.0/20"}}, "has 10.65.32.0/20, expected a part of the VPC's 10.64.0.0/16"),
        ({"dallas": {"cidr": "10.64.0.0/20"}}, "overlap"),
    ],
)
def test_fails(tmp_path: Path, cdk_context: dict[str, Any], network: dict[str, Any], message: str) -> None:
    with pytest.raises(FleetError, match=message):
        synth(cdk_context, edited(tmp_path, **network))


def test_system_nodes_stand_on_separate_racks_where_asked(tmp_path: Path, cdk_context: dict[str, Any]) -> None:
    content = yaml.safe_load((ENVIRONMENTS / "dev.yaml").read_text())
    content["cluster"] = {"system_nodes": {"placement_group": "spread"}}
    path = tmp_path / "dev.yaml"
    path.write_text(yaml.safe_dump(content))
    templates = synth(cdk_context, path)
    (group,) = resources(templates, "AWS::EC2::PlacementGroup")
    assert group["Properties"] == {"Strategy": "spread"}
    ((group_id, _),) = [
        (key, value)
        for key, value in templates["dev-system"]["Resources"].items()
        if value["Type"] == "AWS::EC2::PlacementGroup"
    ]
    (launch_template,) = resources({"": templates["dev-system"]}, "AWS::EC2::LaunchTemplate")
    assert launch_template["Properties"]["LaunchTemplateData"]["Placement"] == {"GroupName": {"Ref": group_id}}


def test_sessions_without_ssh_where_asked(
    tmp_path: Path, cdk_context: dict[str, Any], shipped: dict[str, Templates]
) -> None:
    content = yaml.safe_load((ENVIRONMENTS / "dev.yaml").read_text())
    content["cluster"] = {"ssm_sessions": True}
    path = tmp_path / "dev.yaml"
    path.write_text(yaml.safe_dump(content))
    assert "AmazonSSMManagedInstanceCore" in json.dumps(synth(cdk_context, path))
    assert "AmazonSSMManagedInstanceCore" not in json.dumps(shipped)


def test_a_first_deployment_that_failed_can_be_deleted(
    shipped: dict[str, Templates], cdk_context: dict[str, Any]
) -> None:
    """The next deployment begins with it: nothing protects a stack, and the protected cluster comes last in its own."""
    for name in NAMES:
        app = cdk.App(context=cdk_context, analytics_reporting=False, builtin_cloud_formation_validation=False)
        stage = FleetStage(app, environment=load_environment(ENVIRONMENTS / f"{name}.yaml"))
        assert not any(stack.termination_protection for stack in stage.synth().stacks)
        template = shipped[name][f"{name}-cluster"]["Resources"]
        (cluster,) = [key for key, value in template.items() if value["Type"] == "AWS::EKS::Cluster"]
        assert {
            *(named.name for named in references(template[cluster]["Properties"])),
            *template[cluster]["DependsOn"],
        } >= {*template} - {cluster}
