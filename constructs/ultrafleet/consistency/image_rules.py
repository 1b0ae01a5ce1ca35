"""Images and the architecture of the nodes that run them."""

from collections.abc import Iterator
from typing import Final

from ultrafleet.catalog.image_architectures import image_architecture
from ultrafleet.consistency.content import Content
from ultrafleet.consistency.pods import OURS, PodUse
from ultrafleet.kubernetes.pool_nodes import PoolNodes

_SELECTOR: Final = "kubernetes.io/arch"
_ARCHITECTURES: Final = {"amd64": "x86_64", "arm64": "arm64"}


def images(content: Content) -> Iterator[str]:
    """Images whose names state an architecture are for the nodes that their pods select.

    Most images don't state one, or are for several: nothing is known of them here.
    """
    for pod in content.pods:
        for container in pod.containers:
            image = str(container.get("image", ""))
            of_image = image_architecture(image)
            if of_image is not None:
                yield from _elsewhere(content, pod, image, of_image)


def _elsewhere(content: Content, pod: PodUse, image: str, of_image: str) -> Iterator[str]:
    selected = _ARCHITECTURES.get(str(pod.spec.get("nodeSelector", {}).get(_SELECTOR, "")))
    if selected not in (None, of_image):
        yield f"{pod.owner} has the image {image} of {of_image} and selects {_SELECTOR} {selected}, expected the same"
        return
    for pool in _pools(content, pod):
        architecture = pool.instance_type.architecture
        if architecture not in (None, of_image):
            yield (
                f"{pod.owner} has the image {image} of {of_image}, expected one for {architecture}: nodes of pool "
                f"{pool.pool_name} are {pool.instance_type}"
            )


def _pools(content: Content, pod: PodUse) -> list[PoolNodes]:
    """Pools on whose nodes a pod may land: of pods without accelerators those that it selects."""
    if not pod.accelerators and not any(label.startswith(OURS) for label in pod.spec.get("nodeSelector", {})):
        return []
    return content.pools_of(pod)
