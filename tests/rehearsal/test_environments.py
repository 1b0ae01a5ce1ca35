"""The shipped environments on the embedded AWS: what comes up, what an edit does, what is left at the end."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from helpers.rehearsal_site import Content, DeployedEnvironment, deployed, pool_of, without_workloads
from ultrafleet.cli import app
from ultrafleet.layout import efa_layout
from ultrafleet.rehearsal.scenarios.advice import advice_for
from ultrafleet.rehearsal.scenarios.assembly import StackFailedError, destroy_assembly
from ultrafleet.rehearsal.scenarios.audit import audit, purge, retained
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT

pytestmark = pytest.mark.slow

POOLS = {"dev": {"h100": 1}, "training": {"rack-a": 18, "rack-b": 18, "b300": 2}, "inference": {"rack-c": 9, "h200": 4}}


@pytest.fixture(params=list(POOLS))
def up(request: pytest.FixtureRequest) -> Iterator[DeployedEnvironment]:
    """Each shipped environment, deployed, with its pools up."""
    with deployed(request.param, up=True) as made:
        yield made


@pytest.fixture
def training() -> Iterator[DeployedEnvironment]:
    with deployed("training", up=True) as made:
        yield made


def everyone(made: DeployedEnvironment) -> dict[str, set[str]]:
    return {pool.name: made.nodes(pool.name) for pool in made.environment.pools}


class TestEveryEnvironment:
    def test_every_stack_is_complete_and_every_resource_is_found_again(self, up: DeployedEnvironment) -> None:
        assert set(up.simulation.status()["stacks"].values()) == {"CREATE_COMPLETE"}
        found = audit(up.environment.account, up.environment.region)
        assert [item for item in found if item.problem] == []
        assert len(found) == sum(len(json.loads(stack.template)["Resources"]) for stack in up.stacks)

    def test_every_node_has_its_interfaces_its_reservation_and_its_zone(self, up: DeployedEnvironment) -> None:
        for pool in up.environment.pools:
            instances = up.instances(pool.name)
            assert len(instances) == POOLS[up.name][pool.name]
            wanted = {(i.card, i.device, i.interface_type) for i in efa_layout(pool.instance, intent=pool.node.intent)}
            zone = up.environment.subnet(pool.subnet).availability_zone
            blocks = {block.capacity_reservation_id for block in pool.capacity_blocks}
            for instance in instances:
                attached = {
                    (
                        item["Attachment"]["NetworkCardIndex"],
                        item["Attachment"]["DeviceIndex"],
                        item["InterfaceType"],
                    )
                    for item in instance["NetworkInterfaces"]
                }
                assert attached == wanted
                assert instance["Placement"]["AvailabilityZone"] == zone
                assert instance["InstanceType"] == pool.instance.name
                if blocks:
                    assert instance["CapacityReservationId"] in blocks
                    assert instance["InstanceLifecycle"] == "capacity-block"

    def test_a_second_deployment_changes_nothing(self, up: DeployedEnvironment) -> None:
        before = everyone(up)
        assert set(up.deploy().values()) == {"unchanged"}
        assert everyone(up) == before

    def test_deletion_leaves_what_is_retained_on_purpose(self, up: DeployedEnvironment) -> None:
        account, region = up.environment.account, up.environment.region
        up.simulation.unprotect()
        destroy_assembly(list(up.stacks), up.call)
        left = retained(account, region)
        assert bool(left) == up.environment.production
        kept = {item["resource"] for stack in up.stacks for item in _retaining(stack.template)}
        kept.discard("Custom::AWSCDK-EKS-HelmChart")  # gone with its cluster
        assert {item.type for item in left} == kept
        assert up.call("ec2", "describe_launch_templates")["LaunchTemplates"] == []
        assert up.call("eks", "list_clusters")["clusters"] == []
        running = {"Name": "instance-state-name", "Values": ["pending", "running"]}
        assert up.call("ec2", "describe_instances", Filters=[running])["Reservations"] == []
        assert purge(account, region) == []
        assert [vpc for vpc in up.call("ec2", "describe_vpcs")["Vpcs"] if not vpc["IsDefault"]] == []
        assert set(up.deploy().values()) == {"created"}


def _retaining(template: str) -> list[dict[str, str]]:
    resources: dict[str, Any] = json.loads(template)["Resources"]
    return [
        {"resource": item["Type"]} for item in resources.values() if item.get("DeletionPolicy", "").startswith("Re")
    ]


class TestEdits:
    def test_a_label_changes_the_label_and_nothing_else(self, training: DeployedEnvironment) -> None:
        before = everyone(training)
        done = training.deploy(lambda content: pool_of(content, "rack-a").update(node={"labels": {"team": "red"}}))
        assert {name for name, what in done.items() if what != "unchanged"} == {"training-pool-rack-a"}
        for name in ("rack-a-cr-0aaaaaaaaaaaaaaa1", "rack-a-cr-0aaaaaaaaaaaaaaa2"):
            group = training.call("eks", "describe_nodegroup", clusterName="training", nodegroupName=name)["nodegroup"]
            assert group["labels"]["team"] == "red"
        assert everyone(training) == before

    def test_an_ultraserver_is_added_beside_the_others(self, training: DeployedEnvironment) -> None:
        before = everyone(training)

        def add(content: Content) -> None:
            added = {**pool_of(content, "rack-b"), "name": "rack-d"}
            block = added["blocks"][0]
            added["blocks"] = [{**block, "capacity_reservation_id": "cr-0ddddddddddddddd1"}]
            content["pools"].append(added)

        done = training.deploy(add)
        assert done.pop("training-pool-rack-d") == "created"
        assert done.pop("training-kubernetes") == "updated"  # its queue holds more
        assert done.pop("training-operate") == "updated"  # it watches more
        assert done.pop("training-care") == "updated"  # it opens as many of its nodes as jobs may have
        assert set(done.values()) == {"unchanged"}
        training.simulation.advance(hours=1)
        after = everyone(training)
        assert len(after.pop("rack-d")) == 18
        assert after == before

    def test_a_changed_template_waits_for_the_version_of_the_block(self, training: DeployedEnvironment) -> None:
        before = everyone(training)
        done = training.deploy(lambda content: pool_of(content, "rack-a").update(node={"root_volume_gib": 200}))
        assert {name for name, what in done.items() if what != "unchanged"} == {"training-pool-rack-a"}
        assert everyone(training) == before

        done = training.deploy(
            lambda content: pool_of(content, "rack-a")["blocks"][0].update(launch_template_version=2)
        )
        assert {name for name, what in done.items() if what != "unchanged"} == {"training-pool-rack-a"}
        after = everyone(training)
        assert before.pop("rack-a").isdisjoint(after.pop("rack-a"))
        assert training.pool("rack-a").running == 18
        assert after == before

    def test_an_empty_pool_takes_another_type(self) -> None:
        def other(content: Content) -> None:
            pool = pool_of(content, "h200")
            pool.update(instance_type="p5e.48xlarge")
            pool["blocks"][0]["capacity_reservation_id"] = "cr-0eeeeeeeeeeeeeee1"

        with deployed("inference") as made:
            done = made.deploy(other)
            # The queue counts another type, the model there asks for it, and another reservation is watched.
            changed = {name.removeprefix("inference-") for name, what in done.items() if what != "unchanged"}
            assert changed == {"kubernetes", "model-gpt-oss-20b", "operate", "pool-h200"}
            made.simulation.bring_up()
            assert {instance["InstanceType"] for instance in made.instances("h200")} == {"p5e.48xlarge"}
            assert made.node_group("h200").interfaces == ("1 interface + 32 efa-only",)

    def test_a_pool_is_removed_without_the_others_noticing(self, training: DeployedEnvironment) -> None:
        before = everyone(training)
        gone = training.stacks

        def smaller(content: Content) -> None:
            content["pools"].remove(pool_of(content, "rack-b"))
            content["teams"][0]["guaranteed_nodes"] = {"u-p6e-gb200x72": 16}  # of one rack

        training.edit(smaller)
        names = {stack.name for stack in training.stacks}
        destroy_assembly([stack for stack in gone if stack.name not in names], training.call)
        done = training.deploy()
        assert done.pop("training-kubernetes") == "updated"  # its queue holds less
        assert done.pop("training-operate") == "updated"  # it watches less
        assert done.pop("training-care") == "updated"  # it opens none of its nodes
        assert set(done.values()) == {"unchanged"}
        del before["rack-b"]
        assert everyone(training) == before
        left = training.call("eks", "list_nodegroups", clusterName="training")["nodegroups"]
        assert left[:3] == ["b300", "rack-a-cr-0aaaaaaaaaaaaaaa1", "rack-a-cr-0aaaaaaaaaaaaaaa2"]

    def test_a_held_pool_is_emptied_and_filled_again(self, training: DeployedEnvironment) -> None:
        training.deploy(lambda content: pool_of(content, "rack-a").update(hold=True))
        SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(minutes=30))
        assert training.nodes("rack-a") == set()
        assert len(training.nodes("rack-b")) == 18
        training.deploy(lambda content: pool_of(content, "rack-a").update(hold=False))
        SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(minutes=30))
        assert len(training.nodes("rack-a")) == 18


def test_what_a_pool_stands_on_is_not_taken_from_under_it(training: DeployedEnvironment) -> None:
    before = everyone(training)

    def another(content: Content) -> None:
        content["capacity_reservations"][0].update(placement_group=None)

    with pytest.raises(StackFailedError) as caught:
        training.deploy(another)
    assert caught.value.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "remove the pool that uses it first" in str(advice_for(caught.value.reasons))
    assert everyone(training) == before


def test_a_block_that_would_need_another_node_group_is_refused() -> None:
    """Another accelerator is another AMI type, which EKS can't change, and the group's name is taken."""

    def other_image(content: Content) -> None:
        pool_of(content, "h200").update(instance_type="trn2.48xlarge")

    with deployed("inference", without_workloads) as made:
        with pytest.raises(StackFailedError) as caught:
            made.deploy(other_image)
        assert caught.value.status == "UPDATE_ROLLBACK_COMPLETE"
        assert "give the pool a new name" in str(advice_for(caught.value.reasons))
        assert made.node_group("h200").status == "ACTIVE"


def test_a_renamed_pool_stands_beside_the_old_one_on_one_block(training: DeployedEnvironment) -> None:
    """As `cdk deploy` does it, which deletes no stack: what the block holds is taken until the old stack is deleted."""
    before = everyone(training)
    training.deploy(lambda content: pool_of(content, "rack-b").update(name="rack-z"))
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(minutes=30))
    renamed = training.node_group("rack-z")
    assert (renamed.running, renamed.status) == (0, "DEGRADED")
    assert "ReservationCapacityExceeded" in str(renamed.issues)
    assert training.nodes("rack-b") == before["rack-b"]
    (orphan,) = training.simulation.orphans(stacks=[stack.name for stack in training.stacks])
    assert orphan["stack"] == "training-pool-rack-b"
    assert orphan["node_groups"] == {"rack-b-cr-0bbbbbbbbbbbbbbb1": 18}

    training.call("cloudformation", "delete_stack", StackName="training-pool-rack-b")
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(hours=1))
    assert training.node_group("rack-z").running == 18
    assert training.simulation.orphans(stacks=[stack.name for stack in training.stacks]) == []


def test_preflight_tells_of_a_block_that_is_taken_out_while_nodes_run_in_it(
    training: DeployedEnvironment, tmp_path: Path
) -> None:
    def preflight() -> Result:
        (tmp_path / "training.yaml").write_text(training.text)
        training.write_assembly(tmp_path / "cdk.out")
        arguments = ["preflight", "training", "--environments", str(tmp_path), "--assembly", str(tmp_path / "cdk.out")]
        return CliRunner().invoke(app, [*arguments, "--as-of", "2026-12-01T12:00:00"])

    assert preflight().exit_code == 0
    training.edit(lambda content: pool_of(content, "rack-a")["blocks"].pop(0))
    told = preflight()
    assert told.exit_code == 1
    assert "node group rack-a-cr-0aaaaaaaaaaaaaaa1 runs 18 nodes and is no longer in stack" in told.output
    assert "--accept deleted:rack-a-cr-0aaaaaaaaaaaaaaa1" in told.output
