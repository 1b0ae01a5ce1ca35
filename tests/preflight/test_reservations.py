"""On-demand reservations: stacks that the file left behind, and what is billed once stacks are deleted."""

from dataclasses import replace
from pathlib import Path

from helpers.preflight_world import Content, World
from ultrafleet.environment import load_environment
from ultrafleet.preflight import Level, LiveStack, RetainedResource, billed

ENVIRONMENTS = Path(__file__).parent.parent.parent / "stacks" / "environments"
LEFT = "training-reservation-old"


def with_stack(world: World, name: str) -> World:
    properties = {"InstanceType": "p6-b300.48xlarge", "InstanceCount": 2}
    template = {"Resources": {"Reservation": {"Type": "AWS::EC2::CapacityReservation", "Properties": properties}}}
    stack = LiveStack(name=name, status="CREATE_COMPLETE", template=template)
    world.account = replace(world.account, stacks={**world.account.stacks, name: stack})
    return world


def test_a_reservation_that_left_the_file_is_told_with_what_it_bills() -> None:
    (found,) = with_stack(World(), LEFT).findings()
    assert found.level is Level.NOTE
    assert f"stack {LEFT} is live and the file no longer names its reservation" in found.text
    assert "2 x p6-b300.48xlarge is billed, used or not, until `aws ec2 cancel-capacity-reservation" in found.text


def test_a_stack_of_another_environment_is_left_alone() -> None:
    assert with_stack(World(), "training-2-reservation-old").findings() == []


def billed_of(*retained: tuple[str, str]) -> list[str]:
    resources = [RetainedResource(type=kind, id=name, stack="training-x") for kind, name in retained]
    return list(billed(load_environment(ENVIRONMENTS / "training.yaml"), resources))


def test_what_is_billed_has_the_command_that_stops_it() -> None:
    lines = billed_of(
        ("AWS::KMS::Key", "key-1"),
        ("AWS::EC2::VPC", "vpc-1"),
        ("AWS::FSx::FileSystem", "fs-1"),
        ("AWS::EC2::CapacityReservation", "cr-1"),
    )
    assert [line.split()[2] for line in lines[:3]] == ["cr-1", "fs-1", "key-1"]
    assert "to stop it: aws ec2 cancel-capacity-reservation --capacity-reservation-id cr-1" in lines[0]
    assert "to stop it: aws fsx delete-file-system --file-system-id fs-1" in lines[1]
    assert not any("vpc-1" in line for line in lines)


def test_blocks_are_paid_and_no_command_stops_them() -> None:
    lines = billed_of()
    assert len(lines) == 3
    assert lines[0] == (
        "paid already: cr-0aaaaaaaaaaaaaaa1 (capacity block of rack-a) until 2026-12-15: a block can't be cancelled, "
        "and ends without a command"
    )


def test_reservations_and_node_groups_made_elsewhere_are_told() -> None:
    def edit(content: Content) -> None:
        content["capacity_reservations"][0].update(capacity_reservation_id="cr-0eeeeeeeeeeeeeee1", placement_group=None)
        content["pools"][1]["blocks"][0]["existing_node_group"] = "rack-b"

    world = World(edit)
    lines = list(billed(world.deployment().environment, []))
    assert any("cr-0eeeeeeeeeeeeeee1 (a reservation made elsewhere)" in line for line in lines)
    assert any("aws eks delete-nodegroup --cluster-name training --nodegroup-name rack-b" in line for line in lines)
