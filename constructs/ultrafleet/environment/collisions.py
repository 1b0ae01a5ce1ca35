"""Collisions of environments: names and reservations that two of them would share in one account and region."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ultrafleet.catalog.eks import AddonName, application_log_group, host_log_group
from ultrafleet.environment.addons import managed_addons
from ultrafleet.environment.document import FileFaultError
from ultrafleet.environment.located import located
from ultrafleet.environment.models import Environment
from ultrafleet.environment.pool_nodes import needs_care
from ultrafleet.errors import FleetError
from ultrafleet.rules.names import DEFAULT_CLIENT, launch_template_name

_EXPORTS: Final = (
    "alarm-topic-arn",
    "cluster-security-group-id",
    "efa-security-group-id",
    "node-role-arn",
    "vpc-id",
)


def taken_names(environment: Environment) -> Iterator[tuple[str, str]]:
    """Names that the stacks of an environment state in their account and region, each after its kind.

    Names that CloudFormation makes (roles, alarms, queues) begin with the stack's and end at random.

    Args:
        environment: the environment.
    """
    name = environment.name
    yield "cluster", name
    yield "log group", f"/aws/eks/{name}/cluster"
    yield "log group", f"/aws/vendedlogs/states/{name}-block-schedule"
    if AddonName.CLOUDWATCH_OBSERVABILITY in {addon.name for addon in managed_addons(environment)}:
        yield "log group", host_log_group(name)
        yield "log group", application_log_group(name)
    for part in _stacks(environment):
        yield "stack", f"{name}-{part}"
    if environment.kubernetes.delivery != "none" and environment.kubernetes.dashboard:
        yield "dashboard", f"{name}-fleet"
    for pool in environment.pools:
        groups = [block.node_group(pool.name) for block in pool.capacity_blocks if block.existing_node_group is None]
        for group in groups if pool.blocks else [pool.name]:
            yield "launch template", launch_template_name(name, group)
    for model in environment.models:
        for client in [client.name for client in model.clients] or [DEFAULT_CLIENT]:
            yield "secret", f"{name}-{model.name}-client-{client}"
    for export in _exports(environment):
        yield "export", f"{name}-{export}"


def _stacks(environment: Environment) -> Iterator[str]:
    yield from ("network", "cluster", "system", "capacity")
    if environment.kubernetes.delivery != "none":
        yield "kubernetes"
        if needs_care(environment):
            yield "care"
        if environment.kubernetes.dashboard:
            yield "operate"
    made_here = (item.name for item in environment.capacity_reservations if item.capacity_reservation_id is None)
    yield from (f"reservation-{name}" for name in made_here)
    yield from (f"pool-{pool.name}" for pool in environment.pools)
    yield from (f"team-{team.name}" for team in environment.teams)
    yield from (f"model-{model.name}" for model in environment.models)


def _exports(environment: Environment) -> Iterator[str]:
    yield from _EXPORTS
    if environment.kubernetes.delivery == "kubectl":
        yield "kubectl-service-token"
    yield from (f"subnet-{subnet.name}-id" for subnet in environment.network.subnets)
    for reservation in environment.capacity_reservations:
        if reservation.capacity_reservation_id is None:
            yield f"reservation-{reservation.name}-id"
            if reservation.placement_group is not None:
                yield f"reservation-{reservation.name}-placement-group"


def reservation_ids(environment: Environment) -> list[str]:
    """Ids of capacity reservations that an environment's file names: of blocks, and of those made elsewhere.

    Args:
        environment: the environment.
    """
    blocks = [block.capacity_reservation_id for pool in environment.pools for block in pool.blocks]
    imported = [item.capacity_reservation_id for item in environment.capacity_reservations]
    return [*blocks, *(found for found in imported if found is not None)]


def may_collide(environment: Environment, other_name: str, other_text: str) -> bool:
    """True if another file has to be read to know, False where its text shows that the two can't collide.

    All names of an environment begin with its own and a hyphen.

    Args:
        environment: an environment.
        other_name: name of the other.
        other_text: content of the other's file.
    """
    if environment.account not in other_text:
        return False
    one, other = f"{environment.name}-", f"{other_name}-"
    related = one.startswith(other) or other.startswith(one)
    return related or any(found in other_text for found in reservation_ids(environment))


def collisions(loaded: Iterable[tuple[Path, Environment]]) -> list[FleetError]:
    """Faults of environments of one account that name the same things, of which AWS makes one; each names both files.

    Of names that the files can't make at all, such as those of unknown add-ons, the fault is that.

    Args:
        loaded: files and what they hold.
    """
    names: dict[tuple[str, str, str, str], Path] = {}
    reservations: dict[tuple[str, str], Path] = {}
    found: list[FleetError] = []
    for path, environment in loaded:
        try:
            taken = list(taken_names(environment))
        except FleetError as error:
            found.append(located(path, error))
            continue
        for kind, name in taken:
            first = names.setdefault((environment.account, environment.region, kind, name), path)
            if first != path:
                fault = FleetError(
                    path=f"{kind} {name}",
                    verb="has",
                    got=f"the name of one of {first}",
                    expected=f"a name of its own in account {environment.account}, {environment.region}",
                    remedy="rename the environment, which is its file, or what it is named after",
                )
                found.append(FileFaultError.at(path, fault))
        for reservation in reservation_ids(environment):
            first = reservations.setdefault((environment.account, reservation), path)
            if first != path:
                fault = FleetError(
                    path=f"capacity reservation {reservation}",
                    got=f"used by {first}, too",
                    expected="one environment for each reservation",
                    remedy="take it out of one of them",
                )
                found.append(located(path, fault))
    return found
