"""Dashboard and alarms of a cluster, and what EKS repairs by itself."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Template
from syrupy.assertion import SnapshotAssertion

from helpers.common import resources_of
from helpers.rehearsal_site import ENVIRONMENTS, synthesised
from helpers.workloads import b300, h200, nodes, rack, trainium
from tools.dashboard_picture import OUT, definition, picture
from ultrafleet.catalog.eks import FABRIC_REASONS, NODE_MONITORING_REASONS, xid_reason
from ultrafleet.catalog.metrics import FLEET_METRICS, METRICS
from ultrafleet.cluster import ImportedCluster
from ultrafleet.kubernetes import UNPROVEN_TAINT, PoolNodes
from ultrafleet.monitoring import FleetAlarms, FleetDashboard, HostLogs, PodLogs, WatchedBlock
from ultrafleet.rehearsal.cloudwatch.filter_pattern import matches
from ultrafleet.rules.node_repair import node_repair_config
from ultrafleet.rules.xid_lines import fatal_xid_pattern

END = datetime(2026, 12, 15, 11, 30, tzinfo=UTC)
TOPIC = "arn:aws:sns:us-east-1:111122223333:fleet"


def dashboard(stack: cdk.Stack, pools: list[PoolNodes], reservations: dict[str, list[str]]) -> dict[str, Any]:
    FleetDashboard(
        stack, "Dashboard", cluster=ImportedCluster(cluster_name="prod"), pools=pools, reservations=reservations
    )
    return definition(Template.from_stack(stack).to_json())


def alarms(stack: cdk.Stack, pools: list[PoolNodes], reservations: dict[str, list[str]], **options: Any) -> Template:
    FleetAlarms(
        stack,
        "Alarms",
        cluster=ImportedCluster(cluster_name="prod"),
        pools=pools,
        reservations=reservations,
        topic=sns.Topic.from_topic_arn(stack, "Topic", TOPIC),
        **options,
    )
    return Template.from_stack(stack)


def unused(template: Template) -> dict[str, Any]:
    """Alarms on unused reservations, by logical id."""
    found = resources_of(template, "AWS::CloudWatch::Alarm").items()
    return {name: alarm["Properties"] for name, alarm in found if "Unused" in name}


def titles(body: dict[str, Any]) -> list[str]:
    return [widget["properties"].get("title", "") for widget in body["widgets"]]


def graph(body: dict[str, Any], title: str) -> dict[str, Any]:
    (found,) = [widget["properties"] for widget in body["widgets"] if title in widget["properties"].get("title", "")]
    return found  # type: ignore[no-any-return]


class TestFleetDashboard:
    def test_widgets_lie_beside_each_other_on_the_grid(self, stack: cdk.Stack) -> None:
        pools = [rack(), rack("rack-b"), b300(), h200(), trainium()]
        body = dashboard(stack, pools, {pool.pool_name: ["cr-1"] for pool in pools})
        taken: set[tuple[int, int]] = set()
        for widget in body["widgets"]:
            cells = {
                (x, y)
                for x in range(widget["x"], widget["x"] + widget["width"])
                for y in range(widget["y"], widget["y"] + widget["height"])
            }
            assert not cells & taken, widget["properties"]
            assert all(0 <= x < 24 for x, _ in cells)
            taken |= cells

    def test_ready_nodes_stand_against_the_full_size(self, stack: cdk.Stack) -> None:
        shown = graph(dashboard(stack, [rack(), b300()], {}), "Nodes ready")
        assert shown["annotations"]["horizontal"] == [{"label": "accelerator nodes at once, at most", "value": 20}]
        hidden = {entry[-1]["id"]: entry[1] for entry in shown["metrics"] if len(entry) > 1}
        assert hidden == {"nodes": "cluster_node_count", "failed": "cluster_failed_node_count"}
        assert shown["metrics"][-1] == [{"label": "ready", "id": "ready", "expression": "nodes - failed"}]

    def test_a_pool_shows_what_is_reserved_and_used_of_each_of_its_reservations(self, stack: cdk.Stack) -> None:
        shown = graph(dashboard(stack, [rack()], {"rack-a": ["cr-2", "cr-1"]}), "rack-a")
        assert [(entry[1], entry[3]) for entry in shown["metrics"]] == [
            ("TotalInstanceCount", "cr-2"),
            ("UsedInstanceCount", "cr-2"),
            ("TotalInstanceCount", "cr-1"),
            ("UsedInstanceCount", "cr-1"),
        ]
        assert shown["annotations"]["horizontal"][0]["value"] == 18

    def test_ultraservers_of_overlapping_blocks_are_counted_each(self, stack: cdk.Stack) -> None:
        body = dashboard(stack, [rack(nodes=36, nodes_per_group=18), rack("rack-b"), h200()], {})
        told = body["widgets"][0]["properties"]["markdown"]
        assert told == "# prod\n3 pools; at once at most 3 UltraServers, 58 accelerator nodes"

    def test_a_node_that_came_up_with_fewer_gpus_is_below_the_line(self, stack: cdk.Stack) -> None:
        shown = graph(dashboard(stack, [rack(), h200()], {}), "Fewest GPUs")
        assert shown["annotations"]["horizontal"][0]["value"] == 4  # a rack's nodes have 4, H200s 8

    @pytest.mark.parametrize(
        ("pool", "shown", "hidden"), [(trainium(), "NeuronCores", "GPUs"), (h200(), "GPUs", "Neuron")]
    )
    def test_shows_the_accelerators_that_there_are(
        self, stack: cdk.Stack, pool: PoolNodes, shown: str, hidden: str
    ) -> None:
        found = " ".join(titles(dashboard(stack, [pool], {})))
        assert shown in found
        assert hidden not in found

    def test_trainium_has_a_row_of_its_own_below_the_gpus(self, stack: cdk.Stack) -> None:
        body = dashboard(stack, [rack(), trainium()], {})
        rows = {widget["properties"].get("title", ""): (widget["y"], widget["width"]) for widget in body["widgets"]}
        assert rows["GPUs: use"] == (8, 8)
        assert rows["NeuronCores: use"] == (14, 6)
        assert rows["EFA: errors"][0] == 20
        (failed, events) = graph(body, "Neuron devices: errors")["metrics"]
        assert failed[:4] == ["ContainerInsights", "node_neuron_execution_errors_total", "ClusterName", "prod"]
        assert (events[1], events[4]["stat"]) == ("node_neurondevice_hw_ecc_events_total", "Sum")

    def test_a_hundred_pools_fit_what_cloudwatch_takes(self, stack: cdk.Stack) -> None:
        pools = [rack(f"rack-{index:03}") for index in range(100)]
        ids = {pool.pool_name: [f"cr-{pool.pool_name}-{n:017}" for n in range(4)] for pool in pools}
        body = dashboard(stack, pools, ids)
        assert len(body["widgets"]) <= 500
        assert all(len(widget["properties"].get("metrics", [])) <= 500 for widget in body["widgets"])
        assert len(json.dumps(body)) < 1_000_000
        assert "40 pools more have alarms and no widget" in body["widgets"][-1]["properties"]["markdown"]

    def test_reservations_that_are_only_known_at_deployment_are_filled_in(self, stack: cdk.Stack) -> None:
        token = cdk.Fn.import_value("reservation")
        body = dashboard(stack, [b300()], {"b300": [token]})
        assert graph(body, "b300")["metrics"][0][3] == "imported"

    def test_dead_gpus_are_shown_by_node_where_there_are_gpus(self, stack: cdk.Stack) -> None:
        body = dashboard(stack, [rack()], {})
        ((line,),) = graph(body, "Fatal XID errors")["metrics"]
        assert line["expression"] == (
            'SELECT SUM(FatalXidErrors) FROM SCHEMA("Ultrafleet/prod", InstanceId) GROUP BY InstanceId'
        )
        assert graph(body, "impaired interconnect")["metrics"][0][:2] == ["Ultrafleet/prod", "ImpairedBlocks"]
        assert not [title for title in titles(dashboard(cdk.Stack(), [trainium()], {})) if "XID" in title]

    def test_metrics_have_a_source(self) -> None:
        assert all(metric.source for metric in (*METRICS.values(), *FLEET_METRICS.values()))

    def test_minimal_snapshot(self, stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
        dashboard(stack, [nodes("small", "p5.4xlarge", 1, efa=0)], {})
        assert Template.from_stack(stack).to_json() == snapshot_json

    def test_maximal_snapshot(self, stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
        dashboard(stack, [rack(), b300(), trainium()], {"rack-a": ["cr-1", "cr-2"], "b300": ["cr-3"], "trn": ["cr-4"]})
        assert Template.from_stack(stack).to_json() == snapshot_json


class TestFleetAlarms:
    def test_every_alarm_goes_to_the_topic_and_says_what_to_do(self, stack: cdk.Stack) -> None:
        template = alarms(stack, [rack(), h200()], {"rack-a": ["cr-1"], "h200": ["cr-2"]})
        found = resources_of(template, "AWS::CloudWatch::Alarm").values()
        assert len(found) == 6
        for alarm in found:
            assert alarm["Properties"]["AlarmActions"] == [TOPIC]
            assert ":" in alarm["Properties"]["AlarmDescription"]
            assert alarm["Properties"]["TreatMissingData"] == "notBreaching"

    def test_capacity_that_is_paid_for_and_unused(self, stack: cdk.Stack) -> None:
        template = alarms(stack, [rack()], {"rack-a": ["cr-1", "cr-2"]}, unused_minutes=60)
        for reservation in ("cr-1", "cr-2"):
            template.has_resource_properties(
                "AWS::CloudWatch::Alarm",
                {
                    "MetricName": "AvailableInstanceCount",
                    "Dimensions": [{"Name": "CapacityReservationId", "Value": reservation}],
                    "EvaluationPeriods": 12,
                    "Threshold": 1,
                    "TreatMissingData": "notBreaching",
                },
            )

    def test_a_block_that_has_not_begun_is_looked_at_alone(self, stack: cdk.Stack) -> None:
        """Two reservations in one alarm would add up the wait after a drain and the start of the next block."""
        template = alarms(stack, [rack()], {"rack-a": ["cr-1", "cr-2"]})
        assert len(unused(template)) == 2
        assert all("Metrics" not in alarm for alarm in unused(template).values())

    def test_an_alarm_follows_its_reservation_and_not_its_position(self, stack: cdk.Stack) -> None:
        two = unused(alarms(stack, [rack()], {"rack-a": ["cr-1", "cr-2"]}))
        one = unused(alarms(cdk.Stack(cdk.App(), "Other"), [rack()], {"rack-a": ["cr-2"]}))
        assert len(one) == 1
        assert one.items() < two.items()

    def test_a_reservation_that_is_only_known_at_deployment(self, stack: cdk.Stack) -> None:
        template = alarms(stack, [b300()], {"b300": [cdk.Fn.import_value("reservation")]})
        (found,) = unused(template).values()
        assert found["Dimensions"][0]["Value"] == {"Fn::ImportValue": "reservation"}

    def test_pools_without_reservations_have_none_on_them(self, stack: cdk.Stack) -> None:
        template = alarms(stack, [rack(), trainium()], {})
        assert not unused(template)

    def test_a_block_has_alarms_on_its_dates_in_place_of_the_one_on_unused_nodes(self, stack: cdk.Stack) -> None:
        blocks = {"cr-1": WatchedBlock(end=END, drain_lead_minutes=90)}
        template = alarms(stack, [rack()], {"rack-a": ["cr-1", "cr-2"]}, blocks=blocks)
        assert [name for name in unused(template) if "cr2" in name] == list(unused(template))
        names = [name for name in resources_of(template, "AWS::CloudWatch::Alarm") if "rackacr1" in name]
        assert [name.partition("rackacr1")[0] for name in names] == [
            "AlarmsNotEmpty",
            "AlarmsBelowSize",
            "AlarmsNoSuccessor",
        ]

    def test_executions_that_go_on_failing_ring_where_there_is_trainium(self, stack: cdk.Stack) -> None:
        template = alarms(stack, [trainium()], {})
        template.has_resource_properties(
            "AWS::CloudWatch::Alarm",
            {"MetricName": "node_neuron_execution_errors_total", "EvaluationPeriods": 3, "Statistic": "Sum"},
        )
        without = resources_of(alarms(cdk.Stack(cdk.App(), "Other"), [rack()], {}), "AWS::CloudWatch::Alarm")
        assert not [name for name in without if "Neuron" in name]

    def test_a_dead_gpu_is_told_by_the_drivers_lines_and_not_by_a_figure_of_the_node(self, stack: cdk.Stack) -> None:
        """A node's capacity, which counts dead GPUs, too, is the only figure of how many it has."""
        found = resources_of(alarms(stack, [rack(), h200()], {}), "AWS::CloudWatch::Alarm")
        assert not [item for item in found.values() if "gpu" in item["Properties"].get("MetricName", "")]
        (dead,) = [alarm["Properties"] for name, alarm in found.items() if "DeadGpu" in name]
        assert (dead["Namespace"], dead["MetricName"]) == ("Ultrafleet/prod", "FatalXidErrors")
        assert "Dimensions" not in dead
        assert "--log-group-name /aws/containerinsights/prod/host" in dead["AlarmDescription"]
        assert len(dead["AlarmDescription"]) <= 1024

    def test_failed_nodes_says_that_a_dead_gpu_is_none_of_its(self, stack: cdk.Stack) -> None:
        found = resources_of(alarms(stack, [rack()], {}), "AWS::CloudWatch::Alarm")
        (told,) = [alarm["Properties"]["AlarmDescription"] for key, alarm in found.items() if "FailedNodes" in key]
        assert told.endswith("a dead GPU is DeadGpu's")

    def test_a_drain_that_starts_is_told(self, stack: cdk.Stack) -> None:
        alarms(stack, [rack()], {}).has_resource_properties(
            "AWS::CloudWatch::Alarm", {"MetricName": "ServiceIntegrationsSucceeded", "EvaluationPeriods": 1}
        )

    def test_logical_ids_are_those_of_the_pools(self, stack: cdk.Stack) -> None:
        other = cdk.Stack(cdk.App(), "Other")
        first = alarms(stack, [rack("rack-a"), rack("rack-b")], {"rack-a": ["cr-1"], "rack-b": ["cr-2"]})
        second = alarms(other, [rack("rack-b")], {"rack-b": ["cr-2"]})
        assert set(resources_of(second, "AWS::CloudWatch::Alarm")) < set(resources_of(first, "AWS::CloudWatch::Alarm"))

    def test_minimal_snapshot(self, stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
        assert alarms(stack, [trainium()], {}).to_json() == snapshot_json

    def test_maximal_snapshot(self, stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
        held = {"rack-a": ["cr-1", "cr-2"], "h200": ["cr-3"]}
        blocks = {"cr-1": WatchedBlock(end=END, drain_lead_minutes=90)}
        made = alarms(stack, [rack(), h200()], held, blocks=blocks, unused_minutes=45)
        assert made.to_json() == snapshot_json


class TestHostLogs:
    def made(self, stack: cdk.Stack, **options: Any) -> Template:
        HostLogs(stack, "Logs", cluster=ImportedCluster(cluster_name="prod"), **options)
        return Template.from_stack(stack)

    def test_the_log_group_is_the_add_ons_and_ends(self, stack: cdk.Stack) -> None:
        self.made(stack).has_resource_properties(
            "AWS::Logs::LogGroup", {"LogGroupName": "/aws/containerinsights/prod/host", "RetentionInDays": 30}
        )

    def test_lines_are_counted_for_the_cluster_and_for_each_node(self, stack: cdk.Stack) -> None:
        filters = [item["Properties"] for item in resources_of(self.made(stack), "AWS::Logs::MetricFilter").values()]
        assert {item["FilterPattern"] for item in filters} == {fatal_xid_pattern()}
        changes = [change for item in filters for change in item["MetricTransformations"]]
        assert {change["MetricNamespace"] for change in changes} == {"Ultrafleet/prod"}
        (of_nodes,) = [change for change in changes if "Dimensions" in change]
        (of_cluster,) = [change for change in changes if "Dimensions" not in change]
        assert of_nodes["Dimensions"] == [{"Key": "InstanceId", "Value": "$.ec2_instance_id"}]
        assert "DefaultValue" not in of_nodes  # CloudWatch takes none beside dimensions
        assert of_cluster["DefaultValue"] == 0

    def test_the_key_and_the_days_are_options(self, stack: cdk.Stack) -> None:
        key = kms.Key(stack, "Key")
        template = self.made(stack, encryption_key=key, retention=logs.RetentionDays.ONE_WEEK)
        (group,) = resources_of(template, "AWS::Logs::LogGroup").values()
        assert group["Properties"]["RetentionInDays"] == 7
        assert "KmsKeyId" in group["Properties"]

    def test_the_add_on_waits_for_its_log_group(self) -> None:
        _, stacks = synthesised((ENVIRONMENTS / "training.yaml").read_text(), "training")
        (system,) = [json.loads(stack.template) for stack in stacks if stack.name.endswith("-system")]
        (addon,) = [
            resource
            for resource in system["Resources"].values()
            if resource.get("Properties", {}).get("AddonName") == "amazon-cloudwatch-observability"
        ]
        assert [name for name in addon["DependsOn"] if name.startswith("HostLogsLogGroup")]


class TestPodLogs:
    def accepted(self) -> PoolNodes:
        return rack(startup_taints=(UNPROVEN_TAINT,))

    def test_the_gate_s_line_is_the_metric(self, stack: cdk.Stack) -> None:
        PodLogs(stack, "Logs", cluster=ImportedCluster(cluster_name="prod"))
        template = Template.from_stack(stack)
        template.has_resource_properties(
            "AWS::Logs::LogGroup", {"LogGroupName": "/aws/containerinsights/prod/application", "RetentionInDays": 30}
        )
        (made,) = resources_of(template, "AWS::Logs::MetricFilter").values()
        (change,) = made["Properties"]["MetricTransformations"]
        pattern = made["Properties"]["FilterPattern"]
        line = {"gate": "acceptance", "event": "looked", "heldNodes": 3}
        assert change["MetricValue"] == "$.log_processed.heldNodes"
        assert matches(pattern, json.dumps({"log_processed": line}))
        assert not matches(pattern, json.dumps({"log_processed": {**line, "event": "held"}}))
        assert not matches(pattern, json.dumps({"log_processed": {**line, "gate": "other"}}))

    def test_held_nodes_and_a_silent_gate_ring_where_pools_are_tested(self, stack: cdk.Stack) -> None:
        found = resources_of(alarms(stack, [self.accepted()], {"rack-a": ["cr-1"]}), "AWS::CloudWatch::Alarm")
        (held,) = [item["Properties"] for name, item in found.items() if "HeldNodes" in name]
        (silent,) = [item["Properties"] for name, item in found.items() if "GateSilent" in name]
        assert held["MetricName"] == silent["MetricName"] == "HeldNodes"
        assert held["AlarmActions"] == silent["AlarmActions"] == [TOPIC]
        assert (held["Statistic"], held["TreatMissingData"]) == ("Maximum", "notBreaching")
        assert (silent["Statistic"], silent["TreatMissingData"]) == ("SampleCount", "breaching")
        assert silent["Period"] * silent["EvaluationPeriods"] == 15 * 60

    def test_no_gate_no_alarm(self, stack: cdk.Stack) -> None:
        found = resources_of(alarms(stack, [rack()], {"rack-a": ["cr-1"]}), "AWS::CloudWatch::Alarm")
        assert not [name for name in found if "HeldNodes" in name or "GateSilent" in name]


class TestNodeRepair:
    def overrides(self, *, ultraserver: bool) -> dict[str, str]:
        config = node_repair_config(nodes=18, ultraserver=ultraserver)
        return {item["NodeUnhealthyReason"]: item["RepairAction"] for item in config["NodeRepairConfigOverrides"]}

    def test_a_rack_is_not_drained_for_a_fault_of_what_its_nodes_share(self) -> None:
        racks = self.overrides(ultraserver=True)
        left = {reason for reason, action in racks.items() if action == "NoAction"}
        assert left == set(FABRIC_REASONS)
        assert {"NvidiaNVLinkError", "NvidiaDeviceCountMismatch", *map(xid_reason, (74, 136, 155))} <= left
        assert not left & set(self.overrides(ultraserver=False))

    def test_every_reason_is_one_that_the_agent_reports(self) -> None:
        assert set(self.overrides(ultraserver=True)) <= set(NODE_MONITORING_REASONS)
        assert "NvidiaXID94Error" not in self.overrides(ultraserver=True)

    def test_a_gpu_that_fell_off_the_bus_is_replaced_and_others_are_rebooted(self) -> None:
        found = self.overrides(ultraserver=True)
        assert found["NvidiaXID79Error"] == "Replace"
        assert {found[xid_reason(code)] for code in (48, 63, 64, 95, 119, 120)} == {"Reboot"}

    @pytest.mark.parametrize("nodes", [1, 2, 4, 5, 9, 18, 64])
    def test_one_node_at_a_time_one_ill_node_always_and_none_when_many_are_ill(self, nodes: int) -> None:
        config = node_repair_config(nodes=nodes, ultraserver=True)
        assert config["MaxParallelNodesRepairedCount"] == 1
        percent = config.get("MaxUnhealthyNodeThresholdPercentage")
        count = config.get("MaxUnhealthyNodeThresholdCount")
        assert (percent is None) != (count is None), "CloudFormation takes one of the two"
        assert 1 <= (count or nodes * percent / 100) <= max(1, nodes / 5)


def test_the_picture_is_of_the_definition(tmp_path: Path) -> None:
    _, stacks = synthesised((ENVIRONMENTS / "training.yaml").read_text(), "training")
    (operate,) = [json.loads(stack.template) for stack in stacks if stack.name.endswith("-operate")]
    picture(operate, tmp_path / "dashboard.svg")
    assert (tmp_path / "dashboard.svg").read_bytes() == OUT.read_bytes(), "run `make docs`"


@pytest.mark.parametrize("kind", [HostLogs, PodLogs])
def test_an_existing_log_group_gets_metric_filters_alone(stack: cdk.Stack, kind: type[HostLogs | PodLogs]) -> None:
    group = logs.LogGroup.from_log_group_name(stack, "Theirs", "/aws/containerinsights/research/host")
    made = kind(stack, "Logs", cluster=ImportedCluster(cluster_name="research"), log_group=group)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::Logs::LogGroup", 0)
    filters = template.find_resources("AWS::Logs::MetricFilter").values()
    assert {item["Properties"]["LogGroupName"] for item in filters} == {"/aws/containerinsights/research/host"}
    assert made.log_group is group
