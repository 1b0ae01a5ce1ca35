"""Nodes of an environment file's pools as Kubernetes sees them, equal to those of the constructs."""

from ultrafleet.environment.models import AcceleratorPoolSettings, Environment, UltraServerPoolSettings
from ultrafleet.kubernetes.labels import pool_labels
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.kubernetes.taint import accelerator_taint


def environment_pool_nodes(environment: Environment) -> list[PoolNodes]:
    """Nodes of every pool at full size, in the file's order.

    Raises:
        UnknownFactError: a layout is needed that AWS doesn't publish, and the file states none.
    """
    return [_nodes(pool) for pool in environment.pools]


def _nodes(pool: UltraServerPoolSettings | AcceleratorPoolSettings) -> PoolNodes:
    ultraserver = pool.ultraserver if isinstance(pool, UltraServerPoolSettings) else None
    interfaces = pool.layout(pool.instance)
    labels = pool_labels(pool.name, pool.instance, workload=pool.workload, ultraserver_type=ultraserver)
    return PoolNodes(
        pool_name=pool.name,
        workload=pool.workload,
        instance_type=pool.instance,
        nodes=pool.max_nodes,
        labels={**labels, **pool.node.labels},
        taints=(accelerator_taint(pool.instance),),
        efa_interfaces=sum(interface.is_efa for interface in interfaces),
        ultraserver_type=ultraserver,
    )
