"""Schedules and state machines of the embedded AWS: rights of the role, names of fields and errors, time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from helpers.rehearsal_site import DeployedEnvironment, deployed
from ultrafleet.rehearsal import extension
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal, SimulatedAccount
from ultrafleet.rehearsal.stepfunctions.clock import Schedules
from ultrafleet.rehearsal.stepfunctions.engine.interpreter import StatesError
from ultrafleet.rehearsal.stepfunctions.engine.sdk_integrations import SdkIntegrations

pytestmark = pytest.mark.slow

ACCOUNT, REGION = "111122223333", "us-east-1"
NOW = datetime(2026, 12, 1, tzinfo=UTC)
EVERYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'


@pytest.fixture
def call() -> Iterator[Calls]:
    extension.install()
    with mock_aws():
        SIMULATED_ACCOUNT.reset(NOW)
        yield Calls(account_id=ACCOUNT, region=REGION)
        SIMULATED_ACCOUNT.reset()


def machine(call: Calls, policy: str | None = EVERYTHING) -> SdkIntegrations:
    role = call("iam", "create_role", RoleName="machine", AssumeRolePolicyDocument=EVERYTHING)["Role"]
    if policy is not None:
        call("iam", "put_role_policy", RoleName="machine", PolicyName="rights", PolicyDocument=policy)
    return SdkIntegrations(account_id=ACCOUNT, region=REGION, role_arn=role["Arn"])


def seed(reservation_id: str = "cr-0aaaaaaaaaaaaaaa1", **given: Any) -> None:
    block = {
        "instance_type": "p6e-gb200.36xlarge",
        "instance_count": 18,
        "availability_zone": "us-east-1-dfw-2a",
        "start": NOW,
        "end": NOW + timedelta(days=1),
        "ultraserver_type": "u-p6e-gb200x72",
    }
    SIMULATED_ACCOUNT.part(Reservations, ACCOUNT, REGION).seed_block(
        capacity_reservation_id=reservation_id, **{**block, **given}
    )


class TestIntegrations:
    def test_fields_are_in_pascal_case_and_moments_in_iso(self, call: Calls) -> None:
        seed()
        answer = machine(call)("arn:aws:states:::aws-sdk:ec2:describeCapacityReservations", {"MaxResults": 50})
        (reservation,) = answer["CapacityReservations"]
        assert reservation["EndDate"] == "2026-12-02T00:00:00Z"
        assert reservation["TotalInstanceCount"] == 18

    def test_keys_of_tags_stay_as_they_are(self, call: Calls) -> None:
        call("sqs", "create_queue", QueueName="letters", tags={"ultrafleet:schedule": "hold"})
        queue = call("sqs", "get_queue_url", QueueName="letters")["QueueUrl"]
        answer = machine(call)("arn:aws:states:::aws-sdk:sqs:listQueueTags", {"QueueUrl": queue})
        assert answer == {"Tags": {"ultrafleet:schedule": "hold"}}

    @pytest.mark.parametrize(
        ("resource", "arguments", "error"),
        [
            ("eks:describeCluster", {"Name": "nobody"}, "Eks.ResourceNotFoundException"),
            ("resourcegroups:getGroup", {"Group": "nobody"}, "ResourceGroups.NotFoundException"),
            ("ec2:describeCapacityReservations", {"CapacityReservationIds": ["cr-0000000f"]}, "Ec2.Ec2Exception"),
            ("eks:describeCluster", {"Colour": "red"}, "States.Runtime"),
            ("eks:paintCluster", {}, "States.Runtime"),
        ],
    )
    def test_fails_with_the_errors_of_step_functions(
        self, call: Calls, resource: str, arguments: dict[str, Any], error: str
    ) -> None:
        with pytest.raises(StatesError) as caught:
            machine(call)(f"arn:aws:states:::aws-sdk:{resource}", arguments)
        assert caught.value.error == error

    def test_fails_what_is_no_sdk_integration(self, call: Calls) -> None:
        with pytest.raises(StatesError, match="not an AWS SDK integration"):
            machine(call)("arn:aws:states:::lambda:invoke", {})

    @pytest.mark.parametrize(
        "statement",
        [
            '{"Effect": "Allow", "Action": "eks:ListClusters", "Resource": "*"}',
            '{"Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": "arn:aws:eks:*:*:cluster/other"}',
            (
                '[{"Effect": "Allow", "Action": "*", "Resource": "*"},'
                ' {"Effect": "Deny", "Action": "eks:Describe*", "Resource": "*"}]'
            ),
        ],
    )
    def test_fails_what_the_role_may_not_do(self, call: Calls, statement: str) -> None:
        policy = f'{{"Version": "2012-10-17", "Statement": {statement}}}'
        with pytest.raises(StatesError) as caught:
            machine(call, policy)("arn:aws:states:::aws-sdk:eks:describeCluster", {"Name": "training"})
        assert caught.value.error == "Eks.AccessDeniedException"
        assert "is not authorized to perform: eks:DescribeCluster" in caught.value.cause

    @pytest.mark.usefixtures("call")
    def test_fails_without_a_role(self) -> None:
        integrations = SdkIntegrations(account_id=ACCOUNT, region=REGION, role_arn="arn:aws:iam::1:role/nobody")
        with pytest.raises(StatesError, match="role nobody does not exist"):
            integrations("arn:aws:states:::aws-sdk:eks:listClusters", {})


def test_the_deployed_machine_needs_the_rights_that_its_role_has() -> None:
    with deployed("training") as made:
        role = next(
            item["RoleName"]
            for item in made.call("iam", "list_roles")["Roles"]
            if "StateMachineRole" in item["RoleName"]
        )
        for policy in made.call("iam", "list_role_policies", RoleName=role)["PolicyNames"]:
            if "StateMachinePolicy" in policy:
                made.call("iam", "delete_role_policy", RoleName=role, PolicyName=policy)
        made.simulation.bring_up()
        assert made.pool("rack-a").running == 0
        assert "not authorized to perform: ec2:DescribeCapacityReservations" in str(
            made.simulation.status()["problems"]
        )


class TestGroups:
    ARN = f"arn:aws:ec2:{REGION}:{ACCOUNT}:capacity-reservation/"

    @pytest.fixture
    def group(self, call: Calls) -> Calls:
        parameters = [
            {"Name": "instance-type", "Values": ["p6e-gb200.36xlarge"]},
            {"Name": "reservation-type", "Values": ["capacity-block"]},
        ]
        configuration = [{"Type": "AWS::EC2::CapacityReservationPool", "Parameters": parameters}]
        call("resource-groups", "create_group", Name="racks", Configuration=configuration)
        return call

    def members(self, call: Calls, **given: Any) -> dict[str, Any]:
        return call("resource-groups", "list_group_resources", Group="racks", **given)

    def test_members_come_and_go_in_pages(self, group: Calls) -> None:
        ids = [f"cr-0aaaaaaaaaaaaaaa{number}" for number in range(3)]
        for reservation_id in ids:
            seed(reservation_id, availability_zone="us-east-1a")
        group("resource-groups", "group_resources", Group="racks", ResourceArns=[self.ARN + item for item in ids])
        first = self.members(group, MaxResults=2)
        rest = self.members(group, MaxResults=2, NextToken=first["NextToken"])
        found = [item["Identifier"]["ResourceArn"] for item in [*first["Resources"], *rest["Resources"]]]
        assert found == [self.ARN + item for item in ids]
        assert "NextToken" not in rest
        group("resource-groups", "ungroup_resources", Group="racks", ResourceArns=[self.ARN + ids[0]])
        assert len(self.members(group)["Resources"]) == 2

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (
                {"instance_type": "p5en.48xlarge", "ultraserver_type": None, "availability_zone": "us-east-1a"},
                "is of p5en.48xlarge",
            ),
            ({}, "is in the Local Zone us-east-1-dfw-2a, where groups can't be used"),
            (None, "does not exist in this account"),
        ],
    )
    def test_refuses_what_its_configuration_does_not_take(
        self, group: Calls, given: dict[str, Any] | None, message: str
    ) -> None:
        if given is not None:
            seed(**given)
        arn = f"{self.ARN}cr-0aaaaaaaaaaaaaaa1"
        (failed,) = group("resource-groups", "group_resources", Group="racks", ResourceArns=[arn])["Failed"]
        assert message in failed["ErrorMessage"]
        assert self.members(group)["Resources"] == []

    def test_refuses_what_is_no_reservation(self, group: Calls) -> None:
        arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0"
        (failed,) = group("resource-groups", "group_resources", Group="racks", ResourceArns=[arn])["Failed"]
        assert "is not a capacity reservation" in failed["ErrorMessage"]

    def test_refuses_a_group_that_is_not_there(self, call: Calls) -> None:
        with pytest.raises(Refusal, match="Cannot find group by name racks"):
            self.members(call)


class Watch:
    """An actor that wants every hour."""

    def __init__(self) -> None:
        self.seen: list[datetime] = []

    def next_moment(self, after: datetime) -> datetime | None:
        return after.replace(minute=0) + timedelta(hours=1)

    def act(self, now: datetime) -> None:
        self.seen.append(now)


def test_time_stops_at_every_moment_and_at_the_end() -> None:
    world, watch = SimulatedAccount(), Watch()
    world.reset(NOW)
    world.register(watch)
    world.advance(NOW + timedelta(minutes=150))
    assert [(moment - NOW) / timedelta(minutes=1) for moment in watch.seen] == [60, 120, 150]
    world.advance(NOW)
    assert world.now == NOW + timedelta(minutes=150)


@pytest.fixture
def inference() -> Iterator[DeployedEnvironment]:
    with deployed("inference") as made:
        yield made


def test_a_machine_that_is_gone_is_told(inference: DeployedEnvironment) -> None:
    (arn,) = [
        item["stateMachineArn"] for item in inference.call("stepfunctions", "list_state_machines")["stateMachines"]
    ]
    inference.call("stepfunctions", "delete_state_machine", stateMachineArn=arn)
    inference.simulation.advance(hours=0.2)
    run = SIMULATED_ACCOUNT.part(Schedules, inference.environment.account, inference.environment.region).runs[-1]
    assert (run.status, run.error) == ("FAILED", "States.StateMachineDoesNotExist")
