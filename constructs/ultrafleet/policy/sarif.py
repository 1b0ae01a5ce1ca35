"""Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines of a pull request."""

import os
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import quote

from ultrafleet.policy.annotations import repository_path
from ultrafleet.policy.rule import Finding, PolicyRule, Severity

_LEVELS: Final = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.UNKNOWN: "note",
    Severity.ACKNOWLEDGED: "note",
}


def sarif(
    findings: Iterable[Finding], rules: Sequence[PolicyRule], *, known: Sequence[Finding] | None = None
) -> dict[str, Any]:
    """A SARIF log.

    Args:
        findings: what the rules found.
        rules: the rules.
        known: those of the findings that a baseline has. Default: there is no baseline.
    """
    unchanged = None if known is None else {id(finding) for finding in known}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "ultrafleet check",
                        "semanticVersion": version("ultrafleet"),
                        "rules": [_rule(rule) for rule in rules],
                    }
                },
                "results": [_result(finding, unchanged) for finding in findings],
            }
        ],
    }


def _rule(rule: PolicyRule) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": rule.id,
        "shortDescription": {"text": f"Protects from {rule.protects_from}"},
        "help": {"text": f"Remedy: {rule.remedy}. Source: {rule.source}."},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"confidence": rule.source.weakest.value},
    }
    if rule.source.address is not None:
        shown["helpUri"] = rule.source.address
    return shown


def _result(finding: Finding, unchanged: set[int] | None) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(os.fsencode(repository_path(finding.file)))},
                    "region": {"startLine": finding.line},
                },
                "logicalLocations": [{"name": finding.resource or "(template)", "kind": "resource"}],
            }
        ],
    }
    if finding.severity is Severity.ACKNOWLEDGED:
        result["suppressions"] = [{"kind": "external", "status": "accepted"}]
    if unchanged is not None:
        result["baselineState"] = "unchanged" if id(finding) in unchanged else "new"
    return result
