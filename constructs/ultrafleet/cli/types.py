"""`ultrafleet types`: the catalog."""

import dataclasses
import json
import sys
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.catalog import InstanceType, UltraServerType

UNKNOWN = "-"
_WIDTH = 150
"""Columns that the tables need; a narrower terminal wraps lines, but no name is cut."""


def types(
    as_json: Annotated[bool, typer.Option("--json", help="print every fact with its source and confidence")] = False,
) -> None:
    """Show the instance types and UltraServers that the catalog knows; "-" is unknown."""
    if as_json:
        json.dump(_as_json(), sys.stdout, indent=2)
        print()
        return
    console = Console(width=max(_WIDTH, Console().width), highlight=False)
    console.print(_instance_types())
    console.print(_ultraserver_types())
    console.print("prices: capacity blocks, USD an hour, of the month that `--json` names; `--json` has every source")


def _instance_types() -> Table:
    table = Table(box=box.SIMPLE, title="instance types", title_justify="left", collapse_padding=True, pad_edge=False)
    for column in ("type", "accelerators", "arch"):
        table.add_column(column, no_wrap=True)
    for column in ("vCPU", "GiB", "NVMe GB", "cards", "EFA", "EFA Gbit/s", "USD/h"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("sold as", no_wrap=True)
    for item in InstanceType.all():
        nvme = f"{item.nvme_count} x {item.nvme_size_gb:,}" if item.nvme_count and item.nvme_size_gb else UNKNOWN
        efa = item.max_efa_interfaces or _or_unknown(item.documented_efa_interface_counts, " or ")
        table.add_row(
            str(item),
            f"{_show(item.accelerator_count)} x {_show(item.accelerator_name).split(' (')[0]}",
            _show(item.architecture),
            _show(item.vcpus),
            _show(item.memory_gib),
            nvme,
            str(len(item.network_cards)) if item.network_cards else UNKNOWN,
            str(efa),
            _show(item.efa_bandwidth_gbps),
            _show(item.capacity_block_usd_per_hour),
            _or_unknown(item.purchase_options, ", "),
        )
    return table


def _ultraserver_types() -> Table:
    table = Table(box=box.SIMPLE, title="UltraServers", title_justify="left", collapse_padding=True, pad_edge=False)
    for column in ("type", "members"):
        table.add_column(column)
    for column in ("instances", "accelerators", "EFA Gbit/s", "USD/h"):
        table.add_column(column, justify="right")
    table.add_column("zones or region")
    for item in UltraServerType.all():
        table.add_row(
            str(item),
            _show(item.instance_type),
            _show(item.instance_count),
            _show(item.accelerator_count),
            _show(item.efa_bandwidth_gbps),
            _show(item.capacity_block_usd_per_hour),
            _or_unknown(item.zones, ", ") if item.zones else _show(item.region),
        )
    return table


def _show(value: object) -> str:
    return UNKNOWN if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)


def _or_unknown(values: tuple[object, ...] | None, separator: str) -> str:
    return separator.join(str(value) for value in values) if values else UNKNOWN


def _as_json() -> dict[str, Any]:
    return {
        "instance_types": [
            {
                "name": item.name,
                "family": item.family,
                "facts": _facts(item),
                "network_cards": [dataclasses.asdict(card) for card in item.network_cards]
                if item.network_cards is not None
                else None,
                "ultraserver_types": [str(server) for server in item.ultraserver_types],
            }
            for item in InstanceType.all()
        ],
        "ultraserver_types": [
            {
                "name": item.name,
                "family": item.family,
                "instance_type": item.instance_type.name if item.instance_type else None,
                "facts": _facts(item),
            }
            for item in UltraServerType.all()
        ],
    }


def _facts(item: InstanceType | UltraServerType) -> dict[str, Any]:
    return {name: dataclasses.asdict(item.fact(name)) for name in item.FACTS}
