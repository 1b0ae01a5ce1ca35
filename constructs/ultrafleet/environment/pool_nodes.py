"""Nodes of an environment file's pools as Kubernetes sees them, equal to those of the constructs."""

from ultrafleet.environment.models import Environment
from ultrafleet.environment.pool_settings import AcceleratorPoolSettings, UltraServerPoolSettings
from ultrafleet.kubernetes.pool_nodes import PoolNodes


def environment_pool_nodes(environment: Environment) -> list[PoolNodes]:
    """Nodes of every pool at full size, in the file's order.

    Raises:
        UnknownFactError: a layout is needed that AWS doesn't publish, and the file states none.
    """
    return [_nodes(pool) for pool in environment.pools]


def _nodes(pool: UltraServerPoolSettings | AcceleratorPoolSettings) -> PoolNodes:
    ultraserver = pool.ultraserver if isinstance(pool, UltraServerPoolSettings) else None
    return PoolNodes.of(
        pool_name=pool.name,
        workload=pool.workload,
        instance_type=pool.instance,
        nodes=pool.max_nodes,
        nodes_per_group=pool.nodes_per_group,
        interfaces=pool.layout(pool.instance),
        labels=pool.node.labels,
        ultraserver_type=ultraserver,
    )
