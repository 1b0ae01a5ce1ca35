"""Subnets in a VPC that exists: the subnets are made, and nothing of the VPC is changed."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from ultrafleet.errors import FleetError
from ultrafleet.removal import apply_removal_policy
from ultrafleet.rules.subnets import SubnetKind, SubnetSpec, validate_places
from ultrafleet.rules.zones import zone_suffix


class VpcSubnets(Construct):
    """Private subnets in a VPC that exists, each with a route table that exists.

    A subnet gets its CIDR and an association with the route table, which gives its nodes their way out. No route table,
    gateway or endpoint is made or changed.

    Args:
        scope: parent.
        id: construct id.
        vpc: the VPC.
        cidrs: CIDRs of the VPC, in which the subnets have to be. Default: they aren't checked against it.
        subnets: subnets to make; none of kind `nat`.
        route_table_ids: existing route table of each subnet, by the subnet's name.
        removal_policy: of subnets and associations. Default: they outlive the stack, but not a creation that failed:
            pools depend on them.

    Raises:
        FleetError: see `validate_places` and `SubnetSpec`; a subnet of kind `nat`, or one without a route table.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        vpc: ec2.IVpc,
        subnets: Sequence[SubnetSpec],
        route_table_ids: Mapping[str, str],
        cidrs: Sequence[str] = (),
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        validate_places(subnets, cidrs)
        self._subnets: dict[str, ec2.ISubnet] = {}
        for spec in subnets:
            if spec.kind is SubnetKind.NAT or spec.name not in route_table_ids:
                raise FleetError(
                    path=f"subnet {spec.name}",
                    got=f"of kind {spec.kind.value} with route table {route_table_ids.get(spec.name)}",
                    expected="a private kind, with a route table of the VPC",
                    remedy="the way out of a VPC that exists is its own",
                )
            self._subnets[spec.name] = self._subnet(vpc, spec, route_table_ids[spec.name], removal_policy)

    def subnet(self, name: str) -> ec2.ISubnet:
        """The subnet of that name.

        Raises:
            FleetError: there is none.
        """
        if name not in self._subnets:
            raise FleetError(
                path=f"subnet {name!r}", got="not made here", expected=f"one of {', '.join(sorted(self._subnets))}"
            )
        return self._subnets[name]

    def _subnet(
        self, vpc: ec2.IVpc, spec: SubnetSpec, route_table_id: str, removal_policy: cdk.RemovalPolicy
    ) -> ec2.ISubnet:
        stack, zone = cdk.Stack.of(self), spec.availability_zone
        resource = ec2.CfnSubnet(
            self,
            f"Subnet-{spec.name}",
            vpc_id=vpc.vpc_id,
            # As `FleetNetwork` says it, so that linters don't take it for the zone of a copied template (W3010).
            availability_zone=zone
            if cdk.Token.is_unresolved(stack.region)
            else cdk.Fn.sub("${AWS::Region}" + zone_suffix(zone)),
            cidr_block=spec.cidr,
            map_public_ip_on_launch=False,
        )
        cdk.Tags.of(resource).add("Name", f"{stack.stack_name}-{spec.name}")
        # No tag for load balancers: controllers that run there already would put theirs into it.
        association = ec2.CfnSubnetRouteTableAssociation(
            self, f"Routes-{spec.name}", subnet_id=resource.attr_subnet_id, route_table_id=route_table_id
        )
        for made in (resource, association):
            apply_removal_policy(made, removal_policy)
        return ec2.Subnet.from_subnet_attributes(
            self,
            spec.name,
            subnet_id=resource.attr_subnet_id,
            availability_zone=zone,
            ipv4_cidr_block=spec.cidr,
            route_table_id=route_table_id,
        )
