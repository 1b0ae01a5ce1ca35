"""Rule of intrinsic functions: the number of their parts."""

from collections.abc import Iterator
from typing import Final

from ultrafleet.catalog.source import Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.function_parts import wrong_parts
from ultrafleet.templates.template import Template


def _parts(template: Template) -> Iterator[Problem]:
    resources = template.resources
    for logical_id, resource in resources.items():
        for wrong in wrong_parts(resource.raw):
            yield Problem(
                logical_id, f"{wrong.function} has {wrong.got}, expected {wrong.expected}: CloudFormation refuses it"
            )
    for section in ("Conditions", "Outputs"):
        for wrong in wrong_parts(template.content.get(section)):
            yield Problem(
                "",
                f"{wrong.function} in {section} has {wrong.got}, expected {wrong.expected}: CloudFormation refuses it",
            )


RULES: Final = (
    PolicyRule(
        id="function-parts",
        number=59,
        severity=Severity.ERROR,
        protects_from="a template that CloudFormation refuses",
        source=Source(
            "CloudFormation user guide, intrinsic function reference",
            address="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html",
        ),
        remedy="the number of parts that the function takes",
        check=_parts,
    ),
)
