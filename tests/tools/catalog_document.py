"""Writes docs/catalog.md from the catalog of types and prices."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ultrafleet.catalog import InstanceType, UltraServerType, other_type_names, price
from ultrafleet.catalog.facts import facts
from ultrafleet.catalog.prices import prices

PAGE = Path(__file__).parent.parent.parent / "docs" / "catalog.md"

_HEAD = """# Catalog of types and prices

`ultrafleet types [--region REGION]` shows it; `--json` gives every fact with `value`, `source`, `confidence`,
`address`, `as_of` and `note`. The data are `instance_types.json`, `ultraserver_types.json`, `prices.json` and
`sources.json` of `constructs/ultrafleet/catalog/data/`, kept by hand and validated when loaded.

```python
from ultrafleet.catalog import InstanceType, PurchaseOption, UltraServerType, price

gb200 = InstanceType.P6E_GB200_36XLARGE
gb200.vcpus  # 144, an int | None to a type checker
gb200.fact("vcpus")  # Fact(144, Source(text, confidence, address), as_of, note)
gb200.nvlink_domain_accelerators  # None: it depends on the UltraServer
gb200.fact("nvlink_domain_accelerators").note  # why there is no value, where there is more to say
gb200.require("boot_modes", instead="pass boot_modes")  # UnknownFactError, saying what to pass
UltraServerType.U_P6E_GB200X72.instance_count  # 18
price(gb200, PurchaseOption.CAPACITY_BLOCK, "us-east-1")  # a Fact; None, since whole UltraServers have the price
```

## What it promises

- Every value has a source and a confidence: **high** (a primary source, or reproduced), **medium** (one secondary
  source, or an inference), **low** (weak).
- What no source states is `None`. Code that needs such a fact refuses and says what you may pass instead; nothing is
  filled in from a neighbour.
- Of a few values it was recorded that one of a type's sources states them, but not which: their source says so.
- Entries can't be changed, and are equal by name; see below for facts of your own.
- A price is that of a type (an instance, or a whole UltraServer), a purchase option and a region, in USD an hour, with
  its date. The newest public one applies; of one date that which names the region. A price more than a quarter old is
  called stale by `ultrafleet summary`: AWS reviews those of capacity blocks each quarter.
- A source that gives one figure without regions holds for every commercial region, and the note says so. One that
  gives a range over regions gives no price.

## What to know of single types

| | |
|---|---|
| `p6e-gb200.36xlarge` | 16 EFA interfaces at most, as the API says; the EC2 guide describes layouts of 4 and 8 |
| `p6e-gb300r.36xlarge` | two fabrics, EFA and RoCE: the fabric belongs to the pool; `u-p6e-gb300x72` consists of it |
| `p6e-gb300.36xlarge` | a name in lists; no source says anything of its cards |
| Trn3 Gen1 and Gen2 | which of AWS's names is which is not stated: listed by family, and never guessed |
| `trn2u.48xlarge` | the API lists it on demand; it is treated as a member of `u-trn2x64`, on capacity blocks |
| `dl2q.24xlarge` | Qualcomm accelerators: EKS has no AMI type for them, a pool needs `ami_type` and `taints` |
| G, P3, Inf, Trn1 without EFA | a pool's nodes have the primary interface alone |
| `g5g.*` | GPUs beside Graviton: EKS's NVIDIA image for arm64 is derived, and not tried |
| G, P3, Inf1, DL2q with EFA | their EFA layout is the EC2 guide's general rule, applied to the card table: medium |
| on-demand capacity reservations | documented for p4d, p5, p5en, p6-b200, p6-b300 and trn2; unknown for the others |

## Types of your own

The EC2 API takes UltraServer types as plain strings, so new ones appear before a catalog knows them.

```python
from ultrafleet.catalog import Confidence, InstanceTypeFacts, NetworkCard, Source, UltraServerTypeFacts

member = InstanceType.of(
    "p9e.36xlarge",
    facts=InstanceTypeFacts(architecture="arm64", accelerator_kind="nvidia", accelerator_count=4, nvme_count=3),
    network_cards=[NetworkCard(index=0, interface_types=("interface",))],
    source=Source("account team, 2026-11", Confidence.MEDIUM),
)
rack = UltraServerType.of("u-p9ex72", instance_type=member, facts=UltraServerTypeFacts(instance_count=18))
```

With a name that the catalog knows, your facts are laid over its own. `network_cards` are all cards, in the order of
their indexes.

## Adding to the data

A new type is an entry in `instance_types.json` and its name in the class `InstanceType`, which a test asks for. `facts`
are groups of values with one source, a confidence and perhaps a date and a note; `unknown` says of a fact why it has no
value; `network_cards` are runs of equal cards (`"indexes": "1-15"`), and `other_sources` those of single values. A new
fact is a field of `InstanceTypeFacts`, which gives the attribute its type too. A new price is a line of `prices.json`;
older ones stay. Loading refuses a key or a source that isn't known, a fact stated twice, an entry that is there twice,
and cards that are not consecutive or not as many as `network_card_count`.

The page is made by `tests/tools/catalog_document.py`.
"""


def document() -> str:
    """The page."""
    return "\n".join([_HEAD, *_counts(), *_instance_types(), *_ultraservers(), *_prices(), *_unknown(), *_names()])


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    columns = list(head)
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join('-' if cell is None else str(cell) for cell in row)} |"
    yield ""


def _counts() -> Iterator[str]:
    known = Counter(str(fact.confidence) for name, fact in facts() if fact.confidence is not None)
    yield "## How well it is known\n"
    rows = ((confidence, f"{known[confidence]:,}") for confidence in ("high", "medium", "low"))
    yield from _table(("confidence", "facts"), rows)


def _instance_types() -> Iterator[str]:
    yield "## Instance types\n"
    head = ("type", "accelerators", "vCPUs", "GiB", "network cards", "EFA interfaces", "fabrics", "layout known from")
    yield from _table(head, map(_instance_type, InstanceType.all()))


def _instance_type(item: InstanceType) -> tuple[Any, ...]:
    accelerators = f"{item.accelerator_count} x {(item.accelerator_name or '').split(' (')[0]}"
    layout = item.fact("published_efa_layout")
    return (
        f"`{item}`",
        accelerators,
        item.vcpus,
        item.memory_gib,
        len(item.network_cards) if item.network_cards else None,
        item.max_efa_interfaces,
        ", ".join(item.fabrics) or None,
        str(layout.source) if item.published_efa_layout else None,
    )


def _ultraservers() -> Iterator[str]:
    yield "## UltraServers\n"
    head = ("type", "members", "instances", "accelerators", "zones or region", "size known from")
    rows = (
        (
            f"`{item}`",
            item.instance_type and f"`{item.instance_type}`",
            item.instance_count,
            item.accelerator_count,
            ", ".join(item.zones) if item.zones else item.region,
            item.fact("instance_count").source,
        )
        for item in UltraServerType.all()
    )
    yield from _table(head, rows)


def _prices() -> Iterator[str]:
    yield "## Public prices in force, USD an hour\n"
    sold = dict.fromkeys((item.type, item.purchase_option) for item in prices())
    regions = {
        key: dict.fromkeys(item.region for item in prices() if (item.type, item.purchase_option) == key) for key in sold
    }
    rows = []
    for name, option in sold:
        by_fact: dict[tuple[Any, ...], list[str]] = {}
        for region in regions[name, option]:
            found = price(name, option, region)
            if found.value is not None:
                key = (f"{found.value:,.3f}", found.as_of, found.confidence)
                by_fact.setdefault(key, []).append(region or "where no other is named")
        rows += [(f"`{name}`", option.value, ", ".join(places), *key) for key, places in by_fact.items()]
    yield from _table(("type", "bought as", "regions", "USD", "of", "confidence"), rows)


def _unknown() -> Iterator[str]:
    yield "## Unknown on purpose\n"
    rows = ((f"`{name}`", fact.note) for name, fact in facts() if fact.value is None and not name.startswith("price"))
    yield from _table(("fact", "why"), rows)


def _names() -> Iterator[str]:
    yield "## Names without facts\n"
    names = other_type_names()
    for note in dict.fromkeys(str(fact.note) for fact in names.values()):
        listed = ", ".join(f"`{name}`" for name, fact in names.items() if fact.note == note)
        yield f"{note[0].upper()}{note[1:]}: {listed}.\n"


if __name__ == "__main__":
    PAGE.write_text(document())
    sys.stdout.write(f"{PAGE}\n")
