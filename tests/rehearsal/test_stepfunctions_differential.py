"""Differential test: the block schedule run by this interpreter and by moto's, on the same account.

moto (5.2.5) vendors LocalStack's interpreter of Amazon States Language. It evaluates no JSONata only because the
function for it is None; with that one line it runs the machine. Its AWS SDK integrations pass the names of fields and
errors as botocore spells them, which EKS doesn't take, so both interpreters make their calls through the same
integrations, to the same embedded EC2, EKS and SQS.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonata import Jsonata  # type: ignore[import-untyped]  # it has no py.typed
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.eval.evaluation_details import (
    AWSExecutionDetails,
    EvaluationDetails,
    ExecutionDetails,
    StateMachineDetails,
)
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.backend.execution_worker import SyncExecutionWorker
from moto.stepfunctions.parser.backend.execution_worker_comm import ExecutionWorkerCommunication

from ultrafleet.rehearsal import extension
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.ec2.state.reservations import Reservations
from ultrafleet.rehearsal.eks.state import ClusterRecord, Eks, NodeGroupRecord
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal
from ultrafleet.rehearsal.stepfunctions.engine.interpreter import Machine, StatesError
from ultrafleet.rehearsal.stepfunctions.engine.sdk_integrations import SdkIntegrations
from ultrafleet.rules.schedule_tags import LEAD_TAG, RESERVATION_TAG, SCHEDULE_TAG, schedule_tags
from ultrafleet.schedule import state_machine_definition

pytestmark = pytest.mark.slow

ACCOUNT, REGION, CLUSTER = "111122223333", "us-east-1", "training"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/machine"
EVERYTHING = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'


@dataclass(frozen=True)
class Block:
    """A capacity block, by minutes from now; `listed` says whether EC2 has it, `state` what it shows of it."""

    start: int
    end: int
    instances: int = 18
    listed: bool = True
    state: str | None = None


ACTIVE = Block(start=-60, end=6000)


@dataclass(frozen=True)
class Pool:
    """A node group and its block; `way` is how its tags order it."""

    way: str = "follow"
    block: Block = ACTIVE
    desired: int = 0
    maximum: int = 18
    status: str = "ACTIVE"
    lead: str = "90"


@dataclass(frozen=True)
class Case:
    """A state of the account, and calls of EKS that fail every time."""

    pools: tuple[Pool, ...] = ()
    failing: frozenset[tuple[str, str]] = frozenset()


@dataclass
class Outcome:
    """Effects of one execution."""

    status: str
    error: str
    output: Any
    sizes: dict[str, int]
    messages: list[dict[str, Any]]
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)


def reservation_id(pool: int) -> str:
    return f"cr-{pool:08x}0"


def tags(number: int, pool: Pool) -> dict[str, str]:
    stated = schedule_tags(
        capacity_reservation_id=reservation_id(number), drain_lead_minutes=90, hold=pool.way == "hold"
    )
    stated[LEAD_TAG] = pool.lead
    if pool.way == "unknown":
        stated[SCHEDULE_TAG] = "sometimes"
    if pool.way == "no reservation":
        del stated[RESERVATION_TAG]
    return {} if pool.way == "no tags" else stated


def build(case: Case) -> Calls:
    """The account of a case."""
    SIMULATED_ACCOUNT.reset(NOW)
    call = Calls(account_id=ACCOUNT, region=REGION)
    call("iam", "create_role", RoleName="machine", AssumeRolePolicyDocument=EVERYTHING)
    call("iam", "put_role_policy", RoleName="machine", PolicyName="rights", PolicyDocument=EVERYTHING)
    call("sqs", "create_queue", QueueName="dead-letters")
    cluster = ClusterRecord(described={"name": CLUSTER})
    SIMULATED_ACCOUNT.part(Eks, ACCOUNT, REGION).clusters[CLUSTER] = cluster
    for number, pool in enumerate(case.pools):
        name = f"pool-{number}"
        cluster.node_groups[name] = NodeGroupRecord(
            described={
                "clusterName": CLUSTER,
                "nodegroupName": name,
                "status": pool.status,
                "capacityType": "CAPACITY_BLOCK",
                "version": "1.35",
                "releaseVersion": "1.35.1-20261120",
                "resources": {"autoScalingGroups": [{"name": f"eks-{name}"}]},
                "scalingConfig": {"minSize": 0, "maxSize": pool.maximum, "desiredSize": pool.desired},
                # Deleted, so that no node is launched: the machine only sees sizes.
                "launchTemplate": {"id": "lt-0aaaaaaaaaaaaaaa1", "version": "1"},
                "labels": {"ultrafleet/pool": name},
                "tags": tags(number, pool),
            }
        )
        reservations = SIMULATED_ACCOUNT.part(Reservations, ACCOUNT, REGION)
        reservations.seed_block(
            capacity_reservation_id=reservation_id(number),
            instance_type="p6e-gb200.36xlarge",
            instance_count=pool.block.instances,
            availability_zone="us-east-1-dfw-2a",
            start=NOW + timedelta(minutes=pool.block.start),
            end=NOW + timedelta(minutes=pool.block.end),
            ultraserver_type="u-p6e-gb200x72",
        )
        if pool.block.state is not None:
            reservations.override(reservation_id(number), state=pool.block.state)
        if not pool.block.listed:
            del reservations.by_id[reservation_id(number)]
    return call


class Ended(ExecutionWorkerCommunication):
    def terminated(self) -> None:
        """Nothing waits for it."""


def by_moto(definition: dict[str, Any], _: Calls) -> tuple[str, str, Any]:
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}"
    worker = SyncExecutionWorker(
        EvaluationDetails(
            AWSExecutionDetails(ACCOUNT, REGION, ROLE),
            ExecutionDetails(f"{arn}:execution:block:1", "1", ROLE, {}, f"{NOW:%Y-%m-%dT%H:%M:%S.000Z}"),
            StateMachineDetails(f"{arn}:stateMachine:block", "block", "STANDARD", json.dumps(definition)),  # type: ignore[arg-type]
        ),
        Ended(),
        None,
        {},
    )
    worker.start()
    assert worker.env is not None
    state = worker.env.program_state()
    if isinstance(state, ProgramEnded):
        return "SUCCEEDED", "", worker.env.states.get_input()
    assert isinstance(state, ProgramError)
    return "FAILED", str((state.error or {}).get("error")), None


def by_us(definition: dict[str, Any], _: Calls) -> tuple[str, str, Any]:
    execution = Machine(definition, SdkIntegrations(account_id=ACCOUNT, region=REGION, role_arn=ROLE)).run(start=NOW)
    return execution.status, execution.error, execution.output


def outcome(case: Case, interpreter: Any) -> Outcome:
    """Outcome of one execution on a new account."""
    with mock_aws():
        call = build(case)
        queue = call("sqs", "get_queue_url", QueueName="dead-letters")["QueueUrl"]
        calls: Counter[tuple[str, str]] = Counter()

        def watch(service: str, action: str, _: dict[str, Any]) -> None:
            if service != "iam":
                calls[service, action] += 1
            for failing, code in case.failing:
                if action == failing:
                    raise Refusal(code, "it says why")

        SIMULATED_ACCOUNT.checks.append(watch)
        definition = state_machine_definition(cluster_name=CLUSTER, dead_letter_queue_url=queue)
        status, error, output = interpreter(definition, call)
        SIMULATED_ACCOUNT.checks.remove(watch)
        groups = SIMULATED_ACCOUNT.part(Eks, ACCOUNT, REGION).clusters[CLUSTER].node_groups
        bodies: list[dict[str, Any]] = []
        while received := call("sqs", "receive_message", QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            bodies += [json.loads(message["Body"]) for message in received]
        return Outcome(
            status=status,
            error=error,
            output=output,
            sizes={name: group.desired for name, group in groups.items()},
            messages=sorted(map(without_wording, bodies), key=lambda body: str(body["pool"])),
            calls=calls,
        )


def without_wording(message: dict[str, Any]) -> dict[str, Any]:
    """A report without what moto words differently: it calls an expression that fails States.Runtime."""
    if message.get("error") in {"States.QueryEvaluationError", "States.Runtime"}:
        return {**message, "error": "States.QueryEvaluationError", "cause": ""}
    return message


@pytest.fixture(scope="module", autouse=True)
def interpreters() -> Iterator[None]:
    """moto's interpreter with JSONata, these AWS SDK integrations, and retries without a pause."""

    def task(self: StateTaskServiceAwsSdk, env: Any, *, normalised_parameters: dict[str, Any], **_: Any) -> None:
        integrations = SdkIntegrations(account_id=ACCOUNT, region=REGION, role_arn=ROLE)
        try:
            env.stack.append(integrations(self.resource.resource_arn, normalised_parameters))
        except StatesError as error:
            event = self._get_task_failure_event(env, error.error, error.cause)
            raise FailureEventException(event) from error

    extension.install()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moto_jsonata, "_eval_jsonata", lambda expression: Jsonata(expression).evaluate(None))
        patch.setattr(StateTaskServiceAwsSdk, "_eval_service_task", task)
        patch.setattr(retrier_decl, "time", SimpleNamespace(sleep=lambda _: None))
        yield
    SIMULATED_ACCOUNT.reset()


def assert_same(case: Case) -> Outcome:
    ours, theirs = outcome(case, by_us), outcome(case, by_moto)
    assert asdict(ours) == asdict(theirs)
    return ours


def test_same_for_a_pool_in_every_way() -> None:
    closing = Block(start=-6000, end=60)
    ours = assert_same(
        Case(
            pools=(
                Pool(),
                Pool(way="hold", desired=18),
                Pool(way="unknown"),
                Pool(way="no tags", desired=3),
                Pool(way="no reservation", desired=3),
                Pool(block=closing, desired=18),
                Pool(block=Block(start=-60, end=6000, listed=False), desired=18),
                Pool(block=Block(start=-60, end=6000, state="unavailable"), desired=18),
                Pool(block=Block(start=-60, end=6000, instances=9), desired=18),
                Pool(block=Block(start=60, end=6000)),
                Pool(block=closing, desired=18, lead=" 90 "),
                Pool(lead="soon"),
            )
        )
    )
    assert list(ours.sizes.values()) == [18, 0, 0, 3, 3, 0, 18, 18, 18, 0, 18, 0]
    assert Counter(message["error"] for message in ours.messages) == {
        "UnknownSchedule": 1,
        "NoSchedule": 1,
        "NoReservation": 1,
        "UnknownBlock": 1,
        "BlockNotActive": 1,
        "FewerInstances": 1,
        "WrongLead": 2,
    }


blocks = st.builds(
    Block,
    start=st.integers(-3000, 300),
    end=st.integers(301, 4000) | st.integers(-200, 200),
    instances=st.integers(1, 18),
    listed=st.sampled_from([True, True, True, False]),
    state=st.none() | st.sampled_from(["payment-pending", "unavailable", "cancelled"]),
).filter(lambda block: block.start < block.end)
pools = st.builds(
    Pool,
    way=st.sampled_from(["follow", "follow", "follow", "hold", "no reservation", "unknown", "no tags"]),
    block=blocks,
    desired=st.integers(0, 18),
    maximum=st.integers(1, 18),
    status=st.sampled_from(["ACTIVE", "ACTIVE", "ACTIVE", "UPDATING", "CREATING", "DELETING", "DEGRADED"]),
    lead=st.sampled_from(["90", "150", "", " 90 ", "84"]),
)
FAILURES = (
    ("UpdateNodegroupConfig", "ServerException"),
    ("UpdateNodegroupConfig", "ResourceInUseException"),
    ("DescribeNodegroup", "ResourceNotFoundException"),
    ("SendMessage", "InvalidMessageContents"),
    ("DescribeCapacityReservations", "InternalError"),
)
failures = st.frozensets(st.sampled_from(FAILURES), max_size=2)


@pytest.mark.parametrize("failure", FAILURES, ids="-".join)
def test_same_when_a_call_fails(failure: tuple[str, str]) -> None:
    assert_same(Case(pools=(Pool(), Pool(way="unknown")), failing=frozenset({failure})))


cases = st.builds(
    Case,
    pools=st.lists(pools, min_size=1, max_size=4).map(tuple),
    failing=st.just(frozenset()) | failures,
)


@settings(max_examples=8)
@given(
    st.builds(Case, pools=st.lists(pools, min_size=1, max_size=4).map(tuple), failing=st.just(frozenset()) | failures)
)
def test_same_for_random_accounts(case: Case) -> None:
    assert_same(case)
