"""Checks of a cluster's plain values: pure logic, no constructs."""

import ipaddress
from collections.abc import Sequence

from ultrafleet.catalog import limits
from ultrafleet.catalog.eks import CONTROL_PLANE_LOGS, CONTROL_PLANE_TIERS, SCORING_STRATEGIES, UPGRADE_POLICIES
from ultrafleet.errors import FleetError
from ultrafleet.rules.zones import is_local_zone

_MINIMUM_ZONES = limits.CONTROL_PLANE_ZONES.value


def check_control_plane_zones(zones: Sequence[str | None]) -> None:
    """Refuse Local Zones, and fewer than two zones.

    Args:
        zones: availability zone name of each subnet; None where it is not known at synthesis.
    """
    for zone in zones:
        if zone is not None and is_local_zone(zone):
            raise FleetError(
                path="control_plane_subnets",
                verb="has",
                got=f"a subnet in the Local Zone {zone!r}",
                expected="regular availability zones",
                remedy="a cluster can't be created in a Local Zone, only its node groups can use one",
            )
    if len(zones) < _MINIMUM_ZONES or (None not in zones and len(set(zones)) < _MINIMUM_ZONES):
        got = ", ".join(sorted({zone or "unknown" for zone in zones})) or "none"
        raise FleetError(
            path="control_plane_subnets",
            got=f"{len(zones)} subnets in the zones {got}",
            expected="subnets in at least 2 availability zones",
            remedy="add a subnet in another zone",
        )


def check_tier(tier: str) -> None:
    """Refuse a control-plane tier that EKS doesn't have."""
    if tier not in CONTROL_PLANE_TIERS:
        raise FleetError(
            path="control_plane_scaling_tier",
            got=repr(tier),
            expected=f"one of {', '.join(CONTROL_PLANE_TIERS)}",
            remedy="leave it out for the standard control plane",
        )


def check_scoring_strategy(strategy: str) -> None:
    """Refuse a scoring strategy that EKS doesn't have."""
    if strategy not in SCORING_STRATEGIES:
        raise FleetError(
            path="scheduler_scoring_strategy",
            got=repr(strategy),
            expected=" or ".join(SCORING_STRATEGIES),
            remedy="leave it out for MostAllocated",
        )


def check_upgrade_policy(policy: str) -> None:
    """Refuse an upgrade policy that EKS doesn't have."""
    if policy not in UPGRADE_POLICIES:
        raise FleetError(
            path="upgrade_policy",
            got=repr(policy),
            expected=" or ".join(UPGRADE_POLICIES),
            remedy="leave it out for STANDARD",
        )


def check_log_types(types: Sequence[str]) -> None:
    """Refuse unknown control-plane log types."""
    for log_type in types:
        if log_type not in CONTROL_PLANE_LOGS:
            raise FleetError(
                path="control_plane_logs",
                verb="has",
                got=repr(log_type),
                expected=f"some of {', '.join(CONTROL_PLANE_LOGS)}",
                remedy="leave it out for all of them",
            )


def check_public_access_cidrs(cidrs: Sequence[str], *, allow_any_address: bool) -> None:
    """Refuse an API server that is open to every address, unless the caller said so."""
    for cidr in cidrs:
        network = _ipv4("public_access_cidrs", cidr)
        if network.prefixlen == 0 and not allow_any_address:
            raise FleetError(
                path="public_access_cidrs",
                verb="has",
                got=repr(cidr),
                expected="the addresses of people and machines that need the API server",
                remedy="name them, or pass allow_public_access_from_anywhere=True if every address must reach it",
            )
    if allow_any_address and not cidrs:
        raise FleetError(
            path="allow_public_access_from_anywhere",
            got="True and public_access_cidrs is empty",
            expected="a public endpoint",
            remedy="pass public_access_cidrs=['0.0.0.0/0'], or leave both out for a private endpoint",
        )


def check_api_access_cidrs(cidrs: Sequence[str]) -> None:
    """Refuse a private API server that every connected network reaches, malformed CIDRs and duplicates."""
    for cidr in cidrs:
        if _ipv4("api_access_cidrs", cidr).prefixlen == 0:
            raise FleetError(
                path="api_access_cidrs",
                verb="has",
                got=repr(cidr),
                expected="the networks of people",
                remedy="name them",
            )
    if len(set(cidrs)) != len(cidrs):
        raise FleetError(
            path="api_access_cidrs",
            got=list(cidrs),
            expected="each CIDR once",
            remedy="remove the duplicate",
        )


def _ipv4(name: str, cidr: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise FleetError(
            path=name,
            verb="has",
            got=repr(cidr),
            expected="an IPv4 CIDR such as 10.8.0.0/16",
            remedy=str(error),
        ) from error
