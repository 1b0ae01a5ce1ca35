"""Repository with an environment, its journal and git identities, for the commands that buy."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from helpers.rehearsal_site import text_of
from ultrafleet.cli import app
from ultrafleet.environment import load_environment
from ultrafleet.purchases import Journal, Purchase
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

ACCOUNT = "111122223333"
BUYER = "buyer@example.com"
APPROVER = "second@example.com"
NOW = datetime(2027, 1, 11, 9, tzinfo=UTC)
"""A day before the last block of pool rack-a ends."""


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)  # noqa: S607 - the path's


def make_repository(folder: Path, text: str, name: str = "training") -> Path:
    """A repository with one environment, whose git identity is the buyer's; the folder of the environments."""
    environments = folder / "environments"
    environments.mkdir(parents=True)
    (environments / f"{name}.yaml").write_bytes(text.encode())
    git(folder, "init", "--quiet")
    git(folder, "config", "user.email", BUYER)
    git(folder, "config", "user.name", "Buyer")
    return environments


@dataclass
class World:
    """The repository, and the embedded AWS."""

    folder: Path
    environments: Path
    call: Calls

    @property
    def path(self) -> Path:
        return self.environments / "training.yaml"

    @property
    def journal(self) -> Path:
        return self.environments / "purchases.jsonl"

    @property
    def now(self) -> datetime:
        return SIMULATED_ACCOUNT.now

    def purchases(self) -> list[Purchase]:
        return list(Journal(self.journal).read().values())

    def run(self, *arguments: str) -> Result:
        """A `capacity` command at the account's time."""
        places = ["--environments", str(self.environments), "--as-of", f"{self.now:%Y-%m-%dT%H:%M:%S}"]
        return CliRunner().invoke(app, ["capacity", *arguments, *places])

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def offers(self, *, days: int = 28, **asked: Any) -> list[Any]:
        asked = asked or {"UltraserverType": "u-p6e-gb200x72", "UltraserverCount": 1}
        found = self.call("ec2", "describe_capacity_block_offerings", CapacityDurationHours=days * 24, **asked)
        return list(found["CapacityBlockOfferings"])

    def offer(self, **asked: Any) -> str:
        """Offering that starts when the last block of pool rack-a ends."""
        return next(
            str(item["CapacityBlockOfferingId"])
            for item in self.offers(**asked)
            if item["StartDate"] == datetime(2027, 1, 12, 11, 30, tzinfo=UTC)
        )

    def blocks(self) -> list[Any]:
        """Blocks of the account that have an intent."""
        tagged = self.call(
            "ec2",
            "describe_capacity_reservations",
            Filters=[{"Name": "tag-key", "Values": ["ultrafleet:intent"]}],
        )
        return list(tagged["CapacityReservations"])

    def pool(self, name: str) -> Any:
        load_environment(self.path)
        return next(pool for pool in yaml.safe_load(self.path.read_text())["pools"] if pool["name"] == name)

    def allow(self, usd: int) -> None:
        """Raise the sum above which an approval is needed."""
        self.path.write_text(self.path.read_text() + f"\npurchases: {{ approval_above_usd: {usd} }}\n")


@contextmanager
def world(folder: Path, monkeypatch: pytest.MonkeyPatch, *, now: datetime = NOW) -> Iterator[World]:
    """The repository, and the embedded AWS with the environment's blocks."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    environments = make_repository(folder, text_of("training"))
    environment = load_environment(environments / "training.yaml")
    with embedded_aws(environment, now=now):
        call = Calls(account_id=environment.account, region=environment.region)
        call("ec2", "modify_availability_zone_group", GroupName="us-east-1-dfw-2", OptInStatus="opted-in")
        yield World(folder, environments, call)
