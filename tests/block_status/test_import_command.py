"""`ultrafleet capacity import` against the embedded AWS: blocks that were bought elsewhere come into the file."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from helpers.capacity_site import ENVIRONMENTS, NOW, ROOT, as_account, capacity_account
from helpers.command import run
from ultrafleet.block_status import adoptions, lacking, moved_ends, read_blocks
from ultrafleet.environment import Environment, load_environment
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

LATER = NOW + timedelta(days=50)
"""A week and a day before the blocks of the file end, so that one of the next days' offers follows them."""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    with capacity_account(monkeypatch) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ENVIRONMENTS / "training.yaml", tmp_path)
    return tmp_path


def buy(days: int, *, start: str = "", tags: dict[str, str] | None = None, **request: Any) -> str:
    client = boto3.client("ec2", region_name="us-east-1")
    asked = {"CapacityDurationHours": days * 24, **({"StartDateRange": start} if start else {}), **request}
    offers = client.describe_capacity_block_offerings(**asked)["CapacityBlockOfferings"]
    # The last of the soonest windows begins at 11:30.
    bought = client.purchase_capacity_block(
        CapacityBlockOfferingId=offers[1]["CapacityBlockOfferingId"],
        InstancePlatform="Linux/UNIX",
        TagSpecifications=[
            {
                "ResourceType": "capacity-reservation",
                "Tags": [{"Key": key, "Value": value} for key, value in (tags or {"bought-by": "hand"}).items()],
            }
        ],
    )
    return str(bought["CapacityReservation"]["CapacityReservationId"])


def imported(folder: Path, *arguments: str) -> Any:
    return run("capacity", "import", "training", "--environments", str(folder), *arguments)


@pytest.mark.usefixtures("account")
def test_a_file_that_has_every_block_stays_as_it_is(folder: Path) -> None:
    before = (folder / "training.yaml").read_bytes()
    result = imported(folder, "--write")
    assert (result.returncode, "has every block of its account" in result.stdout) == (0, True), result.stderr
    assert (folder / "training.yaml").read_bytes() == before


@pytest.mark.usefixtures("account")
def test_a_block_that_follows_a_pools_last_one_is_adopted_and_comments_stay(folder: Path) -> None:
    path = folder / "training.yaml"
    before = path.read_text()
    new = buy(7, start="2027-01-12T11:00:00Z", UltraserverType="u-p6e-gb200x72")
    shown = imported(folder)
    assert shown.returncode == 1
    assert f"{new}: u-p6e-gb200x72 in us-east-1-dfw-2a, payment-pending, 2027-01-12 11:30 to" in shown.stdout
    assert "-> pool rack-a\n" in shown.stdout
    assert f"+      - capacity_reservation_id: {new}" in shown.stdout
    assert "nothing is written; --write writes it" in shown.stdout
    assert path.read_text() == before
    written = imported(folder, "--write")
    assert (written.returncode, f"written: commit {path}" in written.stdout) == (0, True)
    removed = [line for line in before.splitlines() if line not in path.read_text().splitlines()]
    assert removed == []
    (pool,) = [pool for pool in load_environment(path).pools if pool.name == "rack-a"]
    assert pool.capacity_blocks[-1].capacity_reservation_id == new
    assert imported(folder).returncode == 0


@pytest.mark.usefixtures("account")
def test_a_new_pool_is_asked_for_everything_that_the_account_does_not_tell_at_once(folder: Path) -> None:
    new = buy(28, UltraserverType="u-p6e-gb200x72")  # beside the blocks of both racks
    shown = imported(folder, "--write")
    assert shown.returncode == 2
    assert f"block {new} has no pool, expected one: no pool of the file has room for it" in shown.stderr
    asked = imported(folder, "--pool", "rack-c", "--write")
    assert (asked.returncode, len(asked.stderr.splitlines())) == (2, 2)
    assert "--workload of the new pool rack-c is not passed, expected training or inference" in asked.stderr
    assert "expected a subnet in us-east-1-dfw-2a: dallas" in asked.stderr
    answers = ("--pool", f"{new}=rack-c", "--workload", "training", "--subnet", "dallas")
    written = imported(folder, *answers, "--write")
    assert written.returncode == 0, written.stderr
    loaded = load_environment(folder / "training.yaml")
    made = loaded.pools[-1]
    assert (made.name, made.workload, made.subnet) == ("rack-c", "training", "dallas")
    assert [block.capacity_reservation_id for block in made.capacity_blocks] == [new]
    content = json.loads(imported(folder, "--json").stdout)
    assert content == {"blocks": [], "ends": {}, "questions": [], "written": False}


@pytest.mark.usefixtures("account")
def test_single_instances_come_with_their_number_and_a_pool_may_be_copied(folder: Path) -> None:
    new = buy(14, InstanceType="p6-b200.48xlarge", InstanceCount=4)
    content = json.loads(imported(folder, "--json").stdout)
    zone = content["blocks"][0]["zone"]
    assert (content["blocks"][0]["holds"], content["blocks"][0]["pool"]) == ("4 x p6-b200.48xlarge", None)
    path = folder / "training.yaml"
    path.write_text(
        path.read_text().replace(
            "\n\ncapacity_reservations:",
            f"\n    - {{ name: nodes, kind: accelerator, availability_zone: {zone}, cidr: 10.64.20.0/23 }}"
            "\n\ncapacity_reservations:",
            1,
        )
    )
    answers = ("--pool", "b200", "--workload", "training", "--subnet", "nodes")
    written = imported(folder, *answers, "--write")
    assert written.returncode == 0, written.stderr
    (block,) = load_environment(path).pools[-1].capacity_blocks
    assert (block.capacity_reservation_id, block.instance_count) == (new, 4)
    like = imported(folder, "--pool", "rack-z", "--like", "nowhere")
    assert like.returncode in (0, 2)


def test_an_end_that_was_extended_elsewhere_moves_in_the_file(account: Environment, folder: Path) -> None:
    client = boto3.client("ec2", region_name="us-east-1")
    SIMULATED_ACCOUNT.advance(LATER)
    given = {"CapacityReservationId": "cr-0bbbbbbbbbbbbbbb1"}
    offering = client.describe_capacity_block_extension_offerings(CapacityBlockExtensionDurationHours=168, **given)
    client.purchase_capacity_block_extension(
        CapacityBlockExtensionOfferingId=offering["CapacityBlockExtensionOfferings"][0][
            "CapacityBlockExtensionOfferingId"
        ],
        **given,
    )
    SIMULATED_ACCOUNT.advance(LATER + timedelta(hours=1))
    live = read_blocks(client)
    assert {key: end.isoformat() for key, end in moved_ends(account, live).items()} == {
        "cr-0bbbbbbbbbbbbbbb1": "2027-02-02T11:30:00+00:00"
    }
    written = imported(folder, "--write")
    assert written.returncode == 0, written.stderr
    (pool,) = [pool for pool in load_environment(folder / "training.yaml").pools if pool.name == "rack-b"]
    assert pool.capacity_blocks[0].end.isoformat() == "2027-02-02T11:30:00+00:00"


def test_fails_another_accounts_blocks_and_writes_nothing(
    account: Environment, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_account(monkeypatch, "999988887777")
    buy(7, UltraserverType="u-p6e-gb200x72")
    before = (folder / "training.yaml").read_bytes()
    result = imported(folder, "--pool", "rack-c", "--write")
    assert result.returncode == 2
    assert f"expected {account.account}; they are 999988887777" in result.stderr
    assert (folder / "training.yaml").read_bytes() == before


def test_the_pool_of_a_purchases_tags_is_taken(account: Environment) -> None:
    new = buy(
        28,
        tags={"ultrafleet:environment": "training", "ultrafleet:pool": "rack-d"},
        UltraserverType="u-p6e-gb200x72",
    )
    client = boto3.client("ec2", region_name="us-east-1")
    known = frozenset(block.capacity_reservation_id for pool in account.pools for block in pool.capacity_blocks)
    blocks = lacking(read_blocks(client), known=known, now=NOW)
    (found,) = adoptions(account, blocks, {})
    assert (found.pool, found.is_new) == ("rack-d", True)
    assert adoptions(account, blocks, {new: "rack-b"})[0].pool == "rack-b"


def test_fails_a_pool_that_is_stated_twice(folder: Path, account: Environment) -> None:
    assert account
    result = imported(folder, "--pool", "one", "--pool", "two")
    assert (result.returncode, "--pool is 'two'" in result.stderr) == (2, True)


def test_the_page_tells_of_the_import() -> None:
    assert "capacity import training" in (ROOT / "docs" / "capacity-desk.md").read_text()
