"""Report on a block: clock, events and what needs a person, without an account."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultrafleet.block_status import BlockReport, Extension, FiledBlock, LiveBlock, reports

END = datetime(2026, 12, 15, 11, 30, tzinfo=UTC)
START = END - timedelta(days=14)
NOW = END - timedelta(days=10)
ID = "cr-0aaaaaaaaaaaaaaa1"


def live(**more: Any) -> LiveBlock:
    return LiveBlock(
        **{
            "reservation_id": ID,
            "block_id": "cbr-0aaaaaaaaaaaaaaa1",
            "instance_type": "p6e-gb200.36xlarge",
            "instance_count": 18,
            "ultraserver_type": "u-p6e-gb200x72",
            "zone": "us-east-1-dfw-2a",
            "state": "active",
            "start": START,
            "end": END,
            "created": START - timedelta(days=1),
            "interconnect": "ok",
            "unavailable": 0,
            **more,
        }
    )


def filed(**more: Any) -> FiledBlock:
    return FiledBlock(
        **{
            "environment": "training",
            "pool": "rack-a",
            "reservation_id": ID,
            "start": START,
            "end": END,
            "instance_count": 18,
            "lead_minutes": 90,
            "hold": False,
            "followed_by": "cr-0aaaaaaaaaaaaaaa2",
            **more,
        }
    )


def report(**more: Any) -> BlockReport:
    return BlockReport(**{"now": NOW, "reservation_id": ID, "filed": filed(), "live": live(), **more})


def test_a_block_that_is_well_and_followed_needs_no_person() -> None:
    found = report()
    assert found.concerns == []
    assert found.drain == END - timedelta(minutes=90)
    assert found.extension == (END - timedelta(days=56), END - timedelta(hours=1))
    assert [event for _, event in found.events] == [
        "drain",
        "EC2 takes its instances back",
        "last moment to extend",
        "end",
    ]


@pytest.mark.parametrize(
    ("given_", "by", "text"),
    [
        ({"live": None}, NOW, "has no reservation cr-0aaaaaaaaaaaaaaa1"),
        ({"filed": None}, NOW, "in no environment file"),
        ({"live": live(state="payment-failed")}, NOW, "is payment-failed"),
        ({"live": live(state="unavailable")}, NOW, "is unavailable"),
        ({"live": live(interconnect="impaired")}, NOW, "interconnect is impaired"),
        ({"live": live(unavailable=2)}, NOW, "2 of 18 instances fail"),
        ({"live": live(instance_count=17)}, NOW, "holds 17 instances, the file says 18"),
        ({"live": live(end=END + timedelta(days=7))}, NOW, "extended to 2026-12-22 11:30 UTC"),
        ({"filed": filed(followed_by=None)}, END - timedelta(minutes=90), "extend it by 2026-12-15 10:30 UTC"),
        (
            {"live": live(state="payment-pending", created=NOW - timedelta(hours=2))},
            NOW + timedelta(hours=10),
            "the purchase fails at",
        ),
        (
            {"live": live(extensions=(Extension(status="payment-failed", end=END, purchased=NOW),))},
            NOW,
            "the payment of its extension failed",
        ),
        (
            {"live": live(extensions=(Extension(status="payment-pending", end=END, purchased=NOW),))},
            NOW + timedelta(hours=12),
            "its extension is not paid",
        ),
    ],
)
def test_what_needs_a_person_says_by_when_and_what_to_do(given_: dict[str, Any], by: datetime, text: str) -> None:
    (concern,) = report(**given_).concerns
    assert concern.by == by
    assert text in concern.text


def test_a_block_that_is_over_needs_no_person_and_has_no_events() -> None:
    for over in (
        report(now=END, live=live(state="expired")),
        report(now=END, live=None),
        report(now=END, filed=None, live=live(state="expired", interconnect="impaired")),
    ):
        assert (over.is_over, over.concerns, over.events) == (True, [], [])


@pytest.mark.parametrize(
    "of",
    [
        live(start=END - timedelta(days=182)),
        live(state="payment-pending"),
        live(extensions=(Extension(status="payment-pending", end=END, purchased=NOW),)),
    ],
)
def test_what_can_not_be_extended(of: LiveBlock) -> None:
    assert report(live=of).extension is None
    assert report(now=END - timedelta(minutes=59)).extension is None


def test_blocks_of_other_environments_files_are_not_reported() -> None:
    other = live(reservation_id="cr-0bbbbbbbbbbbbbbb1")
    found = reports((filed(),), (live(), other), known_elsewhere=frozenset(), now=NOW)
    assert [item.filed is None for item in found] == [False, True]
    known = frozenset({"cr-0bbbbbbbbbbbbbbb1"})
    assert len(reports((filed(),), (live(), other), known_elsewhere=known, now=NOW)) == 1


@given(
    st.integers(0, 60 * 24).map(lambda hours: START - timedelta(days=30) + timedelta(hours=hours)),
    st.sampled_from(["active", "scheduled", "payment-pending", "payment-failed", "unavailable", "expired"]),
    st.booleans(),
    st.booleans(),
)
def test_events_lie_ahead_and_concerns_not_behind(now: datetime, state: str, in_file: bool, followed: bool) -> None:
    of_file = filed(followed_by="cr-0aaaaaaaaaaaaaaa2" if followed else None) if in_file else None
    found = report(now=now, filed=of_file, live=live(state=state))
    assert all(at > now for at, _ in found.events)
    assert found.events == sorted(found.events)
    if state != "payment-pending":
        assert all(item.by >= now for item in found.concerns)
    assert found.as_json()["hours_to_end"] >= found.as_json()["hours_to_drain"]
