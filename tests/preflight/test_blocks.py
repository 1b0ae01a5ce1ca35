"""Blocks of the file beside EC2's reservations, and EKS's own scheduled action."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from helpers.preflight_world import NOW, RACK_B, World
from ultrafleet.preflight import Level, ScheduledAction

BLOCK = "cr-0bbbbbbbbbbbbbbb1"


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"kind": "default"}, "a reservation of type default in EC2, expected capacity-block"),
        ({"instance_type": "p5.48xlarge"}, "of instance type p5.48xlarge in EC2, expected p6e-gb200.36xlarge"),
        ({"instance_count": 9}, "of instance count 9 in EC2, expected 18"),
        ({"availability_zone": "us-east-1a"}, "in zone us-east-1a in EC2, expected us-east-1-dfw-2a"),
    ],
)
def test_a_block_that_is_another_than_the_file_says(changed: dict[str, Any], text: str) -> None:
    world = World()
    world.reservation(BLOCK, **changed)
    (found,) = world.findings()
    assert found.level is Level.REFUSED
    assert text in found.text


def test_a_block_that_another_cluster_runs_is_a_hazard() -> None:
    world = World(running=())
    account = world.account
    left = {name: group for name, group in account.node_groups.items() if name != RACK_B}
    stacks = {name: stack for name, stack in account.stacks.items() if name != "training-pool-rack-b"}
    world.account = replace(account, node_groups=left, stacks=stacks)
    assert world.findings() == []
    world.reservation(BLOCK, used=18)
    (found,) = world.findings()
    assert found.key == f"occupied:{BLOCK}"
    assert "already runs 18 nodes, none of them of cluster training: of an environment that was renamed" in found.text
    world.reservation(BLOCK, used=18, state="scheduled")
    assert world.findings() == []


def test_the_cluster_s_own_instances_are_no_strangers() -> None:
    world = World()
    world.reservation(BLOCK, used=18)
    assert world.findings() == []


def test_an_end_that_differs_is_said() -> None:
    world = World()
    world.reservation(BLOCK, end=world.account.reservations[BLOCK].end + timedelta(days=7))  # type: ignore[operator]
    (found,) = world.findings()
    assert found.level is Level.NOTE
    assert "ends at 2027-02-02 11:30 UTC in EC2 and at 2027-01-26 11:30 UTC in the file" in found.text
    assert "the schedule goes by EC2, queues, reviews and reports by the file" in found.text


@pytest.mark.parametrize("state", ["payment-pending", "pending", "unavailable"])
def test_a_block_that_is_not_active_yet_is_said(state: str) -> None:
    world = World()
    world.reservation(BLOCK, state=state)
    (found,) = world.findings()
    assert found.level is Level.NOTE
    assert f"is {state} in EC2" in found.text


def test_a_block_that_is_over_is_said_and_a_new_one_that_is_over_is_refused() -> None:
    for state in ("expired", "cancelled", "payment-failed"):
        world = World()
        world.reservation(BLOCK, state=state)
        (found,) = world.findings()
        assert found.level is Level.NOTE
        world.account = replace(
            world.account,
            node_groups={name: group for name, group in world.account.node_groups.items() if name != RACK_B},
        )
        assert Level.REFUSED in {item.level for item in world.findings()}


def test_a_block_that_ec2_does_not_know() -> None:
    world = World()
    known = {key: item for key, item in world.account.reservations.items() if key != BLOCK}
    world.account = replace(world.account, reservations=known)
    (found,) = world.findings()
    assert found.level is Level.NOTE
    world.account = replace(world.account, node_groups={}, stacks={}, cluster_version=None, newest_versions={})
    refused = [item for item in world.findings() if BLOCK in item.text]
    assert [item.level for item in refused] == [Level.REFUSED]
    assert f"block {BLOCK} of pool rack-b is not known to EC2 in us-east-1" in refused[0].text


def action(world: World, *, minutes_before_end: int, size: int | None = 0) -> None:
    end = world.account.reservations[BLOCK].end
    assert end is not None
    start = end - timedelta(minutes=minutes_before_end)
    world.group(
        RACK_B,
        scheduled_actions=(ScheduledAction(name="scale down", group="eks-rack-b", start=start, desired_size=size),),
    )


def test_a_scheduled_action_of_an_old_end() -> None:
    world = World()
    action(world, minutes_before_end=40)
    assert world.findings() == []
    action(world, minutes_before_end=40 + 24 * 60)
    (found,) = world.findings()
    assert found.level is Level.NOTE
    assert "takes node group rack-b-cr-0bbbbbbbbbbbbbbb1 to 0 at 2027-01-25 10:50 UTC" in found.text
    assert "--auto-scaling-group-name eks-rack-b --scheduled-action-name 'scale down'" in found.text
    assert world.findings(now=NOW + timedelta(days=46, hours=1)) == []  # it has acted
    action(world, minutes_before_end=40 + 24 * 60, size=18)
    assert world.findings() == []
