"""The policy as rules of cfn-lint: `cfn-lint --append-rules ultrafleet.policy.cfn_lint -- template.yaml`.

Each rule has an id of its own: E97nn for its errors, W97nn for its warnings, I97nn for values that are only known at
deployment, where nn is `PolicyRule.number`. `ignore_checks` of cfn-lint work, for one of them or, as `E97`, for all.
"""

from typing import Any, Final
from weakref import WeakKeyDictionary

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template as LintedTemplate

from ultrafleet.policy.engine import RULES, check_templates
from ultrafleet.policy.rule import Finding, PolicyRule, Severity
from ultrafleet.templates.template import Template

_LETTERS: Final = {Severity.ERROR: "E", Severity.WARNING: "W", Severity.UNKNOWN: "I"}
_found: WeakKeyDictionary[Any, list[Finding]] = WeakKeyDictionary()


def _findings(linted: LintedTemplate) -> list[Finding]:
    """Findings of every rule: one run for all classes below."""
    if linted not in _found:
        _found[linted] = check_templates([Template(name=str(linted.filename), content=linted.template)])
    return _found[linted]


def _lint_rule(rule: PolicyRule, severity: Severity) -> type[Any]:
    """Class of cfn-lint for the findings of one rule that have one severity."""

    def match(_: CloudFormationLintRule, cfn: LintedTemplate) -> list[RuleMatch]:
        return [
            RuleMatch(
                ["Resources", finding.resource] if finding.resource else ["Resources"],
                f"{finding.message} [{finding.rule}]",
            )
            for finding in _findings(cfn)
            if finding.rule == rule.id and finding.severity is severity
        ]

    lint_id = f"{_LETTERS[severity]}97{rule.number:02}"
    described = {
        "id": lint_id,
        "shortdesc": f"ultrafleet {rule.id}",
        "description": f"Protects from {rule.protects_from}. Remedy: {rule.remedy}",
        "source_url": rule.address,
        "tags": ["ultrafleet", rule.id],
        "match": match,
    }
    return type(lint_id, (CloudFormationLintRule,), described)


# cfn-lint takes the classes that it finds in a module.
globals().update(
    {
        lint_rule.__name__: lint_rule
        for rule in RULES
        for severity in list(_LETTERS)[list(_LETTERS).index(rule.severity) :]  # a rule may find less than its severity
        for lint_rule in [_lint_rule(rule, severity)]
    }
)
