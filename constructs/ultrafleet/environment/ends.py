"""Ends at a moment that the caller names: of Kubernetes' support and of on-demand reservations. No clock is read."""

from datetime import date, datetime, timedelta
from typing import Final

from ultrafleet.catalog import eks
from ultrafleet.environment.cluster_settings import ClusterSettings
from ultrafleet.environment.models import CapacityReservationSettings, Environment

NOTICE: Final = timedelta(days=60)
"""Time before the end of standard support from which on the clause is given."""


def end_of_support(cluster: ClusterSettings, day: date) -> str | None:
    """Clause on the support of a cluster's Kubernetes version; None while its end is further away than the notice.

    Args:
        cluster: the cluster.
        day: day from which it is looked at.
    """
    name, is_extended = cluster.kubernetes_version, cluster.upgrade_policy == "EXTENDED"
    known = {version.name: version for version in eks.KUBERNETES_VERSIONS}.get(name)
    if known is None or known.end_of_standard_support is None:
        return f"the catalog has no end of standard support of Kubernetes {name}: see EKS's release calendar"
    end, extended = known.end_of_standard_support, known.end_of_extended_support
    if end - day > NOTICE:
        return None
    until = f" until {extended}" if extended is not None else ""
    if extended is not None and day > extended:
        return f"extended support of Kubernetes {name} ended {extended}, EKS upgrades the control plane: raise it"
    if day > end:
        if is_extended:
            return f"standard support of Kubernetes {name} ended {end}, extended support costs more{until}: raise it"
        return (
            f"standard support of Kubernetes {name} ended {end}, with upgrade_policy STANDARD EKS upgrades the control "
            "plane: state the version that it runs; a cluster in extended support already can't leave it so, "
            "state upgrade_policy EXTENDED for that"
        )
    then = (
        f"extended support, which costs more, begins then and lasts{until}"
        if is_extended
        else "EKS upgrades the control plane then (upgrade_policy STANDARD)"
    )
    return f"standard support of Kubernetes {name} ends {end}, {then}: raise kubernetes_version before"


def reservations_over(environment: Environment, as_of: datetime) -> list[CapacityReservationSettings]:
    """On-demand reservations whose end has passed.

    Args:
        environment: the environment.
        as_of: moment from which it is looked at, with an offset from UTC.
    """
    return [item for item in environment.capacity_reservations if item.end is not None and item.end <= as_of]
