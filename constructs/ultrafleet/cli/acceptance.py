"""`ultrafleet acceptance`: judge a log of nccl-tests or nccom-test."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from ultrafleet.acceptance.command import judge_file, verdict_text
from ultrafleet.cli._completion import instance_types
from ultrafleet.errors import FleetError


def acceptance(
    log: Annotated[str, typer.Argument(help="output of nccl-tests or nccom-test: a file, or - for standard input")],
    *,
    path: Annotated[
        str,
        typer.Option(
            help="nvlink, neuronlink: all nodes of an UltraServer; efa: between nodes without it; node: in one"
        ),
    ],
    instance_type: Annotated[
        str | None,
        typer.Option(help="instance type of the nodes, for its published floor", autocompletion=instance_types),
    ] = None,
    min_bus_bandwidth_gbs: Annotated[
        float | None, typer.Option(help="minimum bus bandwidth in GB/s, instead of the published floor")
    ] = None,
    ranks: Annotated[int | None, typer.Option(help="number of accelerators that had to take part")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Judge the bus bandwidth in a log of nccl-tests, or of nccom-test on Trainium.

    Exit code 0: passed, 1: failed, 2: unusable input.
    """
    try:
        verdict = judge_file(
            log, path=path, instance_type=instance_type, min_bus_bandwidth_gbs=min_bus_bandwidth_gbs, ranks=ranks
        )
    except ValueError as error:
        raise FleetError(str(error)) from error
    print(json.dumps(asdict(verdict)) if as_json else verdict_text(verdict, path))
    if not verdict.passed:
        raise typer.Exit(1)
