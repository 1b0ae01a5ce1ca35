"""Writes docs/cells.md: the keys of a fleet from their models, limits from the catalog, and the example's cells."""

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from ultrafleet.catalog import UltraServerType
from ultrafleet.cells import KNOWN_LIMITS, read_cells
from ultrafleet.cells.addresses import racks_of_largest_subnet
from ultrafleet.cells.kinds import CellKind
from ultrafleet.cells.reservation_file import COLUMNS
from ultrafleet.cli.programme.cells_report import cells_text
from ultrafleet.environment.fields import Settings
from ultrafleet.programme import FleetSettings, SiteSettings, TrancheSettings

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "cells.md"
PROGRAMME = ROOT / "stacks" / "programmes" / "half-a-million.yaml"

_RACK = CellKind(ultraserver_type=UltraServerType.U_P6E_GB200X72, fabric=None, workload="training")
_PODS = FleetSettings.model_fields["max_pods"].default

_HEAD = """# Cells

Half a million GPUs are far past one stack, VPC, cluster and account. A **cell** is one VPC and one EKS cluster with
up to `slots` UltraServers of one type, for one workload, at one site: one account and zone. `ultrafleet programme
cells NAME` cuts a [programme](programme.md) into cells by the limits that bound them, and says what to ask AWS for.
It calls no AWS. The page is written by `tests/tools/cells_document.py`; [record 37](decisions/0037-cells.md) says
why it is so.

    ultrafleet programme cells half-a-million           # a line for each group of cells
    ultrafleet programme cells half-a-million --all     # a line for each cell
    ultrafleet programme cells half-a-million --write   # records where everything is, in half-a-million.cells.yaml
    ultrafleet programme cells half-a-million --json --output cells.json

Exit codes: 0 the cells can be had, 1 they can't be had so (each refusal has its line in the file), 2 unusable input.

## What never moves

`--write` records name, number, slots, addresses and the slot of every UltraServer in `NAME.cells.yaml`, which is
committed with the programme. Nothing in the record moves: not when a limit is raised, a tranche grows, the order of
the file changes or UltraServers are taken out. New ones fill free slots of cells that exist, then new cells. A site
that changes its account or zone, more pods than subnets have addresses for, and another `racks_per_stack` are
refused. A cell leaves the record by hand, once its stacks are deleted.

- An UltraServer is named after its tranche and number, `gb200-2026-a-0007`. Its stack, `racks-gb200-2026-a-000`,
  comes from its name alone, so one more or less changes one stack. Names in `retired` are out, and not used again; a
  tranche that shrinks loses its last numbers.
- A cell's network, cluster and Kubernetes layer are made for its `slots`, whatever is in them today.
- A cell is named SITE-TYPE-WNNN: `dallas-a-gb200x72-t007` is the seventh for training there, `i` is inference.

## Templates

    ultrafleet programme synth half-a-million               # or make programme PROGRAMME=half-a-million
    ultrafleet programme synth half-a-million --compare 4   # and four cells by the CDK: every file compared
    make check-programme PROGRAMME=half-a-million           # cfn-lint and policy, whole cells of every kind

It writes a cloud assembly to `cdk.out/programmes/half-a-million`: a stage for each cell in a folder of its own,
`environments/CELL.yaml` with each cell as an [environment file](environments.md#slots), and `programme.json`. One cell:

    cdk deploy --app cdk.out/programmes/half-a-million/assembly-dallas-a-gb200x72-t001 --all
    cdk deploy --app cdk.out/programmes/half-a-million 'dallas-a-gb200x72-t001/**'
    ultrafleet preflight dallas-a-gb200x72-t001 --environments cdk.out/programmes/half-a-million/environments \\
      --assembly cdk.out/programmes/half-a-million

A cell of each shape is synthesised by the CDK and validated, the others are written from it, and only what changed is
made: a rack more writes one template ([record 38](decisions/0038-cells-are-stamped.md)). Every template is held to
CloudFormation's bytes, resources and outputs. The alarms on a rack's block are in the rack's stack, three for each.

## Reservations

`reservations` names a CSV file beside the programme with the columns {columns}: a line for each capacity block,
several for an UltraServer that moves from one to the next. An UltraServer without a line has its slot, and is in no
template. `assumed` makes ids up, each from its UltraServer's name and recognisable: `cr-fa15e…` reads as *false*.
They are for planning and rehearsal. Each block is a node group: `hand_overs_per_cell` keeps as many free of a cell's
limits as UltraServers may have a second block at once. Where all of a cell are renewed together, that is all of
them.

## Limits

The smallest limit gives a cell its slots. A limit that AWS raised for every account is in the programme with its
reason; a value over the largest that is known is refused:

    limits:
      node_groups_per_cluster: {{ value: 100, reason: case 4711 }}
"""

_MANAGEMENT = """
Addresses: a node takes those of its pods in blocks of 16 ([record 3](decisions/0003-ip-family-and-prefixes.md)), so
that {racks} UltraServers of P6e-GB200 at {pods} pods a node fit into a /16, the largest subnet and the largest CIDR
of a VPC. No two cells share an address, so that they can be routed to one another; what is left free of
`address_space` is for cells to come. VPC peering is said to add up the Network
Address Usage of all peers (not verified), so that dozens of cells had better meet over a transit gateway.

Network interfaces are counted by zone and account with every interface of a node, and need a raise long before
anything else.

## Node groups

As `fleet.management` says. Where it says nothing: self-managed on RoCE, which managed node groups can't launch;
self-managed where the largest training job needs more UltraServers than a managed cell has under the limits of the
file, and a self-managed one has them; else managed. A cell that exists keeps its kind.

## Refused

- UltraServers in a zone or region where a document says that they aren't sold: GB200 in two zones can't be bought
- a largest job that no cell holds, with the limit to raise, or the kind of node groups that has it
- targets that the deliveries don't reach by their date, unless `later_blocks` or environments may fill them
- more than the addresses, a template or an account's block schedules hold

Not verified: no document names a place where P6e-GB300 is sold, nor how many nodes a tier of a control plane takes.
Network Address Usage of a node is an estimate. 100 node groups are reported as the most of a cluster, not
documented.

## Example

Every figure in `stacks/programmes/half-a-million.yaml` is an assumption.

"""


def document() -> str:
    """Text of the page."""
    return "".join(
        [
            _HEAD.format(columns=", ".join(f"`{name}`" for name in COLUMNS)),
            "\n| key | documented | most | counted by | quota, code | confidence |\n|---|---:|---:|---|---|---|\n",
            *(f"{line}\n" for line in _limits()),
            "\n`most_racks_per_cell` of `fleet` is your own limit: what may be lost together.\n",
            _MANAGEMENT.format(racks=racks_of_largest_subnet(_RACK.per_node(_PODS), _RACK.nodes), pods=_PODS),
            *(
                f"    {line}\n" if line else "\n"
                for line in cells_text(read_cells(PROGRAMME), every=False).splitlines()
            ),
            "\n## Keys\n",
            *_keys("fleet", FleetSettings),
            *_keys("an entry of sites", SiteSettings),
            *_keys("an entry of tranches", TrancheSettings, only=("name", "fabric")),
        ]
    )


def _limits() -> Iterator[str]:
    for key, known in KNOWN_LIMITS.items():
        most = "not stated" if known.maximum is None else f"{known.maximum.value:,}"
        by = {"cell": "cell", "region": "account and region", "zone": "account and zone"}[known.of]
        code = known.code or ("no quota" if not known.adjustable else "not known")
        name = f"`{key}`" if known.adjustable else f"{key}, not raised"
        fact = known.documented
        yield f"| {name} | {fact.value:,} | {most} | {by} | {known.quota}, {code} | {fact.confidence} |"


def _keys(title: str, model: type[BaseModel], *, only: tuple[str, ...] | None = None) -> Iterator[str]:
    yield f"\n### {title}\n\n| key | |\n|---|---|\n"
    for name, field in model.model_fields.items():
        if only is not None and name not in only:
            continue
        text = " ".join((field.description or "").split()).replace("|", "\\|")
        default = _default(field.default, required=field.is_required())
        yield f"| `{name}` | {text}{default} |\n"


def _default(value: object, *, required: bool) -> str:
    if required:
        return " Required."
    if value is None or isinstance(value, Settings) or value == []:
        return ""
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f" Default: {shown}."


if __name__ == "__main__":
    PAGE.write_text(document())
    sys.stdout.write(f"{PAGE}\n")
