"""Kubernetes objects as plain values, and what they are called."""

import re
from collections.abc import Mapping
from typing import Any

from ultrafleet.errors import FleetError

Manifest = Mapping[str, Any]
"""Kubernetes object in the API's own form. Values may be CDK tokens where AWS creates them."""

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_LABEL_LENGTH = 63

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
"""Kubernetes' recommended label: on every object of the library, to distinguish it from objects that people create."""


def object_name(what: str, name: str, *, most: int = _DNS_LABEL_LENGTH) -> str:
    """A name that Kubernetes takes for any kind of object.

    Args:
        what: what is called so, for the error.
        name: the name.
        most: characters at most.

    Raises:
        FleetError: it isn't a DNS label, or too long.
    """
    if not _DNS_LABEL.fullmatch(name) or len(name) > most:
        raise FleetError(
            path=what,
            got=repr(name),
            expected=f"up to {most} lower-case letters, digits and '-', with a letter or digit at both ends",
            remedy="pass another name",
        )
    return name


def kubernetes_object(
    api_version: str,
    kind: str,
    name: str,
    *,
    namespace: str | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    **content: Any,  # noqa: ANN401 - the object's own fields
) -> dict[str, Any]:
    """An object with the library's label on it."""
    metadata: dict[str, Any] = {"name": name}
    if namespace is not None:
        metadata["namespace"] = namespace
    metadata["labels"] = {MANAGED_BY_LABEL: "ultrafleet", **(labels or {})}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def object_id(manifest: Manifest) -> str:
    """Identity of an object in a cluster, and id of its construct: `Kind-namespace-name`."""
    metadata = manifest["metadata"]
    parts = (manifest["kind"], metadata.get("namespace"), metadata["name"])
    return "-".join(part for part in parts if part)
