"""`ultrafleet stacks`: prints the patterns of stacks that `cdk deploy` takes, a line for each run."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ultrafleet.cli._completion import environment_names
from ultrafleet.environment import load_environments
from ultrafleet.environment.deployment_runs import deployment_runs


def stacks(
    environment: Annotated[str, typer.Argument(help="name of the environment", autocompletion=environment_names)],
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Print the patterns of stacks for `cdk deploy --exclusively`, a line for each run, as `make deploy` uses them.

    On-demand reservations and the pools on them come last: the CDK CLI starts no further stack once one has failed.
    """
    (loaded,) = load_environments(environments, only=environment)
    patterns = list(deployment_runs(loaded))
    if as_json:
        print(json.dumps(patterns, indent=2))
        return
    for pattern in patterns:
        print(pattern)
