"""`ultrafleet programme gate`: alarms and stacks of deployed cells, between two waves of a rollout."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ultrafleet.cli.lookup_role import lookup_session
from ultrafleet.environment import Environment, environment_files, load_environment
from ultrafleet.errors import FleetError
from ultrafleet.rollout import Alarm, CellState, Verdict, verdict
from ultrafleet.templates.assembly import MANIFEST, manifest_stacks

_POLL_SECONDS: Final = 60.0
_STOPS: Final = 1


def gate(
    cells: Annotated[list[str], typer.Argument(help="names of the cells of a wave")],
    *,
    minutes: Annotated[
        float, typer.Option(min=0, help="minutes without an alarm after the last change of a stack")
    ] = 0,
    ignore: Annotated[
        list[str] | None, typer.Option(help="pattern of names of alarms that don't count, with * and ?; repeatable")
    ] = None,
    assembly: Annotated[Path, typer.Option(help="cloud assembly of the programme")] = Path("cdk.out"),
    as_json: Annotated[bool, typer.Option("--json", help="as JSON, once the gate is decided")] = False,
) -> None:
    """Wait until cells have been quiet for a time after their last change: the gate between waves of a rollout.

    Asks CloudFormation and CloudWatch in each cell's account, every minute. Remembers nothing: the time counts from the
    last event of the cells' stacks.

    Exit code 0: quiet for as long, 1: an alarm fires or a stack isn't complete, 2: unusable input.

    Needs, in each cell's account: cloudformation:DescribeStacks, cloudformation:DescribeStackEvents,
    cloudwatch:DescribeAlarms; of another account by the lookup role of its `cdk bootstrap`.
    """
    asked = [_AskedCell(name, assembly) for name in cells]
    told = False
    while True:
        found = verdict(
            [cell.state() for cell in asked],
            now=datetime.now(UTC),
            bake=timedelta(minutes=minutes),
            ignored=ignore or [],
        )
        if as_json and (found.stops or found.until is None):
            print(json.dumps({"cells": cells, "quiet": not found.stops, "stops": list(found.stops)}, indent=2))
        for line in () if as_json else found.stops:
            print(line)
        if found.stops:
            raise typer.Exit(_STOPS)
        if found.until is None:
            return
        if not told:
            watching = f"watching alarms of {', '.join(cells)} until {found.until:%Y-%m-%d %H:%M} UTC"
            print(watching, flush=True, file=sys.stderr if as_json else sys.stdout)
            told = True
        time.sleep(_seconds(found))


def _seconds(found: Verdict) -> float:
    left = (found.until - datetime.now(UTC)).total_seconds() if found.until is not None else 0
    return max(0.0, min(_POLL_SECONDS, left))


class _AskedCell:
    """Cell whose account is asked.

    Args:
        name: of the cell.
        assembly: of its programme, with the cells' environment files.
    """

    def __init__(self, name: str, assembly: Path) -> None:
        self._environment = _environment(name, assembly)
        folder = assembly / f"assembly-{name}"
        try:
            self._stacks = [one.name for one in manifest_stacks((folder / MANIFEST).read_text(encoding="utf-8"))]
        except OSError as error:
            raise FleetError(
                path=folder, verb="holds", got="no cloud assembly", expected="one", remedy="synthesise the programme"
            ) from error
        self._session = lookup_session(self._environment, folder)

    def state(self) -> CellState:
        """State of the cell now.

        Raises:
            FleetError: the account can't be asked.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as boto3

        try:
            client = self._session.client("cloudformation")
            there = {
                str(item["StackName"]): str(item["StackStatus"])
                for page in client.get_paginator("describe_stacks").paginate()
                for item in page["Stacks"]
            }
            events = [
                client.describe_stack_events(StackName=name)["StackEvents"] for name in self._stacks if name in there
            ]
            return CellState(
                name=self._environment.name,
                stacks={name: there.get(name, "") for name in self._stacks},
                changed=max((item[0]["Timestamp"] for item in events if item), default=None),
                alarms=tuple(_alarms(self._session.client("cloudwatch"), self._environment)),
            )
        except (BotoCoreError, ClientError) as error:
            raise FleetError(
                path=f"the account of {self._environment.name}",
                verb="can't be",
                got=f"asked ({error})",
                expected="the permissions of `ultrafleet programme gate --help`",
            ) from error


def _environment(name: str, assembly: Path) -> Environment:
    return load_environment(environment_files(assembly / "environments", only=name)[0])


def _alarms(client: Any, environment: Environment) -> Iterator[Alarm]:  # noqa: ANN401 - boto3 has no types
    """Alarms of the cell's stacks that fire: CloudFormation names them after their stacks."""
    pages: Sequence[Any] = client.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=f"{environment.name}-", StateValue="ALARM"
    )
    for page in pages:
        for item in page["MetricAlarms"]:
            if item["StateValue"] != "ALARM":
                continue  # the embedded AWS doesn't filter by both
            yield Alarm(
                name=str(item["AlarmName"]),
                reason=str(item.get("StateReason", "")),
                description=str(item.get("AlarmDescription", "")),
            )
