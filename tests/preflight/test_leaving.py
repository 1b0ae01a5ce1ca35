"""Node groups that leave the file: deleted by the deployment, left in AWS, or on one block with another."""

from dataclasses import replace
from datetime import UTC, datetime

from helpers.preflight_world import RACK_A, RACK_B, Content, World
from ultrafleet.preflight import Finding, Level, LiveNodeGroup

BLOCK = "cr-0bbbbbbbbbbbbbbb1"
OLD_SHAPE = {"ultrafleet:capacity-block-group": "training-rack-b", "ultrafleet:schedule": "capacity-blocks"}


def the(findings: list[Finding]) -> Finding:
    (found,) = findings
    return found


def without_first_block(content: Content) -> None:
    del content["pools"][0]["blocks"][0]


def without_rack_b(content: Content) -> None:
    del content["pools"][1]


def renamed(content: Content) -> None:
    content["pools"][1]["name"] = "rack-z"


def another_reservation(content: Content) -> None:
    content["pools"][1]["blocks"][0]["capacity_reservation_id"] = "cr-0ccccccccccccccc1"


def test_a_block_taken_out_of_the_file_is_deleted_with_its_nodes() -> None:
    found = the(World().findings(without_first_block))
    assert found.key == f"deleted:{RACK_A}"
    assert f"node group {RACK_A} runs 18 nodes and is no longer in stack training-pool-rack-a" in found.text


def test_a_pool_without_blocks_that_gets_some_is_deleted_with_its_nodes() -> None:
    def on_a_block(content: Content) -> None:
        (pool,) = [item for item in content["pools"] if item["name"] == "b300"]
        del pool["nodes"], pool["capacity_reservation"]
        start, end = datetime(2026, 12, 12, 11, 30, tzinfo=UTC), datetime(2026, 12, 19, 11, 30, tzinfo=UTC)
        block = {"capacity_reservation_id": "cr-0ddddddddddddddd1", "instance_count": 2, "start": start, "end": end}
        pool["blocks"] = [{**block, "availability_zone": "us-east-1b"}]

    (found,) = [item for item in World(running=("b300",)).findings(on_a_block) if item.level is Level.HAZARD]
    assert found.key == "deleted:b300"
    assert found.text.endswith("keep its pool as it is, and give blocks a pool with a new name")


def test_a_block_that_is_over_may_go() -> None:
    found = the(World(running=()).findings(without_first_block))
    assert found.level is Level.NOTE
    assert "no node runs on it" in found.text


def test_another_reservation_is_another_node_group() -> None:
    world = World()
    known = {**world.account.reservations}
    known["cr-0ccccccccccccccc1"] = replace(known[BLOCK], id="cr-0ccccccccccccccc1")
    world.account = replace(world.account, reservations=known)
    assert the(world.findings(another_reservation)).key == f"deleted:{RACK_B}"


def test_a_block_that_moves_to_another_pool_is_deleted_with_its_nodes() -> None:
    def swapped(content: Content) -> None:
        first, second = (pool["blocks"] for pool in content["pools"][:2])
        first[0], second[0] = second[0], first[0]
        first.pop()  # it would begin before the block that came

    hazards = [item for item in World().findings(swapped) if item.level is Level.HAZARD]
    assert {item.key for item in hazards} == {f"deleted:{RACK_A}", f"deleted:{RACK_B}"}
    assert f"{BLOCK} is now in pool rack-a, as another node group" in " ".join(item.text for item in hazards)


def test_a_removed_pool_stays_in_aws() -> None:
    found = the(World().findings(without_rack_b))
    assert found.level is Level.NOTE
    assert f"node group {RACK_B} is live with 18 nodes and the file no longer names it" in found.text
    assert "aws cloudformation delete-stack --stack-name training-pool-rack-b" in found.text


def test_a_renamed_pool_puts_two_node_groups_on_one_block() -> None:
    hazard, note = World().findings(renamed)
    assert hazard.key == f"shared:{BLOCK}:{RACK_B}"
    assert "it looks like a rename" in hazard.text
    assert f"18 nodes stay in {RACK_B} and rack-z-{BLOCK} fails to launch while they do" in hazard.text
    assert note.level is Level.NOTE


def test_a_renamed_pool_whose_block_has_not_begun() -> None:
    hazard, _ = World(running=()).findings(renamed)
    assert f"the schedule asks for the nodes of the block in {RACK_B} and in rack-z-{BLOCK}" in hazard.text


def test_two_node_groups_on_one_block_are_a_hazard_once() -> None:
    world = World(renamed, running=())
    world.account = replace(
        world.account, node_groups={**world.account.node_groups, RACK_B: World().account.node_groups[RACK_B]}
    )
    assert [item.level for item in world.findings()] == [Level.NOTE, Level.NOTE]


def test_an_old_node_group_that_its_stack_deletes_has_a_page() -> None:
    world = World()
    stack = world.account.stacks["training-pool-rack-b"]
    resources = dict(stack.template["Resources"])
    old = resources.pop(f"Group{RACK_B}")
    resources["Old"] = {**old, "Properties": {**old["Properties"], "NodegroupName": "rack-b"}}
    groups = {**world.account.node_groups, "rack-b": LiveNodeGroup(name="rack-b", nodes=18, tags=OLD_SHAPE)}
    del groups[RACK_B]
    world.account = replace(
        world.account,
        node_groups=groups,
        stacks={**world.account.stacks, stack.name: replace(stack, template={"Resources": resources})},
    )
    found = the(world.findings())
    assert found.key == "deleted:rack-b"
    assert "it has the old shape, one node group on a group of blocks: docs/migration.md" in found.text


def test_an_orphan_of_the_old_shape_is_named_as_such() -> None:
    world = World()
    orphan = LiveNodeGroup(name="rack-q", nodes=18, tags=OLD_SHAPE)
    world.account = replace(world.account, node_groups={**world.account.node_groups, "rack-q": orphan})
    found = the(world.findings())
    assert found.level is Level.NOTE
    assert "rack-q (old shape, on a group of blocks: docs/migration.md)" in found.text
    assert "aws eks delete-nodegroup --cluster-name training --nodegroup-name rack-q" in found.text
    assert "so the schedule doesn't empty it before EC2 takes its nodes" in found.text
    tagged = replace(orphan, tags={**OLD_SHAPE, "ultrafleet:capacity-reservation": "cr-0eeeeeeeeeeeeeee1"})
    world.account = replace(world.account, node_groups={**world.account.node_groups, "rack-q": tagged})
    assert "doesn't empty it" not in the(world.findings()).text


def test_node_groups_of_others_are_not_listed() -> None:
    world = World()
    other = LiveNodeGroup(name="web", nodes=3, tags={"team": "web"})
    world.account = replace(world.account, node_groups={**world.account.node_groups, "web": other})
    assert world.findings() == []


def existing(content: Content) -> None:
    content["pools"][1]["blocks"][0]["existing_node_group"] = "rack-b"


TAGS = {**OLD_SHAPE, "ultrafleet:capacity-reservation": BLOCK, "ultrafleet:drain-lead-minutes": "90"}


def migrated(**changed: str) -> World:
    """A fleet whose old node group rack-b was taken out of its stack."""
    world = World(existing)
    tags = {key: value for key, value in {**TAGS, **changed}.items() if value}
    old = LiveNodeGroup(name="rack-b", nodes=18, tags=tags, running_in=frozenset({BLOCK}))
    world.account = replace(world.account, node_groups={**world.account.node_groups, "rack-b": old})
    return world


def test_an_existing_node_group_with_its_tags_is_quiet() -> None:
    assert migrated().findings() == []


def test_an_existing_node_group_without_its_tag_is_refused() -> None:
    for changed in ({"ultrafleet:capacity-reservation": ""}, {"ultrafleet:drain-lead-minutes": ""}):
        found = the(migrated(**changed).findings())
        assert found.level is Level.REFUSED
        assert f"aws eks tag-resource --resource-arn ... --tags ultrafleet:capacity-reservation={BLOCK}" in found.text


def test_an_existing_node_group_that_is_not_there_is_refused() -> None:
    found = the(World(existing).findings())
    assert found.level is Level.REFUSED
    assert "is rack-b, expected a node group of cluster training" in found.text


def test_an_existing_node_group_that_its_stack_would_delete_is_refused() -> None:
    def own(content: Content) -> None:
        content["pools"][1]["blocks"][0]["existing_node_group"] = RACK_B

    found = the(World().findings(own))
    assert found.level is Level.REFUSED
    assert "this deployment would delete it with 18 nodes" in found.text
