"""Findings as a code host takes them from a job's output: GitHub's workflow commands, GitLab's code quality report."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from ultrafleet.plain_text import for_terminal, visible
from ultrafleet.policy.rule import Finding, Severity


class CodeHost(StrEnum):
    """Code host whose format is written."""

    GITHUB = "github"
    GITLAB = "gitlab"


_COMMANDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.UNKNOWN: "notice"}
_SEVERITIES: Final = {Severity.ERROR: "critical", Severity.WARNING: "minor"}


def repository_path(file: str) -> str:
    """Path of a template from the working directory, which is the repository's in a job; another one as it is."""
    path = Path(os.path.relpath(file)) if Path(file).is_absolute() else Path(os.path.normpath(file))
    return Path(file).as_posix() if ".." in path.parts else path.as_posix()


def workflow_commands(findings: Iterable[Finding]) -> Iterator[str]:
    """A workflow command of GitHub Actions for each finding, errors first: a step shows ten of a kind.

    Accepted findings are left out. The escapes are those of GitHub's own toolkit (command.ts, high): `%`, CR and LF in
    all parts, `:` and `,` in properties too, so that no part ends the command or begins another.
    """
    order = list(_COMMANDS)
    told = (finding for finding in findings if finding.severity in _COMMANDS)
    for finding in sorted(told, key=lambda item: order.index(item.severity)):
        place = f"file={_property(repository_path(finding.file))},line={max(finding.line, 1)}"
        if finding.column is not None:
            place += f",col={finding.column}"
        title = _property(f"ultrafleet {finding.rule}")
        text = _data(f"{finding.resource or '(template)'}: {finding.message}")
        yield f"::{_COMMANDS[finding.severity]} {place},title={title}::{text}"


def _data(text: str) -> str:
    """Text as the data of a command; what can't be seen, line breaks among it, is written as its escape before."""
    shown = for_terminal(text)
    return shown.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def code_quality(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings as GitLab's code quality report; accepted ones are left out.

    The fingerprint is of file, resource, rule and message, and counts those that are alike, because GitLab shows one of
    each. It has no line: a finding that moves is the same.
    """
    seen: Counter[tuple[str, str, str, str]] = Counter()
    report = []
    for finding in findings:
        if finding.severity is Severity.ACKNOWLEDGED:
            continue
        path = repository_path(finding.file)
        key = (path, finding.resource, finding.rule, finding.message)
        seen[key] += 1
        text = json.dumps([*key, seen[key]])
        report.append(
            {
                "description": visible(f"{finding.resource or '(template)'}: {finding.message}"),
                "check_name": f"ultrafleet/{finding.rule}",
                "fingerprint": hashlib.sha256(text.encode()).hexdigest(),
                "severity": _SEVERITIES.get(finding.severity, "info"),
                "location": {"path": visible(path), "lines": {"begin": max(finding.line, 1)}},
            }
        )
    return report
