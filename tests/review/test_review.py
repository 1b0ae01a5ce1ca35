"""Changes with known answers, told as what they are and as nothing else."""

import json
from datetime import date
from typing import Any

import pytest

from helpers.review_fleet import Edit, Stacks, both, revision
from helpers.review_scenarios import BEFORE, SCENARIOS
from ultrafleet.review import Review, review_of
from ultrafleet.review.blast_radius import blast_radius
from ultrafleet.review.markdown import whole
from ultrafleet.review.pool_states import State
from ultrafleet.review.sections import sections

DAY = date(2026, 11, 24)


def reviewed(name: str) -> Review:
    scenario, before = SCENARIOS[name], BEFORE.get(name, lambda _: None)
    return review_of(revision("base", before), revision("head", both(before, scenario.edit)), day=DAY)


@pytest.mark.parametrize("name", SCENARIOS)
def test_tells(name: str) -> None:
    scenario, review = SCENARIOS[name], reviewed(name)
    assert {(item.level.value, item.kind, item.subject) for item in review.hazards} == scenario.hazards
    assert {one.pool.title for one in review.pools if one.state is not State.UNCHANGED} == scenario.changed
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
