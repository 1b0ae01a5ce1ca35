"""Migration of a running fleet of an earlier release, as docs/migration.md says: no node is lost."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers.rehearsal_site import Content, DeployedEnvironment, pool_of, site, without_workloads
from ultrafleet.policy import Template
from ultrafleet.preflight import Level
from ultrafleet.rehearsal.assumptions import GROUPS_WORK
from ultrafleet.rehearsal.scenarios.assembly import deploy_assembly
from ultrafleet.rehearsal.scenarios.outcome import block_outcomes
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.review import Revision, review_of
from ultrafleet.review.hazard import Level as ReviewLevel
from ultrafleet.templates.template_text import parsed_text

pytestmark = pytest.mark.slow

OLD = Path(__file__).parent.parent / "data" / "earlier_release" / "training-pool-rack-a.yaml"
STACK = "training-pool-rack-a"
START = datetime(2026, 12, 1, 11, 30, tzinfo=UTC)
FIRST, SECOND = "rack-a-cr-0aaaaaaaaaaaaaaa1", "rack-a-cr-0aaaaaaaaaaaaaaa2"


def old_template() -> dict[str, Any]:
    template: dict[str, Any] = parsed_text(OLD.read_text())
    return template


@pytest.fixture
def old_fleet() -> Iterator[DeployedEnvironment]:
    """Rack-a as the earlier release made it, its 18 nodes running, sized by that release's schedule."""
    with site("training", without_workloads) as made:
        SIMULATED_ACCOUNT.readings.add(GROUPS_WORK)
        old = json.dumps(old_template())
        stacks = [replace(stack, template=old) if stack.name == STACK else stack for stack in made.stacks]
        deploy_assembly(stacks, made.call)
        SIMULATED_ACCOUNT.advance(START + timedelta(minutes=10))
        sizes = {"minSize": 0, "maxSize": 18, "desiredSize": 18}
        made.call("eks", "update_nodegroup_config", clusterName="training", nodegroupName="rack-a", scalingConfig=sizes)
        yield made


def with_existing_node_group(content: Content) -> None:
    pool_of(content, "rack-a")["blocks"][0]["existing_node_group"] = "rack-a"


def put_under_its_block(made: DeployedEnvironment) -> None:
    group = made.call("eks", "describe_nodegroup", clusterName="training", nodegroupName="rack-a")["nodegroup"]
    tags = {"ultrafleet:capacity-reservation": "cr-0aaaaaaaaaaaaaaa1"}
    made.call("eks", "tag_resource", resourceArn=group["nodegroupArn"], tags=tags)


def take_out_of_its_stack(made: DeployedEnvironment) -> None:
    kept = old_template()
    for resource in kept["Resources"].values():
        resource["DeletionPolicy"] = "Retain"
    empty = {"Resources": {"Empty": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}}
    for template in (kept, empty):
        made.call("cloudformation", "update_stack", StackName=STACK, TemplateBody=json.dumps(template))
        stack = made.call("cloudformation", "describe_stacks", StackName=STACK)["Stacks"][0]
        assert stack["StackStatus"] == "UPDATE_COMPLETE", stack.get("StackStatusReason")


def test_a_running_rack_of_an_earlier_release_is_kept_and_drained_at_its_block_s_lead(
    old_fleet: DeployedEnvironment,
) -> None:
    before = old_fleet.nodes("rack-a")
    assert len(before) == 18

    # A node group that names no reservation is left as it is, and reported.
    SIMULATED_ACCOUNT.advance(START + timedelta(hours=2))
    assert old_fleet.nodes("rack-a") == before
    assert any("NoReservation" in line for line in old_fleet.simulation.status()["problems"])

    put_under_its_block(old_fleet)
    take_out_of_its_stack(old_fleet)
    old_fleet.edit(with_existing_node_group)
    assert [found for found in old_fleet.preflight() if found.level is not Level.NOTE] == []
    old_fleet.deploy()
    SIMULATED_ACCOUNT.advance(START + timedelta(hours=3))
    assert old_fleet.nodes("rack-a") == before
    assert old_fleet.simulation.status()["problems"] == []
    groups = old_fleet.call("eks", "list_nodegroups", clusterName="training")["nodegroups"]
    assert {name for name in groups if name.startswith("rack-a")} == {"rack-a", SECOND}
    assert set(old_fleet.deploy().values()) == {"unchanged"}

    # The old node group is drained at its own block's lead, and the next block comes up as a node group of its own.
    end = datetime(2026, 12, 15, 11, 30, tzinfo=UTC)
    SIMULATED_ACCOUNT.advance(end - timedelta(minutes=91))
    assert old_fleet.nodes("rack-a") == before
    SIMULATED_ACCOUNT.advance(end - timedelta(minutes=60))
    assert old_fleet.node_group("rack-a").running == 0
    SIMULATED_ACCOUNT.advance(end + timedelta(minutes=10))
    assert old_fleet.node_group(SECOND).running == 18
    first = block_outcomes(old_fleet.environment, deployed=START)[0]
    assert (first.node_group, first.short_minutes, first.reclaimed, first.taken_by_eks) == ("rack-a", 0, 0, 0)

    # The old block leaves the file, and the old node group the account.
    old_fleet.call("eks", "delete_nodegroup", clusterName="training", nodegroupName="rack-a")
    new = old_fleet.nodes("rack-a")
    old_fleet.deploy(lambda content: pool_of(content, "rack-a")["blocks"].pop(0))
    SIMULATED_ACCOUNT.advance(end + timedelta(hours=2))
    assert old_fleet.nodes("rack-a") == new


def test_a_deployment_over_the_earlier_release_would_lose_the_rack_and_preflight_says_so(
    old_fleet: DeployedEnvironment,
) -> None:
    told = [found for found in old_fleet.preflight() if found.level in {Level.HAZARD, Level.REFUSED}]
    assert any("rack-a" in found.text and "18 nodes" in found.text for found in told)
    # And so it is.
    old_fleet.deploy()
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(hours=1))
    groups = old_fleet.call("eks", "list_nodegroups", clusterName="training")["nodegroups"]
    assert "rack-a" not in groups


def test_a_review_tells_the_migration_for_what_it_is(old_fleet: DeployedEnvironment) -> None:
    def revision(label: str, template: dict[str, Any]) -> Revision:
        return Revision(label=label, stacks={"key": Template(name=STACK, content=template)}, places={"key": ""})

    def new() -> dict[str, Any]:
        (found,) = [stack for stack in old_fleet.stacks if stack.name == STACK]
        template: dict[str, Any] = json.loads(found.template)
        return template

    def told() -> dict[str, ReviewLevel]:
        review = review_of(revision("before", old_template()), revision("after", new()), day=START.date())
        return {hazard.kind: hazard.level for hazard in review.hazards}

    assert told()["old-shape-replaced"] is ReviewLevel.BLOCKING
    old_fleet.edit(with_existing_node_group)
    assert told() == {"pool-orphaned": ReviewLevel.NOTICE}
