"""Addresses of a new cluster's services in an environment's file: they are none of the VPC's."""

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from ultrafleet.environment.cluster_settings import ClusterSettings
from ultrafleet.environment.collected import Found, raised
from ultrafleet.environment.network_settings import NetworkSettings
from ultrafleet.errors import FleetError
from ultrafleet.rules.service_cidr import (
    overlapped_defaults,
    validate_apart_from,
    validate_room_for_services,
    validate_service_cidr,
)

_PATH: Final = ("cluster", "service_cidr")


class StatedEnvironment(Protocol):
    """The parts of an environment that have addresses."""

    @property
    def network(self) -> NetworkSettings:
        """Network."""

    @property
    def cluster(self) -> ClusterSettings:
        """Cluster."""


def service_faults(environment: StatedEnvironment) -> Iterator[Found]:
    """Faults of the addresses of services, stated or of EKS's choice; an existing cluster has its own.

    Args:
        environment: the environment.
    """
    cluster = environment.cluster
    if cluster.existing is not None:
        return
    stated = cluster.service_cidr
    if stated is not None:
        wrong = list(raised(_PATH, lambda: validate_service_cidr("service_cidr", stated)))
        yield from wrong
        if wrong:
            return
    cidrs = _vpc_cidrs(environment)
    if stated is not None:
        yield from raised(_PATH, lambda: validate_apart_from("service_cidr", stated, cidrs))
    else:
        yield from raised(_PATH, lambda: validate_room_for_services("service_cidr", cidrs))


def service_doubts(environment: StatedEnvironment) -> Iterator[Found]:
    """Doubt about a VPC that overlaps one of the ranges of which EKS takes one, where the file states none.

    Args:
        environment: the environment.
    """
    cluster = environment.cluster
    overlapped = overlapped_defaults(_vpc_cidrs(environment))
    if cluster.existing is None and cluster.service_cidr is None and overlapped:
        yield (
            _PATH,
            FleetError(
                path="service_cidr",
                got=f"not stated, and the VPC overlaps {overlapped[0]}",
                expected="one outside of the VPC",
                remedy="state it: EKS takes one of two ranges, and that it takes the other one is not verified",
            ),
        )


def _vpc_cidrs(environment: StatedEnvironment) -> Sequence[str]:
    """CIDRs of the VPC that can be read; another check says so where one can't."""
    return [cidr for cidr in environment.network.cidrs if _is_cidr(cidr)]


def _is_cidr(cidr: str) -> bool:
    try:
        ipaddress.IPv4Network(cidr)
    except ValueError:
        return False
    return True
