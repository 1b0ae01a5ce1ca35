"""Metrics, grants and connections of constructs."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Match, Template

from helpers.fleet import Site
from ultrafleet.capacity import OnDemandCapacityReservation
from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.metrics import METRICS
from ultrafleet.cluster import FleetCluster, ImportedCluster
from ultrafleet.errors import FleetError
from ultrafleet.schedule import BlockSchedule
from ultrafleet.training import LustreFileSystem


def alarmed(stack: cdk.Stack, metric: cloudwatch.Metric) -> dict[str, Any]:
    """Properties of an alarm on the metric."""
    cloudwatch.Alarm(stack, "Alarm", metric=metric, threshold=1, evaluation_periods=1)
    alarms = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm")
    return dict(next(item for name, item in alarms.items() if name.startswith("Alarm"))["Properties"])


@pytest.fixture
def reservation(stack: cdk.Stack) -> OnDemandCapacityReservation:
    return OnDemandCapacityReservation(
        stack,
        "Reservation",
        instance_type=InstanceType.P6_B300_48XLARGE,
        instance_count=2,
        availability_zone="us-east-1b",
    )


@pytest.mark.parametrize("name", ["TotalInstanceCount", "UsedInstanceCount", "AvailableInstanceCount"])
def test_reservations_have_the_catalogued_metrics(
    stack: cdk.Stack, reservation: OnDemandCapacityReservation, name: str
) -> None:
    metric = {
        "TotalInstanceCount": reservation.metric_total_instances,
        "UsedInstanceCount": reservation.metric_used_instances,
        "AvailableInstanceCount": reservation.metric_available_instances,
    }[name]
    properties = alarmed(stack, metric(period=cdk.Duration.minutes(15)))
    entry = METRICS[name]
    assert (properties["Namespace"], properties["MetricName"]) == (entry.namespace, entry.name)
    assert properties["Dimensions"] == [
        {"Name": "CapacityReservationId", "Value": stack.resolve(reservation.capacity_reservation_id)}
    ]
    assert (properties["Statistic"], properties["Period"]) == ("Maximum", 900)


def test_a_cluster_has_metrics_and_connections(stack: cdk.Stack) -> None:
    vpc = ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=0)
    cluster = FleetCluster(
        stack,
        "Cluster",
        cluster_name="research",
        kubernetes_version="1.35",
        vpc=vpc,
        control_plane_subnets=vpc.isolated_subnets,
    )
    cluster.connections.allow_from(ec2.Peer.ipv4("10.9.0.0/16"), ec2.Port.tcp(443))
    assert cluster.metric_node_count().metric_name == "cluster_node_count"
    properties = alarmed(stack, cluster.metric_failed_node_count(statistic="Average"))
    assert properties["Dimensions"] == [{"Name": "ClusterName", "Value": "research"}]
    assert properties["Statistic"] == "Average"
    Template.from_stack(stack).has_resource_properties(
        "AWS::EC2::SecurityGroup",
        {"SecurityGroupIngress": Match.array_with([Match.object_like({"CidrIp": "10.9.0.0/16", "FromPort": 443})])},
    )


def test_a_schedule_has_metrics_and_can_be_started(stack: cdk.Stack) -> None:
    schedule = BlockSchedule(stack, "Schedule", cluster=ImportedCluster(cluster_name="research"))
    role = iam.Role(stack, "Operator", assumed_by=iam.AccountRootPrincipal())
    schedule.grant_start_execution(role)
    names = [
        metric().metric_name
        for metric in (
            schedule.metric_started,
            schedule.metric_failed,
            schedule.metric_timed_out,
            schedule.metric_throttled,
            schedule.metric_failed_calls,
        )
    ]
    assert names == [
        "ExecutionsStarted",
        "ExecutionsFailed",
        "ExecutionsTimedOut",
        "ExecutionThrottled",
        "NumberOfMessagesSent",
    ]
    arn = stack.resolve(schedule.state_machine_arn)
    properties = alarmed(stack, schedule.metric_failed())
    assert properties["Namespace"] == "AWS/States"
    assert [item["Name"] for item in properties["Dimensions"]] == ["StateMachineArn"]
    Template.from_stack(stack).has_resource_properties(
        "AWS::IAM::Policy",
        {
            "PolicyDocument": {"Statement": [{"Action": "states:StartExecution", "Effect": "Allow", "Resource": arn}]},
            "Roles": [{"Ref": Match.string_like_regexp("^Operator")}],
        },
    )


def test_a_pool_and_a_file_system_connect_with_their_groups(site: Site) -> None:
    group = ec2.SecurityGroup(site.stack, "Nodes", vpc=ec2.Vpc(site.stack, "Vpc", max_azs=2, nat_gateways=0))
    pool = site.ultraserver_pool(security_groups=[group])
    file_system = LustreFileSystem(
        site.stack,
        "Lustre",
        subnet=site.regular,
        security_groups=[ec2.SecurityGroup.from_security_group_id(site.stack, "LustreGroup", "sg-lustre")],
        capacity_gib=4800,
    )
    file_system.connections.allow_default_port_from(pool)
    Template.from_stack(site.stack).has_resource_properties(
        "AWS::EC2::SecurityGroupIngress", {"GroupId": "sg-lustre", "FromPort": 988, "ToPort": 988}
    )


def test_an_imported_cluster_without_its_group_has_no_pools(site: Site) -> None:
    with pytest.raises(FleetError, match="cluster_security_group_id of cluster research is not stated") as error:
        site.ultraserver_pool(cluster=ImportedCluster(cluster_name="research"))
    assert error.value.remedy == "pass it to ImportedCluster"
