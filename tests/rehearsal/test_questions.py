"""Operations of the embedded AWS that only ask: what they refuse, and what they answer of states."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from helpers.preflight_world import content, environment_of
from ultrafleet.block_machine import state_machine_definition
from ultrafleet.rehearsal.calls import Calls
from ultrafleet.rehearsal.scenarios.embedded import embedded_aws
from ultrafleet.rehearsal.simulated_account import Refusal

ENVIRONMENT = environment_of(content())
REGION = ENVIRONMENT.region
DEFINITION = state_machine_definition(cluster_name="one", dead_letter_queue_url="https://sqs/one")
PASS = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.value * $by %}", "End": True}


@pytest.fixture
def call() -> Iterator[Calls]:
    with embedded_aws(ENVIRONMENT, now=datetime(2026, 11, 26, tzinfo=UTC)):
        yield Calls(account_id=ENVIRONMENT.account, region=REGION)


def tried(call: Calls, state: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {"definition": json.dumps(state), "input": '{"value": 21}', "variables": '{"by": 2}'}
    return call("stepfunctions", "test_state", mock={"result": "{}"}, **{**given, **more})


def test_a_state_is_tried_alone(call: Calls) -> None:
    answer = tried(call, PASS, inspectionLevel="DEBUG")
    assert (answer["status"], answer["output"]) == ("SUCCEEDED", "42")
    assert json.loads(answer["inspectionData"]["variables"]) == {"by": 2}
    assert "inspectionData" not in tried(call, PASS)


def test_a_state_that_fails_says_why(call: Calls) -> None:
    answer = tried(call, {**PASS, "Output": "{% $nothing %}"})
    assert (answer["status"], answer["error"]) == ("FAILED", "States.QueryEvaluationError")


def test_fails_without_a_mock_and_a_role(call: Calls) -> None:
    with pytest.raises(Refusal, match="A role is required where no mock is specified"):
        call("stepfunctions", "test_state", definition=json.dumps(PASS))


@pytest.mark.parametrize("text", ["{", "[]"])
def test_fails_on_what_is_no_definition(call: Calls, text: str) -> None:
    with pytest.raises(Refusal, match="Invalid State Machine Definition"):
        call("stepfunctions", "validate_state_machine_definition", definition=text)


def test_the_block_schedule_is_valid(call: Calls) -> None:
    answer = call("stepfunctions", "validate_state_machine_definition", definition=json.dumps(DEFINITION))
    assert (answer["result"], answer["diagnostics"]) == ("OK", [])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"QueryLanguage": "JSONPath"}, "the query language has to be JSONata"),
        ({"StartAt": "Nowhere"}, "Nowhere is no state"),
        ({"States": {"Begin": {"Type": "Pass", "Next": "Gone"}}}, "Gone is no state"),
        ({"States": {"Begin": {"Type": "Pass", "Resource": "x", "End": True}}}, "Resource is no field of a Pass"),
        ({"States": {"Begin": {"Type": "Pass", "Output": "{% ( %}", "End": True}}}, "Begin: {% ( %}: "),
    ],
)
def test_a_definition_that_is_not_is_told(call: Calls, change: dict[str, Any], message: str) -> None:
    text = json.dumps({**DEFINITION, **change})
    answer = call("stepfunctions", "validate_state_machine_definition", definition=text)
    assert answer["result"] == "FAIL"
    assert any(message in item["message"] for item in answer["diagnostics"]), answer


def test_quotas_that_are_not_known_are_refused(call: Calls) -> None:
    with pytest.raises(Refusal) as refusal:
        call("service-quotas", "get_service_quota", ServiceCode="ec2", QuotaCode="L-00000000")
    assert refusal.value.code == "NoSuchResourceException"


def test_regions_are_those_that_are_enabled_unless_all_are_asked_for(call: Calls) -> None:
    enabled = {item["RegionName"] for item in call("ec2", "describe_regions")["Regions"]}
    known = {item["RegionName"] for item in call("ec2", "describe_regions", AllRegions=True)["Regions"]}
    assert REGION in enabled
    assert enabled < known
    with pytest.raises(Refusal, match="Invalid region names"):
        call("ec2", "describe_regions", RegionNames=["mars-north-1"])


def test_add_ons_are_offered_for_the_versions_that_are_asked_for(call: Calls) -> None:
    every = call("eks", "describe_addon_versions")["addons"]
    assert len(every) > 10
    (one,) = call("eks", "describe_addon_versions", addonName="vpc-cni", kubernetesVersion="1.35")["addons"]
    (version,) = one["addonVersions"]
    assert version["compatibilities"] == [{"clusterVersion": "1.35", "defaultVersion": True}]
    schema = call("eks", "describe_addon_configuration", addonName="vpc-cni", addonVersion=version["addonVersion"])
    assert json.loads(schema["configurationSchema"])["type"] == "object"
    for operation, name in (("describe_addon_versions", "nothing"), ("describe_addon_configuration", "vpc-cni")):
        more = {"addonVersion": "v0.0.0-eksbuild.1"} if "configuration" in operation else {}
        with pytest.raises(Refusal) as refusal:
            call("eks", operation, addonName=name, **more)
        assert refusal.value.code == "ResourceNotFoundException"
