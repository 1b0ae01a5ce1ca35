"""A VPC for a fleet: subnets as stated, private, with egress and endpoints that were decided on."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from ultrafleet.errors import FleetError
from ultrafleet.network.endpoints import NetworkEndpoints
from ultrafleet.network.flow_logs import NetworkFlowLogs
from ultrafleet.rules.subnets import SubnetKind, SubnetSpec, validate_subnets
from ultrafleet.rules.zones import region_of_zone


class Egress(StrEnum):
    """How nodes reach what is outside the VPC. See docs/decisions/0004-egress-and-api-access.md."""

    REGIONAL_NAT = "regional_nat"
    """One regional NAT gateway, which needs no public subnet, routed from every subnet, Local Zones included."""
    NONE = "none"
    """Nothing leaves: images come through ECR endpoints (pull-through caches for public ones)."""


ENDPOINT_SERVICES: Final = ("ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "logs", "sts")
"""Interface endpoints that nodes of a private cluster call (EKS user guide, private clusters, high)."""


class FleetNetwork(Construct):
    """A VPC with subnets in Availability Zones and Local Zones.

    No subnet is public and no instance gets a public address. Every subnet has its name in its logical id, and its zone
    and CIDR as stated, so that nothing moves when another subnet is added. The VPC's default security group is not
    used; closing it takes a custom resource in CloudFormation, so it is left to the account's own controls.

    Args:
        scope: parent.
        id: construct id.
        cidr: IPv4 CIDR of the VPC, /16 to /28; a plain value.
        subnets: control-plane subnets in at least two Availability Zones, and any others.
        egress: how nodes reach what is outside. Default: a regional NAT gateway.
        interface_endpoints: services by name, such as `ecr.api`. Default: those that nodes of a private cluster call.
        flow_logs: record rejected and accepted traffic. Default: True.
        retain: keep VPC, subnets and logs when the stack lets go of them. Default: True: pools stand on them.

    Raises:
        FleetError: see `validate_subnets` and `SubnetSpec`; a token as CIDR; zones of another region than the stack's;
            no egress without the endpoints that nodes need.
    """

    vpc_id: str
    """Id of the VPC (a token)."""
    vpc: ec2.IVpc
    """The VPC."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name CDK gives it
        *,
        cidr: str,
        subnets: Sequence[SubnetSpec],
        egress: Egress = Egress.REGIONAL_NAT,
        interface_endpoints: Sequence[str] = ENDPOINT_SERVICES,
        flow_logs: bool = True,
        retain: bool = True,
    ) -> None:
        super().__init__(scope, id)
        _validate(cdk.Stack.of(self), cidr, subnets, egress, interface_endpoints)
        self._retain = retain
        vpc = ec2.CfnVPC(self, "Resource", cidr_block=cidr, enable_dns_support=True, enable_dns_hostnames=True)
        self._keep(vpc)
        cdk.Tags.of(vpc).add("Name", self.node.path.replace("/", "-"))
        self.vpc_id = vpc.attr_vpc_id
        # One table for all: every subnet has the same way out, and a table per subnet would only repeat it.
        self._route_table = ec2.CfnRouteTable(self, "PrivateRoutes", vpc_id=self.vpc_id)
        self._subnets: Mapping[str, ec2.ISubnet] = {spec.name: self._subnet(spec) for spec in subnets}
        self._kinds = {spec.name: spec.kind for spec in subnets}
        self.vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=self.vpc_id,
            vpc_cidr_block=cidr,
            availability_zones=sorted({spec.availability_zone for spec in subnets}),
        )
        if egress is Egress.REGIONAL_NAT:
            self._add_regional_nat()
        NetworkEndpoints(
            self,
            "Endpoints",
            vpc_id=self.vpc_id,
            vpc_cidr=cidr,
            services=interface_endpoints,
            subnet_ids=[subnet.subnet_id for subnet in self.subnets(SubnetKind.CONTROL_PLANE)],
            route_table_id=self._route_table.attr_route_table_id,
        )
        if flow_logs:
            NetworkFlowLogs(self, "FlowLogs", vpc_id=self.vpc_id, retain=retain)

    def subnet(self, name: str) -> ec2.ISubnet:
        """The subnet of that name.

        Raises:
            FleetError: there is none.
        """
        if name not in self._subnets:
            raise FleetError(f"subnet is {name!r}, expected one of {', '.join(sorted(self._subnets))}: correct it")
        return self._subnets[name]

    def subnets(self, kind: SubnetKind) -> list[ec2.ISubnet]:
        """The subnets of a kind, by name."""
        return [subnet for name, subnet in sorted(self._subnets.items()) if self._kinds[name] is kind]

    def _subnet(self, spec: SubnetSpec) -> ec2.ISubnet:
        resource = ec2.CfnSubnet(
            self,
            f"Subnet-{spec.name}",
            vpc_id=self.vpc_id,
            availability_zone=spec.availability_zone,
            cidr_block=spec.cidr,
            map_public_ip_on_launch=False,
        )
        self._keep(resource)
        cdk.Tags.of(resource).add("Name", f"{cdk.Stack.of(self).stack_name}-{spec.name}")
        if spec.kind is SubnetKind.SYSTEM:
            # Where internal load balancers go (AWS Load Balancer Controller, high).
            cdk.Tags.of(resource).add("kubernetes.io/role/internal-elb", "1")
        association = ec2.CfnSubnetRouteTableAssociation(
            self,
            f"Routes-{spec.name}",
            subnet_id=resource.attr_subnet_id,
            route_table_id=self._route_table.attr_route_table_id,
        )
        self._keep(association)
        return ec2.Subnet.from_subnet_attributes(
            self,
            spec.name,
            subnet_id=resource.attr_subnet_id,
            availability_zone=spec.availability_zone,
            ipv4_cidr_block=spec.cidr,
            route_table_id=self._route_table.attr_route_table_id,
        )

    def _add_regional_nat(self) -> None:
        gateway = ec2.CfnInternetGateway(self, "InternetGateway")
        attachment = ec2.CfnVPCGatewayAttachment(
            self, "InternetGatewayAttachment", vpc_id=self.vpc_id, internet_gateway_id=gateway.attr_internet_gateway_id
        )
        nat = ec2.CfnNatGateway(
            self, "NatGateway", availability_mode="regional", connectivity_type="public", vpc_id=self.vpc_id
        )
        nat.add_resource_dependency(attachment)
        ec2.CfnRoute(
            self,
            "DefaultRoute",
            route_table_id=self._route_table.attr_route_table_id,
            destination_cidr_block="0.0.0.0/0",
            nat_gateway_id=nat.attr_nat_gateway_id,
        )
        for resource in (gateway, attachment, nat):
            self._keep(resource)

    def _keep(self, resource: cdk.CfnResource) -> None:
        if self._retain:
            resource.apply_removal_policy(cdk.RemovalPolicy.RETAIN)


def _validate(
    stack: cdk.Stack, cidr: str, subnets: Sequence[SubnetSpec], egress: Egress, interface_endpoints: Sequence[str]
) -> None:
    if cdk.Token.is_unresolved(cidr):
        raise FleetError("the VPC's cidr is a token, expected a plain CIDR such as 10.0.0.0/16: state it")
    validate_subnets(cidr, subnets)
    region = region_of_zone(subnets[0].availability_zone)
    if not cdk.Token.is_unresolved(stack.region) and stack.region != region:
        raise FleetError(
            f"subnets are in zones of {region}, expected {stack.region}, the region of stack {stack.stack_name}: "
            "change the zones or the stack's env"
        )
    missing = sorted(set(ENDPOINT_SERVICES) - set(interface_endpoints))
    if egress is Egress.NONE and missing:
        raise FleetError(
            f"egress is none and interface_endpoints lacks {', '.join(missing)}, expected all that nodes call: add "
            "them, or use egress regional_nat"
        )
