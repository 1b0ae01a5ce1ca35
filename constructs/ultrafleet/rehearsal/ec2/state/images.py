"""Images of EKS, which an account's launch templates name: their ids, and the architecture of each."""

import hashlib
from functools import cache

from ultrafleet.catalog.eks import KUBERNETES_VERSIONS, AmiType, ami_image_parameter


@cache
def eks_images() -> dict[str, tuple[str, str]]:
    """Id and architecture of each image, by the public parameter that holds the id."""
    return {
        parameter: (f"ami-{hashlib.sha256(parameter.encode()).hexdigest()[:17]}", item.architecture)
        for item in AmiType
        if item.startswith("AL2023_")
        for version in KUBERNETES_VERSIONS
        for parameter in [ami_image_parameter(item, version.name)]
    }


def image_architecture(image_id: str | None) -> str | None:
    """Architecture of an image of EKS; None for any other.

    Args:
        image_id: `ami-…`, or None.
    """
    return next((architecture for known, architecture in eks_images().values() if known == image_id), None)
