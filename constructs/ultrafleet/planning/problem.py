"""Problem of an environment or a programme: its targets, blocks, offers, prices and limits put together."""

from collections.abc import Iterable

from ultrafleet.planning.days import day_of
from ultrafleet.planning.draft import Draft
from ultrafleet.planning.given import Given
from ultrafleet.planning.markets import assumed_markets, stated_markets
from ultrafleet.planning.options import extensions_of, offers_of
from ultrafleet.planning.supply import Delivery, Problem
from ultrafleet.programme import Programme


def problem_of(given: Given) -> Problem:
    """Problem of an environment or a programme.

    Args:
        given: what it is made of.

    Raises:
        FleetError: no target is stated, all of them are over, or a type's size is unknown.
    """
    draft, programme = Draft(given), given.programme
    options = [*extensions_of(draft), *offers_of(draft)]
    markets = list(assumed_markets(draft) if programme is None else stated_markets(draft, programme))
    deliveries = [] if programme is None else list(_deliveries(draft, programme))
    if programme is not None:
        _tell_assumptions(draft, programme)
    return Problem(
        today=draft.today,
        demands=tuple(draft.demands),
        held=tuple(draft.held),
        options=tuple(options),
        markets=tuple(markets),
        deliveries=tuple(deliveries),
        caps=draft.caps,
        rules=draft.rules,
        notes=tuple(dict.fromkeys(draft.notes)),
        assumptions=tuple(dict.fromkeys(draft.assumptions)),
    )


def _deliveries(draft: Draft, programme: Programme) -> Iterable[Delivery]:
    serving = {(demand.workload, demand.type): demand.name for demand in draft.demands}
    for item in programme.tranches:
        demand = serving.get((item.workload, item.type))
        if demand is None:
            draft.notes.append(f"tranche {item.name}: no target is of {item.type} for {item.workload}")
            continue
        yield Delivery(
            name=item.name,
            demand=demand,
            day=day_of(item.delivery),
            end=day_of(item.end or programme.end),
            units=item.count,
            slip=tuple(item.slip.probabilities().items()),
            luck=item.slips_with or item.name,
            usd_per_hour=item.usd_per_hour,
            site=item.site,
        )


def _tell_assumptions(draft: Draft, programme: Programme) -> None:
    draft.assumptions += [
        f"target {item.name}: {item.assumption}" for item in programme.targets if item.assumption is not None
    ]
    draft.assumptions += [
        f"tranche {item.name}: {item.assumption}" for item in programme.tranches if item.assumption is not None
    ]
    draft.assumptions += programme.assumptions
