"""Templates that nobody would write, and what check and review must never do with them: a traceback, or take long.

The reader, the resolver, every rule of the policy and the whole review run over each.
"""

import json
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from helpers.hostile_inputs import pool
from helpers.review_fleet import stacks
from ultrafleet.errors import FleetError
from ultrafleet.plain_text import for_terminal, visible_json
from ultrafleet.policy import RULES, check_templates, parse_template
from ultrafleet.policy.sarif import sarif
from ultrafleet.review import Revision, paired, picture, review_of
from ultrafleet.review.markdown import fitted
from ultrafleet.review.sections import sections
from ultrafleet.templates.linking import linked
from ultrafleet.templates.template import Template

SECONDS: Final = 5.0
"""CPU seconds that one input may take."""
DAY: Final = date(2026, 12, 2)

_ODD: Final = [
    "", "0", "-1", "1e999", "9" * 5000, "\x1b[2J", "\u202e", "a\nb", "::error::x", "##[error]x", "${", "${A}",
    "${A.Arn}",
    "${AWS::Region}", "${!A}", "{{resolve:ssm:/x}}", "[" * 300, '{"a": ', "p5.48xlarge",
    "ml.p5.48xlarge", "p6e-gb200.36xlarge",
    "*", "**", "arn:aws:iam::aws:policy/AdministratorAccess", "0.0.0.0/0", "::/0", "10.0.0.0/33",
    "cr-0123456789abcdef0",
    "cron(99 99 * * ? *)", "at(0001-01-01T00:00:00)", "America", "true", "<img src=x>", "@all", "`", "|", "A", "G", "L",
]  # fmt: skip
_FUNCTIONS: Final = [
    "Ref", "Condition", "Fn::If", "Fn::Sub", "Fn::Join", "Fn::Split", "Fn::Select", "Fn::FindInMap", "Fn::GetAtt",
    "Fn::Base64",
    "Fn::ImportValue", "Fn::ToJsonString", "Fn::Length", "Fn::Cidr", "Fn::GetAZs", "Fn::Transform", "Fn::_init__",
    "Fn::",
    "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not", "Fn::ForEach::X",
]  # fmt: skip
_KEYS: Final = [
    "Type", "Properties", "Condition", "LaunchTemplateData", "NetworkInterfaces", "InstanceType", "InstanceTypes",
    "UserData",
    "ScalingConfig", "MaxSize", "MinSize", "DesiredSize", "Tags", "Key", "Value", "Labels", "Subnets",
    "LaunchTemplate", "Id",
    "Version", "CapacityReservationSpecification", "CapacityReservationTarget", "PolicyDocument", "Statement", "Effect",
    "Action", "Resource", "Principal", "SecurityGroupIngress", "CidrIp", "FromPort", "ScheduleExpression", "Target",
    "Input",
    "ManagedPolicyArns", "ResourcesVpcConfig", "ConfigurationValues", "Manifest", "ComputeResources", "Export", "Name",
]  # fmt: skip
_TYPES: Final = [
    "AWS::EC2::LaunchTemplate", "AWS::EKS::Nodegroup", "AWS::AutoScaling::AutoScalingGroup",
    "AWS::PCS::ComputeNodeGroup",
    "AWS::EKS::Cluster", "AWS::EKS::Addon", "AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress",
    "AWS::IAM::Role",
    "AWS::EC2::CapacityReservation", "AWS::Scheduler::Schedule", "AWS::AutoScaling::ScheduledAction",
    "AWS::EC2::Subnet",
    "AWS::FSx::FileSystem", "AWS::Batch::ComputeEnvironment", "AWS::SageMaker::Cluster", "AWS::CloudFormation::Stack",
    "AWS::EC2::PlacementGroup", "AWS::ResourceGroups::Group", "AWS::KMS::Key", "AWS::EKS::AccessEntry", "X::Y::MODULE",
    "Custom::AWSCDK-EKS-KubernetesResource", "AWS::EC2::Instance", "AWS::EKS::PodIdentityAssociation",
    "AWS::EC2::VPCEndpoint",
]  # fmt: skip

_atoms: Final = st.one_of(
    st.sampled_from(_ODD),
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False),
    st.text(max_size=8),
)
_keys: Final = st.one_of(st.sampled_from(_KEYS), st.sampled_from(_ODD[:30]))


def _wider(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(inside, max_size=4),
        st.dictionaries(_keys, inside, max_size=4),
        st.builds(lambda name, argument: {name: argument}, st.sampled_from(_FUNCTIONS), inside),
        st.builds(
            lambda name, argument: {name: argument},
            st.sampled_from(_FUNCTIONS),
            st.lists(inside, min_size=1, max_size=4),
        ),
    )


values: Final = st.recursive(_atoms, _wider, max_leaves=25)
"""JSON of any shape, in which functions and properties of CloudFormation are frequent."""


def _good() -> list[dict[str, Any]]:
    return [json.loads(pool()), *json.loads(json.dumps(stacks())).values()]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys."""
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(item, dict | list):
            yield from _places(item)


@st.composite
def broken(draw: st.DrawFn) -> str:
    """Text of a good template of which some values are others, or of one that was never good, or broken text."""
    content = draw(st.sampled_from(_good()))
    for _ in range(draw(st.integers(0, 5))):
        places = list(_places(content))
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        holder[key] = draw(values)
    resources = content.get("Resources")
    if isinstance(resources, dict):
        for number in range(draw(st.integers(0, 3))):
            made = {"Type": draw(st.sampled_from(_TYPES)), "Properties": draw(values)}
            resources[draw(st.sampled_from(["A", "G", "L", f"X{number}"]))] = made
    for section in draw(
        st.lists(st.sampled_from(["Conditions", "Parameters", "Mappings", "Outputs", "Metadata", "Transform"]))
    ):
        content[section] = draw(values)
    text = json.dumps(content)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        text = (
            text[:at]
            + draw(st.sampled_from(["", "{", "[", '"', "\\ud800", "&a ", "*a", "<<: ", "- ", "9" * 50]))
            + text[at:]
        )
    return text


def _template(text: str, name: str) -> Template:
    return linked([parse_template(text, name=name)])[0]


def run(base: str, head: str, out: Path | None = None) -> str:
    """All that check and review do with two texts; `ok` or the one-line error.

    Raises:
        AssertionError: it takes too long, or says what a terminal must not receive.
    """
    begin = time.process_time()
    try:
        said = _run(base, head)
    except FleetError as error:
        said = str(error)
    taken = time.process_time() - begin
    assert taken <= SECONDS, f"{taken:.1f} s"
    shown = for_terminal(said)
    assert shown.isprintable()
    assert not shown.lstrip().startswith("::")
    if out is not None:
        out.write_text(shown, encoding="utf-8")
    return said


def _run(base: str, head: str) -> str:
    sides = [_template(text, "a.json") for text in (base, head)]
    for side in sides:
        _ = side.simplified
    findings = check_templates([sides[1]])
    json.dumps(visible_json(sarif(findings, RULES)))
    before, after = (
        Revision(label=label, stacks={"a": side}) for label, side in zip(("base", "head"), sides, strict=True)
    )
    review = review_of(*paired(before, after), day=DAY)
    text = fitted(sections(review), 65_535, elsewhere="x")
    text.encode()
    assert "\x1b" not in text
    assert "\u202e" not in text
    if review.pools:
        picture(review.pools, "light").encode()
    return "ok"
