"""`python3 -m ultrafleet.acceptance.gate_command`: one look of the gate, from a CronJob. Standard library only."""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

from ultrafleet.acceptance.gate_api import Gate
from ultrafleet.in_cluster.kubernetes_api import KubernetesApi


def main() -> int:
    """0 looked, 1 the API refused or didn't answer: nothing more was done, the next look goes on."""
    try:
        Gate(KubernetesApi(), now=time.time(), log=_log).tick()
    except (OSError, KeyError, TypeError, ValueError) as error:
        _log({"event": "stopped", "why": f"{type(error).__name__}: {error}"[:2000]})
        return 1
    return 0


def _log(entry: Mapping[str, Any]) -> None:
    print(json.dumps({"gate": "acceptance", **entry}), flush=True)  # noqa: T201 - a command prints


if __name__ == "__main__":
    sys.exit(main())
