"""Every fact and rule of the library by its id, with its source: what `ultrafleet facts` lists.

Each room has its own; here they are put in one list. Nothing here imports aws_cdk or needs an optional extra.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from ultrafleet.accelerator_addons.version_rules import VERSION_RULES
from ultrafleet.accelerator_addons.versions import VersionTable
from ultrafleet.catalog import (
    acceptance_floors,
    agreement,
    capacity_blocks,
    efa_support,
    eks,
    gateway_throughput,
    limits,
    serving_throughput,
)
from ultrafleet.catalog import facts as types
from ultrafleet.catalog.engine_options import engine_options
from ultrafleet.catalog.metrics import FLEET_METRICS, METRICS, fleet_namespace
from ultrafleet.catalog.models import MODELS
from ultrafleet.catalog.rack_recipes import RACK_RECIPES
from ultrafleet.catalog.serving_recipes import ENGINES, RECIPES
from ultrafleet.catalog.source import Confidence, Fact, Source
from ultrafleet.consistency import CONSISTENCY_RULES
from ultrafleet.doctor import Answers
from ultrafleet.layout import LAYOUT_RULES
from ultrafleet.policy import RULES
from ultrafleet.rehearsal.assumptions import ASSUMPTIONS, SALE_ASSUMPTIONS
from ultrafleet.rehearsal.refusals import (
    CLOUDFORMATION_REFUSALS,
    CLUSTER_REFUSALS,
    LAUNCH_REFUSALS,
    NODE_GROUP_REFUSALS,
    UPDATE_REFUSALS,
    RefusalRule,
)
from ultrafleet.rehearsal.scenarios.faults import FAULTS
from ultrafleet.review.hazards import HAZARD_RULES
from ultrafleet.templates.node_group import AUTO_SCALING_GROUP
from ultrafleet.templates.schema_effects import BY_UPDATE_POLICY, UNCLASSIFIED
from ultrafleet.templates.update_effects import update_effects

Facts = Iterator[tuple[str, Fact[Any]]]


class Known(StrEnum):
    """Confidence of a listed fact, or unknown where no source states a value."""

    HIGH = Confidence.HIGH.value
    MEDIUM = Confidence.MEDIUM.value
    LOW = Confidence.LOW.value
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class ListedFact:
    """A fact or rule in the list of all.

    Attributes:
        id: unique and stable, such as `policy/efa-layout`; the part before the first slash is its room.
        fact: value and source. The value of a rule is what it protects from, of a refusal what is refused.
    """

    id: str
    fact: Fact[Any]

    @property
    def room(self) -> str:
        """First part of the id."""
        return self.id.partition("/")[0]

    @property
    def known(self) -> Known:
        """Confidence of the part that is known least; unknown where no source states a value."""
        return Known(self.fact.confidence or Known.UNKNOWN)

    @property
    def keys(self) -> dict[str, Any]:
        """Keys of JSON output: id, value, source, confidence, address, as_of and note."""
        return {"id": self.id, **self.fact.keys}


def all_facts(
    prefix: str = "", *, known: Iterable[Known] = tuple(Known), answers: Answers | None = None
) -> list[ListedFact]:
    """Every fact and rule, in the order of rooms.

    Args:
        prefix: only ids that begin so. Default: all.
        known: only facts that are known so well. Default: all.
        answers: of an account, whose word goes before that of the source. Default: none.
    """
    wanted = frozenset(known)
    told = answers or Answers()
    ids = ((fact_id.replace(" ", "-"), fact) for room in _ROOMS for fact_id, fact in room())
    listed = (ListedFact(id=fact_id, fact=_answered(fact_id, fact, told)) for fact_id, fact in ids)
    return [item for item in listed if item.id.startswith(prefix) and item.known in wanted]


def _answered(fact_id: str, fact: Fact[Any], answers: Answers) -> Fact[Any]:
    """Fact as an account knows it: verified by a yes, of low confidence after a no."""
    against, verified = answers.contradicting(fact_id), answers.verifying(fact_id)
    told = against or verified
    if not told:
        return fact
    said = "; ".join(dict.fromkeys(map(str, told)))
    value = fact.value if fact.value is not None else "; ".join(dict.fromkeys(answer.observed for answer in told))
    source = Source(said, Confidence.LOW if against else Confidence.HIGH)
    before = f"elsewhere: {fact.source}" if fact.source is not None else None
    note = "; ".join(part for part in (fact.note, before) if part) or None
    return Fact(value, source, as_of=str(max(answer.asked for answer in told)), note=note)


class _Rule(Protocol):
    """Common fields of the rules of policy, review, versions and consistency."""

    @property
    def id(self) -> str: ...
    @property
    def protects_from(self) -> str: ...
    @property
    def source(self) -> Source: ...


def _rules(room: str, rules: Iterable[_Rule]) -> Callable[[], Facts]:
    return lambda: ((f"{room}/{rule.id}", Fact(rule.protects_from, rule.source)) for rule in rules)


def _refusals(room: str, rules: Iterable[RefusalRule]) -> Callable[[], Facts]:
    return lambda: (
        (f"refusal/{room}/{rule.id}", Fact(rule.refuses, rule.source, note=f"AWS answers {rule.code}"))
        for rule in rules
    )


def _layout_rules() -> Facts:
    for rule in LAYOUT_RULES:
        yield f"layout/{rule.id}", Fact(rule.broken_when, rule.source)


def _faults() -> Facts:
    for name, fault in FAULTS.items():
        yield f"fault/{name}", Fact(fault.summary, fault.source)


def _assumptions() -> Facts:
    for item in (*ASSUMPTIONS, *SALE_ASSUMPTIONS):
        yield f"assumption/{item.id}", Fact(item.states, item.source)


def _charts() -> Facts:
    table = VersionTable.of()
    for name, chart in table.charts.items():
        yield f"chart/{name}", Fact(chart.version, chart.source)


def _update_effects() -> Facts:
    for resource_type, table in update_effects().items():
        for path, entry in table.entries.items():
            yield f"update-effect/{resource_type}/{path}", Fact(entry.effect.value, entry.source)
    yield (
        f"update-effect/{AUTO_SCALING_GROUP}/conditionally-create-only",
        Fact(BY_UPDATE_POLICY.effect.value, BY_UPDATE_POLICY.source),
    )
    yield "update-effect/other-type/other-property", Fact(UNCLASSIFIED.effect.value, UNCLASSIFIED.source)


def _metrics() -> Facts:
    for name, metric in METRICS.items():
        yield f"metric/{name}", Fact(f"{metric.statistic} by {metric.dimension} in {metric.namespace}", metric.source)
    for name, made in FLEET_METRICS.items():
        yield f"metric/{name}", Fact(f"{made.statistic} in {fleet_namespace('CLUSTER')}", made.source)


def _serving() -> Facts:
    for engine in ENGINES:
        yield f"engine/{engine.name}", Fact(engine.image, engine.source)
    for name, options in engine_options().items():
        note = f"{len(options.options)} arguments, {len(options.environment)} variables, {len(options.keys)} keys"
        yield f"engine/{name}/options", Fact(options.version, options.origin, options.as_of, note)
    for name, model in MODELS.items():
        yield f"model/{name}", Fact(model.weights_gib, model.source, note="GiB of weights")
    for (name, family), recipe in RECIPES.items():
        yield f"engine-recipe/{name}/{family}", Fact(" ".join((recipe.engine.name, *recipe.args)), recipe.source)
    for (name, family), found in RACK_RECIPES.items():
        for rack in found:
            yield (
                f"engine-recipe/{name}/{family}/{rack.name}",
                Fact(rack.layouts, rack.source, note="nodes of prefill + nodes of decode in an UltraServer"),
            )


_ROOMS: Final[tuple[Callable[[], Facts], ...]] = (
    types.facts,
    eks.facts,
    limits.facts,
    capacity_blocks.facts,
    _layout_rules,
    _rules("policy", RULES),
    _rules("review", HAZARD_RULES),
    _update_effects,
    _rules("version-rule", VERSION_RULES),
    _charts,
    _rules("consistency", CONSISTENCY_RULES),
    _serving,
    serving_throughput.facts,
    efa_support.facts,
    gateway_throughput.facts,
    _metrics,
    acceptance_floors.facts,
    agreement.facts,
    _refusals("ec2", LAUNCH_REFUSALS),
    _refusals("eks", (*CLUSTER_REFUSALS, *NODE_GROUP_REFUSALS, *UPDATE_REFUSALS)),
    _refusals("cloudformation", CLOUDFORMATION_REFUSALS),
    _assumptions,
    _faults,
)
"""Rooms that have facts, in the order in which they are listed."""


def counts(facts: Iterable[ListedFact]) -> Mapping[Known, int]:
    """Number of facts by how well they are known."""
    found = dict.fromkeys(Known, 0)
    for item in facts:
        found[item.known] += 1
    return found
