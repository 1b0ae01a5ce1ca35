"""Self-managed pools on the embedded AWS: nodes launch, join, drain and leave as those of managed node groups do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helpers.rehearsal_site import Content, DeployedEnvironment, deployed, pool_of, remove_pool, site
from ultrafleet.preflight import Level
from ultrafleet.rehearsal.autoscaling.state import AutoScaling, AutoScalingGroup
from ultrafleet.rehearsal.ec2.state.instances import Lifetimes
from ultrafleet.rehearsal.kubernetes import KubernetesApi
from ultrafleet.rehearsal.scenarios import audit
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT
from ultrafleet.rules.block_clock import EVICTION_MINUTES

pytestmark = pytest.mark.slow

MINUTE = timedelta(minutes=1)
FIRST = "rack-a-cr-0aaaaaaaaaaaaaaa1"
END = datetime(2026, 12, 15, 11, 30, tzinfo=UTC)


def lean(content: Content) -> None:
    """One rack and what drains its nodes: no team, no dashboard."""
    content["teams"] = []
    content["kubernetes"] = {"dashboard": False}
    remove_pool(content, "rack-b")


@pytest.fixture
def up() -> Iterator[DeployedEnvironment]:
    """A rack that runs, half an hour after its block began."""
    with deployed("self-managed", lean, up=True) as made:
        yield made


def group(made: DeployedEnvironment, name: str = FIRST) -> AutoScalingGroup:
    state = SIMULATED_ACCOUNT.part(AutoScaling, made.environment.account, made.environment.region)
    return state.group(f"{made.environment.cluster_name}-{name}")


def problems(made: DeployedEnvironment) -> list[str]:
    found: list[str] = made.simulation.status()["problems"]
    return found


def test_every_resource_is_found_again_and_a_second_deployment_changes_nothing(up: DeployedEnvironment) -> None:
    found = audit.audit(up.environment.account, up.environment.region)
    assert [item for item in found if item.problem] == []
    kinds = {item.type for item in found}
    assert {"AWS::AutoScaling::AutoScalingGroup", "AWS::IAM::InstanceProfile"} <= kinds
    assert set(up.deploy().values()) == {"unchanged"}


def test_every_node_has_its_interfaces_its_reservation_its_zone_and_its_cluster(up: DeployedEnvironment) -> None:
    first, second = up.pool("rack-a").node_groups
    assert (first.running, first.wanted, first.issues, second.running) == (18, 18, (), 0)
    assert first.reservations == ("cr-0aaaaaaaaaaaaaaa1",)
    assert first.zones == ("us-east-1-dfw-2a",)
    assert first.interfaces == ("1 interface + 4 efa-only",)
    tags = [{tag["Key"]: tag["Value"] for tag in instance["Tags"]} for instance in up.instances("rack-a")]
    assert {tag["kubernetes.io/cluster/self-managed"] for tag in tags} == {"owned"}
    assert not any("ultrafleet:schedule" in tag for tag in tags)  # an order to the schedule is the group's alone
    assert problems(up) == []


def test_the_lead_drains_each_node_before_ec2_reclaims_it(up: DeployedEnvironment) -> None:
    SIMULATED_ACCOUNT.advance(END - 84 * MINUTE)
    draining = group(up).draining
    assert len(draining) == 18
    states = {item["LifecycleState"] for item in _described(up)["Instances"]}
    assert states == {"Terminating:Wait"}
    SIMULATED_ACCOUNT.advance(END)
    lifetimes = SIMULATED_ACCOUNT.part(Lifetimes, up.environment.account, up.environment.region)
    gone = {item.terminated for item in lifetimes.by_id.values() if item.reservation_id == "cr-0aaaaaaaaaaaaaaa1"}
    assert max(moment for moment in gone if moment) <= END - 60 * MINUTE
    assert group(up).undrained == []
    assert up.simulation.status()["reclaimed"] == 0
    assert problems(up) == []


def _described(made: DeployedEnvironment) -> dict[str, Any]:
    name = f"{made.environment.cluster_name}-{FIRST}"
    answer = made.call("autoscaling", "describe_auto_scaling_groups", AutoScalingGroupNames=[name])
    found: dict[str, Any] = answer["AutoScalingGroups"][0]
    return found


def test_without_the_charts_drain_a_problem_says_what_nodes_took_with_them(up: DeployedEnvironment) -> None:
    api = SIMULATED_ACCOUNT.part(KubernetesApi, up.environment.account, up.environment.region)
    releases = api.content("self-managed").releases
    drain = ("kube-system", "aws-node-termination-handler")
    (key,) = [key for key in releases if set(key) == set(drain)]
    del releases[key]
    SIMULATED_ACCOUNT.advance(END - 60 * MINUTE)
    (problem,) = problems(up)
    assert "18 nodes were terminated with what ran on them" in problem


def test_nodes_of_a_role_without_an_access_entry_never_join_and_say_so(up: DeployedEnvironment) -> None:
    (entry,) = [
        arn
        for arn in up.call("eks", "list_access_entries", clusterName="self-managed")["accessEntries"]
        if "SelfManaged" in arn
    ]
    up.call("eks", "delete_access_entry", clusterName="self-managed", principalArn=entry)
    up.simulation.inject(name="node-fails", pool="rack-a")
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(hours=1))
    (issue,) = up.node_group(FIRST).issues
    assert "nodes did not join the cluster" in issue
    assert "has no access entry in cluster self-managed" in issue


def test_a_node_that_fails_is_held_for_its_drain_and_replaced_within_its_block(up: DeployedEnvironment) -> None:
    before = up.nodes("rack-a")
    up.simulation.inject(name="node-fails", pool="rack-a")
    assert len(up.nodes("rack-a") & before) == 18  # it is in Terminating:Wait
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + (EVICTION_MINUTES + 30) * MINUTE)
    after = up.nodes("rack-a")
    assert (len(after), len(after & before)) == (18, 17)
    assert {instance["CapacityReservationId"] for instance in up.instances("rack-a")} == {"cr-0aaaaaaaaaaaaaaa1"}


def test_a_node_whose_kubelet_falls_silent_stays_since_auto_scaling_knows_no_node(up: DeployedEnvironment) -> None:
    before = up.nodes("rack-a")
    up.simulation.inject(name="node-lost", pool="rack-a")
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(hours=6))
    assert up.nodes("rack-a") == before


def test_a_held_pool_is_drained_and_filled_again(up: DeployedEnvironment) -> None:
    up.deploy(lambda content: pool_of(content, "rack-a").update(hold=True))
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + 30 * MINUTE)
    assert (up.nodes("rack-a"), group(up).undrained) == (set(), [])
    up.deploy(lambda content: pool_of(content, "rack-a").update(hold=False))
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + 30 * MINUTE)
    assert len(up.nodes("rack-a")) == 18


def test_a_new_version_is_for_new_nodes_alone(up: DeployedEnvironment) -> None:
    before = up.nodes("rack-a")
    up.deploy(lambda content: pool_of(content, "rack-a").update(node={"max_pods": 32}))
    up.deploy(lambda content: pool_of(content, "rack-a")["blocks"][0].update(launch_template_version=2))
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(hours=2))
    assert up.nodes("rack-a") == before
    assert group(up).described["LaunchTemplate"]["Version"] == "2"
    assert up.node_group(FIRST).issues == ()


def test_an_odd_state_of_a_running_block_takes_no_node(up: DeployedEnvironment) -> None:
    before = up.nodes("rack-a")
    up.simulation.inject(name="block-odd-state", pool="rack-a", state="unavailable", minutes=20)
    SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + timedelta(hours=1))
    assert up.nodes("rack-a") == before


def test_a_deleted_pool_drains_its_nodes_first(up: DeployedEnvironment) -> None:
    before = SIMULATED_ACCOUNT.now
    up.call("cloudformation", "delete_stack", StackName="self-managed-pool-rack-a")
    assert up.nodes("rack-a") == set()
    assert SIMULATED_ACCOUNT.now - before >= EVICTION_MINUTES * MINUTE
    assert SIMULATED_ACCOUNT.part(AutoScaling, up.environment.account, up.environment.region).groups == {}


def test_preflight_compares_the_groups_that_run(up: DeployedEnvironment) -> None:
    assert [finding for finding in up.preflight() if finding.level is not Level.NOTE] == []
    up.edit(lambda content: pool_of(content, "rack-a").update(hold=True))
    assert [finding.key for finding in up.preflight() if finding.level is Level.HAZARD] == [f"held:{FIRST}"]
    up.edit(lambda content: pool_of(content, "rack-a").update(hold=False))
    up.edit(lambda content: pool_of(content, "rack-a")["blocks"].pop(0))
    found = {finding.key: finding.text for finding in up.preflight() if finding.level is Level.HAZARD}
    assert set(found) == {f"deleted:{FIRST}"}
    assert "runs 18 nodes" in found[f"deleted:{FIRST}"]


def test_protection_from_scale_in_would_keep_a_pool_full(up: DeployedEnvironment) -> None:
    """The reason for which groups have none: a lower size takes no protected instance."""
    name = f"self-managed-{FIRST}"
    up.call(
        "autoscaling", "update_auto_scaling_group", AutoScalingGroupName=name, NewInstancesProtectedFromScaleIn=True
    )
    SIMULATED_ACCOUNT.advance(END - 30 * MINUTE)
    assert up.simulation.status()["reclaimed"] == 18


def test_fails_a_group_whose_block_is_not_there_and_is_made_by_the_next_deployment() -> None:
    with site("self-managed", lean) as made:
        made.deploy()
        made.simulation.inject(name="insufficient-capacity", pool="rack-a")
        made.simulation.bring_up()
        (issue,) = made.node_group(FIRST).issues
        assert "InsufficientInstanceCapacity" in issue
        made.simulation.clear()
        SIMULATED_ACCOUNT.advance(SIMULATED_ACCOUNT.now + 30 * MINUTE)
        assert made.node_group(FIRST).running == 18
