"""Findings repaired in a template's text: those with one right answer, and nothing else."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from helpers.policy_faults import FAULTS as LAUNCH_FAULTS
from helpers.policy_faults import edited
from helpers.policy_group_faults import GROUP_FAULTS
from helpers.policy_reach_faults import REACH_FAULTS
from ultrafleet.fix import FIXES, Repaired, repaired_text
from ultrafleet.fix.user_data_fixes import repaired_user_data
from ultrafleet.policy import RULES, Finding, Template, check_templates, parse_template

FAULTS = LAUNCH_FAULTS | GROUP_FAULTS | REACH_FAULTS
RACK = (Path(__file__).parent.parent / "data" / "policy" / "rack.yaml").read_text()


def judge(text: str) -> tuple[Template, Sequence[Finding]]:
    template = parse_template(text, name="rack.yaml")
    return template, check_templates([template])


def repaired(text: str) -> Repaired:
    return repaired_text(text, judge)


def test_every_fix_is_of_a_rule_and_mends_a_planted_fault_of_it() -> None:
    assert set(FIXES) <= {rule.id for rule in RULES}
    left = set(FIXES)
    for edit, rule, _ in FAULTS.values():
        if rule in left:
            made = repaired(json.dumps(edited(edit).content, indent=2))
            if any(item.rule == rule for item in made.repaired):
                left.remove(rule)
                assert repaired(made.text).text == made.text
    assert left == set()


ALL_RIGHT = repaired(RACK)


def test_a_template_without_findings_stays_as_it_is() -> None:
    assert (ALL_RIGHT.text, ALL_RIGHT.repaired, ALL_RIGHT.left) == (RACK, [], [])


IN_YAML = {
    "a cell of flow style": ("HttpTokens: required", "HttpTokens: optional"),
    "a boolean": ("Encrypted: true", "Encrypted: false"),
    "the market of a block": ("Version: !GetAtt Template.LatestVersionNumber", "Version: 1"),
    "an interface": ("NetworkCardIndex: 13, DeviceIndex: 0", "NetworkCardIndex: 13, DeviceIndex: 1"),
    "a public endpoint": ("EndpointPublicAccess: false", "EndpointPublicAccess: true"),
}


@pytest.mark.parametrize(("right", "wrong"), IN_YAML.values(), ids=IN_YAML)
def test_a_fault_in_yaml_is_repaired_to_the_byte(right: str, wrong: str) -> None:
    made = repaired(RACK.replace(right, wrong, 1))
    assert made.text == RACK
    assert not made.left


SECURITY_GROUP = """\
Parameters:
  Home: {Type: String, Default: 0.0.0.0/0} # where we sit
Resources:
  Sg:  # ours
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: 'a group'
      SecurityGroupIngress:
        # the web
        - {IpProtocol: tcp, FromPort: 443, ToPort: 443, CidrIp: 0.0.0.0/0}
        # for us
        - IpProtocol: tcp
          FromPort: 22
          ToPort: 22
          CidrIp: %s
        - {IpProtocol: tcp, FromPort: 80, ToPort: 80, CidrIp: 0.0.0.0/0}  # redirects
"""


def test_a_rule_for_ssh_is_taken_out_and_no_other() -> None:
    made = repaired(SECURITY_GROUP % "0.0.0.0/0")
    lines = (SECURITY_GROUP % "0.0.0.0/0").splitlines(keepends=True)
    assert made.text == "".join(lines[:11] + lines[15:])
    assert [item.rule for item in made.repaired] == ["open-to-everybody"]


def test_a_default_that_is_open_is_taken_out() -> None:
    text = SECURITY_GROUP % "!Ref Home"
    assert repaired(text).text == text.replace("{Type: String, Default: 0.0.0.0/0}", "{Type: String}")


def test_fails_to_take_out_all_traffic_which_needs_a_choice() -> None:
    text = (SECURITY_GROUP % "0.0.0.0/0").replace("FromPort: 22", "FromPort: 20")
    made = repaired(text)
    assert made.text == text
    assert [(item.rule, why) for item, why in made.left] == [("open-to-everybody", "it needs a choice")]


ALIAS = """\
Resources:
  A: &same
    Type: AWS::EC2::Volume
    Properties: {Size: 10, AvailabilityZone: us-east-1a}
  B: *same
"""


def test_fails_to_mend_what_an_alias_repeats() -> None:
    made = repaired(ALIAS)
    assert made.text == ALIAS
    assert {why for _, why in made.left} == {"there is an alias there, which repeats or is repeated elsewhere"}


def test_what_holds_data_is_kept_when_a_new_one_takes_its_place() -> None:
    made = repaired(ALIAS.replace("&same", "").replace("  B: *same\n", ""))
    assert json.loads(json.dumps(parse_template(made.text, name="x").content))["Resources"]["A"] == {
        "Type": "AWS::EC2::Volume",
        "Properties": {"Size": 10, "AvailabilityZone": "us-east-1a", "Encrypted": True},
        "UpdateReplacePolicy": "Retain",
    }


def test_findings_that_are_not_wanted_are_left_alone() -> None:
    text = RACK.replace("HttpTokens: required", "HttpTokens: optional").replace("Encrypted: true", "Encrypted: false")
    made = repaired_text(text, judge, lambda item: item.rule == "imdsv2")
    assert [item.rule for item in made.repaired] == ["imdsv2"]
    assert "Encrypted: false" in made.text


@pytest.mark.parametrize("rule", ["imdsv2"])
def test_fails_to_mend_where_a_fix_would_bring_a_finding(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = RACK.replace("HttpTokens: required", "HttpTokens: optional")
    whole = FIXES[rule]

    def worse(faulty: Any) -> Any:
        for edit in whole.edits(faulty):
            yield edit
            yield type(edit)(("Resources", "Template", "Properties", "LaunchTemplateData", "KeyName"), "mine")

    monkeypatch.setattr("ultrafleet.fix.repairing.FIXES", {rule: type(whole)(rule=rule, does=whole.does, edits=worse)})
    made = repaired(fault)
    assert made.text == fault
    assert [why for _, why in made.left] == ["it would bring a finding of ssh-key"]


HEAD = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="X"\n\n'
USER_DATA = {
    "no empty line": (
        HEAD
        + "--X\nContent-Type: application/node.eks.aws\napiVersion: node.eks.aws/v1alpha\nkind: NodeConfig\n--X--\n",
        HEAD
        + "--X\nContent-Type: application/node.eks.aws\n\napiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n--X--\n",
    ),
    "another boundary": (HEAD.replace('"X"', '"Y"') + "--X\n\na\n--X--\n", HEAD + "--X\n\na\n--X--\n"),
    "no boundary": (HEAD.replace('; boundary="X"', "") + "--X\n\na\n--X--\n", HEAD + "--X\n\na\n--X--\n"),
    "indented": (
        "MIME-Version: 1.0\n  Content-Type: multipart/mixed; boundary=X\n\n  --X\n\n  a:\n    b\n  --X--\n",
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=X\n\n--X\n\na:\n  b\n--X--\n",
    ),
    "a script stays": ("#!/bin/bash\nkind: nodeconfig2\n", "#!/bin/bash\nkind: nodeconfig2\n"),
}


@pytest.mark.parametrize(("text", "right"), USER_DATA.values(), ids=USER_DATA)
def test_user_data_is_spelled_as_nodeadm_reads_it(text: str, right: str) -> None:
    assert repaired_user_data(text) == right
    assert repaired_user_data(right) == right
