"""On-demand reservation of an environment that an earlier release deployed: its way out of the capacity stack."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from helpers.rehearsal_site import Content, DeployedEnvironment, site, without_workloads
from ultrafleet.rehearsal.scenarios.assembly import StackFailedError, deploy_assembly, stack_status
from ultrafleet.templates.assembly import AssemblyStack

pytestmark = pytest.mark.slow

CAPACITY, RESERVATION, POOL = "training-capacity", "training-reservation-b300", "training-pool-b300"


def old_shape(stacks: tuple[AssemblyStack, ...]) -> list[AssemblyStack]:
    """Stacks as an earlier release made them: the reservation, its placement group and exports beside the schedule."""
    capacity, reservation = ({s.name: s for s in stacks}[name] for name in (CAPACITY, RESERVATION))
    merged, moved = json.loads(capacity.template), json.loads(reservation.template)
    for name, resource in moved["Resources"].items():
        if resource["Type"] != "AWS::CloudWatch::Alarm":
            merged["Resources"][name] = resource
    merged["Outputs"].update(moved["Outputs"])
    old = replace(capacity, template=json.dumps(merged))
    return [old if stack is capacity else stack for stack in stacks if stack is not reservation]


@pytest.fixture
def training() -> Iterator[DeployedEnvironment]:
    """Pools that run, deployed in the old shape."""
    with site("training", without_workloads) as made:
        made.simulation.prepare()
        deploy_assembly(old_shape(made.stacks), made.call)
        made.simulation.bring_up()
        assert len(made.nodes("b300")) == 2
        yield made


def reservations(made: DeployedEnvironment) -> dict[str, Any]:
    found = made.call("ec2", "describe_capacity_reservations")["CapacityReservations"]
    return {item["CapacityReservationId"]: item for item in found if item["State"] != "cancelled"}


def on_demand(made: DeployedEnvironment) -> dict[str, Any]:
    (found,) = [item for item in reservations(made).values() if item.get("ReservationType") != "capacity-block"]
    return dict(found)


def test_the_new_shape_over_the_old_is_refused_and_taken_back(training: DeployedEnvironment) -> None:
    before, held = training.nodes("b300"), on_demand(training)
    with pytest.raises(StackFailedError) as caught:
        training.deploy()
    assert caught.value.stack_name == CAPACITY
    assert caught.value.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "training-reservation-b300-id" in str(caught.value)
    assert on_demand(training)["CapacityReservationId"] == held["CapacityReservationId"]
    assert training.nodes("b300") == before


def test_a_reservation_that_the_file_names_by_its_id_leaves_the_stack_and_stays(training: DeployedEnvironment) -> None:
    """The steps of docs/migration.md."""
    before, held = training.nodes("b300"), on_demand(training)
    listed = training.call("cloudformation", "list_exports")["Exports"]
    exports = {item["Name"]: item["Value"] for item in listed}
    assert exports["training-reservation-b300-id"] == held["CapacityReservationId"]

    def by_its_id(content: Content) -> None:
        del content["capacity_reservations"][0]["placement_group"]
        content["capacity_reservations"][0].update(
            capacity_reservation_id=exports["training-reservation-b300-id"],
            placement_group_name=exports["training-reservation-b300-placement-group"],
        )

    training.edit(by_its_id)
    assert RESERVATION not in {stack.name for stack in training.stacks}
    done = deploy_assembly([stack for stack in training.stacks if stack.name == POOL], training.call)
    assert done == {POOL: "updated"}
    training.deploy()
    assert stack_status(CAPACITY, training.call) == "UPDATE_COMPLETE"
    assert "AWS::EC2::CapacityReservation" not in str(
        training.call("cloudformation", "list_stack_resources", StackName=CAPACITY)["StackResourceSummaries"]
    )
    assert on_demand(training)["State"] == "active"
    assert on_demand(training)["CapacityReservationId"] == held["CapacityReservationId"]
    assert training.nodes("b300") == before
