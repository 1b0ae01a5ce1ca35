"""Launch templates of nodes on RoCE: the secondary interfaces of their other version count."""

import json
from typing import Any

import pytest

from ultrafleet.policy import parse_template
from ultrafleet.policy.launch_rules import RULES
from ultrafleet.secondary_network_function import SECONDARY_INTERFACES


def problems(rule: str, cards: range, *, with_version: bool = True) -> list[str]:
    launch = {
        "Type": "AWS::EC2::LaunchTemplate",
        "Properties": {
            "LaunchTemplateData": {
                "InstanceType": "p6e-gb300r.36xlarge",
                "NetworkInterfaces": [{"NetworkCardIndex": 0, "DeviceIndex": 0, "InterfaceType": "interface"}],
            }
        },
    }
    version = {
        "Type": SECONDARY_INTERFACES,
        "Properties": {
            "LaunchTemplateId": {"Ref": "Launch"},
            "SecondaryInterfaces": [{"NetworkCardIndex": card, "DeviceIndex": 0} for card in cards],
        },
    }
    resources: dict[str, Any] = {"Launch": launch, **({"Version": version} if with_version else {})}
    (found,) = [item for item in RULES if item.id == rule]
    return [
        problem.message
        for problem in found.check(parse_template(json.dumps({"Resources": resources}), name="one.json"))
    ]


def test_nodes_with_secondary_interfaces_need_no_efa() -> None:
    assert problems("no-efa", range(1, 9)) == []
    assert len(problems("no-efa", range(1, 9), with_version=False)) == 1


@pytest.mark.parametrize(("cards", "message"), [(range(1, 9), None), (range(1, 10), "there is no card 9")])
def test_their_layout_is_that_of_the_type(cards: range, message: str | None) -> None:
    found = problems("efa-layout", cards)
    assert found == [] if message is None else found[0].startswith(message)
