"""Ends of Kubernetes' support, seen from a day."""

from datetime import date
from typing import Literal

import pytest

from ultrafleet.environment.ends import end_of_support
from ultrafleet.environment.models import ClusterSettings


@pytest.mark.parametrize(
    ("version", "policy", "day", "told"),
    [
        ("1.34", "STANDARD", date(2026, 10, 2), None),
        ("1.34", "STANDARD", date(2026, 10, 3), "1.34 ends 2026-12-02, EKS upgrades the control plane then"),
        (
            "1.34",
            "EXTENDED",
            date(2026, 12, 2),
            "1.34 ends 2026-12-02, extended support, which costs more, begins then and",
        ),
        ("1.34", "STANDARD", date(2026, 12, 3), "1.34 ended 2026-12-02, with upgrade_policy STANDARD EKS upgrades"),
        (
            "1.34",
            "EXTENDED",
            date(2026, 12, 3),
            "ended 2026-12-02, extended support costs more until 2027-12-02: raise",
        ),
        ("1.34", "EXTENDED", date(2027, 12, 3), "extended support of Kubernetes 1.34 ended 2027-12-02, EKS upgrades"),
        ("1.36", "STANDARD", date(2026, 10, 2), "the catalog has no end of standard support of Kubernetes 1.36: see"),
        ("1.99", "STANDARD", date(2026, 10, 2), "the catalog has no end of standard support of Kubernetes 1.99: see"),
    ],
)
def test_of_support(version: str, policy: Literal["STANDARD", "EXTENDED"], day: date, told: str | None) -> None:
    found = end_of_support(ClusterSettings(kubernetes_version=version, upgrade_policy=policy), day)
    assert found is None if told is None else told in str(found)
