"""Runs of a purchase or an extension that is killed, raced or left without an answer, and what is true afterwards."""

import gc
import os
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from helpers import block_shop
from helpers.block_shop import ACCOUNT, EXTENSION, OFFERING, RESERVATION, ZONE, Shop, day
from helpers.tracing import UNEXPECTED, fork, traced, wait
from ultrafleet.environment import load_environment
from ultrafleet.environment.text_places import written_moment
from ultrafleet.purchases import Desk, Journal, Market, PurchaseError, State
from ultrafleet.purchases.buying import BlockWish, buy
from ultrafleet.purchases.extending import ExtensionWish, extend
from ultrafleet.purchases.outcome import UNSETTLED
from ultrafleet.purchases.settling import exit_code, settle

TEXT = f"""\
# An environment, with a comment that stays.
account: "{ACCOUNT}"
region: us-east-1
production: false
purchases: {{ approval_above_usd: 10000000 }}
network:
  cidr: 10.64.0.0/16
  egress: none
  subnets:
    - {{ name: control-a, kind: control_plane, availability_zone: us-east-1a, cidr: 10.64.0.0/26 }}
    - {{ name: control-b, kind: control_plane, availability_zone: us-east-1b, cidr: 10.64.0.64/26 }}
    - {{ name: system-a, kind: system, availability_zone: us-east-1a, cidr: 10.64.4.0/22 }}
    - {{ name: dallas, kind: accelerator, availability_zone: {ZONE}, cidr: 10.64.32.0/19 }}
pools:
  - name: rack
    kind: ultraserver
    workload: training
    ultraserver_type: u-p6e-gb200x72
    subnet: dallas
    blocks:
      - capacity_reservation_id: {RESERVATION} # the first
        availability_zone: {ZONE}
        start: {written_moment(day(-2))}
        end: {written_moment(day(10))}
kubernetes: {{ delivery: none }}
"""
LATE = frozenset({"late", "hidden"})
PATIENCE = block_shop.HIDDEN_SECONDS * 1.4
"""Time after a call from which these runs count EC2's silence, where the shop is late."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run.

    Attributes:
        kind: `block` or `extension`.
        at: stop at which it gets the signal, from 1; None: it gets none.
        signal: the signal.
        fault: what the shop does to the call that pays; "": it answers.
        rivals: commands that run beside it at the same time.
    """

    kind: str
    at: int | None = None
    signal: int = signal.SIGKILL
    fault: str = ""
    rivals: int = 0


@dataclass
class Tally:
    """Sums of runs.

    Attributes:
        runs: how many there were.
        killed: how many were ended by a signal.
        after_paying: of those, how many when the shop had sold.
        doubles: what was paid beyond the one that was wanted.
        lost: what was paid and isn't in the journal and the file in the end.
        unfulfilled: runs in which nothing was bought in the end.
        broken: the first runs of these, in words.
    """

    runs: int = 0
    killed: int = 0
    after_paying: int = 0
    doubles: int = 0
    lost: int = 0
    unfulfilled: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        for name in ("runs", "killed", "after_paying", "doubles", "lost", "unfulfilled"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.codes += other.codes
        self.broken = (self.broken + other.broken)[:20]


class Bench:
    """Folder, shop and clients of many runs, one after the other.

    Args:
        shop: the shop.
        folder: an empty folder.
    """

    def __init__(self, shop: Shop, folder: Path) -> None:
        os.environ |= {
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_ENDPOINT_URL": shop.url,
            "GIT_CONFIG_GLOBAL": "/dev/null",
        }
        self.shop = shop
        self.environments = folder / "environments"
        self.environments.mkdir()
        for arguments in (["init", "-q"], ["config", "user.email", "buyer@example.com"]):
            subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)  # noqa: S607
        self.path = self.environments / "training.yaml"
        self.journal = Journal(self.environments / "purchases.jsonl")
        session = boto3.Session(region_name="us-east-1")
        self.market = Market(session, account=ACCOUNT, read_seconds=block_shop.HIDDEN_SECONDS)
        self.plain = session.client("ec2", config=Config(read_timeout=block_shop.HIDDEN_SECONDS))
        """Client as boto3 makes it, which tries again."""
        self.record = folder / "record.json"
        self.desk = Desk(
            environments=self.environments, name="training", journal=self.journal, market=self.market, lock_seconds=20
        )

        for kind in ("block", "extension"):  # what is imported and built at first use is there before the forks
            self.clear(Case(kind=kind))
            self.command(kind)
            self.recover(Case(kind=kind))
            self.clear(Case(kind=kind))
            self.naive(kind)
        self.market.close()
        self.plain.close()
        gc.collect()
        gc.freeze()  # a collection in a fork would copy every page

    def clear(self, case: Case) -> None:
        """Begin anew."""
        for file in self.environments.iterdir():
            file.unlink()
        self.record.unlink(missing_ok=True)
        self.path.write_text(TEXT)
        self.shop.reset(*([case.fault] if case.fault else []))

    def command(self, kind: str) -> int:
        """The command of a user; its exit code."""
        try:
            if kind == "block":
                buy(self.desk, BlockWish(offering=OFFERING, pools=("rack",), max_usd=Decimal(260_000), days=14))
            else:
                extend(self.desk, ExtensionWish(pool="rack", days=14, max_usd=Decimal(260_000)))
        except PurchaseError as error:
            return error.exit_code
        return 0

    def recover(self, case: Case) -> int:
        """What the user does afterwards: settles until all is settled, then the same command again."""
        patience = timedelta(seconds=PATIENCE if case.fault in LATE else 0)
        code = UNSETTLED
        for _ in range(5):  # the shop's order may have met with this one
            for _ in range(200):
                if exit_code(self.desk, settle(self.desk, absent_after=patience)) != UNSETTLED:
                    break
                time.sleep(0.02)
            code = self.command(case.kind)
            if code == 0:
                break
        return code

    def naive(self, kind: str) -> int:
        """A model of the other order: look into the record, buy, then record; again until the record has it."""
        if self.record.exists() and self.record.read_text():
            return 0
        if kind == "block":
            (offer,) = self.plain.describe_capacity_block_offerings(CapacityDurationHours=336)["CapacityBlockOfferings"]
            pairs = [{"Key": key, "Value": "training"} for key in ("Name", "team", "environment")]
            tags = [{"ResourceType": "capacity-reservation", "Tags": pairs}]
            bought = self.plain.purchase_capacity_block(
                CapacityBlockOfferingId=offer["CapacityBlockOfferingId"],
                InstancePlatform="Linux/UNIX",
                TagSpecifications=tags,
            )
        else:
            (offer, *_) = self.plain.describe_capacity_block_extension_offerings(
                CapacityReservationId=RESERVATION, CapacityBlockExtensionDurationHours=336
            )["CapacityBlockExtensionOfferings"]
            bought = self.plain.purchase_capacity_block_extension(
                CapacityReservationId=RESERVATION, CapacityBlockExtensionOfferingId=EXTENSION
            )
        self.record.write_text(repr(bought))
        return 0


def run(bench: Bench, case: Case, *, naive: bool = False) -> Tally:
    """One run, its recovery, and what is true afterwards."""
    bench.clear(case)

    def work() -> int:
        return bench.naive(case.kind) if naive else bench.command(case.kind)

    rivals = [fork(work) for _ in range(case.rivals)]
    ended = traced(work, at=case.at, number=case.signal)
    codes = Counter([ended.code, *map(wait, rivals)])
    before = bench.shop.state()  # every request that was sent has been worked on
    paid = len(before[0 if case.kind == "block" else 1])
    is_killed = ended.code < 0 or ended.code == 130
    tally = Tally(runs=1, killed=is_killed, after_paying=is_killed and paid > 0, codes=codes)
    code = wait(fork(lambda: bench.naive(case.kind) if naive else bench.recover(case)))
    for _ in range(5):
        if code == 0 or not naive:
            break
        code = wait(fork(work))
    blocks, extensions, _ = bench.shop.state()
    sold = blocks if case.kind == "block" else extensions
    tally.doubles = max(0, len(sold) - 1)
    tally.unfulfilled = int(not sold)
    if not naive:
        tally.lost = _lost(bench, case.kind, sold)
    if tally.doubles or tally.lost or tally.unfulfilled or code or codes[UNEXPECTED]:
        tally.broken.append(f"{case}: {dict(codes)}, then {code}; {len(sold)} sold, {tally.lost} lost")
        tally.unfulfilled += int(code != 0 and not naive)
    return tally


def _lost(bench: Bench, kind: str, sold: list[Any]) -> int:
    """How much of what was paid isn't both in the journal and in the file."""
    (pool,) = load_environment(bench.path).pools
    written = [item for item in bench.journal.read().values() if item.state is State.WRITTEN]
    if kind == "extension":
        ends = {written_moment(item.intent.extension.new_end) for item in written if item.intent.extension is not None}
        in_file = written_moment(pool.blocks[0].end)
        return sum(
            _second(item["CapacityBlockExtensionEndDate"]) not in ends & {in_file}
            for item in sold[-1:]
        )  # fmt: skip
    journalled = {block.capacity_reservation_id for item in written for block in item.blocks}
    in_file_ids = {block.capacity_reservation_id for block in pool.blocks}
    return sum(item["CapacityReservationIds"][0] not in journalled & in_file_ids for item in sold)


def _second(text: str) -> str:
    return f"{text[:10]}T{text[11:19]}Z"


def stops(bench: Bench, kind: str, *, naive: bool = False) -> int:
    """Stops of a run that nothing disturbs."""
    bench.clear(Case(kind=kind))
    ended = traced(lambda: bench.naive(kind) if naive else bench.command(kind))
    if ended.code != 0:
        raise RuntimeError(f"the undisturbed {kind} ends with {ended.code}")
    return ended.stops
