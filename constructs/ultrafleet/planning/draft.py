"""Draft of a problem: what is wanted, and the limits of what can be bought, while it is put together."""

from collections.abc import Iterable, Sequence
from typing import Final

from ultrafleet.catalog import CapacityBlockRules, UltraServerType
from ultrafleet.environment import Environment
from ultrafleet.environment.target_settings import TargetSettings, sold_type
from ultrafleet.errors import FleetError
from ultrafleet.planning.block_rules import BlockRules
from ultrafleet.planning.days import date_of, day_of, first_whole_day
from ultrafleet.planning.given import Given
from ultrafleet.planning.held import held_of
from ultrafleet.planning.rooms import rooms_of
from ultrafleet.planning.supply import Cap, Demand, Held, Kind, Step

BLOCK_LIMIT: Final = "instances on blocks"
"""Name of the cap that all blocks of the organisation count against."""


class Draft:
    """Draft of a problem.

    Args:
        given: what it is made of.

    Raises:
        FleetError: no target is stated, all of them are over, or a type's size is unknown.
    """

    def __init__(self, given: Given) -> None:
        self.given = given
        self.today = first_whole_day(given.now + CapacityBlockRules.EARLIEST_START)
        self.rules = BlockRules()
        self.notes: list[str] = list(given.notes)
        self.assumptions: list[str] = []
        self.demands, self.environment_of = self._demands()
        self.held = [
            item
            for environment in given.environments
            for item in held_of(environment, self._serving(environment), self.today, self.notes)
        ]
        self.caps: dict[str, Cap] = {}
        self._add_block_limit(self.held)
        self._add_rooms(self.held)

    def caps_for(
        self, environment: Environment | None, zone: str | None, type_name: str, kind: Kind
    ) -> tuple[str, ...]:
        """Names of the caps that a purchase counts against.

        Args:
            environment: environment that it is for, or None.
            zone: its zone, or None.
            type_name: type that is bought.
            kind: what it is.
        """
        owners = [environment] if environment is not None else []
        rooms = [_room(owner.name, zone, type_name) for owner in owners if zone is not None]
        return (*([BLOCK_LIMIT] if kind.is_block else []), *(room for room in rooms if room in self.caps))

    def _demands(self) -> tuple[list[Demand], dict[str, Environment | None]]:
        """Demands, and the environment that each belongs to, if it is one's own."""
        programme = self.given.programme
        found: list[tuple[Demand, Environment | None]] = []
        if programme is not None:
            found += [(_demand(target, target.name), None) for target in programme.targets]
        stated = {(demand.workload, demand.type) for demand, _ in found}
        for environment in self.given.environments:
            for target in environment.targets:
                if (target.workload, target.type) in stated:
                    self.notes.append(
                        f"{environment.name}: target {target.name} is part of the programme's for {target.type}"
                    )
                    continue
                name = target.name if programme is None else f"{environment.name}/{target.name}"
                found.append((_demand(target, name), environment))
        over = [demand for demand, _ in found if demand.end <= self.today]
        if len(over) == len(found):
            of = programme.name if programme is not None else ", ".join(item.name for item in self.given.environments)
            raise FleetError(
                path=f"targets of {of}",
                verb="are",
                got=f"over by {date_of(self.today)}" if over else "not stated",
                expected="one that lasts longer" if over else "what is wanted from when on",
                remedy="add targets, see docs/capacity-desk.md",
            )
        self.notes += [f"target {demand.name} is over: it isn't planned" for demand in over]
        lasting = [(demand, owner) for demand, owner in found if demand not in over]
        return [demand for demand, _ in lasting], {demand.name: owner for demand, owner in lasting}

    def _serving(self, environment: Environment) -> dict[tuple[str, str], str]:
        """Name of the demand that an environment's capacity serves, by workload and type."""
        return {
            (demand.workload, demand.type): demand.name
            for demand in self.demands
            if self.environment_of[demand.name] in (None, environment)
        }

    def _add_block_limit(self, held: Iterable[Held]) -> None:
        programme = self.given.programme
        limit, why = self.rules.instances_on_a_date, "explicit for instances only, not for UltraServers"
        if programme is not None and programme.limits.block_instances_on_a_date is not None:
            limit, why = programme.limits.block_instances_on_a_date, programme.limits.reason or ""
            self.assumptions.append(f"{limit} instances on capacity blocks on a date: {why}")
        if self.given.instances_on_a_date is not None:
            limit, why = self.given.instances_on_a_date, "as --instances-on-a-date says"
        self.caps[BLOCK_LIMIT] = Cap(
            name=BLOCK_LIMIT,
            text=f"no more than {limit} instances on capacity blocks on a date ({why})",
            capacity=limit,
            changes=tuple((item.start, item.end, item.block_instances) for item in held if item.block_instances),
            weighs_instances=True,
        )

    def _add_rooms(self, held: Sequence[Held]) -> None:
        for environment in self.given.environments:
            for demand in self.demands:
                if self.environment_of[demand.name] in (None, environment):
                    for zone, units in rooms_of(environment, sold_type(demand.type)).items():
                        name = _room(environment.name, zone, demand.type)
                        taken = tuple(
                            (item.start, item.end, item.units)
                            for item in held
                            if item.place == zone and item.type == demand.type and item.environment == environment.name
                        )
                        self.caps[name] = Cap(
                            name=name,
                            text=f"the accelerator subnets of {environment.name} in {zone} have addresses for "
                            f"{units} {demand.unit} at once, in a hand-over too",
                            capacity=units,
                            changes=taken,
                        )


def _demand(target: TargetSettings, name: str) -> Demand:
    sold = target.sold
    whole = isinstance(sold, UltraServerType)
    instances = sold.require("instance_count", instead="plan another type") if isinstance(sold, UltraServerType) else 1
    ends = [*(step.start for step in target.steps[1:]), target.end]
    return Demand(
        name=name,
        workload=target.workload,
        type=target.type,
        unit="UltraServers" if whole else "instances",
        instances=instances,
        accelerators=sold.accelerator_count,
        steps=tuple(
            Step(start=day_of(step.start), end=day_of(end), units=step.units(sold), level=target.level_of(step))
            for step, end in zip(target.steps, ends, strict=True)
        ),
    )


def _room(environment: str, zone: str, type_name: str) -> str:
    return f"addresses {environment} {zone} {type_name}"
