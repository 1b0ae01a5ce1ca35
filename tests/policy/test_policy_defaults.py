"""Findings that rest on the default of a parameter: they say so, and what to pass."""

from typing import Any

import pytest

from helpers.policy_templates import X86, efa_only, launch, node_group, with_group
from ultrafleet.policy import check_templates


def messages(content: dict[str, Any], **parameters: str) -> list[str]:
    template = with_group(content)
    template.parameters.update(parameters)  # type: ignore[attr-defined]
    return [finding.message for finding in check_templates([template])]


def content(parameter: dict[str, Any], **resources: Any) -> dict[str, Any]:
    return {"Parameters": {"Given": parameter}, "Resources": resources}


def pool(*, launched: dict[str, Any], **group: Any) -> dict[str, Any]:
    return {"Launch": launched, "Pool": node_group(X86, 4, **group)}


TYPE = {"Type": "String", "Default": "p5en.48xlarge"}
CASES: dict[str, dict[str, Any]] = {
    "a value of the resource": content(
        TYPE,
        **pool(launched=launch({"Ref": "Given"}, efa_only(range(1, 4)))),  # type: ignore[arg-type]
    ),
    "a value of what launches from it": content(
        TYPE, **pool(launched=launch(None, efa_only(range(1, 4))), InstanceTypes=[{"Ref": "Given"}])
    ),
    "a condition": {
        **content(
            {"Type": "String", "Default": "small"},
            **pool(
                launched=launch(
                    "p5en.48xlarge",
                    efa_only(range(1, 16)),
                    MetadataOptions={"HttpTokens": {"Fn::If": ["Old", "optional", "required"]}},
                )
            ),
        ),
        "Conditions": {"Old": {"Fn::Equals": [{"Ref": "Given"}, "small"]}},
    },
}


@pytest.mark.parametrize("stated", CASES.values(), ids=CASES)
def test_names_the_parameter_and_what_to_pass(stated: dict[str, Any]) -> None:
    (message,) = messages(stated)
    default = stated["Parameters"]["Given"]["Default"]
    assert f"[by the default of parameter Given ({default}): pass --parameter Given=..." in message


@pytest.mark.parametrize("stated", CASES.values(), ids=CASES)
def test_a_value_that_is_given_is_no_default(stated: dict[str, Any]) -> None:
    default = stated["Parameters"]["Given"]["Default"]
    (message,) = messages(stated, Given=default)
    assert "--parameter" not in message


def test_a_finding_that_rests_on_no_default_says_nothing_of_one() -> None:
    stated = content(TYPE, **pool(launched=launch({"Ref": "Given"}, efa_only(range(1, 16)), KeyName="mine")))  # type: ignore[arg-type]
    (message,) = messages(stated)
    assert "--parameter" not in message
