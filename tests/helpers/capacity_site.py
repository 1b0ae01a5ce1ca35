"""Accounts of the embedded AWS of this process for the capacity commands, and a client that they are asked with."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ultrafleet.cli.aws_session import session
from ultrafleet.environment import Environment, load_environment
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws
from ultrafleet.rehearsal.scenarios.faults.fault import FaultTarget
from ultrafleet.rehearsal.scenarios.faults.injections import INJECTIONS

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENTS = ROOT / "stacks" / "environments"
NOW = datetime(2026, 11, 26, 9, 10, tzinfo=UTC)


def training() -> Environment:
    return load_environment(ENVIRONMENTS / "training.yaml")


@contextmanager
def capacity_account(
    monkeypatch: pytest.MonkeyPatch, *, now: datetime = NOW, environment: Environment | None = None
) -> Iterator[Environment]:
    """The account of an environment, with credentials that reach it; nothing is deployed."""
    loaded = environment or training()
    as_account(monkeypatch, loaded.account)
    _read_models()
    with embedded_aws(loaded, now=now):
        yield loaded


@cache
def _read_models() -> None:
    """Read what a forked command would read again each time: AWS's models of EC2 and STS, and moto's answers."""
    with embedded_aws(training(), now=NOW):
        asked = session("us-east-1")
        asked.client("sts").get_caller_identity()
        asked.client("ec2").describe_capacity_blocks()
        asked.client("ec2").describe_capacity_reservations()


def as_account(monkeypatch: pytest.MonkeyPatch, account: str) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", account)  # by which the embedded AWS distinguishes accounts
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "rehearsal")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)


def inject(name: str, environment: Environment, **more: Any) -> None:
    INJECTIONS[name](FaultTarget(environment=environment, **more))
