"""Probe of the block schedule's state machine: AWS's Step Functions validates it and evaluates its expressions.

`ValidateStateMachineDefinition` and `TestState` create nothing. TestState runs a state with a mocked result of its
call, for which it needs no role (Step Functions developer guide, testing state machines with TestState, high): the
account's capacity and node groups are neither read nor changed.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from ultrafleet.block_machine import state_machine_definition
from ultrafleet.doctor.account import Account
from ultrafleet.doctor.probe import Answer, Permission, Probe, Question, no, yes
from ultrafleet.environment import Environment
from ultrafleet.rules.block_clock import default_drain_lead_minutes
from ultrafleet.rules.schedule_tags import schedule_tags

_BLOCK: Final = "cr-0123456789abcdef0"
_INSTANCES: Final = 18
_NOW: Final = "2026-12-01T12:00:00.000Z"
_START: Final = "2026-12-01T11:30:00.000Z"
_END: Final = "2026-12-15T11:30:00.000Z"
_RESERVATION: Final = {
    "CapacityReservationId": _BLOCK,
    "ReservationType": "capacity-block",
    "State": "active",
    "InstanceType": "p6e-gb200.36xlarge",
    "TotalInstanceCount": _INSTANCES,
    "StartDate": _START,
    "EndDate": _END,
}
_TAGS: Final = schedule_tags(
    capacity_reservation_id=_BLOCK,
    drain_lead_minutes=default_drain_lead_minutes(ultraserver=True),
    hold=False,
)
_NODE_GROUP: Final = {
    "NodegroupName": "rack",
    "Status": "ACTIVE",
    "CapacityType": "CAPACITY_BLOCK",
    "ScalingConfig": {"MinSize": 0, "MaxSize": _INSTANCES, "DesiredSize": 0},
    "Labels": {},
    "Tags": _TAGS,
}
_AUTO_SCALING_GROUP: Final = {
    "AutoScalingGroupName": "rack",
    "MinSize": 0,
    "MaxSize": _INSTANCES,
    "DesiredCapacity": 0,
    "Tags": [{"Key": key, "Value": value} for key, value in _TAGS.items()],
}
_DESCRIBED: Final[Mapping[str, Mapping[str, Any]]] = {
    "DescribeNodeGroup": {"Nodegroup": _NODE_GROUP},
    "DescribeAutoScalingGroup": {"AutoScalingGroups": [_AUTO_SCALING_GROUP]},
}
"""Mocked answers of the states that decide on a size."""


def _definition(environment: Environment) -> dict[str, Any]:
    queue = f"https://sqs.{environment.region}.amazonaws.com/{environment.account}/dead-letters"
    return state_machine_definition(cluster_name=environment.cluster_name, dead_letter_queue_url=queue)


def _questions(environment: Environment) -> Iterator[Question]:
    definition = _definition(environment)
    yield Question(
        subject="definition",
        expected="valid",
        ask=partial(_validate, definition),
        path="pools",
        stops_launch=True,
    )
    yield Question(
        subject="the blocks that it reads",
        expected=f"one active block of {_INSTANCES} instances, of a mocked answer that lists one",
        ask=partial(_ask_blocks, definition),
        path="pools",
        stops_launch=True,
    )
    for state, kind in (("DescribeNodeGroup", "node group"), ("DescribeAutoScalingGroup", "Auto Scaling group")):
        yield Question(
            subject=f"the size that it gives the {kind} of a block",
            expected=f"{_INSTANCES}, of a mocked {kind} whose block is active",
            ask=partial(_ask_size, definition, state),
            path="pools",
            stops_launch=True,
        )


def _validate(definition: Mapping[str, Any], account: Account) -> Answer:
    answer = account.call("stepfunctions", "validate_state_machine_definition", definition=json.dumps(definition))
    if answer["result"] == "OK":
        return yes("Step Functions takes it")
    problems = "; ".join(f"{item.get('code')}: {item.get('message')}" for item in answer.get("diagnostics") or [])
    return no(problems or str(answer["result"]), "tell the maintainers: no schedule can be deployed")


def _ask_blocks(definition: Mapping[str, Any], account: Account) -> Answer:
    state = definition["States"]["DescribeReservations"]
    found = _tested(
        account,
        state,
        result={"CapacityReservations": [_RESERVATION]},
        variables={"reservations": [], "reservationRequest": {}},
    )
    if isinstance(found, Answer):
        return found
    blocks = found.get("reservations")
    if [(item.get("id"), item.get("instances"), item.get("ultraServer")) for item in blocks or []] == [
        (_BLOCK, _INSTANCES, True)
    ]:
        return yes(f"it reads {_BLOCK} with {_INSTANCES} instances")
    return _otherwise(blocks)


def _ask_size(definition: Mapping[str, Any], name: str, account: Account) -> Answer:
    state = definition["States"]["EachGroup"]["ItemProcessor"]["States"][name]
    block = {
        "id": _BLOCK,
        "state": "active",
        "start": _START,
        "end": _END,
        "instances": _INSTANCES,
        "ultraServer": True,
    }
    found = _tested(
        account,
        state,
        result=_DESCRIBED[name],
        variables={"reservations": [block]},
        state_input={"name": "rack", "managed": name == "DescribeNodeGroup"},
    )
    if isinstance(found, Answer):
        return found
    plan = found.get("plan")
    return yes(f"it decides on {_INSTANCES}") if plan == {"wanted": _INSTANCES} else _otherwise(plan)


def _otherwise(value: object) -> Answer:
    return no(f"it has {json.dumps(value)}", "tell the maintainers: the schedule would size no pool")


def _tested(
    account: Account,
    state: Mapping[str, Any],
    *,
    result: Mapping[str, Any],
    variables: Mapping[str, Any],
    state_input: object = None,
) -> dict[str, Any] | Answer:
    """Variables after a state; the answer where it fails."""
    answer = account.call(
        "stepfunctions",
        "test_state",
        definition=json.dumps({**state, "QueryLanguage": "JSONata"}),
        input=json.dumps({} if state_input is None else state_input),
        inspectionLevel="DEBUG",
        mock={"result": json.dumps(result), "fieldValidationMode": "PRESENT"},
        variables=json.dumps(variables),
        context=json.dumps({"Execution": {"StartTime": _NOW}}),
    )
    if answer["status"] != "SUCCEEDED":
        return no(
            f"{answer['status']}: {answer.get('error', '')}: {answer.get('cause', '')}",
            "tell the maintainers: the schedule would size no pool",
        )
    found: dict[str, Any] = json.loads((answer.get("inspectionData") or {}).get("variables") or "{}")
    return found


MACHINE: Final = Probe(
    id="machine",
    asks="Does Step Functions read blocks and decide on sizes as the block schedule's machine means it?",
    permissions=(Permission(action="states:TestState"), Permission(action="states:ValidateStateMachineDefinition")),
    questions=_questions,
)
