"""Zones and regions in which a type is sold, as documents name them.

A zone or region that a document states with high confidence is taken for the whole list; the catalog's prices are not:
they are public for some regions only.
"""

from typing import Final

from ultrafleet.catalog import Confidence, Fact, InstanceType, PurchaseOption, UltraServerType
from ultrafleet.catalog.prices import places_elsewhere
from ultrafleet.errors import FleetError
from ultrafleet.rules.zones import region_of_zone

_NONE: Final = Fact[None](None)


def validate_place(pool_name: str, sold: InstanceType | UltraServerType, zone: str) -> None:
    """Refuse a zone other than those in which a document says, with high confidence, that AWS sells the type.

    Args:
        pool_name: name of the pool.
        sold: type that is bought, an UltraServer as a whole.
        zone: name of the zone of its nodes.

    Raises:
        FleetError: the zone isn't among those of the type, or not in its region.
    """
    fact = _places(sold)
    if fact.confidence is not Confidence.HIGH or _is_in(fact, zone):
        return
    raise FleetError(
        path=f"pool {pool_name}",
        verb="has",
        got=f"{sold} in {zone}",
        expected=f"{_spelled(fact)}, where it is sold: {fact.source}",
        remedy=f"use a subnet there, or add the zone to the facts of {sold} if AWS sells it there by now",
    )


def doubt_of_place(sold: InstanceType | UltraServerType, purchase_option: PurchaseOption, zone: str) -> str | None:
    """Doubt whether a type is sold in a zone, in a sentence; None where the catalog has no reason for one.

    Args:
        sold: type that is bought, an UltraServer as a whole.
        purchase_option: how it is bought.
        zone: name of the zone of its nodes.
    """
    fact = _places(sold)
    if fact.value is not None:
        if _is_in(fact, zone):
            return None
        return f"{sold} in {zone} is sold in {_spelled(fact)}, by {fact.source}"
    region = region_of_zone(zone)
    elsewhere = places_elsewhere(sold, purchase_option, region)
    if not elsewhere:
        return None
    return (
        f"{sold} in {region} has no public {purchase_option} price in the catalog, which has those of "
        f"{', '.join(elsewhere)}: see that AWS sells it there (`aws ec2 describe-instance-type-offerings`)"
    )


def _places(sold: InstanceType | UltraServerType) -> Fact[tuple[str, ...] | str | None]:
    """Zones of the type, or else its region."""
    zones: Fact[tuple[str, ...] | None] = sold.fact("zones")
    if zones.value is not None:
        return zones
    return sold.fact("region") if isinstance(sold, UltraServerType) else _NONE


def _is_in(fact: Fact[tuple[str, ...] | str | None], zone: str) -> bool:
    return zone in fact.value if isinstance(fact.value, tuple) else region_of_zone(zone) == fact.value


def _spelled(fact: Fact[tuple[str, ...] | str | None]) -> str:
    return " or ".join(fact.value) if isinstance(fact.value, tuple) else str(fact.value)
