"""The objects of one acceptance run, made from a pool's template. Standard library only."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

RUN = "ultrafleet-run"
"""Name of the run; `ultrafleet-run-...` are names that begin with it."""
NODES = "ULTRAFLEET_NODES"
"""Number of nodes."""
NODE_GROUP = "ULTRAFLEET_NODE_GROUP"
"""Name of the node group that the nodes are of."""
NODE_NAMES = "ULTRAFLEET_NODE_NAMES"
"""Terms of a node affinity that names the nodes."""
NODE_LIST = "ULTRAFLEET_NODE_LIST"
"""Names of the nodes, with commas between them; empty where none is named."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
_NOTHING = object()


def fill(
    template: Mapping[str, Any],
    *,
    run: str,
    node_group: str | None,
    node_names: Sequence[str],
    nodes: int | None = None,
) -> list[dict[str, Any]]:
    """Objects of a run, in the order in which they are created.

    Args:
        template: what `acceptance_template` made for the pool.
        run: name of the run: a DNS label of up to 40 characters, a name of its own for each run.
        node_group: node group that the nodes are of. None: any of the pool.
        node_names: nodes to test. Empty: as many as `nodes` says, wherever they are free.
        nodes: how many. Default: as many as are named.

    Raises:
        ValueError: the name isn't one, or there are no nodes.
    """
    if not _NAME.fullmatch(run):
        raise ValueError(f"run is {run!r}, expected a DNS label of up to 40 characters")
    count = len(node_names) if nodes is None else nodes
    if count < 1 or (node_names and count != len(node_names)) or len(set(node_names)) != len(node_names):
        raise ValueError(f"nodes are {count} and {list(node_names)}, expected one or more, each once")
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]} for name in node_names]
    values = {
        NODES: count,
        NODE_GROUP: node_group or _NOTHING,
        NODE_NAMES: terms or _NOTHING,
        NODE_LIST: ",".join(node_names),
    }
    return [_filled(manifest, run, values) for manifest in template["manifests"]]


def _filled(value: Any, run: str, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        if value == RUN or value.startswith(f"{RUN}-"):
            return run + value[len(RUN) :]
        return values.get(value, value)
    if isinstance(value, Mapping):
        filled = {key: _filled(item, run, values) for key, item in value.items()}
        kept = {key: item for key, item in filled.items() if item is not _NOTHING}
        # What a term that nothing fills was the only content of goes, too.
        return kept if kept or not value else _NOTHING
    if isinstance(value, Sequence):
        return [item for item in (_filled(item, run, values) for item in value) if item is not _NOTHING]
    return value
