"""Published throughput of engines."""

import pytest

from ultrafleet.catalog import InstanceType
from ultrafleet.catalog.models import MODELS
from ultrafleet.catalog.serving_throughput import facts, published_throughput
from ultrafleet.catalog.source import Confidence


def test_every_figure_says_what_it_is_of() -> None:
    for fact_id, fact in facts():
        assert fact.value > 0
        assert "tokens" in (fact.note or ""), fact_id
        assert fact.source is not None
        assert (fact.source.address or "").startswith("https://"), fact_id
        # Vendors and authors measured themselves, on racks that aren't in EC2.
        assert fact.source.confidence is not Confidence.HIGH, fact_id


def test_a_figure_is_of_a_family_of_the_catalog() -> None:
    families = {kind.family for kind in InstanceType.all()}
    assert {fact_id.split("/")[2] for fact_id, _ in facts()} <= families


@pytest.mark.parametrize(("model", "family", "what"), [("gpt-oss-20b", "p6e-gb200", "rack"), ("no", "p5", "rack")])
def test_what_nobody_published_is_none(model: str, family: str, what: str) -> None:
    assert published_throughput(model, family, what) is None


def test_the_rack_of_gpt_oss() -> None:
    assert "gpt-oss-120b" in MODELS
    fact = published_throughput("gpt-oss-120b", "p6e-gb200", "rack")
    assert fact is not None
    assert fact.value == 1_500_000
