"""Code of acceptance launchers in the cluster: ConfigMaps with the files, and the volume that joins them."""

from importlib.resources import files
from typing import Any, Final

from ultrafleet.kubernetes.manifest import Manifest, kubernetes_object

_MOST_BYTES: Final = 80_000
"""Text of a ConfigMap at most. CloudFormation sends an object twice in an update, old and new, and Lambda took 262,144
bytes of an event (aws-cdk #19165, high), now 1 MB (Lambda API reference, Invoke, high)."""

_NAME: Final = "acceptance-package"
_ROOT: Final = "ultrafleet/acceptance"


def package_files() -> dict[str, str]:
    """Text of the launcher's files of `ultrafleet.acceptance`, by name: they need Python and nothing else."""
    found = {item.name: item for item in files("ultrafleet.acceptance").iterdir() if item.name.endswith(".py")}
    return {name: item.read_text(encoding="utf-8") for name, item in sorted(found.items()) if name[:4] != "gate"}


def package_config_maps(namespace: str) -> list[Manifest]:
    """ConfigMaps with the files.

    Args:
        namespace: namespace of the launchers.
    """
    return [
        kubernetes_object("v1", "ConfigMap", f"{_NAME}-{number}", namespace=namespace, data=part)
        for number, part in enumerate(_parts(), start=1)
    ]


def package_volume() -> dict[str, Any]:
    """Volume with the package, to be mounted on a folder of PYTHONPATH."""
    sources = [
        {
            "configMap": {
                "name": f"{_NAME}-{number}",
                "items": [{"key": name, "path": f"{_ROOT}/{name}"} for name in part],
            }
        }
        for number, part in enumerate(_parts(), start=1)
    ]
    return {"name": "package", "projected": {"sources": sources}}


def _parts() -> list[dict[str, str]]:
    parts: list[dict[str, str]] = [{}]
    for name, text in package_files().items():
        if sum(len(other.encode()) for other in parts[-1].values()) + len(text.encode()) > _MOST_BYTES:
            parts.append({})
        parts[-1][name] = text
    return parts
