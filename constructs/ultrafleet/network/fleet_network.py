"""A VPC for a fleet: subnets as stated, private, with egress and endpoints that were decided on."""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from ultrafleet.errors import FleetError
from ultrafleet.network.egress import Egress, NetworkEgress
from ultrafleet.network.endpoints import NetworkEndpoints
from ultrafleet.network.flow_logs import NetworkFlowLogs
from ultrafleet.removal import apply_removal_policy
from ultrafleet.rules.ip_budget import parse_cidr
from ultrafleet.rules.subnets import SubnetKind, SubnetSpec, validate_subnets
from ultrafleet.rules.zones import is_local_zone, region_of_zone, zone_suffix

ENDPOINT_SERVICES: Final = ("ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "logs", "sts")
"""Interface endpoints that nodes of a private cluster call (EKS user guide, private clusters, high)."""


class FleetNetwork(Construct):
    """A VPC with subnets in Availability Zones and Local Zones.

    No node's subnet is public and no instance gets a public address. Every subnet has its name in its logical id, and
    its zone and CIDR as stated, so that nothing moves when another subnet is added. The VPC's default security group is
    not used; closing it takes a custom resource in CloudFormation, so it is left to the account's own controls.

    Args:
        scope: parent.
        id: construct id.
        cidr: IPv4 CIDR of the VPC, /16 to /28; a plain value.
        secondary_cidrs: further CIDRs of it, for subnets for which the first has no room; plain values. Default: none.
        subnets: control-plane subnets in at least two Availability Zones, and any others.
        egress: how nodes reach what is outside. Default: a regional NAT gateway where every subnet is in an
            Availability Zone; with a subnet in a Local Zone there is none, and it must be stated.
        interface_endpoints: services by name, such as `ecr.api`. Default: those that nodes of a private cluster call.
        flow_logs: record rejected and accepted traffic. Default: True.
        removal_policy: of VPC, subnets, their route table and logs. Default: they outlive the stack, but not a creation
            that failed: pools depend on them. Egress and endpoints are never kept: they cost.

    Raises:
        FleetError: see `validate_subnets` and `SubnetSpec`; a token as CIDR; zones of another region than the stack's;
            egress not stated with a Local Zone; `zonal_nat` without exactly one subnet of kind `nat`, or such a subnet
            without it; no egress without the endpoints that nodes need; an endpoint twice, or one for S3.
    """

    vpc_id: str
    """Id of the VPC (a token)."""
    vpc: ec2.IVpc
    """The VPC."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cidr: str,
        secondary_cidrs: Sequence[str] = (),
        subnets: Sequence[SubnetSpec],
        egress: Egress | None = None,
        interface_endpoints: Sequence[str] = ENDPOINT_SERVICES,
        flow_logs: bool = True,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        _validate(cdk.Stack.of(self), [cidr, *secondary_cidrs], subnets)
        egress = _egress(subnets, egress)
        _validate_endpoints(egress, interface_endpoints)
        self._removal_policy = removal_policy
        vpc = ec2.CfnVPC(self, "Resource", cidr_block=cidr, enable_dns_support=True, enable_dns_hostnames=True)
        self._keep(vpc)
        cdk.Tags.of(vpc).add("Name", self.node.path.replace("/", "-"))
        self.vpc_id = vpc.attr_vpc_id
        self._further = {further: self._further_cidr(further) for further in secondary_cidrs}
        # One table for all private subnets: they have the same way out. An association's table is create-only, and so
        # is never another one: what changes with the egress is the table's default route.
        private = self._table("PrivateRoutes")
        self._route_tables = dict.fromkeys(SubnetKind, private)
        if egress is Egress.ZONAL_NAT:
            self._route_tables[SubnetKind.NAT] = self._table("NatRoutes")
        self._subnets: Mapping[str, ec2.ISubnet] = {spec.name: self._subnet(spec) for spec in subnets}
        self._kinds = {spec.name: spec.kind for spec in subnets}
        self.vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=self.vpc_id,
            vpc_cidr_block=cidr,
            availability_zones=sorted({spec.availability_zone for spec in subnets}),
        )
        if egress is not Egress.NONE:
            NetworkEgress(
                self,
                "Egress",
                vpc_id=self.vpc_id,
                route_table_id=private.attr_route_table_id,
                nat_subnet=self.subnets(SubnetKind.NAT)[0] if egress is Egress.ZONAL_NAT else None,
            )
        if egress is Egress.REGIONAL_NAT and any(is_local_zone(spec.availability_zone) for spec in subnets):
            cdk.Annotations.of(self).add_warning_v2(
                "ultrafleet:regionalNatInLocalZone",
                "egress is regional_nat and a subnet is in a Local Zone, which no document says such a gateway serves: "
                "use zonal_nat, or see nodes of the zone pull an image before a capacity block is bought",
            )
        NetworkEndpoints(
            self,
            "Endpoints",
            vpc_id=self.vpc_id,
            vpc_cidr=cidr,
            secondary_cidrs=secondary_cidrs,
            services=interface_endpoints,
            subnet_ids=[self._subnets[name].subnet_id for name in _one_per_zone(subnets)],
            route_table_id=private.attr_route_table_id,
        )
        if flow_logs:
            NetworkFlowLogs(self, "FlowLogs", vpc_id=self.vpc_id, removal_policy=removal_policy)

    def subnet(self, name: str) -> ec2.ISubnet:
        """The subnet of that name.

        Raises:
            FleetError: there is none.
        """
        if name not in self._subnets:
            raise FleetError(
                path="subnet",
                got=repr(name),
                expected=f"one of {', '.join(sorted(self._subnets))}",
                remedy="correct it",
            )
        return self._subnets[name]

    def subnets(self, kind: SubnetKind) -> list[ec2.ISubnet]:
        """The subnets of a kind, by name."""
        return [subnet for name, subnet in sorted(self._subnets.items()) if self._kinds[name] is kind]

    def _table(self, name: str) -> ec2.CfnRouteTable:
        table = ec2.CfnRouteTable(self, name, vpc_id=self.vpc_id)
        self._keep(table)
        return table

    def _further_cidr(self, cidr: str) -> ec2.CfnVPCCidrBlock:
        association = ec2.CfnVPCCidrBlock(
            self, f"Cidr-{cidr.replace('.', '-').replace('/', '-')}", vpc_id=self.vpc_id, cidr_block=cidr
        )
        self._keep(association)
        return association

    def _subnet(self, spec: SubnetSpec) -> ec2.ISubnet:
        resource = ec2.CfnSubnet(
            self,
            f"Subnet-{spec.name}",
            vpc_id=self.vpc_id,
            availability_zone=self._zone(spec.availability_zone),
            cidr_block=spec.cidr,
            map_public_ip_on_launch=False,
        )
        self._keep(resource)
        for cidr, association in self._further.items():
            if parse_cidr(spec.cidr, of=f"subnet {spec.name}").subnet_of(parse_cidr(cidr, of="the VPC")):
                resource.add_dependency(association)
        cdk.Tags.of(resource).add("Name", f"{cdk.Stack.of(self).stack_name}-{spec.name}")
        if spec.kind is SubnetKind.SYSTEM:
            # Where internal load balancers go (AWS Load Balancer Controller, high).
            cdk.Tags.of(resource).add("kubernetes.io/role/internal-elb", "1")
        route_table_id = self._route_tables[spec.kind].attr_route_table_id
        routes = ec2.CfnSubnetRouteTableAssociation(
            self, f"Routes-{spec.name}", subnet_id=resource.attr_subnet_id, route_table_id=route_table_id
        )
        self._keep(routes)
        return ec2.Subnet.from_subnet_attributes(
            self,
            spec.name,
            subnet_id=resource.attr_subnet_id,
            availability_zone=spec.availability_zone,
            ipv4_cidr_block=spec.cidr,
            route_table_id=route_table_id,
        )

    def _zone(self, zone: str) -> str:
        """The same zone, said so that linters don't take it for one of a copied template (W3010)."""
        if cdk.Token.is_unresolved(cdk.Stack.of(self).region):
            return zone  # whatever region it is deployed to, this zone was meant
        return cdk.Fn.sub("${AWS::Region}" + zone_suffix(zone))

    def _keep(self, resource: cdk.CfnResource) -> None:
        apply_removal_policy(resource, self._removal_policy)


def _validate(stack: cdk.Stack, cidrs: Sequence[str], subnets: Sequence[SubnetSpec]) -> None:
    if any(cdk.Token.is_unresolved(cidr) for cidr in cidrs):
        raise FleetError(
            path="the VPC's cidr",
            got="a token",
            expected="a plain CIDR such as 10.0.0.0/16",
            remedy="state it",
        )
    validate_subnets(cidrs, subnets)
    region = region_of_zone(subnets[0].availability_zone)
    if not cdk.Token.is_unresolved(stack.region) and stack.region != region:
        raise FleetError(
            path="subnets",
            verb="are",
            got=f"in zones of {region}",
            expected=f"{stack.region}, the region of stack {stack.stack_name}",
            remedy="change the zones or the stack's env",
        )


def _egress(subnets: Sequence[SubnetSpec], stated: Egress | None) -> Egress:
    local = sorted(spec.name for spec in subnets if is_local_zone(spec.availability_zone))
    if stated is None and local:
        raise FleetError(
            path="egress",
            got=f"not stated and {', '.join(local)} is in a Local Zone",
            expected="zonal_nat, regional_nat or none",
            remedy="zonal_nat, with a subnet of kind nat, is the one known to serve Local Zones",
        )
    egress = Egress.REGIONAL_NAT if stated is None else Egress(stated)
    nat = sorted(spec.name for spec in subnets if spec.kind is SubnetKind.NAT)
    expected = 1 if egress is Egress.ZONAL_NAT else 0
    if len(nat) != expected:
        raise FleetError(
            path="egress",
            got=f"{egress.value} with {len(nat)} subnets of kind nat ({', '.join(nat) or 'none'})",
            expected=expected,
            remedy="zonal_nat takes one, a /28 in an Availability Zone, and nothing else takes any",
        )
    return egress


def _validate_endpoints(egress: Egress, interface_endpoints: Sequence[str]) -> None:
    for service in interface_endpoints:
        if service == "s3" or interface_endpoints.count(service) > 1:
            raise FleetError(
                path="interface_endpoints",
                verb="has",
                got=f"{service} {interface_endpoints.count(service)} times",
                expected="every service once and no s3, which has a gateway endpoint",
                remedy="remove it",
            )
    missing = sorted(set(ENDPOINT_SERVICES) - set(interface_endpoints))
    if egress is Egress.NONE and missing:
        raise FleetError(
            path="egress",
            got=f"none and interface_endpoints lacks {', '.join(missing)}",
            expected="all that nodes call",
            remedy="add them, or use egress zonal_nat or regional_nat",
        )


def _one_per_zone(subnets: Sequence[SubnetSpec]) -> list[str]:
    """Names of control-plane subnets, the first of each zone: an endpoint takes one subnet in a zone."""
    first: dict[str, str] = {}
    for spec in sorted(subnets, key=lambda spec: spec.name):
        if spec.kind is SubnetKind.CONTROL_PLANE:
            first.setdefault(spec.availability_zone, spec.name)
    return sorted(first.values())
