"""Families of images, by AMI types of EKS and by the paths under which AWS publishes images in Parameter Store."""

import re
from typing import Any, Final

from ultrafleet.templates.unknown import text_of

AL2: Final = "Amazon Linux 2"
AL2023: Final = "Amazon Linux 2023"
BOTTLEROCKET: Final = "Bottlerocket"

_AL2: Final = re.compile(r"amazon-linux-2(?![0-9])|amzn2-|/al2/|(?<![a-z0-9])al2(?![0-9a-z])", re.IGNORECASE)
_AL2023: Final = re.compile(r"amazon-linux-2023|al2023", re.IGNORECASE)


def image_family(name: Any) -> str | None:  # noqa: ANN401 - JSON
    """Family of an image by its path or the name of its parameter; None where the text names none."""
    text = text_of(name) if name is not None else None
    if text is None:
        return None
    if "bottlerocket" in text.lower():
        return BOTTLEROCKET
    if _AL2023.search(text):
        return AL2023
    return AL2 if _AL2.search(text) else None


def family_of(ami_type: Any, image: Any) -> str | None:  # noqa: ANN401 - JSON
    """Family of a node group's image, by its AMI type or else by the image that its launch template names."""
    if isinstance(ami_type, str) and ami_type != "CUSTOM":
        prefixes = {"BOTTLEROCKET_": BOTTLEROCKET, "AL2023_": AL2023, "AL2_": AL2}
        return next((family for prefix, family in prefixes.items() if ami_type.startswith(prefix)), None)
    return image_family(image)
