"""`ultrafleet retained`: lists what goes on being billed once an environment's stacks are deleted."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ultrafleet.cli._completion import environment_names
from ultrafleet.cli._progress import progress
from ultrafleet.cli.live_account import AccountReader
from ultrafleet.environment import load_environments
from ultrafleet.preflight import billed


def retained(
    environment: Annotated[str, typer.Argument(help="name of the environment", autocompletion=environment_names)],
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Ask AWS what a deletion of an environment's stacks leaves, and what of that goes on being billed.

    Run it before `cdk destroy`: afterwards CloudFormation no longer knows the ids. `make destroy AWS=real` does, and
    prints the lines at its end. Each line has the command that stops the bill. Changes nothing.

    Needs, in the environment's region: cloudformation:DescribeStacks, cloudformation:GetTemplate,
    cloudformation:ListStackResources, sts:GetCallerIdentity.
    """
    (loaded,) = load_environments(environments, only=environment)
    with progress(f"asking AWS what deleting {environment} leaves"):
        left = list(AccountReader(loaded).retained())
    lines = list(billed(loaded, left))
    if as_json:
        print(json.dumps({"resources": [asdict(resource) for resource in left], "billed": lines}, indent=2))
        return
    for line in lines:
        print(line)
