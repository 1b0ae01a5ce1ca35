"""Writes docs/programme.md and its pictures from the facts of the agreement and stacks/programmes/seven-years.yaml."""

import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path

from ultrafleet.capacity_calendar import Calendar, programme_calendar
from ultrafleet.capacity_calendar.model import TargetLine
from ultrafleet.capacity_calendar.palette import PALETTES
from ultrafleet.capacity_calendar.picture import calendar_picture
from ultrafleet.catalog import PurchaseOption, UltraServerType, agreement, price
from ultrafleet.cost.programme_cost import ProgrammeCost, programme_cost
from ultrafleet.planning.given import Given
from ultrafleet.planning.planner import Options, make_plan
from ultrafleet.planning.problem import problem_of
from ultrafleet.planning.solver import Highs
from ultrafleet.programme import Programme, load_programme

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "programme.md"
PROGRAMME = ROOT / "stacks" / "programmes" / "seven-years.yaml"
PICTURES = {theme: ROOT / "docs" / f"programme-{theme}.svg" for theme in PALETTES}
_FIRST_TARGET = date(2026, 12, 31)
_RACK = UltraServerType.U_P6E_GB200X72
_BILLION = 10**9
_DAYS = 365.25

_HEAD = """# A programme over seven years

The programme behind this project is a capacity plan first and templates second. What is public of it stands below; the
rest of `stacks/programmes/seven-years.yaml` is **an assumption, and marked as one in the file**. The page says nothing
of what was agreed or is delivered: it shows what the [capacity desk](capacity-desk.md) makes of such a file. Its
numbers and pictures are made by `tests/tools/programme_document.py`.

<picture>
  <source media="(prefers-color-scheme: dark)" srcset="programme-dark.svg">
  <img alt="targets, deliveries and the chance to meet each step over seven years" src="programme-light.svg">
</picture>

    ultrafleet capacity calendar seven-years --out programme.svg   # the picture; without --out as text
    ultrafleet capacity plan seven-years                           # what to buy for it
    ultrafleet capacity cost seven-years                           # its deliveries against the sum
    ultrafleet facts agreement/                                    # what is public, with sources

## What is public

From secondary reports; the announcement itself wasn't read.

| | | confidence |
|---|---|---|
"""
_NAMES = {"sum-usd": "sum, USD", "expansion-usd": "expansion, USD", "usd-per-accelerator-hour": "price of a GPU-hour"}


def document() -> str:
    """Text of the page."""
    programme = load_programme(PROGRAMME)
    shown, cost = programme_calendar(programme), programme_cost(programme)
    lines = [
        *_facts(),
        "",
        "## What is assumed",
        "",
        *(f"- {text}" for text in programme.assumptions),
        *(f"- target {item.name}, level {item.service_level:.0%}: {item.assumption}" for item in programme.targets),
        *(
            f"- blocks that may be bought, {item.count} of {item.type}: {item.assumption}"
            for item in programme.later_blocks
        ),
        "",
        "Each delivery states its own assumption in the file.",
        "",
        "## The chance to meet each step",
        "",
        "By what is contracted in the file, all of it an assumption. The least chance of a day of the step, exactly",
        "from the distributions of slip.",
        "",
        "| target | from | wanted | GPUs | chance | wanted level |",
        "|---|---|---|---|---|---|",
        *(line for target in shown.targets for line in _steps(target)),
        "",
        _moral(shown),
        "",
        "## Plan",
        "",
        *_plan(programme),
        "",
        "## Cost against the sum",
        "",
        *_cost(programme, cost),
    ]
    return _HEAD + "\n".join(lines) + "\n"


def pictures() -> dict[Path, str]:
    """Pictures of the page by their files."""
    shown = programme_calendar(load_programme(PROGRAMME))
    return {PICTURES[theme]: calendar_picture(shown, theme) for theme in PALETTES}


def _facts() -> Iterator[str]:
    for fact_id, fact in agreement.facts():
        name = fact_id.removeprefix("agreement/")
        value = "unknown" if fact.value is None else f"{fact.value:,}" if isinstance(fact.value, int) else fact.value
        note = f"; {fact.note}" if fact.note else ""
        yield f"| {_NAMES.get(name, name.replace('-', ' '))} | {value}{note} | {fact.confidence or '-'} |"


def _steps(target: TargetLine) -> Iterator[str]:
    for step in target.steps:
        accelerators = step.wanted * (target.accelerators or 0)
        met = "" if step.chance >= step.service_level else ", **below**"
        yield (
            f"| {target.name} | {step.start:%Y-%m-%d} | {step.wanted:,} {target.sold} | {accelerators:,} | "
            f"{step.chance:.1%}{met} | {step.service_level:.0%} |"
        )


def _moral(shown: Calendar) -> str:
    first = shown.targets[0].steps[0]
    seen = [item for item in shown.targets[0].outlook if item.moment >= first.start]
    there = seen[0]
    by = next(item.moment for item in seen if item.chance >= first.service_level)
    return _filled(
        f"Counted by contracted dates the first step has {there.contracted:,} of {there.target:,} UltraServers on its "
        f"day. With the assumed slips it is met with a chance of {there.chance:.0%}, and with the wanted "
        f"{first.service_level:.0%} from {by:%Y-%m-%d} on: a plan without slip says nothing of that."
    )


def _plan(programme: Programme) -> Iterator[str]:
    """The least purchases with which the steps reach their levels, and what can't be covered."""
    now = datetime.combine(programme.start, time(), tzinfo=UTC)
    problem = problem_of(Given(environments=[], programme=programme, now=now))
    found = make_plan(problem, Highs(), name=programme.name, options=Options(), budget_usd=programme.budget_usd)
    yield _filled(
        "`ultrafleet capacity plan seven-years --as-of 2026-12-01`: the least purchases, of blocks that are assumed to "
        "be on offer, with which each step is met as often as wanted, by "
        f"{found.solving.scenarios} sampled futures and checked on {found.solving.checked:,} further ones (*met* "
        "allows for the error of the sample). The plan without slip takes every contracted day for certain."
    )
    yield ""
    yield "| target | from | met by the plan without slip | met by this plan | wanted | |"
    yield "|---|---|---|---|---|---|"
    for step in found.steps:
        yield (
            f"| {step.demand} | {step.start} | {_share(step.without_slip)} | {_share(step.checked)} | "
            f"{step.level:.0%} | {'met' if step.is_met else '**not met**'} |"
        )
    yield ""
    yield "| bought for | UltraServers | from | days | USD million |"
    yield "|---|---|---|---|---|"
    for item in found.purchases:
        yield f"| {item.demand} | {item.units} | {item.start} | {item.days} | {item.usd / 10**6:,.1f} |"
    yield ""
    short = sorted({step.demand for step in found.steps if not step.is_met})
    sentence = f"The purchases cost {found.usd / 10**6:,.0f} million USD in all; proven gap {found.solving.gap:.1%}."
    value = found.slip_value
    if value is not None:
        sentence += (
            f" On the sampled futures it meets {value.with_slip.steps_met} of {len(found.steps)} steps; the plan "
            f"without slip, whose purchases cost {value.without_slip.usd / 10**6:,.0f} million, meets "
            f"{value.without_slip.steps_met}."
        )
    if short:
        reasons = {item.reason for step in found.steps for item in step.shortfalls if step.demand in short}
        sentence += f" What isn't met ({', '.join(short)}): {'; '.join(sorted(reasons))}."
    yield _filled(sentence)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _cost(programme: Programme, cost: ProgrammeCost) -> Iterator[str]:
    first = cost.until(_FIRST_TARGET)
    rate = programme.tranches[0].usd_per_hour or 0.0
    each = _RACK.accelerator_count or 1
    block = price(_RACK, PurchaseOption.CAPACITY_BLOCK, "us-east-1")
    yield "| | USD billion, without slip | on average | of the sum |"
    yield "|---|---|---|---|"
    for name, part in (("deliveries for the first target", first), ("all deliveries, with growth", cost)):
        share = float(part.on_average.usd or 0) / float(cost.budget or 1)
        yield f"| {name} | {_billions(part.without_slip.usd)} | {_billions(part.on_average.usd)} | {share:.0%} |"
    yield f"| the sum (public) | {_billions(cost.budget)} | | |"
    yield ""
    racks = int(agreement.SUM_USD.value / ((block.value or 1.0) * agreement.YEARS.value * _DAYS * 24))
    yield _filled(
        f"The price of {rate:,.2f} USD an hour an UltraServer (an assumption, {rate / each:.2f} an hour a GPU) is no "
        f"price of the agreement. At the public price of capacity blocks ({block.value:,.3f} USD an hour, of "
        f"{block.as_of}) the sum would buy {racks:,} UltraServers for {agreement.YEARS.value} years, "
        f"{racks * each:,} GPUs: *hundreds of thousands* are more than that."
    )


def _filled(text: str) -> str:
    """Lines of a page's width."""
    return textwrap.fill(text, 118, break_long_words=False, break_on_hyphens=False)


def _billions(usd: object) -> str:
    return f"{float(usd) / _BILLION:,.1f}"  # type: ignore[arg-type]  # a fraction


def main() -> None:
    """Write the page and its pictures."""
    PAGE.write_text(document())
    for path, text in pictures().items():
        path.write_text(text)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    main()
