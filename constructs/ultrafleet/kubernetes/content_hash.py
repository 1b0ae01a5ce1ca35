"""Hash of configuration that pods read, so that a change of it makes new pods."""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Final

from ultrafleet.kubernetes.manifest import Manifest

CONFIGURATION_ANNOTATION: Final = "ultrafleet/configuration"
"""On a pod template: the hash of what its pods read from ConfigMaps and Secrets."""

_TOKEN_COUNTER = re.compile(r"\.[0-9]+\]\}")


def content_hash(manifests: Iterable[Manifest]) -> str:
    """Hash of the contents of ConfigMaps and Secrets, 16 hexadecimal digits.

    Kubernetes restarts no pod when a ConfigMap changes; a changed annotation of the pod template is a rollout
    (Kubernetes documentation, Deployments, high). Names, order of the objects and order of the keys don't count. In a
    CDK token its name counts and its number doesn't, which changes with what else is synthesised.

    Args:
        manifests: the objects; of each its `data`, `binaryData` and `stringData`.
    """
    contents = sorted(
        json.dumps({key: item[key] for key in ("data", "binaryData", "stringData") if key in item}, sort_keys=True)
        for item in manifests
    )
    text = _TOKEN_COUNTER.sub("]}", "\n".join(contents))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def configuration_annotation(manifests: Iterable[Manifest]) -> dict[str, str]:
    """The annotation for the template of pods that read these objects; nothing where there are none.

    Args:
        manifests: ConfigMaps and Secrets that the pods read.
    """
    read = list(manifests)
    return {CONFIGURATION_ANNOTATION: content_hash(read)} if read else {}
