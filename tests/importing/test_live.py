"""A running cluster as a source: what is deployed into the embedded AWS, read back with real boto3 clients."""

import inspect
import json
from typing import Any

import boto3
import pytest

from helpers.rehearsal_site import DeployedEnvironment, deployed, synthesised, without_workloads
from ultrafleet.cli.import_file import import_file
from ultrafleet.errors import FleetError
from ultrafleet.importing import Imported, ImportRefusedError, SideInputs, convert, parse_side_inputs
from ultrafleet.importing.live import ACTIONS, read_live


class Recorder:
    """boto3 session that notes the calls of its clients."""

    def __init__(self, region: str) -> None:
        self._session = boto3.Session(region_name=region)
        self.region_name = region
        self.actions: set[str] = set()

    def client(self, service: str) -> Any:
        client = self._session.client(service)

        def note(model: Any, **_: Any) -> None:
            self.actions.add(f"{service}:{model.name}")

        client.meta.events.register("before-call", note)
        return client


def imported(made: DeployedEnvironment, side: SideInputs) -> tuple[Imported, Recorder]:
    recorder = Recorder(made.environment.region)
    return convert(read_live(recorder, made.environment.name, side), side), recorder


@pytest.mark.slow
def test_a_deployed_fleet_is_read_back() -> None:
    with deployed("training", without_workloads, up=True) as made:
        found, recorder = imported(made, parse_side_inputs(workload=["training"]))
    theirs, ours = made.environment, found.environment
    assert (ours.account, ours.region, ours.network.cidr) == (theirs.account, theirs.region, theirs.network.cidr)
    assert ours.cluster.kubernetes_version == theirs.cluster.kubernetes_version
    blocks = {b.capacity_reservation_id: b for pool in theirs.pools for b in pool.capacity_blocks}
    read = {b.capacity_reservation_id: b for pool in ours.pools for b in pool.capacity_blocks}
    assert set(read) == set(blocks)
    for name, block in read.items():
        assert (block.start, block.end, block.instance_count) == (
            blocks[name].start,
            blocks[name].end,
            blocks[name].instance_count,
        )
    b300 = next(pool for pool in ours.pools if pool.name == "b300")
    assert b300.max_nodes == 2
    assert [reservation.instance_count for reservation in ours.capacity_reservations] == [2]
    different = [str(item) for item in found.differences if not item.is_equal]
    assert [line.split(": ")[:3] for line in different] == [
        ["launch template of b300", "Placement.GroupName", "a cluster placement group -> none"]
    ]
    assert recorder.actions == set(ACTIONS)
    assert all(action.partition(":")[2].startswith(("Describe", "Get", "List")) for action in ACTIONS)


@pytest.mark.slow
def test_a_deployed_fleet_is_adopted() -> None:
    with deployed("training", without_workloads, up=True) as made:
        found, _ = imported(made, parse_side_inputs(workload=["training"], adopt=True))
    theirs, ours = made.environment, found.environment
    assert ours.network.vpc_id is not None
    assert ours.network.vpc_id.startswith("vpc-")
    assert ours.network.cidr == theirs.network.cidr
    accelerators = {(s.availability_zone, s.cidr) for s in theirs.network.subnets if s.kind == "accelerator"}
    assert {(s.availability_zone, s.cidr) for s in ours.network.subnets} == accelerators
    assert all(subnet.subnet_id for subnet in ours.network.subnets)
    existing = ours.cluster.existing
    assert existing is not None
    assert existing.name == "training"
    assert existing.security_group_id is not None
    assert "eks-pod-identity-agent" in existing.addons
    assert ours.cluster.made_system_nodes is None
    groups = {b.existing_node_group for pool in ours.pools for b in pool.blocks}
    assert groups == {f"{pool.name}-{b.capacity_reservation_id}" for pool in theirs.pools for b in pool.blocks}
    assert any("b300 makes a node group beside it" in line for line in found.notes)
    _, made_of = synthesised(found.text, found.name)
    made_types = {r["Type"] for stack in made_of for r in json.loads(stack.template)["Resources"].values()}
    assert not made_types & {"AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EKS::Cluster", "AWS::EKS::Addon"}


@pytest.mark.slow
def test_fails_a_cluster_that_is_not_there_and_a_workload_that_is_not_stated() -> None:
    with deployed("training", without_workloads) as made:
        session = boto3.Session(region_name=made.environment.region)
        with pytest.raises(FleetError, match="cluster other is not in us-east-1, expected the name of a cluster"):
            read_live(session, "other", SideInputs())
        side = SideInputs()
        with pytest.raises(ImportRefusedError, match="workload is not in cluster training"):
            convert(read_live(session, made.environment.name, side), side)


def test_the_help_names_every_action() -> None:
    text = inspect.getdoc(import_file) or ""
    assert [action for action in ACTIONS if action not in text] == []
