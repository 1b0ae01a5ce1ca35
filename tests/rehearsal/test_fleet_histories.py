"""Weeks of a fleet at random: edits, purchases, faults, odd states, killed deployments; each against a world without.

A step forks the account, lets an hour pass in a world without the step, and compares the nodes: what is missing must
have been announced by preflight. Whatever happens, a second deployment heals, the same file changes nothing, and EC2
finds nothing to reclaim.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from helpers import aws_state
from helpers.rehearsal_site import Content, DeployedEnvironment, deployed
from ultrafleet.preflight import Finding, Level
from ultrafleet.rehearsal.ec2.state.reservations import CapacityReservation, Reservations
from ultrafleet.rehearsal.scenarios.assembly import StackFailedError, deploy_assembly
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal

pytestmark = pytest.mark.slow

ODD = ("scheduled", "pending", "unavailable", "assessing", "delayed", "payment-pending", "failed", "unsupported")
HOUR = timedelta(hours=1)


def bare(content: Content) -> None:
    """Pools and what they stand on."""
    content["kubernetes"] = {"delivery": "none"}


def pool(content: Content) -> Content:
    found: Content = content["pools"][0]
    return found


def append(content: Content) -> None:
    """A block that overlaps the last by a day."""
    blocks = pool(content)["blocks"]
    last = blocks[-1]
    start, end = last["end"] - timedelta(days=1), last["end"] + timedelta(days=6)
    number = int(last["capacity_reservation_id"][-2:], 16) + 1
    added = {"capacity_reservation_id": f"cr-0fffffffffffff{number:03x}", "start": start, "end": end}
    blocks.append({**last, "launch_template_version": 1, **added})


def remove_first(content: Content) -> None:
    blocks = pool(content)["blocks"]
    if len(blocks) > 1:
        del blocks[0]


def extend(content: Content) -> None:
    pool(content)["blocks"][-1]["end"] += timedelta(days=1)


def label(content: Content) -> None:
    labels = pool(content).setdefault("node", {}).setdefault("labels", {})
    labels["round"] = str(int(labels.get("round", "0")) + 1)


def tags(content: Content) -> None:
    pool(content).setdefault("node", {})["tags"] = {"cost-center": f"{len(str(content))}"}


def new_template(content: Content) -> None:
    """A template that changes, and reaches only what comes later."""
    node = pool(content).setdefault("node", {})
    node["root_volume_gib"] = node.get("root_volume_gib", 100) + 1


def raise_version(content: Content) -> None:
    new_template(content)
    block = pool(content)["blocks"][0]
    block["launch_template_version"] = block.get("launch_template_version", 1) + 1


def hold(content: Content) -> None:
    pool(content)["hold"] = not pool(content).get("hold", False)


def lead(content: Content) -> None:
    pool(content)["drain_lead_minutes"] = 90 if pool(content).get("drain_lead_minutes") == 1200 else 1200


def rename(content: Content) -> None:
    pool(content)["name"] += "x"


def workload(content: Content) -> None:
    pool(content)["workload"] = "inference" if pool(content)["workload"] == "training" else "training"


EDITS: tuple[Callable[[Content], None], ...] = (
    append, remove_first, extend, label, tags, new_template, raise_version, hold, lead, rename, workload,
)  # fmt: skip


class Fleet(RuleBasedStateMachine):
    """One pool of one rack after another, deployed and running."""

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()

    @initialize()
    def deploy(self) -> None:
        self.made = self._open.enter_context(deployed("overlap", bare, up=True))

    def teardown(self) -> None:
        self._open.close()

    # What happens

    @rule(hours=st.sampled_from([0.2, 2, 20, 60]))
    def time_passes(self, hours: float) -> None:
        advance(timedelta(hours=hours))

    @rule(edit=st.sampled_from(EDITS))
    def edit(self, edit: Callable[[Content], None]) -> None:
        with self.compared() as announced:
            text = self.made.text
            self.made.edit(edit)
            self.made.simulation.prepare()
            announced.extend(self.made.preflight())
            try:
                self.made.deploy()
            except StackFailedError:
                # What EKS refuses, or what another update is in the way of: the file as it was heals it.
                advance(12 * HOUR)
                self.made.text = text
                self.made.deploy()
        assert set(self.made.deploy().values()) == {"unchanged"}

    @rule(edit=st.sampled_from([append, label, tags, new_template]), stacks=st.integers(0, 6))
    def edit_and_kill(self, edit: Callable[[Content], None], stacks: int) -> None:
        """The deployment dies between two stacks, and is run again."""
        with self.compared() as announced:
            self.made.edit(edit)
            self.made.simulation.prepare()
            announced.extend(self.made.preflight())
            deploy_assembly(list(self.made.stacks[:stacks]), self.made.call)
            advance(timedelta(minutes=20))
            self.made.deploy()
        assert set(self.made.deploy().values()) == {"unchanged"}

    @rule(state=st.sampled_from(ODD), minutes=st.integers(1, 40), data=st.data())
    def block_in_an_odd_state(self, state: str, minutes: int, data: st.DataObject) -> None:
        running = [item for item in self.blocks() if item.state(SIMULATED_ACCOUNT.now) == "active"]
        if not running or self.near_a_drain():
            return
        block = data.draw(st.sampled_from([item.id for item in running]))
        with self.compared():
            self.reservations.override(block, state=state)
            advance(timedelta(minutes=minutes))
            self.reservations.override(block)

    @rule(reading=st.sampled_from(["", "extension-payment-pending", "extension-payment-fails"]))
    def extension(self, reading: str) -> None:
        """Bought in EC2 and not told to the file; paid, or not."""
        running = [item for item in self.blocks() if item.state(SIMULATED_ACCOUNT.now) == "active"]
        if not running:
            return
        given = {"CapacityReservationId": running[-1].id}
        with self.compared():
            SIMULATED_ACCOUNT.readings.add(reading)
            try:
                offered = self.made.call(
                    "ec2",
                    "describe_capacity_block_extension_offerings",
                    **given,
                    CapacityBlockExtensionDurationHours=24,
                )["CapacityBlockExtensionOfferings"]
                chosen = offered[0]["CapacityBlockExtensionOfferingId"]
                self.made.call(
                    "ec2", "purchase_capacity_block_extension", **given, CapacityBlockExtensionOfferingId=chosen
                )
            except (Refusal, IndexError):
                pass  # another one is pending, or the block is at its longest
            advance(timedelta(minutes=30))
            SIMULATED_ACCOUNT.readings.discard(reading)

    @rule(calls=st.integers(1, 3))
    def throttled(self, calls: int) -> None:
        left = [calls]

        def check(service: str, action: str, _: dict[str, Any]) -> None:
            if service == "eks" and action in {"UpdateNodegroupConfig", "DescribeNodegroup"} and left[0]:
                left[0] -= 1
                raise Refusal("ThrottlingException", "Rate exceeded")

        with self.compared():
            SIMULATED_ACCOUNT.checks.append(check)
            advance(timedelta(minutes=15))
            SIMULATED_ACCOUNT.checks.remove(check)

    # What holds

    @invariant()
    def nothing_is_reclaimed(self) -> None:
        if hasattr(self, "made"):
            assert self.reservations.reclaimed == []

    @contextmanager
    def compared(self) -> Iterator[list[Finding]]:
        """Compare the nodes an hour after a step with those of a world without it; the step fills in what was told."""
        announced: list[Finding] = []
        forked, begun = aws_state.save(), SIMULATED_ACCOUNT.now
        yield announced
        advance(HOUR)
        there, spent = self.nodes(), SIMULATED_ACCOUNT.now - begun
        after = aws_state.save()
        aws_state.restore(forked)
        advance(spent)
        without = self.nodes()
        aws_state.restore(after)
        lost = {group for group, nodes in without.items() if nodes - there.get(group, set())}
        told = [item for item in announced if item.level in {Level.HAZARD, Level.REFUSED}]
        silent = {group for group in lost if not any(group in f"{item.key} {item.text}" for item in told)}
        assert not silent, (SIMULATED_ACCOUNT.now, silent, [item.text for item in announced])

    @property
    def reservations(self) -> Reservations:
        return SIMULATED_ACCOUNT.part(Reservations, self.made.environment.account, self.made.environment.region)

    def blocks(self) -> list[CapacityReservation]:
        return [item for item in self.reservations.by_id.values() if item.end is not None]

    def near_a_drain(self) -> bool:
        """True where a drain may be due: an odd state puts it off, as it should, and the nodes differ."""
        now = SIMULATED_ACCOUNT.now
        return any(item.end is not None and now < item.end < now + timedelta(hours=22) for item in self.blocks())

    def nodes(self) -> dict[str, set[str]]:
        """Node group -> its running instances."""
        found: dict[str, set[str]] = {}
        filters = [{"Name": "instance-state-name", "Values": ["running"]}]
        pages = self.made.call.pages("ec2", "describe_instances", "Reservations", Filters=filters)
        for instance in (item for page in pages for item in page["Instances"]):
            group = next((tag["Value"] for tag in instance["Tags"] if tag["Key"] == "eks:nodegroup-name"), "")
            if "-cr-" in group:
                found.setdefault(group, set()).add(instance["InstanceId"])
        return found


def advance(time: timedelta) -> None:
    SIMULATED_ACCOUNT.changes += 1  # what a step did without a call is looked at
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + time)


def test_no_history_loses_a_node_that_was_not_announced() -> None:
    """Two histories of eight steps; more of them by hand. A failure isn't shrunk, which would take an hour."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Fleet,
        settings=settings(
            max_examples=2,
            stateful_step_count=8,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_node_that_is_lost_in_silence_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeployedEnvironment, "preflight", lambda _: [])
    fleet = Fleet()
    fleet.deploy()
    try:
        with pytest.raises(AssertionError, match="rack-cr-0fffffffffffffff1"):
            fleet.edit(hold)
    finally:
        fleet.teardown()
