"""The policy as rules of cfn-lint: `cfn-lint --append-rules ultrafleet.policy.cfn_lint -- template.yaml`.

E9700 reports errors, W9700 warnings, I9700 values that are only known at deployment. `ignore_checks` of cfn-lint work.
"""

from collections.abc import Iterator
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template as LintedTemplate

from ultrafleet.policy.engine import check_templates
from ultrafleet.policy.rule import Finding, Severity
from ultrafleet.templates.template import Template

_found: WeakKeyDictionary[Any, list[Finding]] = WeakKeyDictionary()


def _findings(linted: LintedTemplate) -> list[Finding]:
    """The three rules below share one run."""
    if linted not in _found:
        _found[linted] = check_templates([Template(name=str(linted.filename), content=linted.template)])
    return _found[linted]


def _matches(linted: LintedTemplate, severity: Severity) -> Iterator[RuleMatch]:
    for finding in _findings(linted):
        if finding.severity is severity:
            path = ["Resources", finding.resource] if finding.resource else ["Resources"]
            yield RuleMatch(path, f"{finding.message} [{finding.rule}]")


class FleetErrors(CloudFormationLintRule):  # type: ignore[misc]  # no types in the wheel
    """Errors: what doesn't launch, costs money or allows access."""

    id = "E9700"
    shortdesc = "Errors of ultrafleet's policy"
    description = "Rules of accelerated fleets, see docs/policy.md"
    source_url = ""
    tags: ClassVar[list[str]] = ["ultrafleet"]

    def match(self, cfn: LintedTemplate) -> list[RuleMatch]:
        """Errors of a template."""
        return list(_matches(cfn, Severity.ERROR))


class FleetWarnings(CloudFormationLintRule):  # type: ignore[misc]  # no types in the wheel
    """Warnings: what works, and is not what should be."""

    id = "W9700"
    shortdesc = "Warnings of ultrafleet's policy"
    description = "Rules of accelerated fleets, see docs/policy.md"
    source_url = ""
    tags: ClassVar[list[str]] = ["ultrafleet"]

    def match(self, cfn: LintedTemplate) -> list[RuleMatch]:
        """Warnings of a template."""
        return list(_matches(cfn, Severity.WARNING))


class FleetUnknowns(CloudFormationLintRule):  # type: ignore[misc]  # no types in the wheel
    """Unknown values: what only a deployment decides."""

    id = "I9700"
    shortdesc = "Undecided findings of ultrafleet's policy"
    description = "Values that rules of accelerated fleets need and that no template shows"
    source_url = ""
    tags: ClassVar[list[str]] = ["ultrafleet"]

    def match(self, cfn: LintedTemplate) -> list[RuleMatch]:
        """Unknown values of a template."""
        return list(_matches(cfn, Severity.UNKNOWN))
