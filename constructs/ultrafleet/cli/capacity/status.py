"""`ultrafleet capacity status`: every block of an environment and of its account, once or continuously."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ultrafleet.block_status import BlockReport, filed_blocks, read_blocks, reports
from ultrafleet.cli._completion import environment_names
from ultrafleet.cli._refusal import refuse
from ultrafleet.cli.capacity._accounts import accounts_of
from ultrafleet.doctor import Permission
from ultrafleet.environment import Environment, load_environments
from ultrafleet.errors import FleetError
from ultrafleet.offers import Greeted, account_time, explained
from ultrafleet.plain_text import for_terminal, visible_json

STATUS_PERMISSIONS: Final = (
    Permission(action="ec2:DescribeCapacityBlockExtensionHistory"),
    Permission(action="ec2:DescribeCapacityBlockStatus"),
    Permission(action="ec2:DescribeCapacityBlocks"),
    Permission(action="ec2:DescribeCapacityReservations"),
    Permission(action="sts:GetCallerIdentity"),
)
"""IAM permissions that the calls of `status` need."""
_WITHIN_HOURS: Final = 72.0
"""A long weekend."""
_LEAST_SECONDS: Final = 5.0
_WIDTH: Final = 200
_ID_WIDTH: Final = 20
_MOMENT: Final = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """Reports of every environment at a moment.

    Attributes:
        at: AWS's time.
        reports: by the environment's name.
        within: time within which a concern counts.
    """

    at: datetime
    reports: Mapping[str, Sequence[BlockReport]]
    within: timedelta

    @property
    def urgent(self) -> list[str]:
        return [
            f"{name}: {_name(report)}: {item.text}"
            for name, found in self.reports.items()
            for report in found
            for item in report.concerns
            if item.by <= self.at + self.within
        ]

    @property
    def code(self) -> int:
        return 1 if self.urgent else 0


def capacity_status(
    environment: Annotated[
        list[str] | None,
        typer.Argument(help="names of environments. Default: every one", autocompletion=environment_names),
    ] = None,
    within_hours: Annotated[
        float, typer.Option(min=0, help="hours within which what needs a person is exit 1")
    ] = _WITHIN_HOURS,
    watch: Annotated[bool, typer.Option("--watch", help="go on until Ctrl-C")] = False,
    interval: Annotated[float, typer.Option(min=_LEAST_SECONDS, help="seconds between readings of --watch")] = 60,
    readings: Annotated[int | None, typer.Option(help="number of readings of --watch. Default: until Ctrl-C")] = None,
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    profile: Annotated[list[str] | None, typer.Option(help="AWS profile of an account, repeated for several")] = None,
    role: Annotated[list[str] | None, typer.Option(help="ARN of a role to assume, repeated for several")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON; with --watch a line for each reading")] = False,
) -> None:
    """Show every block of environment files, and every other one of their accounts: state, clock, what needs a person.

    Hours count by AWS's clock to the drain and to the end of a block. Without a terminal --watch prints a line for each
    change. Exit 0: fine, 1: something needs a person within --within-hours, 2: unusable input, or an account that
    can't be asked; Ctrl-C ends --watch with the code of the last reading.

    It needs ec2:DescribeCapacityBlocks, ec2:DescribeCapacityBlockStatus, ec2:DescribeCapacityBlockExtensionHistory,
    ec2:DescribeCapacityReservations and sts:GetCallerIdentity; --role needs sts:AssumeRole.
    """
    every = load_environments(environments)
    loaded = [item for name in environment or [] for item in load_environments(environments, only=name)] or every
    accounts = accounts_of(loaded, profiles=profile or (), roles=role or ())
    for line in sorted({one.time.warning for one in accounts.values() if one.time.warning}):
        print(f"warning: {line}", file=sys.stderr)
    within = timedelta(hours=within_hours)

    def read() -> _Reading:
        return _read(loaded, every, accounts, within)

    code = _watch(read, interval, readings, as_json=as_json) if watch else _once(read(), as_json=as_json)
    if code:
        raise typer.Exit(code)


def _read(
    loaded: Sequence[Environment],
    every: Sequence[Environment],
    accounts: Mapping[str, Greeted],
    within: timedelta,
) -> _Reading:
    found, moments = {}, []
    reported: set[str] = set()
    for item in loaded:
        account = accounts[item.name]
        try:
            client = account.place.client("ec2")
            live = read_blocks(client)
            at = account_time(account.place.client("sts").get_caller_identity(), local=datetime.now(UTC)).now
        except Exception as error:
            raise explained(error, place=str(account)) from error
        elsewhere = {block.reservation_id for other in every if other is not item for block in filed_blocks(other)}
        known = frozenset(elsewhere | reported)
        found[item.name] = reports(tuple(filed_blocks(item)), live, known_elsewhere=known, now=at)
        # A block in no file is reported once, with the first environment of its account and region.
        reported |= {report.reservation_id for report in found[item.name] if report.filed is None}
        moments.append(at)
    return _Reading(at=max(moments), reports=found, within=within)


def _once(reading: _Reading, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(visible_json(_as_json(reading)), indent=2))
    else:
        console = Console(width=max(_WIDTH, Console().width), highlight=False)
        console.print(_picture(reading))
    return reading.code


def _watch(read: Callable[[], _Reading], interval: float, most: int | None, *, as_json: bool) -> int:
    console = Console(highlight=False)
    code = 0
    before: Mapping[str, str] = {}
    try:
        if console.is_terminal and not as_json:
            with Live(console=console, auto_refresh=False) as live:
                for reading in _readings(read, interval, most):
                    code = reading.code
                    live.update(_picture(reading), refresh=True)
        else:
            for reading in _readings(read, interval, most):
                code = reading.code
                before = _print_changes(reading, before, as_json=as_json)
    except KeyboardInterrupt:
        pass
    return code


def _readings(read: Callable[[], _Reading], interval: float, most: int | None) -> Iterator[_Reading]:
    """Readings, a pause between them; one that fails is said and tried again, the first one's failure ends it."""
    done = 0
    while most is None or done < most:
        if done:
            time.sleep(interval)
        try:
            yield read()
        except FleetError as error:
            if not done:
                refuse(error)
            print(for_terminal(f"warning: {error}"), file=sys.stderr, flush=True)
        done += 1


def _print_changes(reading: _Reading, before: Mapping[str, str], *, as_json: bool) -> dict[str, str]:
    """Print what is different from the reading before; at first everything."""
    if as_json:
        print(json.dumps(visible_json(_as_json(reading))), flush=True)
        return {}
    now = {f"{name}: {_name(report)}": _line(report) for name, found in reading.reports.items() for report in found} | {
        f"needs a person: {text}": "" for text in reading.urgent
    }
    stamp = f"{reading.at:%Y-%m-%dT%H:%M:%SZ}"
    for subject, line in now.items():
        if subject not in before:
            print(for_terminal(f"{stamp} {subject}{': ' if line else ''}{line}"), flush=True)
        elif before[subject] != line:
            print(for_terminal(f"{stamp} {subject}: {before[subject]} -> {line}"), flush=True)
    for subject in before.keys() - now.keys():
        print(for_terminal(f"{stamp} gone: {subject}"), flush=True)
    return now


def _line(report: BlockReport) -> str:
    live = report.live
    if live is None:
        return "not in the account"
    parts = [live.state, f"interconnect {live.interconnect}", f"ends {live.end:{_MOMENT}}"]
    return ", ".join([*parts, *([f"{live.unavailable} unavailable"] if live.unavailable else [])])


def _name(report: BlockReport) -> str:
    return f"{report.filed.pool if report.filed else 'no pool'} {report.reservation_id}"


def _as_json(reading: _Reading) -> dict[str, object]:
    return {
        "at": reading.at.isoformat(),
        "within_hours": reading.within.total_seconds() / 3600,
        "needs_a_person": reading.urgent,
        "environments": {name: [report.as_json() for report in found] for name, found in reading.reports.items()},
    }


def _picture(reading: _Reading) -> Group:
    parts: list[Table | Text] = []
    for name, found in reading.reports.items():
        live = [report for report in found if not report.is_over]
        title = f"{name} at {reading.at:{_MOMENT}} UTC"
        table = Table(box=box.SIMPLE, title=title, title_justify="left", title_style="bold")
        table.add_column("pool", min_width=max([len(_pool(report)) for report in live], default=0), no_wrap=True)
        table.add_column("reservation", min_width=_ID_WIDTH, no_wrap=True)
        for column in ("holds", "zone", "state", "interconnect"):
            table.add_column(column)
        for column in ("unavailable", "drain in", "end in"):
            table.add_column(column, justify="right")
        for column in ("extend until", "next"):
            table.add_column(column)
        for report in live:
            table.add_row(*_row(report))
        parts.append(table)
        over = len(found) - len(live)
        if over:
            parts.append(Text(f"  {over} block{'s' if over > 1 else ''} of the file or the account are over"))
        parts += [Text(f"  {_name(report)}: AWS announced {price}") for report in live for price in report.price_rises]
    hours = reading.within.total_seconds() / 3600
    parts += [Text(f"needs a person within {hours:g} h: {for_terminal(line)}") for line in reading.urgent]
    if not reading.urgent:
        parts.append(Text(f"nothing needs a person within {hours:g} h"))
    return Group(*parts)


def _row(report: BlockReport) -> tuple[str, ...]:
    live, extension = report.live, report.extension
    head = (_pool(report), report.reservation_id)
    if live is None:
        return (*head, "-", "-", "not in the account", "-", "-", "-", "-", "-", "-")
    at, event = report.events[0] if report.events else (None, "")
    return (
        *head,
        live.holds,
        live.zone,
        live.state,
        live.interconnect or "-",
        f"{live.unavailable} of {live.instance_count}",
        _span(report.drain - report.now),
        _span(report.end - report.now),
        f"{extension[1]:{_MOMENT}}" if extension else "no",
        f"{event} {at:{_MOMENT}}" if at else "-",
    )


def _pool(report: BlockReport) -> str:
    return report.filed.pool if report.filed else "(in no file)"


def _span(length: timedelta) -> str:
    hours = length.total_seconds() / 3600
    return "now" if hours <= 0 else f"{hours:,.1f} h"
