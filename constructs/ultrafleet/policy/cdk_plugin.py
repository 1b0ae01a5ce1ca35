"""The policy as a validation plugin of the CDK, for any app: it reads templates, whatever constructs made them.

from ultrafleet.policy.cdk_plugin import FleetPolicy

cdk.Validations.of(app).add_plugins(FleetPolicy())
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

import aws_cdk as cdk
import jsii

from ultrafleet.policy.acknowledgement import Acknowledgement, acknowledge
from ultrafleet.policy.engine import RULES, check_templates
from ultrafleet.policy.rule import Finding, Severity
from ultrafleet.templates.reading import read_templates

_SEVERITIES = {Severity.UNKNOWN: "info", Severity.ACKNOWLEDGED: "info"}
_REMEDIES = {rule.id: rule.remedy for rule in RULES}


@jsii.implements(cdk.IPolicyValidationPlugin)
class FleetPolicy:
    """Holds every template of an app to the rules of accelerated fleets; errors fail the synthesis.

    The CDK's own `Validations.of(construct).acknowledge(...)` works, too, with ids such as `ultrafleet::imdsv2`.

    Args:
        acknowledgements: findings that are accepted. Default: none.
        as_of: the day on which they have to be valid. Default: today, in UTC.
    """

    def __init__(self, *, acknowledgements: Sequence[Acknowledgement] = (), as_of: date | None = None) -> None:
        self._acknowledgements = tuple(acknowledgements)
        self._as_of = as_of

    @property
    def name(self) -> str:
        """Name in the report."""
        return "ultrafleet"

    @property
    def version(self) -> str | None:
        """Version of the library."""
        return version("ultrafleet")

    @property
    def rule_ids(self) -> list[str] | None:
        """Every rule, by its id."""
        return [rule.id for rule in RULES]

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        """Check the templates that were synthesised."""
        templates = read_templates([Path(path) for path in context.template_paths])
        findings = acknowledge(
            check_templates(templates), self._acknowledgements, as_of=self._as_of or datetime.now(UTC).date()
        )
        return cdk.PolicyValidationPluginReport(
            success=not any(finding.severity is Severity.ERROR for finding in findings),
            violations=[_violation(finding) for finding in findings],
        )


def _violation(finding: Finding) -> cdk.PolicyViolation:
    return cdk.PolicyViolation(
        rule_name=finding.rule,
        description=finding.message,
        severity=_SEVERITIES.get(finding.severity, finding.severity.value),
        fix=_REMEDIES.get(finding.rule),
        violating_resources=[
            cdk.PolicyViolatingResource(
                resource_logical_id=finding.resource,
                template_path=finding.file,
                locations=[],
            )
        ],
    )
