"""Small random problems, whose plans can be enumerated."""

import random

from ultrafleet.planning.block_rules import BlockRules
from ultrafleet.planning.supply import Cap, Delivery, Demand, Held, Kind, Market, Option, Problem, Step

TODAY = 740_000
RULES = BlockRules(durations=(1, 2, 4), longest=4, horizon=56, extension_horizon=56)
"""Rules in miniature: by the day to two, then by twos."""


def small_problem(number: int, *, has_slip: bool) -> Problem:
    """Random problem of a few days."""
    dice = random.Random(f"{number} {has_slip}")
    length = dice.choice([3, 4, 5])
    days = list(range(TODAY, TODAY + length))
    demands = [_demand(dice, name, length, has_slip=has_slip) for name in ("a", "b")[: dice.choice([1, 1, 2])]]
    caps: dict[str, Cap] = {}
    if dice.random() < 0.6:
        taken = tuple((day, day + 2, dice.choice([1, 2])) for day in dice.sample(days, dice.choice([0, 1])))
        caps["limit"] = Cap(
            name="limit", text="the limit", capacity=dice.choice([1, 2, 3, 4]), changes=taken, weighs_instances=True
        )
    names = tuple(caps)
    held, options, markets, deliveries = [], [], [], []
    for demand in demands:
        last = demand.end
        for item in range(dice.choice([0, 1, 1])):
            start = TODAY - dice.choice([0, 1])
            end = dice.randint(TODAY + 1, last)
            name = f"cr-{demand.name}{item}"
            held.append(Held(name=name, demand=demand.name, start=start, end=end, units=1, block_instances=1))
            options += [
                Option(
                    name=name, kind=Kind.EXTENSION, demand=demand.name, start=end, end=end + more, units=1,
                    usd=dice.choice([8, 9, 10, 11]) * more, caps=names, exclusive=name,
                )
                for more in dice.sample([1, 2, 4], dice.choice([0, 1, 2]))
            ]  # fmt: skip
        for item in range(dice.choice([0, 1, 2])):
            start = dice.choice(days)
            options.append(
                Option(
                    name=f"offer-{demand.name}{item}", kind=Kind.OFFER, demand=demand.name, start=start,
                    end=start + dice.choice([1, 2, 4]), units=dice.choice([1, 2]), usd=dice.choice([5, 13, 17, 30]),
                    caps=names,
                )
            )  # fmt: skip
        if length < 5 and ((dice.random() < 0.55 and len(demands) == 1) or not options):
            markets.append(
                Market(
                    name="later",
                    kind=dice.choice([Kind.LATER_BLOCK, Kind.ON_DEMAND] if length < 4 else [Kind.LATER_BLOCK]),
                    demand=demand.name, start=dice.choice(days[:2]), end=last, usd_per_day=10.0, caps=names,
                    assumption="a price",
                )
            )  # fmt: skip
        for item in range(dice.choice([1, 2]) if has_slip else dice.choice([0, 0, 1])):
            slip = (
                dice.choice([((0, 0.5), (1, 0.5)), ((0, 0.7), (None, 0.3)), ((0, 1.0),)]) if has_slip else ((0, 1.0),)
            )
            if any(step.has_no_gap for step in demand.steps) and slip[-1][0] is None:
                slip = ((0, 0.6), (1, 0.4))
            name = f"t-{demand.name}{item}"
            deliveries.append(
                Delivery(
                    name=name, demand=demand.name, day=dice.choice(days), end=last, units=1, slip=slip, luck=name
                )
            )  # fmt: skip
    return Problem(
        today=TODAY,
        demands=tuple(demands),
        held=tuple(held),
        options=tuple(options),
        markets=tuple(markets),
        deliveries=tuple(deliveries),
        caps=caps,
        rules=RULES,
    )


def _demand(dice: random.Random, name: str, length: int, *, has_slip: bool) -> Demand:
    start = TODAY + dice.choice([-1, 0, 0, 1])
    end = TODAY + length
    levels = [0.5, 0.6, 0.8, 1.0] if has_slip else [0.9, 1.0, 1.0]
    cut = dice.choice([None, dice.randint(start + 1, end - 1)])
    level = dice.choice(levels)
    bounds = [(start, end)] if cut is None else [(start, cut), (cut, end)]
    steps = tuple(
        Step(start=first, end=last, units=dice.choice([0, 1, 1, 2]), level=dice.choice([level, level, *levels]))
        for first, last in bounds
    )
    return Demand(
        name=name, workload="training", type="type", unit="instances", instances=1, accelerators=8, steps=steps
    )
