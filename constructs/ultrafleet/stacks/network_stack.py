"""The environment's VPC, its subnets and the security group of its EFA traffic."""

from constructs import Construct

from ultrafleet.environment import Environment
from ultrafleet.errors import FleetError
from ultrafleet.network import ENDPOINT_SERVICES, EfaSecurityGroup, Egress, FleetNetwork, SubnetKind, SubnetSpec
from ultrafleet.stacks import exports
from ultrafleet.stacks.environment_stack import EnvironmentStack


class NetworkStack(EnvironmentStack):
    """Network of one environment. Pools depend on its subnets and its security group, so production retains them.

    Args:
        scope: the environment's stage.
        environment: the environment.
    """

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(
            scope,
            "network",
            environment=environment,
            description=f"{environment.name}: VPC {environment.network.cidr}, subnets, endpoints, EFA security group",
        )
        settings = environment.network
        network = FleetNetwork(
            self,
            "Network",
            cidr=settings.cidr,
            subnets=_subnet_specs(environment),
            egress=Egress(settings.egress) if settings.egress is not None else None,
            interface_endpoints=ENDPOINT_SERVICES
            if settings.interface_endpoints is None
            else settings.interface_endpoints,
            flow_logs=settings.flow_logs,
            removal_policy=self.removal_policy,
        )
        efa = EfaSecurityGroup(self, "Efa", vpc=network.vpc, removal_policy=self.removal_policy)
        publish = self.exports.publish
        publish(self, exports.VPC_ID, network.vpc_id, f"VPC of {environment.name}")
        publish(self, exports.EFA_SECURITY_GROUP_ID, efa.security_group_id, "security group of EFA traffic")
        for subnet in settings.subnets:
            publish(
                self,
                exports.subnet_id(subnet.name),
                network.subnet(subnet.name).subnet_id,
                f"{subnet.kind} subnet in {subnet.availability_zone}",
            )


def _subnet_specs(environment: Environment) -> list[SubnetSpec]:
    specs = []
    for subnet in environment.network.subnets:
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
