"""Interface of every way of delivery, and the order in which objects must arrive."""

from collections.abc import Sequence
from typing import Protocol

from constructs import Construct, IDependable

from ultrafleet.kubernetes.chart import ChartRelease
from ultrafleet.kubernetes.manifest import Manifest


class Delivery(Protocol):
    """Brings charts and objects into a cluster."""

    manifests: list[Manifest]
    """Objects that were given to it, for checks across all of them."""
    releases: list[ChartRelease]
    """Charts that were given to it."""

    updates_kinds: bool
    """True if it brings definitions in charts' folders `crds` to the charts' version; Helm doesn't."""

    def add_chart(self, scope: Construct, release: ChartRelease, *, after: Sequence[IDependable] = ()) -> None:
        """Install a chart; objects of the kinds that it brings wait for it, in the same stack."""

    def add_manifest(self, scope: Construct, manifest: Manifest, *, after: Sequence[IDependable] = ()) -> None:
        """Apply an object after its namespace and after the chart that brings its kind, in the same stack.

        Args:
            scope: whose it is.
            manifest: the object.
            after: what else must be there before it.
        """
