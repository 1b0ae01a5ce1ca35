"""Parts of a file's content that are right alone, though others are wrong: what can be checked together."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from ultrafleet.environment.fields import Region
from ultrafleet.environment.fleet_checks import Parts
from ultrafleet.environment.models import CapacityReservationSettings
from ultrafleet.environment.network_settings import SubnetSettings
from ultrafleet.environment.pool_settings import PoolSettings
from ultrafleet.environment.secondary_network_settings import SecondaryNetworkSettings
from ultrafleet.environment.workloads import KubernetesSettings, ServedModelSettings, TeamSettings

_Part = TypeVar("_Part")

_REGION: TypeAdapter[str] = TypeAdapter(Region)
_SUBNET = TypeAdapter(SubnetSettings)
_RESERVATION = TypeAdapter(CapacityReservationSettings)
_POOL: TypeAdapter[PoolSettings] = TypeAdapter(PoolSettings)
_SECONDARY_NETWORK = TypeAdapter(SecondaryNetworkSettings)
_KUBERNETES = TypeAdapter(KubernetesSettings)
_TEAM = TypeAdapter(TeamSettings)
_MODEL = TypeAdapter(ServedModelSettings)


def right_parts(content: Mapping[str, Any]) -> Parts:
    """Parts of a file's content; one that is wrong alone is None.

    Args:
        content: of an environment file, with each rack as a pool.
    """
    network = content.get("network")
    network = network if isinstance(network, Mapping) else {}
    subnets, reservations, pools = (
        _entries(network.get("subnets")),
        _entries(content.get("capacity_reservations")),
        _entries(content.get("pools")),
    )
    cidr = network.get("cidr")
    secondary = [item for item in _entries(network.get("secondary_cidrs")) if isinstance(item, str)]
    return Parts(
        region=_right(_REGION, content.get("region")),
        vpc_cidrs=[cidr, *secondary] if isinstance(cidr, str) else [],
        subnets=[_right(_SUBNET, item) for item in subnets],
        reservations=[_right(_RESERVATION, item) for item in reservations],
        pools=[_right(_POOL, item) for item in pools],
        kubernetes=_right(_KUBERNETES, content.get("kubernetes", {})),
        teams=[_right(_TEAM, item) for item in _entries(content.get("teams"))],
        models=[_right(_MODEL, item) for item in _entries(content.get("models"))],
        secondary_network=_right(_SECONDARY_NETWORK, network.get("secondary_network")),
        states_secondary_network=network.get("secondary_network") is not None,
        names={
            "subnets": _stated(subnets, "name"),
            "reservations": _stated(reservations, "name"),
            "pools": _stated(pools, "name"),
            "workloads": _stated(pools, "workload"),
        },
    )


def _right(adapter: TypeAdapter[_Part], value: object) -> _Part | None:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return None


def _entries(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _stated(entries: list[Any], key: str) -> set[str]:
    return {item[key] for item in entries if isinstance(item, Mapping) and isinstance(item.get(key), str)}
