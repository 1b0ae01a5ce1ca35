"""`ultrafleet capacity import`: blocks that were bought elsewhere, written into an environment file."""

import difflib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ultrafleet.block_status import Adoption, LiveBlock, adoptions, filed_blocks, lacking, moved_ends, read_blocks
from ultrafleet.cli._completion import environment_names
from ultrafleet.cli._refusal import refuse
from ultrafleet.cli.capacity._accounts import accounts_of
from ultrafleet.cli.capacity.status import STATUS_PERMISSIONS
from ultrafleet.environment import load_environments
from ultrafleet.environment.editing import add_block, add_pool, append_pool, move_end
from ultrafleet.environment.text_places import BlockEntry
from ultrafleet.errors import FleetError
from ultrafleet.offers import Greeted, account_time, explained
from ultrafleet.plain_text import for_terminal, visible_json
from ultrafleet.purchases.environment_file import EnvironmentFile

IMPORT_PERMISSIONS: Final = STATUS_PERMISSIONS
"""IAM permissions that the calls of `import` need: those of `status`."""
_MOMENT: Final = "%Y-%m-%d %H:%M"
_WORKLOADS: Final = ("training", "inference")


def capacity_import(
    environment: Annotated[
        str, typer.Argument(metavar="ENVIRONMENT", help="name of the environment", autocompletion=environment_names)
    ],
    pool: Annotated[
        list[str] | None,
        typer.Option(help="pool of a block, RESERVATION=POOL, repeated for several; POOL alone for every other one"),
    ] = None,
    like: Annotated[str | None, typer.Option(help="pool that is copied for a pool that isn't in the file")] = None,
    workload: Annotated[str | None, typer.Option(help="training or inference, of a new pool without --like")] = None,
    subnet: Annotated[str | None, typer.Option(help="subnet of a new pool without --like")] = None,
    write: Annotated[bool, typer.Option("--write", help="write the file; without it nothing is written")] = False,
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    profile: Annotated[list[str] | None, typer.Option(help="AWS profile of the account")] = None,
    role: Annotated[list[str] | None, typer.Option(help="ARN of a role to assume")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Adopt blocks that were bought elsewhere: those that the account has and no file, and ends that were extended.

    A block goes into the pool of its purchase's tags, or the only one of its type and zone that it fits, or the one of
    --pool. Comments of the file stay. It writes with --write alone, and blocks of the environment's own account alone.

    Exit 0: nothing lacks, or it is written; 1: what lacks was shown; 2: unusable input, or a question is open.

    It needs ec2:DescribeCapacityBlocks, ec2:DescribeCapacityBlockStatus, ec2:DescribeCapacityBlockExtensionHistory,
    ec2:DescribeCapacityReservations and sts:GetCallerIdentity; --role needs sts:AssumeRole.
    """
    file = EnvironmentFile.read(environments, environment)
    every = load_environments(environments)
    (account,) = accounts_of([file.environment], profiles=profile or (), roles=role or ()).values()
    if account.time.warning:
        print(f"warning: {account.time.warning}", file=sys.stderr)
    live, now = _read(account)
    known = frozenset(block.reservation_id for item in every for block in filed_blocks(item))
    found = adoptions(file.environment, lacking(live, known=known, now=now), _chosen(pool or []))
    ends = moved_ends(file.environment, live)
    questions = list(_questions(file, found, like=like, workload=workload, subnet=subnet))
    if questions and write:
        refuse(*questions)
    edited = None if questions else _edited(file, found, ends, like=like, workload=workload, subnet=subnet)
    if write and edited is not None and edited.text != file.text:
        file.replace(edited)
    if as_json:
        print(json.dumps(visible_json(_as_json(found, ends, questions, written=write)), indent=2))
    else:
        _print(file, found, ends, edited, questions, written=write)
    if (found or ends) and not write:
        raise typer.Exit(1)


def _read(account: Greeted) -> tuple[tuple[LiveBlock, ...], datetime]:
    try:
        live = read_blocks(account.place.client("ec2"))
        answer = account.place.client("sts").get_caller_identity()
    except Exception as error:
        raise explained(error, place=str(account)) from error
    return live, account_time(answer, local=datetime.now(UTC)).now


def _chosen(options: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for option in options:
        reservation, _, name = option.rpartition("=")
        if not name or reservation in found:
            raise FleetError(
                path="--pool", got=repr(option), expected="RESERVATION=POOL once for each, or POOL for every other one"
            )
        found[reservation] = name
    return found


def _questions(
    file: EnvironmentFile, found: Sequence[Adoption], *, like: str | None, workload: str | None, subnet: str | None
) -> Iterator[FleetError]:
    """Open questions, all at once: what has to be said before the blocks can be written."""
    for item in found:
        if item.pool is None:
            fits = f"it fits {' and '.join(item.fitting)}" if item.fitting else "no pool of the file has room for it"
            yield FleetError(
                path=f"block {item.block.reservation_id}",
                verb="has",
                got="no pool",
                expected=f"one: {fits}",
                remedy=f"pass --pool {item.block.reservation_id}=NAME",
            )
    names = [pool.name for pool in file.environment.pools]
    if like is not None and like not in names:
        yield FleetError(path="--like", got=repr(like), expected=f"one of {', '.join(names)}")
    new = sorted({item.pool for item in found if item.pool is not None and item.is_new})
    if not new or like is not None:
        return
    if workload not in _WORKLOADS:
        yield FleetError(
            path=f"--workload of the new pool {', '.join(new)}",
            got=repr(workload) if workload else "not passed",
            expected=" or ".join(_WORKLOADS),
            remedy="pass --workload, or --like POOL to copy one",
        )
    zones = {item.block.zone for item in found if item.is_new}
    here = [item.name for item in file.environment.network.subnets if item.availability_zone in zones]
    if subnet not in here:
        yield FleetError(
            path=f"--subnet of the new pool {', '.join(new)}",
            got=repr(subnet) if subnet else "not passed",
            expected=f"a subnet in {', '.join(sorted(zones))}: {', '.join(here) or 'the file has none, add one'}",
            remedy="pass --subnet, or --like POOL to copy one",
        )


def _edited(
    file: EnvironmentFile,
    found: Sequence[Adoption],
    ends: Mapping[str, datetime],
    *,
    like: str | None,
    workload: str | None,
    subnet: str | None,
) -> EnvironmentFile:
    text, pools = file.text, {pool.name for pool in file.environment.pools}
    for reservation, end in ends.items():
        text = move_end(text, capacity_reservation_id=reservation, end=end)
    for item in found:
        name = item.pool or ""
        entry = _entry(item.block)
        if name in pools:
            text = add_block(text, pool=name, block=entry)
        elif like is not None:
            text = add_pool(text, pool=name, like=like, block=entry)
        else:
            kind = "ultraserver" if item.block.ultraserver_type else "accelerator"
            values = {
                "name": name,
                "kind": kind,
                "workload": str(workload),
                f"{'ultraserver' if kind == 'ultraserver' else 'instance'}_type": item.block.sold_type,
                "subnet": str(subnet),
            }
            text = append_pool(text, values=values, block=entry)
        pools.add(name)
    return file if text == file.text else file.with_text(text)


def _entry(block: LiveBlock) -> BlockEntry:
    return BlockEntry(
        capacity_reservation_id=block.reservation_id,
        availability_zone=block.zone,
        start=block.start,
        end=block.end,
        instance_count=None if block.ultraserver_type else block.instance_count,
    )


def _as_json(
    found: Sequence[Adoption], ends: Mapping[str, datetime], questions: Sequence[FleetError], *, written: bool
) -> dict[str, Any]:
    return {
        "blocks": [
            {
                "capacity_reservation_id": item.block.reservation_id,
                "holds": item.block.holds,
                "zone": item.block.zone,
                "state": item.block.state,
                "start": item.block.start.isoformat(),
                "end": item.block.end.isoformat(),
                "pool": item.pool,
                "new_pool": item.is_new,
                "fitting": list(item.fitting),
            }
            for item in found
        ],
        "ends": {reservation: end.isoformat() for reservation, end in ends.items()},
        "questions": [error.as_json() for error in questions],
        "written": written and bool(found or ends),
    }


def _print(
    file: EnvironmentFile,
    found: Sequence[Adoption],
    ends: Mapping[str, datetime],
    edited: EnvironmentFile | None,
    questions: Sequence[FleetError],
    *,
    written: bool,
) -> None:
    if not found and not ends:
        print(f"{file.path} has every block of its account")
        return
    for item in found:
        block, word = item.block, " (new)" if item.is_new else ""
        print(
            f"{block.reservation_id}: {block.holds} in {block.zone}, {block.state}, {block.start:{_MOMENT}} to "
            f"{block.end:{_MOMENT}} UTC -> pool {item.pool or '?'}{word}"
        )
    for reservation, end in ends.items():
        print(f"{reservation}: its end is {end:{_MOMENT}} UTC by now")
    if edited is not None:
        names = (str(file.path), str(file.path))
        lines = difflib.unified_diff(file.text.splitlines(), edited.text.splitlines(), *names, n=2, lineterm="")
        print("\n".join(lines))
    for question in questions:
        print(for_terminal(f"to answer: {question}"))
    print(f"written: commit {file.path}" if written else "nothing is written; --write writes it")
