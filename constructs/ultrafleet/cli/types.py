"""`ultrafleet types`: the catalog."""

import dataclasses
import json
import sys
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from ultrafleet.catalog import InstanceType, NetworkCard, PurchaseOption, UltraServerType, price
from ultrafleet.rules.zones import validate_region

UNKNOWN = "-"
_OPTIONS = (PurchaseOption.ON_DEMAND, PurchaseOption.CAPACITY_BLOCK)
_SALES = {
    ("capacity-block", "on-demand", "spot"): "block, on demand, spot",
    ("capacity-block", "on-demand"): "block, on demand",
    ("on-demand", "spot"): "on demand, spot",
    ("capacity-block",): "block",
}
"""The ways to buy, short enough for a table."""
_WIDTH = 155
"""Columns that the tables need; a narrower terminal wraps lines, but no name is cut."""


def types(
    region: Annotated[str, typer.Option(help="region of the prices")] = "us-east-1",
    as_json: Annotated[bool, typer.Option("--json", help="print every fact with its source and confidence")] = False,
) -> None:
    """List instance types and UltraServers with their hardware and prices.

    A dash means that the fact is unknown.
    """
    validate_region(region)
    if as_json:
        json.dump(_as_json(region), sys.stdout, indent=2)
        print()
        return
    console = Console(width=max(_WIDTH, Console().width), highlight=False)
    console.print(_instance_types(region))
    console.print(_ultraserver_types(region))
    console.print(
        f"prices: public ones in {region}, USD an hour; members of UltraServers have a price as a whole; `--json` has "
        "every date and source"
    )


def _instance_types(region: str) -> Table:
    table = Table(box=box.SIMPLE, title="instance types", title_justify="left", collapse_padding=True, pad_edge=False)
    for column in ("type", "accelerators", "arch"):
        table.add_column(column, no_wrap=True)
    for column in ("vCPU", "GiB", "NVMe GB", "cards", "EFA", "EFA Gbit/s", "on demand", "block"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("sold as", no_wrap=True)
    for item in InstanceType.all():
        nvme = f"{item.nvme_count} x {item.nvme_size_gb:,}" if item.nvme_count and item.nvme_size_gb else UNKNOWN
        table.add_row(
            str(item),
            f"{_show(item.accelerator_count)} x {_show(item.accelerator_name).split(' (')[0]}",
            _show(item.architecture),
            _show(item.vcpus),
            _show(item.memory_gib),
            "none" if item.nvme_count == 0 else nvme,
            str(len(item.network_cards)) if item.network_cards else UNKNOWN,
            _show(item.max_efa_interfaces),
            _show(item.efa_bandwidth_gbps),
            *_prices(item, region),
            _SALES.get(item.purchase_options or (), _or_unknown(item.purchase_options, ", ")),
        )
    return table


def _ultraserver_types(region: str) -> Table:
    table = Table(box=box.SIMPLE, title="UltraServers", title_justify="left", collapse_padding=True, pad_edge=False)
    for column in ("type", "members"):
        table.add_column(column)
    for column in ("instances", "accelerators", "EFA Gbit/s", "block"):
        table.add_column(column, justify="right")
    table.add_column("zones or region")
    for item in UltraServerType.all():
        table.add_row(
            str(item),
            _show(item.instance_type),
            _show(item.instance_count),
            _show(item.accelerator_count),
            _show(item.efa_bandwidth_gbps),
            _prices(item, region)[1],
            _or_unknown(item.zones, ", ") if item.zones else _show(item.region),
        )
    return table


def _prices(item: InstanceType | UltraServerType, region: str) -> tuple[str, str]:
    """On demand and on a capacity block."""
    on_demand, block = (price(item, option, region).value for option in _OPTIONS)
    return _show(on_demand), _show(block)


def _show(value: object) -> str:
    return UNKNOWN if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)


def _or_unknown(values: tuple[object, ...] | None, separator: str) -> str:
    return separator.join(str(value) for value in values) if values else UNKNOWN


def _as_json(region: str) -> dict[str, Any]:
    return {
        "instance_types": [
            {
                "name": item.name,
                "family": item.family,
                "facts": _facts(item),
                "network_cards": [_card(card) for card in item.network_cards]
                if item.network_cards is not None
                else None,
                "fabrics": list(item.fabrics),
                "ultraserver_types": [str(server) for server in UltraServerType.with_members(item)],
                "prices": _price_facts(item, region),
            }
            for item in InstanceType.all()
        ],
        "ultraserver_types": [
            {
                "name": item.name,
                "family": item.family,
                "instance_type": item.instance_type.name if item.instance_type else None,
                "facts": _facts(item),
                "prices": _price_facts(item, region),
            }
            for item in UltraServerType.all()
        ],
    }


def _facts(item: InstanceType | UltraServerType) -> dict[str, Any]:
    return {name: item.fact(name).keys for name in item.FACTS}


def _price_facts(item: InstanceType | UltraServerType, region: str) -> dict[str, Any]:
    return {option.value: {"region": region, **price(item, option, region).keys} for option in _OPTIONS}


def _card(card: NetworkCard) -> dict[str, Any]:
    return {
        **dataclasses.asdict(card),
        **card.source.keys,
        "other_sources": {name: source.keys for name, source in card.other_sources.items()},
    }
