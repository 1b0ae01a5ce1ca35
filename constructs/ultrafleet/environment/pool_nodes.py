"""Nodes of an environment file's pools as Kubernetes sees them, equal to those of the constructs."""

from dataclasses import replace

from ultrafleet.environment.models import Environment
from ultrafleet.environment.pool_settings import AcceleratorPoolSettings, UltraServerPoolSettings
from ultrafleet.environment.workloads import KubernetesSettings
from ultrafleet.kubernetes.capacity_nodes import capacity_nodes
from ultrafleet.kubernetes.network_devices import EfaDriver
from ultrafleet.kubernetes.pool_nodes import PoolNodes
from ultrafleet.kubernetes.taint import SPARE_TAINT, UNPROVEN_TAINT, Taint
from ultrafleet.rules.kubernetes_version import parse_kubernetes_version


def environment_pool_nodes(environment: Environment) -> list[PoolNodes]:
    """Nodes of every pool at full size, in the file's order.

    Raises:
        UnknownFactError: a layout is needed that AWS doesn't publish, and the file states none.
    """
    driver = efa_driver(environment)
    return [replace(_nodes(pool, environment.kubernetes), efa_driver=driver) for pool in environment.pools]


def managed_pool_nodes(environment: Environment) -> list[PoolNodes]:
    """Nodes that the workers of a manager have together, a pool for each UltraServer; none where it manages nothing.

    Args:
        environment: the environment.

    Raises:
        FleetError: a type whose network has two fabrics.
        UnknownFactError: a layout is needed that AWS doesn't publish.
    """
    manages, driver = environment.kubernetes.manages, efa_driver(environment)
    return [
        replace(pool, efa_driver=driver)
        for queue in (manages.queues if manages is not None else ())
        for name, count in sorted(queue.capacity.items())
        for pool in capacity_nodes(queue.workload, name, count, fabric=queue.fabric)
    ]


def efa_driver(environment: Environment) -> EfaDriver:
    """Driver of EFA devices: what the file states, or what EKS recommends for its Kubernetes version.

    Args:
        environment: the environment.
    """
    stated = environment.kubernetes.efa
    if stated is not None:
        return EfaDriver(stated)
    return EfaDriver.recommended(parse_kubernetes_version(environment.cluster.kubernetes_version))


def needs_care(environment: Environment) -> bool:
    """True if the cluster has spare nodes to hold, or ComputeDomains of jobs to delete.

    Args:
        environment: the environment.
    """
    settings = environment.kubernetes
    racks = [pool for pool in environment.pools if isinstance(pool, UltraServerPoolSettings)]
    joined = any(pool.instance.accelerator_kind == "nvidia" for pool in racks)
    jobs = runs_jobs(environment)
    return settings.delivery != "none" and bool((racks and settings.spare_nodes_per_ultraserver) or (joined and jobs))


def runs_jobs(environment: Environment) -> bool:
    """True if JobSet and Trainer are installed: for teams, for acceptance, in a cell that trains.

    Args:
        environment: the environment.
    """
    trains = environment.slots is not None and environment.slots.workload == "training"
    return bool(environment.teams) or environment.kubernetes.acceptance is not None or trains


def startup_taints(environment: Environment, pool_name: str) -> tuple[Taint, ...]:
    """Taints of a pool's new nodes that programs in the cluster take away: acceptance, and the one of spare nodes.

    Args:
        environment: the environment.
        pool_name: name of one of its pools.
    """
    pool = next(item for item in environment.pools if item.name == pool_name)
    return tuple(_nodes(pool, environment.kubernetes).startup_taints)


def _nodes(pool: UltraServerPoolSettings | AcceleratorPoolSettings, kubernetes: KubernetesSettings) -> PoolNodes:
    ultraserver = pool.ultraserver if isinstance(pool, UltraServerPoolSettings) else None
    blocks = {block.node_group(pool.name): block.instance_count for block in pool.capacity_blocks}
    nodes = PoolNodes.of(
        pool_name=pool.name,
        workload=pool.workload,
        instance_type=pool.instance,
        nodes=pool.max_nodes,
        nodes_per_group=pool.nodes_per_group,
        interfaces=pool.layout(pool.instance),
        labels=pool.node.labels,
        taints=pool.node.stated_taints(),
        ultraserver_type=ultraserver,
        node_group_sizes=blocks or {pool.name: pool.max_nodes},
        joins_instance_store=pool.node.raid0_instance_store is not False,
        is_self_managed=pool.is_self_managed,
    )
    acceptance = kubernetes.acceptance
    tested = acceptance is not None and acceptance.images_of_pools().cover(nodes)
    spares = ultraserver is not None and kubernetes.spare_nodes_per_ultraserver > 0 and kubernetes.delivery != "none"
    taints = (*((UNPROVEN_TAINT,) if tested else ()), *((SPARE_TAINT,) if spares else ()))
    return replace(nodes, startup_taints=taints)
