"""The launcher's command in an acceptance run. Standard library only."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ultrafleet.acceptance.launcher import Launcher
from ultrafleet.acceptance.mpi import Cluster
from ultrafleet.acceptance.plan import Plan
from ultrafleet.acceptance.report import write_result


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m ultrafleet.acceptance.run --run NAME ...`; 0 all passed, 1 something failed, 2 nothing was tested."""
    parser = argparse.ArgumentParser(prog="ultrafleet.acceptance.run", description="test the nodes of a run")
    parser.add_argument("--run", required=True)
    parser.add_argument("--nodes", default="", help="names of the nodes, with commas")
    parser.add_argument("--instance-type", required=True)
    parser.add_argument("--gpus", type=int, required=True, help="accelerators of a node")
    parser.add_argument("--paths", required=True, help="nvlink, efa, or both, with a comma")
    parser.add_argument("--floor", action="append", default=[], help="PATH=GB/s")
    given = parser.parse_args(arguments)
    floors = {path: float(floor) for path, floor in (item.split("=", maxsplit=1) for item in given.floor)}
    plan = Plan(
        run=given.run,
        nodes=[name for name in given.nodes.split(",") if name],
        instance_type=given.instance_type,
        paths=given.paths.split(","),
        floors=floors,
        cluster=Cluster(gpus=given.gpus, folder=Path("/tmp/acceptance")),  # noqa: S108 - the pod's own
    )
    try:
        result = Launcher(plan, say=lambda line: print(line, flush=True)).result()  # noqa: T201 - a command prints
        print(json.dumps(result), flush=True)  # noqa: T201
        _write(result, plan.run)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    good = result["rack"]["passed"] and all(part["passed"] for part in result["nodes"].values())
    return 0 if good else 1


def _write(result: Mapping[str, Any], run: str) -> None:
    """Writes the result; one of an earlier run of the name stays, and this one's is in the log."""
    try:
        write_result(result, run=run)
    except FileExistsError as error:
        print(f"error: {error}; this run's result is the line above", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
