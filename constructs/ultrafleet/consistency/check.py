"""Whether pools, queues, jobs, models and charts agree with each other."""

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
"""Each finds what is wrong, a message each: got, expected."""


def inconsistencies(
    *, pools: Sequence[PoolNodes], manifests: Sequence[Manifest], releases: Sequence[ChartRelease] = ()
) -> list[str]:
    """What doesn't agree, in the order of the rules; each message once.

    Args:
        pools: nodes of the pools.
        manifests: objects that are delivered to their cluster.
        releases: charts that are; without any, nothing is said about charts.
    """
    content = Content(pools=pools, manifests=manifests, releases=releases)
    return list(dict.fromkeys(message for rule in CONSISTENCY_RULES for message in rule(content)))


def check_consistency(
    *, pools: Sequence[PoolNodes], manifests: Sequence[Manifest], releases: Sequence[ChartRelease] = ()
) -> None:
    """Refuse what doesn't agree; arguments as for `inconsistencies`.

    Raises:
        FleetError: every finding.
    """
    found = inconsistencies(pools=pools, manifests=manifests, releases=releases)
    if found:
        raise FleetError(f"{len(found)} things don't agree: {'; '.join(found)}")
