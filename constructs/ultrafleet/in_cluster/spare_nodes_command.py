"""`python3 -m ultrafleet.in_cluster.spare_nodes_command POOL=OPEN ...`: one look, from a CronJob.

Each argument names a pool and the nodes of one of its UltraServers that jobs may have. Standard library only.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ultrafleet.in_cluster.kubernetes_api import CONFLICT, NOT_FOUND, ApiError, KubernetesApi
from ultrafleet.in_cluster.spare_nodes import POOL_LABEL, Change, changes, node_patch, read_node

Log = Callable[[Mapping[str, Any]], None]


def look(api: KubernetesApi, open_nodes: Mapping[str, int], *, log: Log) -> list[Change]:
    """One look: opens spare nodes in place of those that can't be used, and closes what is too many.

    Args:
        api: the cluster's API.
        open_nodes: nodes of an UltraServer that jobs may have, by pool.
        log: takes what happened, one mapping an event.

    Raises:
        OSError: the API refuses or doesn't answer; what was not done yet is left to the next look.
    """
    found = {node["metadata"]["name"]: node for node in api.list("api/v1/nodes", POOL_LABEL)}
    decided = changes((read_node(node) for node in found.values()), open_nodes)
    for change in decided:
        patch = node_patch(found[change.node], change)
        try:
            api.call("PATCH", f"api/v1/nodes/{change.node}", patch, "application/merge-patch+json")
        except ApiError as error:
            # Changed or gone since it was read: the next look decides anew.
            if error.status not in {CONFLICT, NOT_FOUND}:
                raise
            log({"event": "skipped", "node": change.node, "why": str(error)})
            continue
        log({"event": "closed" if change.spare else "opened", "node": change.node})
    log({"event": "looked", "nodes": len(found), "changes": len(decided)})
    return decided


def main(arguments: Sequence[str]) -> int:
    """0 looked, 1 the API refused or didn't answer: nothing more was done, the next look goes on."""
    try:
        pairs = [argument.split("=", 1) for argument in arguments]
        look(KubernetesApi(), {pool: int(count) for pool, count in pairs}, log=_log)
    except (OSError, KeyError, TypeError, ValueError) as error:
        _log({"event": "stopped", "why": f"{type(error).__name__}: {error}"[:2000]})
        return 1
    return 0


def _log(entry: Mapping[str, Any]) -> None:
    print(json.dumps({"program": "spare-nodes", **entry}), flush=True)  # noqa: T201 - a command prints


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
