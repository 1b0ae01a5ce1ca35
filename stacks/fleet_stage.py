"""One environment as a CDK stage."""

import aws_cdk as cdk
from constructs import Construct

from stacks.capacity_stack import CapacityStack
from stacks.cluster_stack import ClusterStack
from stacks.network_stack import NetworkStack
from stacks.pool_stack import PoolStack
from stacks.system_stack import SystemStack
from ultrafleet.environment import Environment
from ultrafleet.environment.facts import ip_budgets


class FleetStage(cdk.Stage):
    """Network, cluster, system nodes, capacity, and one stack for each pool, deployed in that order.

    A pool's stack depends on the first four and they on no pool, so adding, changing or removing a pool leaves every
    other stack as it is.

    Args:
        scope: the app.
        environment: what the environment's file says.

    Raises:
        FleetError: pools that don't fit their subnet together, or whatever a construct refuses.
    """

    cluster: ClusterStack
    """The stack of the cluster."""
    system: SystemStack
    """The stack of the add-ons and the system nodes."""
    capacity: CapacityStack
    """The stack of the capacity."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, environment.name)
        for budget in ip_budgets(environment):
            budget.check()
        network = NetworkStack(self, environment=environment)
        self.cluster = ClusterStack(self, environment=environment)
        self.cluster.add_stack_dependency(network)
        self.system = SystemStack(self, environment=environment)
        self.system.add_stack_dependency(self.cluster)
        self.capacity = CapacityStack(self, environment=environment)
        self.capacity.add_stack_dependency(self.system)
        for pool in environment.pools:
            PoolStack(self, environment=environment, pool=pool).add_stack_dependency(self.capacity)
