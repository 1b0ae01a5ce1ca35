"""Fault of one environment among several on one embedded AWS."""

from typing import Any

import pytest

from helpers.rehearsal_site import ENVIRONMENTS
from ultrafleet.environment import load_environment
from ultrafleet.rehearsal.scenarios.faults.actions import answers
from ultrafleet.rehearsal.scenarios.faults.fault import FaultTarget
from ultrafleet.rehearsal.simulated_account import SIMULATED_ACCOUNT, Refusal, about_calls

DEV = load_environment(ENVIRONMENTS / "dev.yaml")
OWN = {"account": DEV.account, "region": DEV.region}


@pytest.mark.parametrize(
    ("about", "its"),
    [
        ({}, True),
        (OWN, True),
        ({**OWN, "stack": "dev-network"}, True),
        ({**OWN, "stack": "dev2-network"}, False),
        ({**OWN, "region": "us-west-2"}, False),
        ({**OWN, "account": "999999999999"}, False),
    ],
)
def test_a_call_is_the_targets_by_account_region_and_stack(about: dict[str, Any], its: bool) -> None:
    assert FaultTarget(environment=DEV).has(about) is its
    undo = answers("eks", "CreateCluster", "Code", "message")(FaultTarget(environment=DEV))
    try:
        with about_calls(**about):
            if its:
                with pytest.raises(Refusal, match="message"):
                    SIMULATED_ACCOUNT.check_call("eks", "CreateCluster")
            else:
                SIMULATED_ACCOUNT.check_call("eks", "CreateCluster")
    finally:
        undo()


def test_what_a_call_is_about_holds_for_the_calls_in_it() -> None:
    seen: list[dict[str, Any]] = []
    SIMULATED_ACCOUNT.checks.append(lambda _service, _action, about: seen.append(about))
    try:
        with about_calls(stack="dev-network", account="111111111111"), about_calls(account="222222222222"):
            SIMULATED_ACCOUNT.check_call("ec2", "CreateVpc", {"CidrBlock": "10.0.0.0/16"})
        SIMULATED_ACCOUNT.check_call("ec2", "CreateVpc")
    finally:
        SIMULATED_ACCOUNT.checks.pop()
    assert seen == [{"stack": "dev-network", "account": "222222222222", "CidrBlock": "10.0.0.0/16"}, {}]
