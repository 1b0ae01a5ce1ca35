"""Images that pools are tested with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.pool_nodes import PoolNodes


@dataclass(frozen=True)
class AcceptanceImages:
    """Images of acceptance runs.

    Attributes:
        image: image for nodes with NVIDIA GPUs. None: each pool of them has its own.
        own: images of single pools, by pool. Trainium's is among them, or it isn't tested.
    """

    image: str | None = None
    own: Mapping[str, str] = field(default_factory=dict)

    def cover(self, pool: PoolNodes) -> bool:
        """True if the pool's nodes are tested."""
        tested = pool.instance_type.accelerator_kind == "nvidia" or pool.pool_name in self.own
        return bool(pool.acceptance_paths) and tested

    def of(self, pool: PoolNodes) -> str:
        """Image for a pool.

        Raises:
            FleetError: there is none.
        """
        of_all = self.image if pool.instance_type.accelerator_kind == "nvidia" else None
        image = self.own.get(pool.pool_name, of_all)
        if image is None:
            raise FleetError(
                path=f"image of pool {pool.pool_name}",
                got="not stated",
                expected="one that has what docs/acceptance.md says",
                remedy=f"state it in images, by pool ({pool.pool_name!r})",
            )
        return image
