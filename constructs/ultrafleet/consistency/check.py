"""Consistency of pools, queues, jobs, models and charts with each other."""

from collections.abc import Callable, Iterator, Sequence

from ultrafleet.consistency import placement_rules, queue_rules, reference_rules
from ultrafleet.consistency.content import Content
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.manifest import Manifest
from ultrafleet.kubernetes.pool_nodes import PoolNodes

Rule = Callable[[Content], Iterator[str]]

CONSISTENCY_RULES: tuple[Rule, ...] = (
    placement_rules.selectors,
    placement_rules.taints,
    placement_rules.sizes,
    placement_rules.claims,
    queue_rules.flavors,
    queue_rules.quotas,
    queue_rules.ways,
    reference_rules.references,
    reference_rules.ports,
    reference_rules.scaling,
    reference_rules.charts,
)
"""Consistency rules; each yields a message a finding: got, expected."""


def inconsistencies(
    *, pools: Sequence[PoolNodes], manifests: Sequence[Manifest], releases: Sequence[ChartRelease] = ()
) -> list[str]:
    """Inconsistencies in the order of the rules; each message once.

    Args:
        pools: nodes of the pools.
        manifests: objects that are delivered to their cluster.
        releases: charts that are delivered; without any, charts are not checked.
    """
    content = Content(pools=pools, manifests=manifests, releases=releases)
    return list(dict.fromkeys(message for rule in CONSISTENCY_RULES for message in rule(content)))


def check_consistency(
    *, pools: Sequence[PoolNodes], manifests: Sequence[Manifest], releases: Sequence[ChartRelease] = ()
) -> None:
    """Refuse inconsistencies; arguments as for `inconsistencies`.

    Raises:
        FleetError: every finding.
    """
    found = inconsistencies(pools=pools, manifests=manifests, releases=releases)
    if found:
        count = "1 inconsistency" if len(found) == 1 else f"{len(found)} inconsistencies"
        raise FleetError(f"{count} between pools, queues and workloads: {'; '.join(found)}")
