"""The public API as a typed program uses it: mypy checks this file in `make lint`, and nothing runs it."""

from datetime import UTC, datetime
from typing import assert_type

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks as eks_v1
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from ultrafleet.capacity import CapacityBlock, OnDemandCapacityReservation, PlacementGroup, PlacementStrategy
from ultrafleet.catalog import InstanceType, UltraServerType
from ultrafleet.cluster import FleetCluster, ImportedCluster, SystemPool
from ultrafleet.errors import FleetError, UnknownFactError
from ultrafleet.kubernetes import PoolNodes
from ultrafleet.layout import Interface, efa_layout
from ultrafleet.monitoring import FleetAlarms, FleetDashboard
from ultrafleet.network import EfaSecurityGroup, FleetNetwork, SubnetKind, SubnetSpec
from ultrafleet.pools import AcceleratorPool, NodeOptions, Taint, UltraServerPool
from ultrafleet.schedule import BlockSchedule
from ultrafleet.training import LustreFileSystem


def facts() -> None:
    assert_type(InstanceType.P5_48XLARGE.ena_bandwidth_gbps, int | None)
    assert_type(InstanceType.of("p5.48xlarge").accelerator_count, int | None)
    assert_type(UltraServerType.U_P6E_GB200X72.instance_count, int | None)
    assert_type(efa_layout(InstanceType.P5_48XLARGE), tuple[Interface, ...])


def errors(error: UnknownFactError) -> None:
    assert_type(error.path, str | None)
    assert_type(error.within("dev.yaml"), UnknownFactError)
    assert_type(error.as_json(), dict[str, str | None])
    raise FleetError(path="max_nodes", got=0, expected="1 or more", remedy="raise it") from error


def network(stack: cdk.Stack) -> EfaSecurityGroup:
    created = FleetNetwork(
        stack,
        "Network",
        cidr="10.0.0.0/16",
        subnets=[
            SubnetSpec(
                name="control-a", kind=SubnetKind.CONTROL_PLANE, availability_zone="us-east-1a", cidr="10.0.0.0/28"
            )
        ],
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    assert_type(created.subnets(SubnetKind.SYSTEM), list[ec2.ISubnet])
    return EfaSecurityGroup(stack, "Efa", vpc=created.vpc)


def every_cluster(
    stack: cdk.Stack, old: eks_v1.ICluster, new: eks.ICluster, own: FleetCluster, subnet: ec2.ISubnet
) -> None:
    for cluster in (old, new, own, ImportedCluster(cluster_name="research")):
        BlockSchedule(stack, "Schedule", cluster=cluster)
        SystemPool(
            stack,
            "System",
            cluster=cluster,
            subnets=[subnet],
            root_volume_gib=100,
            placement_group=PlacementGroup(stack, "Placement", strategy=PlacementStrategy.SPREAD),
        )


def pools(stack: cdk.Stack, cluster: eks.ICluster, subnet: ec2.ISubnet, group: ec2.ISecurityGroup) -> None:
    block = CapacityBlock.from_ultraserver_reservation(
        capacity_reservation_id="cr-0aaaaaaaaaaaaaaa1",
        ultraserver_type=UltraServerType.U_P6E_GB200X72,
        availability_zone="us-east-1-dfw-2a",
        start=datetime(2026, 12, 1, 11, 30, tzinfo=UTC),
        end=datetime(2026, 12, 15, 11, 30, tzinfo=UTC),
    )
    rack = UltraServerPool(
        stack,
        "Rack",
        cluster=cluster,
        pool_name="rack-a",
        ultraserver_type=UltraServerType.U_P6E_GB200X72,
        blocks=[block],
        subnet=subnet,
        security_groups=[group],
        options=NodeOptions(taints=[Taint(key="rack", value="a", effect="NO_SCHEDULE")]),
    )
    reservation = OnDemandCapacityReservation(
        stack,
        "Reservation",
        instance_type=InstanceType.P6_B300_48XLARGE,
        instance_count=2,
        availability_zone="us-east-1b",
        removal_policy=cdk.RemovalPolicy.RETAIN,
    )
    AcceleratorPool(
        stack,
        "B300",
        cluster=cluster,
        pool_name="b300",
        instance_type=reservation.instance_type,
        nodes=2,
        subnet=subnet,
        security_groups=[group],
        reservation=reservation,
    )
    assert_type(rack.kubernetes_nodes, PoolNodes)
    assert_type(rack.connections, ec2.Connections)
    assert_type(reservation.metric_used_instances(), cloudwatch.Metric)
    file_system = LustreFileSystem(stack, "Lustre", subnet=subnet, security_groups=[group], capacity_gib=4800)
    file_system.connections.allow_default_port_from(rack)


def monitoring(stack: cdk.Stack, cluster: eks.ICluster, topic: sns.ITopic, role: iam.IRole) -> None:
    schedule = BlockSchedule(stack, "Schedule", cluster=cluster, topic=topic)
    assert_type(schedule.grant_start_execution(role), iam.Grant)
    FleetDashboard(stack, "Dashboard", cluster=cluster, pools=[], reservations={})
    FleetAlarms(stack, "Alarms", cluster=cluster, pools=[], reservations={}, topic=topic)
