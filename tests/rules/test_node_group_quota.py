"""Quota of managed node groups of a cluster."""

import pytest

from ultrafleet.errors import FleetError
from ultrafleet.rules.node_group_quota import node_group_quota_request


def test_the_default_quota_needs_no_request() -> None:
    assert node_group_quota_request("training", 30) is None


def test_beyond_the_default_the_request_names_the_number() -> None:
    assert "training has 31 managed node groups" in str(node_group_quota_request("training", 31))


def test_fails_beyond_what_any_cluster_gets() -> None:
    with pytest.raises(FleetError, match=r"has 101 managed node groups, expected at most 100 .*containers-roadmap"):
        node_group_quota_request("training", 101)
