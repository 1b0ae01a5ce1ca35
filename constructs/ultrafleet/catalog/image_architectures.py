"""Architectures of container images, where their names state them."""

import re
from typing import Final

from ultrafleet.catalog.source import Confidence, Source

SOURCE: Final = Source(
    "names of images: Docker's official ones of a single architecture (amd64/NAME, arm64v8/NAME)",
    address="https://github.com/docker-library/official-images#architectures-other-than-amd64",
    also=(
        Source(
            "aws/deep-learning-containers, available images: those for Arm have repositories that end in -arm64",
            address="https://github.com/aws/deep-learning-containers",
        ),
        Source("a word for an architecture in a repository's name or in a tag: custom", Confidence.MEDIUM),
    ),
)
"""Sources of the architectures; of all other images a registry has to be asked."""

_WORDS: Final = {
    "amd64": "x86_64", "x86": "x86_64", "x86_64": "x86_64", "x64": "x86_64",
    "arm64": "arm64", "aarch64": "arm64", "arm64v8": "arm64", "graviton": "arm64",
}  # fmt: skip
_WORD: Final = re.compile(r"x86_64|[a-z0-9]+")
_AWS: Final = re.compile(
    r"(?:763104351884\.dkr\.ecr\.[a-z0-9-]{1,30}\.amazonaws\.com|public\.ecr\.aws/deep-learning-containers)/"
)
_FOR_AMD64: Final = frozenset(
    {"pytorch-training", "pytorch-inference", "tensorflow-training", "tensorflow-inference", "vllm"}
)
"""AWS's repositories that are for amd64; one for Arm has the same name with an ending."""


def image_architecture(image: str) -> str | None:
    """Architecture of an image that is for a single one: `x86_64` or `arm64`; None where its name doesn't state it.

    Args:
        image: reference of the image, as a pod names it.
    """
    name = image.partition("@")[0]
    path, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "")
    parts = path.split("/")
    official = parts[-2] if len(parts) > 1 and parts[-2] in ("amd64", "arm64v8") else ""
    stated = {_WORDS[word] for word in _WORD.findall(f"{official} {parts[-1]} {tag}".lower()) if word in _WORDS}
    if stated:
        return stated.pop() if len(stated) == 1 else None
    if _AWS.match(path) and parts[-1] in _FOR_AMD64:
        return "x86_64"
    return None
