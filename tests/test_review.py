"""Changes with known answers, told as what they are and as nothing else."""

from datetime import date

import pytest

from review_fleet import both, revision
from review_scenarios import BEFORE, SCENARIOS
from ultrafleet.review import Review, review_of
from ultrafleet.review.markdown import whole
from ultrafleet.review.marks import State
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
