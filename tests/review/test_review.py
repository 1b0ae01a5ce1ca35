"""Changes with known answers: each is reported as what it is and as nothing else, and each rule is needed for one."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from helpers.review_fleet import Edit, Stacks, both, revision
from helpers.review_scenarios import BEFORE, SCENARIOS
from ultrafleet.review import Review, review_of
from ultrafleet.review.blast_radius import blast_radius
from ultrafleet.review.hazard import Hazard, HazardRule, Level
from ultrafleet.review.hazards import HAZARD_RULES, hazards
from ultrafleet.review.markdown import whole
from ultrafleet.review.pool_states import State
from ultrafleet.review.sections import sections

DAY = date(2026, 11, 24)


def reviewed(name: str) -> Review:
    scenario, before = SCENARIOS[name], BEFORE.get(name, lambda _: None)
    return review_of(revision("base", before), revision("head", both(before, scenario.edit)), day=DAY)


def told(found: Iterable[Hazard]) -> set[tuple[str, str, str]]:
    return {(item.level.value, item.kind, item.subject) for item in found}


@pytest.mark.parametrize("name", SCENARIOS)
def test_tells(name: str) -> None:
    scenario, review = SCENARIOS[name], reviewed(name)
    assert told(review.hazards) == scenario.hazards
    assert {one.title for one in review.pools if one.state is not State.UNCHANGED} == scenario.changed
    base, head = review.compared.base_fleet, review.compared.head_fleet
    more = (
        head.ultraservers - base.ultraservers,
        head.accelerators - base.accelerators,
        head.nodes - base.nodes,
        pytest.approx(review.costs[1].usd_per_hour - review.costs[0].usd_per_hour),
    )
    assert more == scenario.more
    text = whole(sections(review))
    for words in scenario.says:
        assert words in text


@pytest.mark.parametrize("rule", HAZARD_RULES, ids=lambda rule: rule.id)
def test_a_scenario_fails_without_the_rule(rule: HazardRule) -> None:
    needing = [name for name, scenario in SCENARIOS.items() if rule.id in {kind for _, kind, _ in scenario.hazards}]
    assert needing, f"no scenario expects {rule.id}: add one to tests/helpers/review_rule_scenarios.py"
    rest = tuple(other for other in HAZARD_RULES if other is not rule)
    assert told(hazards(reviewed(needing[0]).compared, rest)) != SCENARIOS[needing[0]].hazards


def test_every_rule_says_what_it_is_for() -> None:
    assert [name for name, count in Counter(rule.id for rule in HAZARD_RULES).items() if count > 1] == []
    for rule in HAZARD_RULES:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.id)
        assert min(len(rule.protects_from), len(rule.remedy), len(rule.source.text)) > 10, rule.id


def test_a_hazard_is_at_most_as_high_as_its_rule() -> None:
    order = list(Level)
    for name in SCENARIOS:
        for hazard in reviewed(name).hazards:
            assert order.index(hazard.level) >= order.index(hazard.rule.level), (name, hazard.kind)


def test_only_a_registered_rule_makes_a_hazard() -> None:
    package = Path(hazards.__code__.co_filename).parent
    making = [path.name for path in sorted(package.glob("*.py")) if re.search(r"\bHazard\(", path.read_text())]
    assert making == ["hazard.py"]
    rules = sum(len(re.findall(r"\bHazardRule\(", path.read_text())) for path in package.glob("*.py"))
    assert rules == len(HAZARD_RULES), "a rule is in no RULES that ultrafleet.review.hazards registers"


def queues(cluster: str, weight: int) -> dict[str, Any]:
    """Manifest of a queue whose one flavor is every node of a cluster."""
    objects = [
        {"kind": "ResourceFlavor", "metadata": {"name": "any"}},
        {
            "kind": "ClusterQueue",
            "metadata": {"name": "training"},
            "spec": {"resourceGroups": [{"flavors": [{"name": "any"}]}], "fairSharing": {"weight": weight}},
        },
    ]
    return {
        "Type": "Custom::AWSCDK-EKS-KubernetesResource",
        "Properties": {"ClusterName": cluster, "Manifest": json.dumps(objects)},
    }


def two_clusters(weight: int) -> Edit:
    """The H200 pool in a cluster of its own, whose queue has the same name as the racks'."""

    def edit(content: Stacks) -> None:
        content["h200"]["Resources"]["H200"]["Properties"]["ClusterName"] = "other"
        content["h200"]["Resources"]["Queues"] = queues("other", weight)
        content["racks"]["Resources"]["Queues"] = queues("fleet", 1)

    return edit


def test_a_queue_touches_the_pools_of_its_own_cluster() -> None:
    review = review_of(revision("base", two_clusters(1)), revision("head", two_clusters(2)), day=DAY)
    (touched,) = blast_radius(review.compared)
    assert [pool.name for pool in touched.pools] == ["h200"]
    assert touched.queues == ("training",)
