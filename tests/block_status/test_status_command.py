"""`ultrafleet capacity status` against the embedded AWS: once, watched, and where the account can't be asked."""

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import pytest

from helpers.capacity_site import NOW, ROOT, as_account, capacity_account, inject
from helpers.command import COMMAND, run
from ultrafleet.cli.capacity.status import STATUS_PERMISSIONS
from ultrafleet.environment import Environment
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

STATUS = ("capacity", "status", "training")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    with capacity_account(monkeypatch) as made:
        yield made


@pytest.mark.usefixtures("account")
def test_blocks_of_the_file_are_shown_with_their_clock() -> None:
    SIMULATED_ACCOUNT.advance(NOW + timedelta(days=10))
    result = run(*STATUS)
    assert result.returncode == 0, result.stderr
    assert re.search(
        r"rack-a +cr-0aaaaaaaaaaaaaaa1 .* active +ok +0 of 18 +216\.8 h +218\.3 h +2026-12-15 10:30", result.stdout
    )
    assert "nothing needs a person within 72 h" in result.stdout
    content = json.loads(run(*STATUS, "--json").stdout)
    first = content["environments"]["training"][0]
    assert (first["state"], first["hours_to_drain"], first["hours_to_end"]) == ("active", 216.83, 218.33)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("block-impaired", "interconnect is impaired"),
        ("block-payment-failed", "is payment-failed"),
        ("block-unavailable", "is unavailable"),
        ("block-unknown", "the account has no reservation"),
        ("block-short", "holds 17 instances, the file says 18"),
    ],
)
def test_what_needs_a_person_is_exit_1(account: Environment, fault: str, says: str) -> None:
    inject(fault, account, pool="rack-a")
    result = run(*STATUS)
    assert (result.returncode, says in result.stdout) == (1, True)


@pytest.mark.usefixtures("account")
def test_a_block_without_a_successor_counts_within_the_hours() -> None:
    SIMULATED_ACCOUNT.advance(NOW + timedelta(days=58))  # three days before the end of rack-b, and rack-a is over
    assert run(*STATUS, "--within-hours", "24").returncode == 0
    result = run(*STATUS, "--within-hours", "96")
    assert result.returncode == 1
    assert "no block of rack-b follows: extend it by 2027-01-26 10:30 UTC" in result.stdout
    assert "2 blocks of the file or the account are over" in result.stdout


@pytest.mark.usefixtures("account")
def test_a_block_that_no_file_has_is_shown() -> None:
    client = boto3.client("ec2", region_name="us-east-1")
    offering = client.describe_capacity_block_offerings(UltraserverType="u-p6e-gb200x72", CapacityDurationHours=24)
    client.purchase_capacity_block(
        CapacityBlockOfferingId=offering["CapacityBlockOfferings"][0]["CapacityBlockOfferingId"],
        InstancePlatform="Linux/UNIX",
    )
    result = run(*STATUS)
    assert result.returncode == 1
    assert "(in no file)" in result.stdout
    assert "is not paid: the purchase fails at 2026-11-26 21:10 UTC" in result.stdout
    assert "`ultrafleet capacity import` adopts it" in result.stdout


@pytest.mark.usefixtures("account")
def test_a_watch_without_a_terminal_prints_changes_and_ends_with_the_last_code() -> None:
    result = run(*STATUS, "--watch", "--interval", "5", "--readings", "2")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 3  # once for each block: nothing changed
    assert lines[0] == (
        "2026-11-26T09:10:00Z training: rack-a cr-0aaaaaaaaaaaaaaa1: scheduled, interconnect ok, ends 2026-12-15 11:30"
    )


def test_fails_another_account_and_none(account: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    as_account(monkeypatch, "999988887777")
    result = run(*STATUS)
    assert result.returncode == 2
    assert f"expected {account.account}; they are 999988887777" in result.stderr
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    assert "no usable credentials" in run(*STATUS).stderr
    assert run("capacity", "status", "nowhere").returncode == 2


@pytest.mark.slow
def test_a_watch_on_a_terminal_is_live_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    from ultrafleet.rehearsal.scenarios.remote import EmbeddedAws  # noqa: PLC0415

    aws = EmbeddedAws("training", folder=tmp_path)
    aws.start(environments=ROOT / "stacks" / "environments", now=NOW)
    try:
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            [COMMAND, *STATUS, "--watch"],
            stdin=follower,
            stdout=follower,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=aws.variables(account="111122223333", region="us-east-1"),
        )
        os.close(follower)
        shown = b""
        give_up = time.monotonic() + 60
        while b"nothing needs a person" not in shown and time.monotonic() < give_up:
            shown += os.read(leader, 65536)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        os.close(leader)
    finally:
        aws.stop()
    assert (process.returncode, said) == (0, b"")
    assert b"cr-0aaaaaaaaaaaaaaa1" in shown


def test_the_help_and_the_page_list_every_permission() -> None:
    page = (ROOT / "docs" / "capacity-desk.md").read_text().split("## Status")[1]
    policy = json.loads(page.split("```json\n")[1].split("```")[0])
    assert policy["Statement"][0]["Action"] == [permission.action for permission in STATUS_PERMISSIONS]
    told = " ".join(run("capacity", "status", "--help", environment={"COLUMNS": "200"}).stdout.split())
    for permission in STATUS_PERMISSIONS:
        assert permission.action in told


def test_every_call_has_its_permission() -> None:
    text = (ROOT / "constructs" / "ultrafleet" / "block_status" / "live_block.py").read_text()
    called = set(re.findall(r'"(describe_[a-z_]+)"', text)) | {"get_caller_identity"}
    named = {"".join(part.title() for part in name.split("_")) for name in called}
    assert named == {item.action.partition(":")[2] for item in STATUS_PERMISSIONS}
