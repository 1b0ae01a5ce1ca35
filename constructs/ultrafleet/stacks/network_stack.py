"""The environment's VPC, its subnets and the security group of its EFA traffic."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from ultrafleet.environment import Environment
from ultrafleet.environment.layers import makes_efa_security_group
from ultrafleet.errors import FleetError
from ultrafleet.network import (
    ENDPOINT_SERVICES,
    EfaSecurityGroup,
    Egress,
    FleetNetwork,
    SecondaryNetwork,
    SubnetKind,
    SubnetSpec,
    VpcSubnets,
)
from ultrafleet.stacks import exports
from ultrafleet.stacks.environment_stack import EnvironmentStack


class NetworkStack(EnvironmentStack):
    """Network of one environment, or what it has of its own in an existing VPC.

    Pools depend on its subnets and its security group, so production retains them.

    Args:
        scope: the environment's stage.
        environment: the environment.
    """

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        settings = environment.network
        made = f"VPC {settings.cidr}, subnets, endpoints, EFA security group"
        if settings.vpc_id is not None:
            subnets = [f"subnet {subnet.name}" for subnet in settings.subnets if subnet.is_made_here]
            group = ["EFA security group"] if makes_efa_security_group(environment) else []
            made = f"{', '.join([*subnets, *group])} in existing VPC {settings.vpc_id}"
        if settings.secondary_network is not None:
            made += f", secondary network {settings.secondary_network.cidr}"
        super().__init__(scope, "network", environment=environment, description=f"{environment.name}: {made}")
        network: FleetNetwork | VpcSubnets
        if settings.vpc_id is None:
            vpc, network = self._make_vpc(environment)
        else:
            vpc = self.imported_vpc()
            network = self._make_subnets(environment, vpc)
        if makes_efa_security_group(environment):
            efa = EfaSecurityGroup(self, "Efa", vpc=vpc, removal_policy=self.removal_policy)
            self.exports.publish(
                self, exports.EFA_SECURITY_GROUP_ID, efa.security_group_id, "security group of EFA traffic"
            )
        self._make_secondary_network(environment)
        for subnet in settings.subnets:
            if subnet.is_made_here:
                self.exports.publish(
                    self,
                    exports.subnet_id(subnet.name),
                    network.subnet(subnet.name).subnet_id,
                    f"{subnet.kind} subnet in {subnet.availability_zone}",
                )

    def _make_secondary_network(self, environment: Environment) -> None:
        settings = environment.network.secondary_network
        if settings is None:
            return
        if settings.secondary_network_id is not None:
            self._uses("secondary network", settings.secondary_network_id)
        network = SecondaryNetwork(
            self,
            "SecondaryNetwork",
            cidr=settings.cidr,
            availability_zone=settings.availability_zone,
            subnet_count=settings.subnets,
            secondary_network_id=settings.secondary_network_id,
            removal_policy=self.removal_policy,
        )
        for number, subnet_id in enumerate(network.subnet_ids):
            name = exports.secondary_subnet_id(number)
            self.exports.publish(self, name, subnet_id, f"secondary subnet in {settings.availability_zone}")
        self.exports.publish(
            self,
            exports.SECONDARY_NETWORK_SERVICE_TOKEN,
            network.service_token,
            "function that makes launch template versions with secondary interfaces",
        )

    def _make_vpc(self, environment: Environment) -> tuple[ec2.IVpc, FleetNetwork]:
        settings = environment.network
        network = FleetNetwork(
            self,
            "Network",
            cidr=settings.cidr or "",
            secondary_cidrs=settings.secondary_cidrs,
            subnets=_subnet_specs(environment),
            egress=Egress(settings.egress) if settings.egress is not None else None,
            interface_endpoints=ENDPOINT_SERVICES
            if settings.interface_endpoints is None
            else settings.interface_endpoints,
            flow_logs=settings.flow_logs,
            removal_policy=self.removal_policy,
        )
        self.exports.publish(self, exports.VPC_ID, network.vpc_id, f"VPC of {environment.name}")
        return network.vpc, network

    def _make_subnets(self, environment: Environment, vpc: ec2.IVpc) -> VpcSubnets:
        settings = environment.network
        made = [subnet for subnet in settings.subnets if subnet.is_made_here]
        route_tables = {subnet.name: subnet.route_table_id for subnet in made if subnet.route_table_id is not None}
        for name, table in route_tables.items():
            self._uses(f"route table of subnet {name}", table)
        return VpcSubnets(
            self,
            "Subnets",
            vpc=vpc,
            cidrs=settings.cidrs,
            subnets=_subnet_specs(environment),
            route_table_ids=route_tables,
            removal_policy=self.removal_policy,
        )


def _subnet_specs(environment: Environment) -> list[SubnetSpec]:
    specs = []
    for subnet in environment.network.subnets:
        if not subnet.is_made_here:
            continue
        if subnet.cidr is None:
            raise FleetError(
                path=f"subnet {subnet.name} of environment {environment.name}",
                verb="has",
                got="no cidr",
                expected="one",
                remedy=f"run `ultrafleet network plan {environment.name}` and write its proposal into the file",
            )
        specs.append(
            SubnetSpec(
                name=subnet.name,
                kind=SubnetKind(subnet.kind),
                availability_zone=subnet.availability_zone,
                cidr=subnet.cidr,
            )
        )
    return specs
