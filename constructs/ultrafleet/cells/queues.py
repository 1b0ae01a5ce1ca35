"""Queues over cells of a programme: which manager has which cells, and what both sides' environment files say of it."""

import ipaddress
from collections.abc import Sequence
from typing import Any, Final

from ultrafleet.cell_queues import MOST_WORKERS
from ultrafleet.cells.model import Cell
from ultrafleet.errors import FleetError
from ultrafleet.programme import FleetSettings, QueueManagerSettings, QueueSettings
from ultrafleet.programme.queue_settings import OtherClusterSettings

_WORKLOAD: Final = "training"
"""Models are in no queue."""


def manager_of(cell: Cell, queue: QueueSettings) -> QueueManagerSettings | None:
    """Manager of a cell: of those of its type and site, the one at its number; None where there is none.

    So a cell keeps its manager, whatever other cells come.

    Args:
        cell: the cell.
        queue: the queues.
    """
    if cell.workload != _WORKLOAD:
        return None
    fitting = [
        manager
        for manager in queue.managers
        if manager.type == cell.ultraserver_type and (not manager.sites or cell.site.name in manager.sites)
    ]
    return fitting[cell.number % len(fitting)] if fitting else None


def cell_queue_content(cell: Cell, queue: QueueSettings) -> dict[str, Any]:
    """Content of a cell's environment file about its queue: manager and teams; nothing where no manager has it.

    Args:
        cell: the cell.
        queue: the queues.
    """
    manager = manager_of(cell, queue)
    if manager is None:
        return {}
    role = _role(manager.account, manager.environment, cell.region)
    return {
        "cluster": {"api_access_cidrs": [manager.cidr]},
        "kubernetes": {"worker_of": {"manager_role_arn": role}},
        "teams": [{"name": team, "workload": _WORKLOAD} for team in queue.teams],
    }


def queue_of_cell(cell: Cell, queue: QueueSettings) -> QueueSettings | None:
    """Queues as a cell has them: its manager alone, whatever site and number a cell has; None where none has it.

    Two cells with equal ones have the same files, but for what is their own.

    Args:
        cell: the cell.
        queue: the queues.
    """
    manager = manager_of(cell, queue)
    if manager is None:
        return None
    return queue.model_copy(update={"managers": [manager.model_copy(update={"sites": []})]})


def cells_of_manager(manager: QueueManagerSettings, queue: QueueSettings, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Cells of a manager, most preferred first: by its sites, then by number.

    Args:
        manager: the manager.
        queue: the queues.
        cells: cells of the programme.

    Raises:
        FleetError: no cell, a site that no cell is at, cells of two fabrics or with addresses of the manager, or more
            workers than Kueue takes.
    """
    known = sorted({cell.site.name for cell in cells})
    for site in manager.sites:
        if site not in known:
            raise FleetError(
                path=f"sites of manager {manager.environment}",
                verb="name",
                got=repr(site),
                expected=f"sites of cells: {', '.join(known) or '(none)'}",
                remedy="correct it",
            )
    own = [cell for cell in cells if manager_of(cell, queue) == manager]
    own.sort(key=lambda cell: (manager.sites.index(cell.site.name) if manager.sites else 0, cell.number))
    if not own and not manager.clusters:
        raise FleetError(
            path=f"manager {manager.environment}",
            verb="has",
            got="no cell",
            expected=f"cells of {manager.type} for {_WORKLOAD}",
            remedy="leave it out, or correct its type or sites",
        )
    if len(own) + len(manager.clusters) > MOST_WORKERS:
        raise FleetError(
            path=f"manager {manager.environment}",
            verb="has",
            got=f"{len(own)} cells and {len(manager.clusters)} other clusters",
            expected=f"{MOST_WORKERS} workers at most, as many as Kueue takes in one queue",
            remedy="state more managers of the type: its cells are spread over them by their numbers",
        )
    network = ipaddress.ip_network(manager.cidr)
    for cell in own:
        for cidr in cell.network.cidrs:
            if network.overlaps(ipaddress.ip_network(cidr)):
                raise FleetError(
                    path=f"cidr of manager {manager.environment}",
                    got=manager.cidr,
                    expected=f"one that overlaps no cell's, such as {cell.name} with {cidr}",
                    remedy="routes between them need it: choose one outside of fleet.address_space",
                )
    fabrics = sorted({cell.fabric for cell in own if cell.fabric is not None})
    if len(fabrics) > 1:
        raise FleetError(
            path=f"manager {manager.environment}",
            verb="has",
            got=f"cells of fabrics {' and '.join(fabrics)}",
            expected="one: jobs claim devices of one",
            remedy="state a manager for each, with its sites",
        )
    return tuple(own)


def manager_content(manager: QueueManagerSettings, fleet: FleetSettings, cells: Sequence[Cell]) -> dict[str, Any]:
    """Content of the manager's environment file about its queue.

    The capacity is that of the cells' slots: a rack more changes nothing here.

    Args:
        manager: the manager.
        fleet: fleet of the programme, with its queues.
        cells: cells of the programme.

    Raises:
        FleetError: the manager and the cells don't fit each other.
    """
    queue = fleet.queue or QueueSettings(managers=[manager])
    own = cells_of_manager(manager, queue, cells)
    elsewhere: dict[str, int] = {}
    for cluster in manager.clusters:
        for resource, count in cluster.holds.items():
            elsewhere[resource] = elsewhere.get(resource, 0) + count
    entry = {
        "workload": _WORKLOAD,
        **({"capacity": {manager.type: sum(cell.slots for cell in own)}} if own else {}),
        **({"fabric": own[0].fabric} if own and own[0].fabric is not None else {}),
        **({"elsewhere": elsewhere} if elsewhere else {}),
        "workers": [*(_worker(cell) for cell in own), *(_elsewhere(cluster) for cluster in manager.clusters)],
    }
    spare = fleet.spare_nodes_per_ultraserver
    return {
        "kubernetes": {
            **({"spare_nodes_per_ultraserver": spare} if spare else {}),
            "manages": {"queues": [entry]},
        },
        "teams": [{"name": team, "workload": _WORKLOAD} for team in queue.teams],
    }


def _worker(cell: Cell) -> dict[str, str]:
    return {"name": cell.name, "region": cell.region, "role_arn": _role(cell.account, cell.name, cell.region)}


def _elsewhere(cluster: OtherClusterSettings) -> dict[str, str]:
    keys = ("cluster_name", "kubeconfig_secret", "region", "role_arn")
    return {"name": cluster.name, **{key: str(value) for key in keys if (value := getattr(cluster, key)) is not None}}


def _role(account: str, environment: str, region: str) -> str:
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"arn:{partition}:iam::{account}:role/{environment}-multikueue"
