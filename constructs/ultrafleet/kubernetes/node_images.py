"""Check of an image against the nodes that will run it."""

from ultrafleet.catalog.image_architectures import image_architecture
from ultrafleet.errors import FleetError
from ultrafleet.kubernetes.pool_nodes import PoolNodes


def check_image(path: str, image: str, pool: PoolNodes, *, instead: str) -> None:
    """Refuse an image whose name says that it is for another architecture than a pool's nodes.

    Args:
        path: name of the setting that states the image.
        image: the image.
        pool: the pool.
        instead: which image to use.

    Raises:
        FleetError: it is for another one.
    """
    of_nodes, of_image = pool.instance_type.architecture, image_architecture(image)
    if None not in (of_nodes, of_image) and of_nodes != of_image:
        raise FleetError(
            path=path,
            got=image,
            expected=f"one for {of_nodes}, which {pool.instance_type} is",
            remedy=f"pass {instead}",
        )
