"""Accounts that are asked through the lookup role of their bootstrap."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from helpers.rehearsal_site import ENVIRONMENTS
from ultrafleet.cli.lookup_role import lookup_session
from ultrafleet.environment import Environment, load_environment
from ultrafleet.errors import FleetError
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws


@pytest.fixture(scope="module")
def dev() -> Iterator[Environment]:
    environment = load_environment(ENVIRONMENTS / "dev.yaml")
    with embedded_aws(environment, now=datetime(2026, 11, 26, tzinfo=UTC)), pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ACCESS_KEY_ID", "999999999999")  # moto sets its own
        yield environment


def manifest(folder: Path, place: str) -> None:
    role = {"arn": "arn:${AWS::Partition}:iam::111122223333:role/cdk-hnb659fds-lookup-role-111122223333-us-east-2"}
    stack = {"type": "aws:cloudformation:stack", "environment": place, "properties": {"lookupRole": role}}
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {"tree": {"type": "cdk:tree"}, "a": stack}}))


def test_another_account_is_asked_by_the_role_that_the_manifest_names(dev: Environment, tmp_path: Path) -> None:
    manifest(tmp_path, f"aws://{dev.account}/{dev.region}")
    asked = lookup_session(dev, tmp_path)
    assert asked.region_name == dev.region
    caller = asked.client("sts").get_caller_identity()
    assert caller["Account"] == dev.account
    assert "cdk-hnb659fds-lookup-role" in caller["Arn"]


def test_the_account_itself_is_asked_as_it_is(
    dev: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", dev.account)
    assert lookup_session(dev, tmp_path).client("sts").get_caller_identity()["Account"] == dev.account


@pytest.mark.parametrize("place", ["aws://111122223333/us-west-2", None])
def test_fails_without_a_role_of_the_place(dev: Environment, tmp_path: Path, place: str | None) -> None:
    if place is not None:
        manifest(tmp_path, place)
    with pytest.raises(FleetError, match=f"names no lookup role of aws://{dev.account}/{dev.region}"):
        lookup_session(dev, tmp_path)
