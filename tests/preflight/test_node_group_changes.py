"""Changes of node groups that run nodes: each is told with its consequence, and only where it has one."""

from datetime import UTC, datetime, timedelta

import pytest

from helpers.preflight_world import NOW, RACK_B, Content, Edit, World
from ultrafleet.preflight import Finding, Level

END_B = datetime(2027, 1, 26, 11, 30, tzinfo=UTC)


def pool(name: str, **changed: object) -> Edit:
    def edit(content: Content) -> None:
        (found,) = [item for item in content["pools"] if item["name"] == name]
        found.update(changed)

    return edit


def block(name: str, number: int = 0, **changed: object) -> Edit:
    def edit(content: Content) -> None:
        (found,) = [item for item in content["pools"] if item["name"] == name]
        found["blocks"][number].update(changed)

    return edit


def both(*edits: Edit) -> Edit:
    def edit(content: Content) -> None:
        for one in edits:
            one(content)

    return edit


def the(findings: list[Finding]) -> Finding:
    (found,) = findings
    return found


OTHER_DISK = pool("rack-b", node={"root_volume_gib": 200})
NEXT = block("rack-b", launch_template_version=2)


def test_nothing_is_said_of_a_deployment_that_changes_nothing() -> None:
    assert World().findings() == []
    assert World(running=()).findings() == []


def test_hold_on_running_nodes() -> None:
    found = the(World().findings(pool("rack-b", hold=True)))
    assert found.level is Level.HAZARD
    assert found.key == f"held:{RACK_B}"
    assert f"node group {RACK_B} runs 18 nodes, and hold becomes true: the schedule empties it within 5" in found.text
    assert World(running=()).findings(pool("rack-b", hold=True)) == []
    assert World(pool("rack-b", hold=True)).findings(pool("rack-b", hold=False)) == []


def test_a_hold_is_said_whatever_else_the_schedule_reads() -> None:
    both_orders = both(pool("rack-b", hold=True), pool("rack-b", drain_lead_minutes=600))
    assert the(World().findings(both_orders)).key == f"held:{RACK_B}"


def test_a_longer_lead_that_has_not_begun_is_only_said() -> None:
    found = the(World().findings(pool("rack-b", drain_lead_minutes=600)))
    assert found.level is Level.NOTE
    assert "drain lead goes from 90 to 600 minutes: it drains at 2027-01-26 01:30 UTC" in found.text


def test_a_longer_lead_that_has_begun_empties_at_once() -> None:
    edit = pool("rack-b", drain_lead_minutes=600)
    found = the(World().findings(edit, now=END_B - timedelta(minutes=300)))
    assert found.key == f"lead:{RACK_B}:90-to-600"
    assert "that began at 2027-01-26 01:30 UTC, so the schedule empties it within 5 minutes" in found.text
    assert World(running=()).findings(edit, now=END_B - timedelta(minutes=300)) == []
    shorter = World(edit).findings(pool("rack-b", drain_lead_minutes=90), now=END_B - timedelta(minutes=300))
    assert the(shorter).level is Level.NOTE


def test_the_files_end_counts_where_ec2_says_none() -> None:
    world, edit = World(), pool("rack-b", drain_lead_minutes=600)
    world.reservation("cr-0bbbbbbbbbbbbbbb1", end=None)
    found = the(world.findings(edit, now=END_B - timedelta(minutes=300)))
    assert found.key == f"lead:{RACK_B}:90-to-600"


def test_the_end_that_counts_is_ec2s() -> None:
    world, edit = World(), pool("rack-b", drain_lead_minutes=600)
    world.reservation("cr-0bbbbbbbbbbbbbbb1", end=NOW + timedelta(minutes=300))
    hazard, note = world.findings(edit)
    assert hazard.key == f"lead:{RACK_B}:90-to-600"
    assert note.level is Level.NOTE


def test_a_version_on_running_nodes_is_rolled_and_says_until_when() -> None:
    world = World(OTHER_DISK)
    world.account.newest_versions[f"training-{RACK_B}"] = 2  # type: ignore[index]
    found = the(world.findings(NEXT))
    assert found.level is Level.HAZARD
    assert found.key == f"rolled:{RACK_B}:1-to-2"
    assert "EKS replaces 1 at a time, each evicted for up to 15 minutes" in found.text
    assert "replaced about 10 minutes later, when its place in the block is free" in found.text
    assert "until 2026-12-10 18:00 UTC or later; the update can't be cancelled" in found.text  # 18 x 25 min


def test_the_template_and_its_version_in_one_deployment() -> None:
    found = the(World().findings(both(OTHER_DISK, NEXT)))
    assert found.key == f"rolled:{RACK_B}:1-to-2"
    assert World(running=()).findings(both(OTHER_DISK, NEXT)) == []
    assert World().findings(OTHER_DISK) == []


def test_what_to_do_instead_of_a_roll_depends_on_the_capacity() -> None:
    edit = pool("b300", node={"root_volume_gib": 200}, launch_template_version=2)
    found = the(World().findings(edit))
    assert found.key == "rolled:b300:1-to-2"
    assert found.text.endswith("Deploy it between two jobs")
    assert "replaced then, so until 2026-12-10 11:00 UTC" in found.text
    assert the(World().findings(both(OTHER_DISK, NEXT))).text.endswith("the next block begins with the newest template")


def test_more_at_a_time_take_less_time() -> None:
    two = pool("rack-b", node={"root_volume_gib": 200, "max_unavailable": 3})
    found = the(World(pool("rack-b", node={"max_unavailable": 3})).findings(both(two, NEXT)))
    assert "until 2026-12-10 13:00 UTC" in found.text


def test_a_roll_that_does_not_end_before_the_drain_is_refused() -> None:
    # 18 x 25 minutes, eviction and clean-up, and a lead of 90: 9 hours before the end.
    edit = both(OTHER_DISK, NEXT)
    assert the(World().findings(edit, now=END_B - timedelta(hours=9))).level is Level.HAZARD
    found = the(World().findings(edit, now=END_B - timedelta(hours=9) + timedelta(minutes=1)))
    assert found.level is Level.REFUSED
    assert found.key == ""
    assert "Its drain begins at 2027-01-26 10:00 UTC, and EKS resizes no node group that it updates" in found.text


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (NEXT, "expected 1: the newest version of launch template training-rack-b-cr-0bbbbbbbbbbbbbbb1 is 1 and this"),
        (both(OTHER_DISK, block("rack-b", launch_template_version=3)), "expected at most 2: "),
    ],
    ids=["no change of the template", "one change"],
)
def test_a_version_that_does_not_exist(edit: Edit, text: str) -> None:
    found = the([item for item in World(running=()).findings(edit) if item.level is not Level.HAZARD])
    assert found.level is Level.REFUSED
    assert text in found.text


def test_a_new_block_begins_at_version_1() -> None:
    def added(content: Content) -> None:
        content["pools"][1]["blocks"].append(
            {
                "capacity_reservation_id": "cr-0bbbbbbbbbbbbbbb2",
                "availability_zone": "us-east-1-dfw-2a",
                "start": END_B,
                "end": END_B + timedelta(days=14),
            }
        )

    world = World(added)
    reservations = world.account.reservations
    world = World()
    world.account.reservations.update(reservations)  # type: ignore[attr-defined]
    assert world.findings(added) == []
    found = the(world.findings(both(added, block("rack-b", 1, launch_template_version=2))))
    assert "launch template training-rack-b-cr-0bbbbbbbbbbbbbbb2" not in found.text
    assert "training-rack-b-cr-0bbbbbbbbbbbbbbb2 doesn't exist yet and this deployment makes one more" in found.text


@pytest.mark.parametrize(
    "other", [pool("rack-b", drain_lead_minutes=120), pool("rack-b", hold=True), pool("rack-b", workload="inference")]
)
def test_a_version_together_with_anything_else_is_refused(other: Edit) -> None:
    for running in ((), (RACK_B,)):
        found = the(World(running=running).findings(both(OTHER_DISK, NEXT, other)))
        assert found.level is Level.REFUSED
        assert "EKS takes LaunchTemplate/Version alone, not together with" in found.text
        assert "make two deployments" in found.text


def test_another_workload_moves_queues_and_no_node() -> None:
    found = the(World().findings(pool("rack-b", workload="inference")))
    assert found.key == f"relabelled:{RACK_B}:training-to-inference"
    assert "nodes and pods on them stay, labels change in place; the queue of training loses these nodes" in found.text
    assert World(running=()).findings(pool("rack-b", workload="inference")) == []


def test_a_stated_size_empties_a_running_group() -> None:
    found = the(World().findings(block("rack-b", initial_desired_size=0)))
    assert found.key == f"resized:{RACK_B}:18-to-0"
    assert "DesiredSize 0 among them" in found.text
    assert World(running=()).findings(block("rack-b", initial_desired_size=0)) == []
    back = World(block("rack-b", initial_desired_size=0)).findings(block("rack-b", initial_desired_size=None))
    assert back == []


def test_a_stated_size_that_stays_is_only_said() -> None:
    found = the(World(block("rack-b", initial_desired_size=0)).findings())
    assert found.level is Level.NOTE
    assert "`cdk deploy --revert-drift` would and take the nodes" in found.text


def test_other_sizes_with_a_stated_size_that_takes_no_node() -> None:
    assert World(pool("b300", nodes=1)).findings(pool("b300", nodes=2)) == []
    world = World(running=())
    world.group("b300", desired_size=2)
    world.account.stacks["training-pool-b300"].template["Resources"]["Groupb300"]["Properties"]["ScalingConfig"][
        "MinSize"
    ] = 1
    assert world.findings() == []


def test_a_pool_without_blocks_that_shrinks() -> None:
    world = World()
    found = the(world.findings(pool("b300", nodes=1)))
    assert found.key == "resized:b300:2-to-1"
    assert "so that EKS evicts 1 node at once" in found.text
    assert World(running=()).findings(pool("b300", nodes=1)) == []


def test_a_largest_size_below_what_runs_is_refused() -> None:
    world = World()
    found = [item for item in world.findings() if item]
    assert found == []
    world.group(RACK_B, desired_size=20)
    deployment = world.deployment()
    template = deployment.account.stacks["training-pool-rack-b"].template
    template["Resources"][f"Group{RACK_B}"]["Properties"]["ScalingConfig"]["MaxSize"] = 20
    refused = the(world.findings())
    assert refused.level is Level.REFUSED
    assert "asks for 20 nodes, expected at most 18" in refused.text


@pytest.mark.parametrize("status", ["UPDATING", "CREATING"])
def test_a_node_group_that_is_being_updated_takes_no_update(status: str) -> None:
    world = World(running=())
    world.group(RACK_B, status=status)
    assert world.findings() == []
    found = the(world.findings(pool("rack-b", drain_lead_minutes=120)))
    assert found.level is Level.REFUSED
    assert f"node group {RACK_B} is {status}, expected ACTIVE" in found.text
    world.group(RACK_B, status="DEGRADED")
    assert world.findings(pool("rack-b", drain_lead_minutes=120)) == []


def test_a_version_that_was_changed_by_hand_is_said() -> None:
    world = World()
    world.group(RACK_B, launch_template_version="1")
    assert world.findings() == []
    world.group(RACK_B, launch_template_version="2")
    found = the(world.findings())
    assert found.level is Level.NOTE
    assert f"node group {RACK_B} runs launch template version 2, and its template says 1" in found.text


def test_orders_that_were_changed_by_hand_are_said() -> None:
    world = World()
    tags = dict(world.account.node_groups[RACK_B].tags)
    world.group(RACK_B, tags={**tags, "ultrafleet:drain-lead-minutes": "5"})
    found = the(world.findings())
    assert found.level is Level.NOTE
    assert f"node group {RACK_B} has the tag ultrafleet:drain-lead-minutes 5, and 90 in its template" in found.text
    del tags["ultrafleet:schedule"]
    world.group(RACK_B, tags=tags)
    assert "has the tag ultrafleet:schedule (none)" in the(world.findings()).text


def test_a_create_only_property_is_refused_even_when_empty() -> None:
    spare = {"name": "spare", "kind": "accelerator", "availability_zone": "us-east-1-dfw-2a", "cidr": "10.64.128.0/19"}

    def with_spare(content: Content) -> None:
        content["network"]["subnets"].append(spare)

    found = the(World(with_spare, running=()).findings(pool("rack-b", subnet="spare")))
    assert found.level is Level.REFUSED
    assert f'node group {RACK_B} has Subnets [{{"Fn::ImportValue": "training-Subnetdallas"}}], expected' in found.text
    assert "make a pool with a new name" in found.text


def test_a_name_that_is_taken_outside_of_the_stack() -> None:
    world = World()
    del world.account.stacks["training-pool-rack-b"].template["Resources"][f"Group{RACK_B}"]  # type: ignore[attr-defined]
    found = the(world.findings())
    assert found.level is Level.REFUSED
    assert f"node group {RACK_B} exists outside of stack training-pool-rack-b" in found.text


def test_a_change_of_the_next_block_is_none_of_the_running_one() -> None:
    assert (
        World().findings(
            both(pool("rack-a", node={"root_volume_gib": 200}), block("rack-a", 1, launch_template_version=2))
        )
        == []
    )
