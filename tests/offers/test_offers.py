"""Offers, windows, clocks and histories without an account."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.catalog import CapacityBlockRules
from ultrafleet.errors import FleetError
from ultrafleet.offers import (
    Asked,
    Offer,
    OfferSegment,
    Question,
    account_time,
    question_of_type,
    questions_of_accelerators,
    read_history,
    record,
    regions_of_sale,
    type_histories,
    window,
)
from ultrafleet.rules.block_duration import SOLD_DAYS, validate_sold_days

NOW = datetime(2026, 11, 26, 9, 10, tzinfo=UTC)


def offer(*, usd: float | None = 1000.0, currency: str = "USD", start: datetime = NOW, count: int = 1) -> Offer:
    segment = OfferSegment(
        type="p5.48xlarge", count=count, zone="us-east-1a", start=start, end=start + timedelta(days=1), fee=usd
    )
    return Offer(
        id="cb-1",
        account="111122223333",
        region="us-east-1",
        question=Question(type="p5.48xlarge", count=count, days=1),
        segments=(segment,),
        currency=currency,
        fee=usd,
    )


def test_an_accelerator_hour_costs_the_fee_over_accelerators_and_hours() -> None:
    assert offer().usd_per_accelerator_hour == pytest.approx(1000 / 8 / 24)
    assert offer(currency="EUR").usd_per_accelerator_hour is None
    assert offer(currency="EUR").per_accelerator_hour == pytest.approx(1000 / 8 / 24)
    assert offer(usd=None).per_accelerator_hour is None


@given(st.floats(0.01, 1e7), st.integers(1, 64), st.integers(0, 60 * 24 * 60))
def test_an_offer_is_the_same_after_json(usd: float, count: int, minutes: int) -> None:
    made = offer(usd=usd, count=count, start=NOW + timedelta(minutes=minutes))
    assert Offer.from_json(made.as_json()) == made


def test_fails_an_offer_that_is_none() -> None:
    with pytest.raises(FleetError, match="expected what `capacity search --json` prints"):
        Offer.from_json({"id": "cb-1"})


@given(
    st.sampled_from(SOLD_DAYS),
    st.none() | st.integers(-60, 120).map(lambda days: NOW + timedelta(days=days)),
    st.none() | st.integers(-60, 400).map(lambda days: NOW + timedelta(days=days)),
)
def test_a_window_lies_in_what_is_sold_or_is_refused(days: int, begin: datetime | None, end: datetime | None) -> None:
    latest = NOW + CapacityBlockRules.LATEST_START
    try:
        found = window(now=NOW, durations=[days], earliest_start=begin, latest_end=end)
    except FleetError:
        begins_too_late = begin is not None and begin > latest
        soonest = max(begin or NOW, NOW + CapacityBlockRules.EARLIEST_START)
        assert begins_too_late or (end is not None and soonest + timedelta(days=days) > end)
        return
    assert NOW + CapacityBlockRules.EARLIEST_START <= found.earliest_start <= latest
    if found.latest_end is not None:
        assert end is not None
        assert found.earliest_start + timedelta(days=days) <= found.latest_end <= end
    assert bool(found.notes) == ((found.earliest_start, found.latest_end) != (begin or found.earliest_start, end))


@pytest.mark.parametrize(("days", "near"), [(0, "1"), (15, "14 or 21"), (30, "28 or 35"), (183, "182")])
def test_fails_a_duration_with_the_nearest_ones(days: int, near: str) -> None:
    with pytest.raises(FleetError, match=f"ask for {near}$"):
        validate_sold_days(days)


def test_a_clock_that_is_off_is_said_and_awss_time_is_taken() -> None:
    answer = {"ResponseMetadata": {"HTTPHeaders": {"date": "Thu, 26 Nov 2026 09:10:00 GMT"}}}
    for seconds in (-60, 0, 60):
        assert account_time(answer, local=NOW + timedelta(seconds=seconds)).warning is None
    ahead = account_time(answer, local=NOW + timedelta(seconds=61))
    assert ahead.now == NOW
    assert "this machine's clock is 1 min 1 s ahead of AWS's (09:10:00 UTC)" in str(ahead.warning)
    assert "2 min 0 s behind" in str(account_time(answer, local=NOW - timedelta(minutes=2)).warning)


def test_the_time_of_the_embedded_aws_is_its_own_and_no_answer_is_this_machines() -> None:
    headers = {"date": "Thu, 26 Nov 2026 09:10:00 GMT", "x-ultrafleet-time": "2027-01-01T00:00:00+00:00"}
    simulated = account_time({"ResponseMetadata": {"HTTPHeaders": headers}}, local=NOW)
    assert (simulated.now.year, simulated.warning) == (2027, None)
    assert account_time({}, local=NOW).now == NOW
    assert account_time({"ResponseMetadata": {"HTTPHeaders": {"date": "soon"}}}, local=NOW).now == NOW


def test_regions_are_those_that_the_catalog_has_a_source_for() -> None:
    assert regions_of_sale("u-p6e-gb200x72") == ("us-east-1",)
    assert regions_of_sale("u-trn2x64") == ("us-east-2",)
    assert regions_of_sale("p6-b300.48xlarge") == ()


def test_questions_by_accelerators_round_up() -> None:
    found = questions_of_accelerators(73, kind="GB200", days=7)
    assert {(item.type, item.count) for item in found.asked} == {("u-p6e-gb200x36", 3), ("u-p6e-gb200x72", 2)}
    assert question_of_type("p5.48xlarge", count=64, days=7).request == {
        "InstanceType": "p5.48xlarge",
        "InstanceCount": 64,
        "CapacityDurationHours": 168,
    }
    with pytest.raises(FleetError, match="at most 64"):
        question_of_type("p5.48xlarge", count=65, days=7)


def test_two_terminals_may_record_at_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "offers.jsonl"
    asked = Asked(account="1", region="us-east-1", question=offer().question, offers=(offer(),), at=NOW)
    with ThreadPoolExecutor(8) as terminals:
        list(terminals.map(lambda _: record(path, [asked] * 5), range(8)))
    found = read_history(path)
    assert (found.asked, found.unreadable) == ((asked,) * 40, ())
    (seen,) = type_histories(found.asked)
    assert (seen.searches, seen.seen, seen.gone, seen.lived_hours) == (40, 1, 0, 0)


def test_a_history_keeps_its_lowest_and_highest_price_with_their_days() -> None:
    prices = [1000.0, 900.0, None, 1200.0]
    asked = [
        Asked(
            account="1",
            region="us-east-1",
            question=offer().question,
            offers=(offer(usd=usd),),
            at=NOW + timedelta(days=day),
        )
        for day, usd in enumerate(prices)
    ]
    (seen,) = type_histories(reversed(asked))
    assert seen.lowest is not None
    assert seen.highest is not None
    assert (seen.lowest.at, seen.highest.at) == (NOW + timedelta(days=1), NOW + timedelta(days=3))
    assert seen.last == seen.highest
    assert type_histories(asked, only="p5en.48xlarge") == []
