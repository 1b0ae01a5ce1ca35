"""Objects of acceptance runs, which the gate creates from templates: they have to fit the cluster like all others."""

import json
from collections.abc import Sequence
from typing import Any

from ultrafleet.acceptance.gate_api import CONFIG_MAP
from ultrafleet.acceptance.run_template import fill
from ultrafleet.kubernetes.manifest import Manifest


def acceptance_runs(manifests: Sequence[Manifest]) -> list[Manifest]:
    """A run of each template in the gate's configuration, on a whole block.

    Args:
        manifests: objects that are delivered to the cluster.
    """
    found: list[Manifest] = []
    for manifest in manifests:
        if manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"] == CONFIG_MAP:
            pools: dict[str, Any] = {key: text for key, text in manifest["data"].items() if key.startswith("pool.")}
            for number, (_, text) in enumerate(sorted(pools.items())):
                pool = json.loads(text)
                found += fill(
                    pool["template"],
                    run=f"acceptance-run-{number}",
                    node_group=None,
                    node_names=(),
                    nodes=pool["nodesPerGroup"],
                )
    return found
