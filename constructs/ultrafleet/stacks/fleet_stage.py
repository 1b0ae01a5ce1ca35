"""Environment as a CDK stage."""

from collections.abc import Collection, Sequence
from typing import TypeVar

import aws_cdk as cdk
from constructs import Construct

from ultrafleet.consistency import check_consistency
from ultrafleet.doctor import Answers
from ultrafleet.doctor.synthesis import notes
from ultrafleet.environment import AcceleratorPoolSettings, Environment
from ultrafleet.environment.cell import platform, rack_stacks
from ultrafleet.environment.facts import ip_budgets, node_group_count
from ultrafleet.environment.layers import stack_ids
from ultrafleet.environment.pool_nodes import environment_pool_nodes, needs_care
from ultrafleet.environment.pool_settings import PoolSettings
from ultrafleet.environment.self_managed import has_self_managed_pools
from ultrafleet.rules.node_group_quota import node_group_quota_request
from ultrafleet.rules.self_managed import MANAGEMENT_LABEL
from ultrafleet.stacks.capacity_stack import CapacityStack
from ultrafleet.stacks.care_stack import CareStack
from ultrafleet.stacks.cluster_stack import ClusterStack
from ultrafleet.stacks.environment_stack import EnvironmentStack
from ultrafleet.stacks.kubernetes_stack import KubernetesStack
from ultrafleet.stacks.model_stack import ModelStack
from ultrafleet.stacks.monitoring_stack import MonitoringStack
from ultrafleet.stacks.network_stack import NetworkStack
from ultrafleet.stacks.pool_stack import PoolStack
from ultrafleet.stacks.rack_stack import RackStack
from ultrafleet.stacks.reservation_stack import ReservationStack
from ultrafleet.stacks.system_stack import SystemStack
from ultrafleet.stacks.team_stack import TeamStack

_Stack = TypeVar("_Stack", bound=EnvironmentStack)


class FleetStage(cdk.Stage):
    """Network, cluster, system nodes, capacity, and one stack for each pool, deployed in that order.

    Where a network or a cluster exists, only the stacks are there that make something.

    A pool's stack depends on the first four and they on no pool, so adding, changing or removing a pool leaves every
    other of them as it is. Beside the pools, after the system nodes: the Kubernetes layer, which names what the pools
    hold, and after it a stack that cares for spare nodes, and one for each team and each model. Last come the on-demand
    reservations, each in a stack on which its pool's depends and no other: where EC2 hasn't got one, everything else is
    there already.

    Args:
        scope: the app.
        environment: what the environment's file says.
        answers: what its account answered. Default: nothing.

    Raises:
        FleetError: pools that don't fit their subnet together, objects that don't agree with the pools or each other,
            or whatever a construct refuses.
    """

    network: NetworkStack | None = None
    """The stack of the network, where something of it is made here; so are the next three."""
    cluster: ClusterStack | None = None
    """The stack of the cluster."""
    system: SystemStack | None = None
    """The stack of the add-ons and the system nodes."""
    capacity: CapacityStack | None = None
    """The stack of the capacity."""
    kubernetes: KubernetesStack | None = None
    """The stack of the Kubernetes layer, where there is one."""
    teams: Sequence[TeamStack] = ()
    """Stacks of the teams."""
    models: Sequence[ModelStack] = ()
    """Stacks of the models."""

    def __init__(self, scope: Construct, *, environment: Environment, answers: Answers | None = None) -> None:
        super().__init__(scope, environment.name)
        # Of a cell everything but its racks is made for its slots, whichever of them are filled.
        shown = platform(environment)
        for budget in (*ip_budgets(environment), *ip_budgets(shown)):
            budget.check()
        made = stack_ids(environment)
        below = self._platform(shown, made)
        before = list(below)
        if "capacity" in made:
            self.capacity = _after(before, CapacityStack(self, environment=shown))
        for stack_id, racks in rack_stacks(environment).items():
            _depend(RackStack(self, stack_id, environment=environment, racks=racks), before)
        pools = [pool for pool in environment.pools if f"pool-{pool.name}" in made]
        for pool in pools:
            if _reservation_made_here(environment, pool) is None:
                _depend(PoolStack(self, environment=environment, pool=pool), before)
        if environment.kubernetes.delivery != "none":
            self._workloads(shown, below)
        if "operate" in made:
            _depend(MonitoringStack(self, environment=shown), before)
        self._reservations(environment, pools, before)
        self._tell(shown, answers or Answers())

    def _platform(self, environment: Environment, made: Collection[str]) -> list[EnvironmentStack]:
        """Stacks under pools and workloads, in their order; on an existing cluster there may be none."""
        found: list[EnvironmentStack] = []
        if "network" in made:
            self.network = _after(found, NetworkStack(self, environment=environment))
        if "cluster" in made:
            self.cluster = _after(found, ClusterStack(self, environment=environment))
        if "system" in made:
            self.system = _after(found, SystemStack(self, environment=environment))
        return found

    def _reservations(
        self, environment: Environment, pools: Sequence[PoolSettings], before: Sequence[EnvironmentStack]
    ) -> None:
        """Make on-demand reservations and the pools on them, after all else: the CDK deploys stacks in this order."""
        stacks = {}
        for reservation in environment.capacity_reservations:
            if not reservation.capacity_reservation_id:
                stack = ReservationStack(self, environment=environment, reservation=reservation)
                _depend(stack, before)
                stacks[reservation.name] = stack
        for pool in pools:
            name = _reservation_made_here(environment, pool)
            if name is not None:
                PoolStack(self, environment=environment, pool=pool).add_stack_dependency(stacks[name])

    def _tell(self, environment: Environment, answers: Answers) -> None:
        """Tell what the environment rests on, where a synthesis shows it: on the first stack that is there."""
        stacks = [child for child in self.node.children if isinstance(child, EnvironmentStack)]
        for note in notes(environment, answers):
            cdk.Annotations.of(stacks[0]).add_info_v2(f"ultrafleet:{note.id}", note.text)
        if has_self_managed_pools(environment) and environment.kubernetes.delivery == "none":
            cdk.Annotations.of(stacks[0]).add_warning_v2(
                "ultrafleet:self-managed-drain",
                "nothing is delivered to the cluster, so nothing evicts what runs on self-managed nodes that leave: "
                "install the chart aws-node-termination-handler in IMDS mode on nodes with the label "
                f"{MANAGEMENT_LABEL}, or state kubernetes.delivery",
            )
        quota = node_group_quota_request(environment.cluster_name, node_group_count(environment))
        if quota is not None:
            cdk.Annotations.of(self.cluster or stacks[0]).add_warning_v2("ultrafleet:node-group-quota", quota)

    def _workloads(self, environment: Environment, platform: Sequence[EnvironmentStack]) -> None:
        kubernetes = self.kubernetes = KubernetesStack(self, environment=environment)
        _depend(kubernetes, platform)
        self.teams = [
            TeamStack(self, environment=environment, team=team, kubernetes=kubernetes) for team in environment.teams
        ]
        self.models = [
            ModelStack(self, environment=environment, served=model, kubernetes=kubernetes)
            for model in environment.models
        ]
        care = [CareStack(self, environment=environment, kubernetes=kubernetes)] if needs_care(environment) else []
        for stack in (*care, *self.teams, *self.models):
            stack.add_stack_dependency(kubernetes)
        check_consistency(
            pools=environment_pool_nodes(environment),
            manifests=kubernetes.manifests,
            releases=kubernetes.platform.releases,
        )


def _reservation_made_here(environment: Environment, pool: PoolSettings) -> str | None:
    """Name of the reservation that a pool is on and that the environment makes; None where there is none."""
    name = pool.capacity_reservation if isinstance(pool, AcceleratorPoolSettings) else None
    made = {item.name for item in environment.capacity_reservations if not item.capacity_reservation_id}
    return name if name in made else None


def _depend(stack: EnvironmentStack, before: Sequence[EnvironmentStack]) -> None:
    """Let a stack depend on the last of those that come before it; on an existing cluster there may be none."""
    if before:
        stack.add_stack_dependency(before[-1])


def _after(before: list[EnvironmentStack], stack: _Stack) -> _Stack:
    """The stack, which depends on the last of those before it and is added to them."""
    _depend(stack, before)
    before.append(stack)
    return stack
