"""The network of a fleet: VPC, subnets, egress, endpoints, flow logs and the security group of EFA."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Annotations, Match, Template
from syrupy.assertion import SnapshotAssertion

from ultrafleet.errors import FleetError
from ultrafleet.network import (
    ENDPOINT_SERVICES,
    EfaSecurityGroup,
    Egress,
    FleetNetwork,
    NetworkFlowLogs,
    SubnetKind,
    SubnetSpec,
)

VPC = "AWS::EC2::VPC"
SUBNET = "AWS::EC2::Subnet"
ASSOCIATION = "AWS::EC2::SubnetRouteTableAssociation"
ROUTE = "AWS::EC2::Route"
NAT = "AWS::EC2::NatGateway"
ENDPOINT = "AWS::EC2::VPCEndpoint"
GROUP = "AWS::EC2::SecurityGroup"
INGRESS = "AWS::EC2::SecurityGroupIngress"
EGRESS = "AWS::EC2::SecurityGroupEgress"
ANYWHERE = "0.0.0.0/0"

Resources = dict[str, dict[str, Any]]


def spec(name: str, kind: SubnetKind, zone: str, cidr: str) -> SubnetSpec:
    return SubnetSpec(name=name, kind=kind, availability_zone=zone, cidr=cidr)


CONTROL_A = spec("control-a", SubnetKind.CONTROL_PLANE, "us-east-1a", "10.0.0.0/26")
CONTROL_B = spec("control-b", SubnetKind.CONTROL_PLANE, "us-east-1b", "10.0.0.64/26")
NAT_A = spec("nat-a", SubnetKind.NAT, "us-east-1a", "10.0.0.128/28")
SYSTEM = spec("system-a", SubnetKind.SYSTEM, "us-east-1a", "10.0.2.0/23")
DALLAS = spec("dallas", SubnetKind.ACCELERATOR, "us-east-1-dfw-2a", "10.0.16.0/20")
CONTROL = [CONTROL_A, CONTROL_B]


def network(stack: cdk.Stack, *more: SubnetSpec, **given: Any) -> FleetNetwork:
    return FleetNetwork(stack, "Network", **{"cidr": "10.0.0.0/16", "subnets": [*CONTROL, *more], **given})


def found(stack: cdk.Stack, resource_type: str) -> Resources:
    return {name: dict(item) for name, item in Template.from_stack(stack).find_resources(resource_type).items()}


def only(stack: cdk.Stack, resource_type: str) -> tuple[str, dict[str, Any]]:
    ((logical_id, resource),) = found(stack, resource_type).items()
    return logical_id, resource["Properties"]


def of(logical_id: str, attribute: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, attribute]}


def subnet_id(stack: cdk.Stack, cidr: str) -> dict[str, Any]:
    ids = [name for name, resource in found(stack, SUBNET).items() if resource["Properties"]["CidrBlock"] == cidr]
    return of(ids[0], "SubnetId")


def everything(template: Template) -> Resources:
    resources: Resources = template.to_json()["Resources"]
    return resources


class TestVpcAndSubnets:
    def test_resolves_names_inside(self, stack: cdk.Stack) -> None:
        network(stack)
        _, vpc = only(stack, VPC)
        assert vpc["EnableDnsSupport"]
        assert vpc["EnableDnsHostnames"]

    def test_no_subnet_gives_public_addresses(self, stack: cdk.Stack) -> None:
        network(stack, SYSTEM, DALLAS, NAT_A, egress=Egress.ZONAL_NAT)
        assert not any(resource["Properties"]["MapPublicIpOnLaunch"] for resource in found(stack, SUBNET).values())

    def test_subnets_are_as_stated(self, stack: cdk.Stack) -> None:
        created = network(stack, DALLAS, egress=Egress.NONE)
        assert created.subnet("dallas").availability_zone == "us-east-1-dfw-2a"
        assert created.subnet("dallas").ipv4_cidr_block == "10.0.16.0/20"
        Template.from_stack(stack).has_resource_properties(
            SUBNET, {"CidrBlock": "10.0.16.0/20", "Tags": [{"Key": "Name", "Value": "Test-dallas"}]}
        )

    def test_subnets_are_found_by_kind_in_the_order_of_their_names(self, stack: cdk.Stack) -> None:
        created = FleetNetwork(stack, "Network", cidr="10.0.0.0/16", subnets=[CONTROL_B, SYSTEM, CONTROL_A])
        assert [subnet.ipv4_cidr_block for subnet in created.subnets(SubnetKind.CONTROL_PLANE)] == [
            CONTROL_A.cidr,
            CONTROL_B.cidr,
        ]
        assert created.subnets(SubnetKind.ACCELERATOR) == []

    def test_another_subnet_changes_none(self, app: cdk.App) -> None:
        env = cdk.Environment(account="111122223333", region="us-east-1")
        before, after = (cdk.Stack(app, name, env=env, stack_name="net") for name in ("Before", "After"))
        network(before, SYSTEM)
        another = spec("another", SubnetKind.ACCELERATOR, "us-east-1a", "10.0.64.0/20")
        FleetNetwork(after, "Network", cidr="10.0.0.0/16", subnets=[another, CONTROL_B, SYSTEM, CONTROL_A])
        # the VPC's name tag holds the path of the stack, which differs between the two of this test alone
        old, new = (everything(Template.from_stack(stack)) for stack in (before, after))
        unchanged = {name for name, resource in old.items() if resource["Type"] != VPC and new.get(name) == resource}
        assert unchanged == {name for name, resource in old.items() if resource["Type"] != VPC}

    def test_internal_load_balancers_go_to_system_subnets_only(self, stack: cdk.Stack) -> None:
        network(stack, SYSTEM)
        tag = {"Key": "kubernetes.io/role/internal-elb", "Value": "1"}
        tagged = [r["Properties"]["CidrBlock"] for r in found(stack, SUBNET).values() if tag in r["Properties"]["Tags"]]
        assert tagged == [SYSTEM.cidr]

    def test_is_a_vpc_for_other_constructs(self, stack: cdk.Stack) -> None:
        created = network(stack)
        ec2.SecurityGroup(stack, "Other", vpc=created.vpc)
        ids = [r["Properties"]["VpcId"] for r in found(stack, GROUP).values()]
        assert ids == [stack.resolve(created.vpc_id)] * len(ids)

    def test_fails_on_an_unknown_subnet_with_the_names_there_are(self, stack: cdk.Stack) -> None:
        with pytest.raises(FleetError, match="subnet is 'rack', expected one of control-a, control-b"):
            network(stack).subnet("rack")


class TestValidation:
    def test_fails_on_a_token_as_cidr(self, stack: cdk.Stack) -> None:
        with pytest.raises(FleetError, match="cidr is a token, expected a plain CIDR"):
            network(stack, cidr=cdk.Fn.import_value("cidr"))

    def test_fails_on_a_token_as_cidr_of_a_subnet(self) -> None:
        with pytest.raises(FleetError, match=r"CIDR of subnet rack is .*Token"):
            spec("rack", SubnetKind.ACCELERATOR, "us-east-1a", cdk.Fn.import_value("cidr"))

    def test_fails_on_a_subnet_smaller_than_ec2_takes(self) -> None:
        with pytest.raises(
            FleetError, match=r"CIDR of subnet rack is 10\.0\.0\.0/29, expected a length from /16 to /28"
        ):
            spec("rack", SubnetKind.ACCELERATOR, "us-east-1a", "10.0.0.0/29")

    @pytest.mark.parametrize("kind", [SubnetKind.CONTROL_PLANE, SubnetKind.SYSTEM, SubnetKind.NAT])
    def test_fails_on_anything_but_accelerators_in_a_local_zone(self, kind: SubnetKind) -> None:
        with pytest.raises(FleetError, match="is in Local Zone us-east-1-dfw-2a, expected an Availability Zone"):
            spec("dallas", kind, "us-east-1-dfw-2a", "10.0.16.0/20")

    def test_fails_on_a_control_plane_in_one_zone(self, stack: cdk.Stack) -> None:
        twin = spec("control-c", SubnetKind.CONTROL_PLANE, "us-east-1a", "10.0.1.0/26")
        with pytest.raises(FleetError, match="control_plane subnets are in us-east-1a, expected at least two"):
            network(stack, subnets=[CONTROL_A, twin])

    def test_fails_without_a_control_plane(self, stack: cdk.Stack) -> None:
        with pytest.raises(FleetError, match="control_plane subnets are in no zone, expected at least two"):
            network(stack, subnets=[])

    def test_fails_on_overlapping_subnets(self, stack: cdk.Stack) -> None:
        over = spec("over", SubnetKind.ACCELERATOR, "us-east-1a", "10.0.0.0/24")
        with pytest.raises(FleetError, match=r"control-a \(10\.0\.0\.0/26\) and over \(10\.0\.0\.0/24\) overlap"):
            network(stack, over)

    def test_fails_on_a_subnet_outside_the_vpc(self, stack: cdk.Stack) -> None:
        outside = spec("outside", SubnetKind.ACCELERATOR, "us-east-1a", "10.1.0.0/24")
        with pytest.raises(FleetError, match=r"subnet outside has 10\.1\.0\.0/24, expected a part of the VPC's"):
            network(stack, outside)

    def test_fails_on_two_subnets_of_one_name(self, stack: cdk.Stack) -> None:
        with pytest.raises(FleetError, match="subnet name control-a is used 2 times, expected once"):
            network(stack, spec("control-a", SubnetKind.ACCELERATOR, "us-east-1a", "10.0.4.0/24"))

    def test_fails_on_zones_of_two_regions(self, stack: cdk.Stack) -> None:
        with pytest.raises(FleetError, match="subnets are in zones of us-east-1, us-west-2, expected one region"):
            network(stack, spec("west", SubnetKind.ACCELERATOR, "us-west-2a", "10.0.4.0/24"))

    def test_fails_on_zones_of_another_region_than_the_stacks(self, app: cdk.App) -> None:
        stack = cdk.Stack(app, "West", env=cdk.Environment(region="us-west-2"))
        with pytest.raises(FleetError, match="zones of us-east-1, expected us-west-2, the region of stack West"):
            network(stack)

    def test_a_stack_whose_region_is_not_known_is_trusted(self, app: cdk.App) -> None:
        network(cdk.Stack(app, "Anywhere"))


class TestEgress:
    def test_is_a_regional_nat_gateway_in_availability_zones(self, stack: cdk.Stack) -> None:
        network(stack, SYSTEM)
        nat_id, nat = only(stack, NAT)
        vpc_id, _ = only(stack, VPC)
        assert nat == {"AvailabilityMode": "regional", "ConnectivityType": "public", "VpcId": of(vpc_id, "VpcId")}
        _, route = only(stack, ROUTE)
        assert route["DestinationCidrBlock"] == ANYWHERE
        assert route["NatGatewayId"] == of(nat_id, "NatGatewayId")
        # EC2 refuses a public NAT gateway in a VPC without an internet gateway
        Template.from_stack(stack).has_resource(
            NAT, {"DependsOn": list(found(stack, "AWS::EC2::VPCGatewayAttachment"))}
        )

    def test_every_subnet_but_that_of_the_nat_gateway_has_the_private_table(self, stack: cdk.Stack) -> None:
        network(stack, SYSTEM, DALLAS, NAT_A, egress=Egress.ZONAL_NAT)
        nat_route = next(r["Properties"] for r in found(stack, ROUTE).values() if "NatGatewayId" in r["Properties"])
        private = [
            r["Properties"]["SubnetId"]
            for r in found(stack, ASSOCIATION).values()
            if r["Properties"]["RouteTableId"] == nat_route["RouteTableId"]
        ]
        expected = [subnet_id(stack, item.cidr) for item in (*CONTROL, SYSTEM, DALLAS)]
        assert sorted(private, key=str) == sorted(expected, key=str)

    def test_a_zonal_nat_gateway_stands_in_the_one_subnet_with_a_route_to_the_internet(self, stack: cdk.Stack) -> None:
        network(stack, DALLAS, NAT_A, egress=Egress.ZONAL_NAT)
        _, nat = only(stack, NAT)
        address_id, address = only(stack, "AWS::EC2::EIP")
        assert nat["SubnetId"] == subnet_id(stack, NAT_A.cidr)
        assert nat["AllocationId"] == of(address_id, "AllocationId")
        assert "AvailabilityMode" not in nat
        assert address["Domain"] == "vpc"
        (public,) = [r["Properties"] for r in found(stack, ROUTE).values() if "GatewayId" in r["Properties"]]
        (associated,) = [
            r["Properties"]["SubnetId"]
            for r in found(stack, ASSOCIATION).values()
            if r["Properties"]["RouteTableId"] == public["RouteTableId"]
        ]
        assert public["DestinationCidrBlock"] == ANYWHERE
        assert associated == nat["SubnetId"]

    def test_none_means_no_way_out(self, stack: cdk.Stack) -> None:
        network(stack, DALLAS, egress=Egress.NONE)
        template = Template.from_stack(stack)
        for resource_type in (NAT, ROUTE, "AWS::EC2::InternetGateway", "AWS::EC2::EIP"):
            template.resource_count_is(resource_type, 0)

    def test_another_egress_changes_no_subnet_and_no_association(self, app: cdk.App) -> None:
        env = cdk.Environment(account="111122223333", region="us-east-1")
        stacks = [cdk.Stack(app, f"S{number}", env=env, stack_name="net") for number in range(2)]
        network(stacks[0], DALLAS, egress=Egress.NONE)
        network(stacks[1], DALLAS, NAT_A, egress=Egress.ZONAL_NAT)
        for resource_type in (SUBNET, ASSOCIATION):
            assert found(stacks[0], resource_type).items() <= found(stacks[1], resource_type).items()

    def test_fails_where_a_local_zone_has_no_stated_egress(self, stack: cdk.Stack) -> None:
        with pytest.raises(FleetError, match="egress is not stated and dallas is in a Local Zone, expected zonal_nat"):
            network(stack, DALLAS)

    def test_warns_of_a_regional_nat_gateway_for_a_local_zone(self, stack: cdk.Stack) -> None:
        network(stack, DALLAS, egress=Egress.REGIONAL_NAT)
        warning = Match.string_like_regexp("no document says such a gateway serves: use zonal_nat")
        Annotations.from_stack(stack).has_warning("/Test/Network", warning)

    def test_warns_of_no_other_egress(self, stack: cdk.Stack) -> None:
        network(stack, DALLAS, NAT_A, egress=Egress.ZONAL_NAT)
        Annotations.from_stack(stack).has_no_warning("*", Match.any_value())

    @pytest.mark.parametrize("nats", [[], [NAT_A, spec("nat-b", SubnetKind.NAT, "us-east-1b", "10.0.0.144/28")]])
    def test_fails_on_a_zonal_nat_without_exactly_one_subnet(self, stack: cdk.Stack, nats: list[SubnetSpec]) -> None:
        with pytest.raises(FleetError, match=f"egress is zonal_nat with {len(nats)} subnets of kind nat .*expected 1"):
            network(stack, *nats, egress=Egress.ZONAL_NAT)

    @pytest.mark.parametrize("egress", [None, Egress.REGIONAL_NAT, Egress.NONE])
    def test_fails_on_a_subnet_for_a_nat_gateway_that_is_not_there(
        self, stack: cdk.Stack, egress: Egress | None
    ) -> None:
        with pytest.raises(FleetError, match=r"with 1 subnets of kind nat \(nat-a\), expected 0"):
            network(stack, NAT_A, egress=egress)


class TestEndpoints:
    def test_s3_has_a_gateway_on_the_private_table(self, stack: cdk.Stack) -> None:
        network(stack)
        (s3,) = [
            r["Properties"] for r in found(stack, ENDPOINT).values() if r["Properties"]["VpcEndpointType"] == "Gateway"
        ]
        tables = {str(r["Properties"]["RouteTableId"]) for r in found(stack, ASSOCIATION).values()}
        assert s3["ServiceName"] == "com.amazonaws.us-east-1.s3"
        assert {str(table) for table in s3["RouteTableIds"]} == tables

    def test_nodes_of_a_private_cluster_find_what_they_call(self, stack: cdk.Stack) -> None:
        network(stack)
        services = {
            r["Properties"]["ServiceName"].removeprefix("com.amazonaws.us-east-1.")
            for r in found(stack, ENDPOINT).values()
            if r["Properties"]["VpcEndpointType"] == "Interface" and r["Properties"]["PrivateDnsEnabled"]
        }
        # EKS user guide, private clusters; eks-auth for Pod Identity
        assert services == {"ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "logs", "sts"}

    def test_stand_in_one_control_plane_subnet_of_each_zone(self, stack: cdk.Stack) -> None:
        twin = spec("control-c", SubnetKind.CONTROL_PLANE, "us-east-1a", "10.0.1.0/26")
        network(stack, twin, SYSTEM, DALLAS, egress=Egress.NONE)
        expected = [subnet_id(stack, CONTROL_A.cidr), subnet_id(stack, CONTROL_B.cidr)]
        for resource in found(stack, ENDPOINT).values():
            if resource["Properties"]["VpcEndpointType"] == "Interface":
                assert resource["Properties"]["SubnetIds"] == expected

    def test_answer_https_from_the_vpc_and_call_nobody(self, stack: cdk.Stack) -> None:
        network(stack)
        group_id, group = only(stack, GROUP)
        (rule,) = group["SecurityGroupIngress"]
        assert (rule["CidrIp"], rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == (
            "10.0.0.0/16",
            "tcp",
            443,
            443,
        )
        assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"]] == ["255.255.255.255/32"]
        groups = [r["Properties"].get("SecurityGroupIds") for r in found(stack, ENDPOINT).values()]
        assert groups.count([of(group_id, "GroupId")]) == len(ENDPOINT_SERVICES)

    def test_can_be_left_out(self, stack: cdk.Stack) -> None:
        network(stack, interface_endpoints=[])
        assert len(found(stack, ENDPOINT)) == 1  # S3, which costs nothing
        assert not found(stack, GROUP)

    def test_fails_on_no_egress_without_the_endpoints_that_nodes_call(self, stack: cdk.Stack) -> None:
        with pytest.raises(FleetError, match=r"interface_endpoints lacks ecr\.api, ecr\.dkr, eks, eks-auth, logs, sts"):
            network(stack, egress=Egress.NONE, interface_endpoints=["ec2"])

    @pytest.mark.parametrize("services", [["ec2", "ec2"], ["s3"]])
    def test_fails_on_a_service_twice_and_on_s3(self, stack: cdk.Stack, services: list[str]) -> None:
        with pytest.raises(FleetError, match="expected every service once and no s3"):
            network(stack, interface_endpoints=services)


class TestFlowLogs:
    def test_record_all_traffic_of_the_vpc(self, stack: cdk.Stack) -> None:
        network(stack)
        vpc_id, _ = only(stack, VPC)
        log_group_id, log_group = only(stack, "AWS::Logs::LogGroup")
        _, flow_log = only(stack, "AWS::EC2::FlowLog")
        assert flow_log["ResourceId"] == of(vpc_id, "VpcId")
        assert flow_log["TrafficType"] == "ALL"
        assert flow_log["LogGroupName"] == {"Ref": log_group_id}
        assert log_group["RetentionInDays"] == 90

    def test_may_be_written_to_their_group_only_and_for_this_account_only(self, stack: cdk.Stack) -> None:
        network(stack)
        log_group_id, _ = only(stack, "AWS::Logs::LogGroup")
        _, policy = only(stack, "AWS::IAM::Policy")
        _, role = only(stack, "AWS::IAM::Role")
        (statement,) = policy["PolicyDocument"]["Statement"]
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Resource"] == of(log_group_id, "Arn")
        assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}

    def test_can_be_left_out(self, stack: cdk.Stack) -> None:
        network(stack, flow_logs=False)
        Template.from_stack(stack).resource_count_is("AWS::EC2::FlowLog", 0)

    def test_work_on_any_vpc(self, stack: cdk.Stack) -> None:
        NetworkFlowLogs(
            stack,
            "Logs",
            vpc_id="vpc-1",
            retention=logs.RetentionDays.ONE_DAY,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        template = Template.from_stack(stack)
        template.has_resource_properties("AWS::EC2::FlowLog", {"ResourceId": "vpc-1"})
        template.has_resource("AWS::Logs::LogGroup", {"Properties": {"RetentionInDays": 1}, "DeletionPolicy": "Delete"})


class TestRetention:
    def test_keeps_what_pools_stand_on_and_nothing_that_costs(self, stack: cdk.Stack) -> None:
        network(stack, DALLAS, NAT_A, egress=Egress.ZONAL_NAT)
        kept = {
            resource["Type"]
            for resource in everything(Template.from_stack(stack)).values()
            if resource.get("DeletionPolicy") == "RetainExceptOnCreate" and resource["UpdateReplacePolicy"] == "Retain"
        }
        assert kept == {VPC, SUBNET, ASSOCIATION, "AWS::EC2::RouteTable", "AWS::Logs::LogGroup"}

    def test_keeps_nothing_where_it_is_told_so(self, stack: cdk.Stack) -> None:
        created = network(stack, DALLAS, egress=Egress.NONE, removal_policy=cdk.RemovalPolicy.DESTROY)
        EfaSecurityGroup(stack, "Efa", vpc=created.vpc, removal_policy=cdk.RemovalPolicy.DESTROY)
        resources = everything(Template.from_stack(stack)).values()
        assert not [resource for resource in resources if resource.get("DeletionPolicy") == "RetainExceptOnCreate"]


class TestEfaSecurityGroup:
    @pytest.fixture
    def vpc(self, stack: cdk.Stack) -> ec2.IVpc:
        return ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["us-east-1a"])

    def test_refers_to_itself_for_all_protocols_in_both_directions(self, stack: cdk.Stack, vpc: ec2.IVpc) -> None:
        created = EfaSecurityGroup(stack, "Efa", vpc=vpc)
        group_id, group = only(stack, GROUP)
        itself = of(group_id, "GroupId")
        assert group["VpcId"] == "vpc-1"
        assert stack.resolve(created.security_group_id) == itself
        assert stack.resolve(created.security_group.security_group_id) == itself
        _, inward = only(stack, INGRESS)
        _, outward = only(stack, EGRESS)
        assert (inward["GroupId"], inward["SourceSecurityGroupId"], inward["IpProtocol"]) == (itself, itself, "-1")
        assert (outward["GroupId"], outward["DestinationSecurityGroupId"], outward["IpProtocol"]) == (
            itself,
            itself,
            "-1",
        )

    def test_nothing_else_gets_in(self, stack: cdk.Stack, vpc: ec2.IVpc) -> None:
        EfaSecurityGroup(stack, "Efa", vpc=vpc)
        assert "SecurityGroupIngress" not in only(stack, GROUP)[1]

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({}, [ANYWHERE]),
            ({"egress_cidrs": ["10.0.0.0/16", "10.8.0.0/16"]}, ["10.0.0.0/16", "10.8.0.0/16"]),
            # without any rule EC2 would allow everything
            ({"egress_cidrs": []}, ["255.255.255.255/32"]),
        ],
    )
    def test_the_way_out_is_stated(
        self, stack: cdk.Stack, vpc: ec2.IVpc, given: dict[str, Any], expected: list[str]
    ) -> None:
        EfaSecurityGroup(stack, "Efa", vpc=vpc, **given)
        assert [rule["CidrIp"] for rule in only(stack, GROUP)[1]["SecurityGroupEgress"]] == expected

    def test_takes_a_network_that_is_a_token(self, stack: cdk.Stack, vpc: ec2.IVpc) -> None:
        EfaSecurityGroup(stack, "Efa", vpc=vpc, egress_cidrs=[cdk.Fn.import_value("vpc-cidr")])
        (rule,) = only(stack, GROUP)[1]["SecurityGroupEgress"]
        assert rule["CidrIp"] == {"Fn::ImportValue": "vpc-cidr"}

    @pytest.mark.parametrize("cidrs", [["10.0.0.0"[:-1]], ["::/0"], "10.0.0.0/8"])
    def test_fails_on_an_egress_network_that_is_none(self, stack: cdk.Stack, vpc: ec2.IVpc, cidrs: Any) -> None:
        with pytest.raises(FleetError, match=r"expected IPv4 CIDRs such as 10\.0\.0\.0/8"):
            EfaSecurityGroup(stack, "Efa", vpc=vpc, egress_cidrs=cidrs)

    def test_is_kept_with_its_rules(self, stack: cdk.Stack, vpc: ec2.IVpc) -> None:
        EfaSecurityGroup(stack, "Efa", vpc=vpc)
        for resource_type in (GROUP, INGRESS, EGRESS):
            Template.from_stack(stack).has_resource(
                resource_type, {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
            )

    def test_an_imported_group_gets_no_rules(self, stack: cdk.Stack) -> None:
        imported = EfaSecurityGroup.from_security_group_id(stack, "Efa", security_group_id="sg-1")
        imported.connections.allow_from_any_ipv4(ec2.Port.all_traffic())
        assert imported.security_group_id == "sg-1"
        assert not found(stack, INGRESS)

    def test_minimal_snapshot(self, stack: cdk.Stack, vpc: ec2.IVpc, snapshot_json: SnapshotAssertion) -> None:
        EfaSecurityGroup(stack, "Efa", vpc=vpc)
        assert everything(Template.from_stack(stack)) == snapshot_json

    def test_maximal_snapshot(self, stack: cdk.Stack, vpc: ec2.IVpc, snapshot_json: SnapshotAssertion) -> None:
        EfaSecurityGroup(stack, "Efa", vpc=vpc, egress_cidrs=["10.0.0.0/16"], removal_policy=cdk.RemovalPolicy.DESTROY)
        assert everything(Template.from_stack(stack)) == snapshot_json


def test_minimal_snapshot(stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
    network(stack)
    assert everything(Template.from_stack(stack)) == snapshot_json


def test_maximal_snapshot(stack: cdk.Stack, snapshot_json: SnapshotAssertion) -> None:
    network(
        stack,
        SYSTEM,
        DALLAS,
        NAT_A,
        egress=Egress.ZONAL_NAT,
        interface_endpoints=[*ENDPOINT_SERVICES, "ssm", "ssmmessages"],
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    assert everything(Template.from_stack(stack)) == snapshot_json


def test_a_further_cidr_is_associated_before_its_subnets(stack: cdk.Stack) -> None:
    FleetNetwork(
        stack,
        "Network",
        cidr="10.0.0.0/24",
        secondary_cidrs=["100.64.0.0/16"],
        subnets=[
            SubnetSpec(
                name="control-a", kind=SubnetKind.CONTROL_PLANE, availability_zone="us-east-1a", cidr="10.0.0.0/26"
            ),
            SubnetSpec(
                name="control-b", kind=SubnetKind.CONTROL_PLANE, availability_zone="us-east-1b", cidr="10.0.0.64/26"
            ),
            SubnetSpec(name="racks", kind=SubnetKind.ACCELERATOR, availability_zone="us-east-1a", cidr="100.64.0.0/17"),
        ],
    )
    template = Template.from_stack(stack)
    template.has_resource_properties("AWS::EC2::VPCCidrBlock", {"CidrBlock": "100.64.0.0/16"})
    template.has_resource(
        "AWS::EC2::Subnet",
        {"Properties": {"CidrBlock": "100.64.0.0/17"}, "DependsOn": [Match.string_like_regexp("Cidr")]},
    )
    template.has_resource("AWS::EC2::Subnet", {"Properties": {"CidrBlock": "10.0.0.0/26"}, "DependsOn": Match.absent()})
    template.has_resource_properties(
        "AWS::EC2::SecurityGroup",
        {"SecurityGroupIngress": [Match.object_like({"CidrIp": cidr}) for cidr in ("10.0.0.0/24", "100.64.0.0/16")]},
    )


def test_fails_a_subnet_outside_of_every_cidr(stack: cdk.Stack) -> None:
    with pytest.raises(FleetError, match=r"a part of the VPC's 10\.0\.0\.0/24 or 100\.64\.0\.0/16"):
        FleetNetwork(
            stack,
            "Network",
            cidr="10.0.0.0/24",
            secondary_cidrs=["100.64.0.0/16"],
            subnets=[
                SubnetSpec(
                    name="racks", kind=SubnetKind.ACCELERATOR, availability_zone="us-east-1a", cidr="10.1.0.0/24"
                )
            ],
        )
