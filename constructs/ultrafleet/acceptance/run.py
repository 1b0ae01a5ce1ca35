"""The launcher's command in an acceptance run. Standard library only."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ultrafleet.acceptance.launcher import Launcher
from ultrafleet.acceptance.mpi import Cluster
from ultrafleet.acceptance.plan import Plan
from ultrafleet.acceptance.report import write_result


def run_parser(module: str, *, accelerators: str, paths: str) -> argparse.ArgumentParser:
    """Arguments that every launcher's command has.

    Args:
        module: name of the command's module in `ultrafleet.acceptance`.
        accelerators: what `--gpus` counts on a node.
        paths: the two paths that `--paths` may name.
    """
    parser = argparse.ArgumentParser(prog=f"ultrafleet.acceptance.{module}", description="test the nodes of a run")
    parser.add_argument("--run", required=True)
    parser.add_argument("--nodes", default="", help="names of the nodes, with commas")
    parser.add_argument("--instance-type", required=True)
    parser.add_argument("--gpus", type=int, required=True, help=f"{accelerators} of a node")
    parser.add_argument("--paths", required=True, help=f"{paths}, or both, with a comma")
    parser.add_argument("--floor", action="append", default=[], help="PATH=GB/s")
    return parser


def plan_fields(given: argparse.Namespace) -> dict[str, Any]:
    """Fields of a plan that those arguments state."""
    return {
        "run": given.run,
        "nodes": [name for name in given.nodes.split(",") if name],
        "instance_type": given.instance_type,
        "paths": given.paths.split(","),
        "floors": {path: float(floor) for path, floor in (item.split("=", maxsplit=1) for item in given.floor)},
        "cluster": Cluster(gpus=given.gpus, folder=Path("/tmp/acceptance")),  # noqa: S108 - the pod's own
    }


def finished(result: Callable[[], dict[str, Any]], *, run: str) -> int:
    """Exit code of a run, whose result is printed and written: 0 all passed, 1 something failed, 2 nothing was tested.

    Args:
        result: makes the tests and returns their result.
        run: name of the run.
    """
    try:
        found = result()
        print(json.dumps(found), flush=True)  # noqa: T201 - a command prints
        _write(found, run)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    good = found["rack"]["passed"] and all(part["passed"] for part in found["nodes"].values())
    return 0 if good else 1


def say(line: str) -> None:
    """Line of progress, which the pod's log has at once."""
    print(line, flush=True)  # noqa: T201 - a command prints


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m ultrafleet.acceptance.run --run NAME ...`; 0 all passed, 1 something failed, 2 nothing was tested."""
    given = run_parser("run", accelerators="accelerators", paths="nvlink, efa or roce").parse_args(arguments)
    launcher = Launcher(Plan(**plan_fields(given)), say=say)
    return finished(launcher.result, run=given.run)


def _write(result: Mapping[str, Any], run: str) -> None:
    """Writes the result; one of an earlier run of the name stays, and this one's is in the log."""
    try:
        write_result(result, run=run)
    except FileExistsError as error:
        print(f"error: {error}; this run's result is the line above", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
