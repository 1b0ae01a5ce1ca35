"""Problem as a mixed-integer model: what is bought in each cell, and which futures a step may miss.

Purchases of fixed days (offers, extensions) are columns of their own. Blocks of any days are amounts by cell where a
hand-over may leave a gap: every run of days can be tiled with blocks that are sold. Where none may, each block is a
column, and what runs across each day's 11:30 UTC is bounded as well: a successor has to overlap. Of the futures the
fewest that matter have a binary: those that miss more than the service level lets every plan ignore.
"""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from ultrafleet.planning.futures import Days, worst_days
from ultrafleet.planning.linear_model import Entries, LinearModel
from ultrafleet.planning.nodes import caps_of, first_day, is_chained, nodes_of_all
from ultrafleet.planning.profile import Amounts, Flags, Profile
from ultrafleet.planning.supply import Kind, Market, Option, Problem

_ROUNDING = 1e-9
_PREFERENCE = 1e-7
"""Share by which an extension counts as cheaper than another block at its price: it needs no hand-over."""

Pairs = list[tuple[int, float]]


@dataclass
class Lane:
    """Purchases of one kind for a demand.

    Attributes:
        market: market that they are from; None for offers and extensions.
        caps: names of caps that they count against.
        use: by cell, what gives capacity in it.
        span: by inner node, what runs across it.
        blocks: columns of blocks: first day, days.
    """

    market: Market | None
    caps: tuple[str, ...]
    use: list[Pairs]
    span: list[Pairs]
    blocks: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass
class Covering:
    """Columns and rows of a demand.

    Attributes:
        profile: its cells.
        lanes: what can be bought.
        options: column of each option.
        slack: by cell, units that are left uncovered.
        span_slack: by inner node, the same across it.
    """

    profile: Profile
    lanes: list[Lane]
    options: dict[int, Option]
    slack: list[int]
    span_slack: dict[int, int]


@dataclass
class Formulation:
    """Model of a problem.

    Attributes:
        model: the model; its slack is closed.
        coverings: by name of the demand.
        slack_weights: unit-days of each slack column.
    """

    model: LinearModel
    coverings: dict[str, Covering]
    slack_weights: dict[int, float]


def formulate(problem: Problem, futures: Days, *, binding: Collection[str], is_certain: bool) -> Formulation:
    """Model of a problem.

    Args:
        problem: the problem.
        futures: sampled futures, in which each step has to be met as often as its level says.
        binding: caps that have rows.
        is_certain: take the first future for certain, where no gap is allowed, too. Else the worst one counts there.
    """
    worst = futures[:1] if is_certain else worst_days(problem)
    known = [futures, worst]
    nodes = nodes_of_all(problem, known, binding)
    formulation = Formulation(LinearModel(), {}, {})
    for demand in problem.demands:
        if first_day(problem, demand) < demand.end:
            profile = Profile(problem, demand, nodes[demand.name])
            _cover(problem, formulation, profile, futures, worst)
    _exclude(formulation)
    _limit(problem, formulation, binding)
    return formulation


def _exclude(formulation: Formulation) -> None:
    """Rows of options of which some number in all can be bought."""
    groups: dict[str, list[tuple[int, Option]]] = {}
    for covering in formulation.coverings.values():
        for column, option in covering.options.items():
            if option.exclusive is not None:
                groups.setdefault(option.exclusive, []).append((column, option))
    for found in groups.values():
        formulation.model.row([(column, 1.0) for column, _ in found], upper=float(found[0][1].most))


def _cover(problem: Problem, formulation: Formulation, profile: Profile, futures: Days, worst: Days) -> None:
    model, demand = formulation.model, profile.demand
    missing, worst_missing = profile.missing(futures), profile.missing(worst)[0]
    most = np.maximum(missing.max(axis=0), worst_missing)
    lanes, columns = _lanes(problem, model, profile, most)
    slack = [model.column(upper=0.0) for _ in profile.days]
    formulation.slack_weights.update(zip(slack, map(float, profile.days), strict=True))
    covering = Covering(profile, lanes, columns, slack, {})
    formulation.coverings[demand.name] = covering
    total = [_total(model, lanes, cell, slack[cell]) for cell in range(len(slack))]
    for number, step in enumerate(demand.steps):
        cells = np.flatnonzero(profile.step == number)
        if step.has_no_gap:
            for cell in cells:
                if worst_missing[cell]:
                    model.row(total[cell], lower=float(worst_missing[cell]))
        elif cells.size:
            _chance(model, [total[cell] for cell in cells], missing[:, cells], step.level)
    spanned = profile.missing_span(worst)[0]
    for node in np.flatnonzero(spanned):
        column = model.column(upper=0.0)
        covering.span_slack[int(node)] = column
        formulation.slack_weights[column] = 1.0
        entries = [entry for lane in lanes for entry in lane.span[node]]
        # What is given up on a day beside the node isn't wanted across it either.
        uncovered = [(column, 1.0), (slack[node], 1.0), (slack[node + 1], 1.0)]
        model.row([*entries, *uncovered], lower=float(spanned[node]))


def _total(model: LinearModel, lanes: Sequence[Lane], cell: int, slack: int) -> Entries:
    """Sum of all that gives capacity in a cell, as one column where it is more than a few."""
    entries = [entry for lane in lanes for entry in lane.use[cell]] + [(slack, 1.0)]
    if len(entries) <= 3:  # noqa: PLR2004 - a column more than what it replaces
        return entries
    column = model.column()
    model.row([*entries, (column, -1.0)], lower=0.0, upper=0.0)
    return [(column, 1.0)]


def _chance(model: LinearModel, total: Sequence[Entries], missing: Amounts, level: float) -> None:
    """Cover what is missing in all futures of a step but the share that its level lets it miss."""
    number = len(missing)
    may_miss = int((1 - level) * number + _ROUNDING)
    descending = -np.sort(-missing, axis=0)
    always = descending[may_miss] if may_miss < number else np.zeros_like(descending[0])
    missed: dict[int, int] = {}
    for cell in range(missing.shape[1]):
        if descending[0, cell] == 0:
            continue
        least = int(always[cell])
        model.row(total[cell], lower=float(least))
        over = [
            int(row) for row in np.argsort(-missing[:, cell], kind="stable")[:may_miss] if missing[row, cell] > least
        ]
        for row in over:
            if row not in missed:
                missed[row] = model.column(upper=1.0, is_integer=True)
        amounts = [int(missing[row, cell]) for row in over]
        for row, amount in zip(over, amounts, strict=True):
            model.row([*total[cell], (missed[row], float(amount - least))], lower=float(amount))
        falls = [one - below for one, below in itertools.pairwise([*amounts, least])]
        if len([fall for fall in falls if fall]) > 1:
            stairs = [(missed[row], float(fall)) for row, fall in zip(over, falls, strict=True) if fall]
            model.row([*total[cell], *stairs], lower=float(amounts[0]))
    if len(missed) > may_miss:
        model.row([(column, 1.0) for column in missed.values()], upper=float(may_miss))


def _lanes(
    problem: Problem, model: LinearModel, profile: Profile, most: Amounts
) -> tuple[list[Lane], dict[int, Option]]:
    demand = profile.demand
    begins, ends, inner = profile.nodes[:-1], profile.nodes[1:], profile.nodes[1:-1]
    lanes: dict[tuple[str, ...], Lane] = {}
    columns: dict[int, Option] = {}
    for option in problem.options:
        if option.demand != demand.name or option.start < problem.today:
            continue
        lane = lanes.setdefault(option.caps, Lane(None, option.caps, _empty(begins), _empty(inner)))
        preferred = 1 - _PREFERENCE if option.kind is Kind.EXTENSION else 1.0
        column = model.column(cost=option.usd * preferred, upper=float(option.most), is_integer=True)
        columns[column] = option
        runs_across_start = option.kind is Kind.EXTENSION
        for start, end, units in option.parts:
            entry = (column, float(units))
            for cell in np.flatnonzero((begins >= start) & (ends <= end)):
                lane.use[cell].append(entry)
            for node in np.flatnonzero((inner >= start if runs_across_start else inner > start) & (inner < end)):
                lane.span[node].append(entry)
    found = list(lanes.values())
    for market in problem.markets:
        if market.demand == demand.name:
            is_sold = (begins >= max(market.start, problem.today)) & (ends <= market.end)
            if is_chained(market, demand):
                found.append(_chained_lane(problem, model, profile, market, np.flatnonzero(is_sold)))
            else:
                found.append(_level_lane(model, profile, market, is_sold, most))
    return found, columns


def _empty(cells: Amounts) -> list[Pairs]:
    return [[] for _ in cells]


def _level_lane(model: LinearModel, profile: Profile, market: Market, is_sold: Flags, most: Amounts) -> Lane:
    """Amounts by cell. Across a node runs what is there on both sides of it."""
    inner = len(profile.nodes) - 2
    lane = Lane(market, market.caps, _empty(profile.days), [[] for _ in range(inner)])
    has_no_gap = any(step.has_no_gap for step in profile.demand.steps)
    if has_no_gap:
        most = np.full_like(most, max(step.units for step in profile.demand.steps))
    for cell in np.flatnonzero(is_sold & (most > 0)):
        cost = market.usd_per_day * float(profile.days[cell])
        lane.use[cell] = [(model.column(cost=cost, upper=float(most[cell]), is_integer=True), 1.0)]
    if has_no_gap:
        for node in range(inner):
            if lane.use[node] and lane.use[node + 1]:
                column = model.column()
                for side in (node, node + 1):
                    model.row([*lane.use[side], (column, -1.0)], lower=0.0)
                lane.span[node] = [(column, 1.0)]
    return lane


def _chained_lane(problem: Problem, model: LinearModel, profile: Profile, market: Market, cells: Amounts) -> Lane:
    """Blocks as columns, each from a day to another. The amounts in cells and across nodes follow from them.

    In a cell is what runs across its first node and what starts there; across a node runs what is in the cell before
    it and doesn't end there. Every block is in two rows alone, so that the rows are those of a network.
    """
    inner = len(profile.nodes) - 2
    lane = Lane(market, market.caps, _empty(profile.days), [[] for _ in range(inner)])
    if not cells.size:
        return lane
    place = {int(day): number for number, day in enumerate(profile.nodes)}
    starts: dict[int, Pairs] = {}
    stops: dict[int, Pairs] = {}
    last = int(profile.nodes[cells[-1] + 1])
    for cell in cells:
        start = int(profile.nodes[cell])
        for days in problem.rules.durations:
            end = place.get(start + days)
            if end is None or start + days > last:
                continue
            column = model.column(cost=market.usd_per_day * days, is_integer=True)
            lane.blocks[column] = (start, days)
            starts.setdefault(int(cell), []).append((column, 1.0))
            stops.setdefault(end, []).append((column, 1.0))
    for cell in cells:
        lane.use[cell] = [(model.column(), 1.0)]
    for node in range(inner):
        if lane.use[node] and lane.use[node + 1]:
            lane.span[node] = [(model.column(), 1.0)]
    for cell in map(int, cells):
        before = lane.span[cell - 1] if cell else []
        model.row([*_negative(lane.use[cell]), *before, *starts.get(cell, [])], lower=0.0, upper=0.0)
        after = lane.span[cell] if cell < inner else []
        model.row([*_negative(lane.use[cell]), *after, *stops.get(cell + 1, [])], lower=0.0, upper=0.0)
    return lane


def _negative(entries: Pairs) -> Pairs:
    return [(column, -value) for column, value in entries]


def _limit(problem: Problem, formulation: Formulation, binding: Collection[str]) -> None:
    """Rows of the caps: on no day more than is free."""
    for name in binding:
        cap = problem.caps[name]
        users = [
            covering for covering in formulation.coverings.values() if cap in caps_of(problem, covering.profile.demand)
        ]
        least: dict[tuple[tuple[int, float], ...], int] = {}
        for day in sorted({int(day) for covering in users for day in covering.profile.nodes}):
            entries: Pairs = []
            for covering in users:
                cell = int(np.searchsorted(covering.profile.nodes, day, side="right")) - 1
                if not 0 <= cell < len(covering.profile.days):
                    continue
                weight = covering.profile.demand.instances if cap.weighs_instances else 1
                entries += [
                    (column, value * weight)
                    for lane in covering.lanes
                    if name in lane.caps
                    for column, value in lane.use[cell]
                ]
            if entries:  # an offer is in the same rows on all of its days: the tightest counts
                key = tuple(entries)
                least[key] = min(least.get(key, cap.capacity), cap.at(day))
        for key, free in least.items():
            formulation.model.row(key, upper=float(free))
