"""`ultrafleet import`: an environment file of another tool's file, or of a cluster that runs."""

import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape

from ultrafleet.cli._refusal import refuse
from ultrafleet.cli.aws_session import session
from ultrafleet.errors import FleetError
from ultrafleet.importing import (
    BLOCK_FORM,
    FORMATS,
    Imported,
    ImportRefusedError,
    SideInputs,
    convert,
    import_text,
    parse_side_inputs,
    read_text,
)
from ultrafleet.importing.live import read_live
from ultrafleet.plain_text import for_terminal, visible_json

_BY_POOL: Final = "for every pool, or POOL=VALUE; repeatable"


def import_file(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="file of eksctl, ParallelCluster or AICR, or `terraform show -json`; - is stdin",
        ),
    ] = None,
    *,
    live: Annotated[
        str | None, typer.Option(metavar="CLUSTER", help="name of a running cluster, instead of FILE")
    ] = None,
    account: Annotated[str | None, typer.Option(help="the account, twelve digits")] = None,
    region: Annotated[str | None, typer.Option(help="the region, where the file doesn't state it")] = None,
    cidr: Annotated[str | None, typer.Option(help="CIDR of the new VPC")] = None,
    zone: Annotated[
        list[str] | None, typer.Option(help=f"zone {_BY_POOL}; further ones are the control plane's")
    ] = None,
    nodes: Annotated[list[str] | None, typer.Option(help=f"nodes of pools without blocks, {_BY_POOL}")] = None,
    workload: Annotated[list[str] | None, typer.Option(help=f"training or inference, {_BY_POOL}")] = None,
    fabric: Annotated[list[str] | None, typer.Option(help=f"efa or roce, {_BY_POOL}")] = None,
    block: Annotated[list[str] | None, typer.Option(help=escape(f"{BLOCK_FORM}; repeatable"))] = None,
    without: Annotated[list[str] | None, typer.Option(help="group of the file to leave out; repeatable")] = None,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="with --live: use the cluster and its VPC; default: make new ones beside them"),
    ] = False,
    production: Annotated[bool | None, typer.Option(help="retain and protect; default: no")] = None,
    name: Annotated[str | None, typer.Option(help="name of the environment; default: that of the cluster")] = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help=f"one of {', '.join(FORMATS)}; default: found by the content")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="file to write, NAME.yaml; default: standard output")] = None,
    show_equal: Annotated[
        bool, typer.Option("--compare", help="also the properties of launch templates that are equal")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Make an environment file of another tool's file.

    Prints the environment on standard output, and on standard error a line for everything that isn't carried over, or
    that becomes something else: launch templates are compared property by property. What the file doesn't have is asked
    for, all at once, and never guessed. Changes nothing; with --live alone it calls AWS.

    Exit code 0: an environment that loads, 2: something is missing, or can't be carried over.

    --live needs ec2:DescribeCapacityReservations, ec2:DescribeLaunchTemplateVersions, ec2:DescribeSubnets,
    ec2:DescribeVpcs, eks:DescribeCluster, eks:DescribeNodegroup, eks:ListAddons, eks:ListNodegroups,
    sts:GetCallerIdentity.
    """
    side = parse_side_inputs(
        account=account,
        region=region,
        cidr=cidr,
        zone=zone or (),
        nodes=nodes or (),
        workload=workload or (),
        fabric=fabric or (),
        block=block or (),
        without=without or (),
        production=production,
        adopt=adopt,
        name=name if name is not None or out is None else out.stem,
    )
    if format_name is not None and format_name not in FORMATS:
        raise FleetError(path="--format", got=repr(format_name), expected=f"one of {', '.join(FORMATS)}")
    if (file is None) == (live is None):
        raise FleetError(
            path="FILE",
            got="missing" if file is None else f"{file} beside --live {live}",
            expected="a file, - for standard input, or --live CLUSTER",
            remedy="name one",
        )
    if out is not None and out.suffix != ".yaml":
        raise FleetError(path="--out", got=out, expected="a file NAME.yaml", remedy="environment files end in .yaml")
    try:
        if file is None:
            imported = _import_live(str(live), side)
        else:
            label = "standard input" if file == "-" else file
            imported = import_text(read_text(Path(file), sys.stdin), file=label, side=side, wanted=format_name)
    except ImportRefusedError as error:
        if not as_json:
            _print_notes(error.notes)
        refuse(*error.faults)
    if as_json:
        # The file as it is: JSON escapes what a terminal would obey.
        print(json.dumps({**visible_json(_as_json(imported)), "file": imported.text}, indent=2))
        return
    _print_notes(imported.notes)
    _print_notes([str(item) for item in imported.differences if show_equal or not item.is_equal])
    if out is None:
        print(imported.text, end="")
    else:
        out.write_text(imported.text, encoding="utf-8")
        print(f"{out}: read it, then `ultrafleet summary` after `make synth`", file=sys.stderr)


def _import_live(cluster: str, side: SideInputs) -> Imported:
    if side.region is None:
        raise FleetError(
            path="--region", got="missing", expected="the cluster's region", remedy="pass --region us-east-1"
        )
    aws = session(side.region)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as boto3

    try:
        draft = read_live(aws, cluster, side)
    except (BotoCoreError, ClientError) as error:
        raise FleetError(
            path="aws",
            verb="can't be",
            got=f"asked about {cluster} ({error})",
            expected="credentials with the permissions of `ultrafleet import --help`",
        ) from error
    return convert(draft, side)


def _print_notes(notes: list[str] | tuple[str, ...]) -> None:
    for note in notes:
        print(for_terminal(note), file=sys.stderr)


def _as_json(imported: Imported) -> dict[str, object]:
    return {
        "name": imported.name,
        "file": imported.text,
        "notes": list(imported.notes),
        "launch_templates": [
            {
                "pool": item.pool_name,
                "property": item.property_name,
                "source": item.source,
                "here": item.here,
                "reason": item.reason if not item.is_equal else None,
            }
            for item in imported.differences
        ],
    }
