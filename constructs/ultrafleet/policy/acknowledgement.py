"""Acknowledgements: accepted findings, each of one resource, with a reason, an owner and a last day."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ultrafleet.bounded_file import read_bounded
from ultrafleet.errors import FleetError
from ultrafleet.policy.rule import Finding, Severity
from ultrafleet.yaml_loader import UniqueKeyLoader, load_yaml

_MOST_BYTES: Final = 1 << 20
STALE_RULE = "acknowledgement"
"""Rule id of findings about acknowledgements themselves."""


class Acknowledgement(BaseModel):
    """Acknowledged finding.

    Attributes:
        rule: id of the rule.
        resource: logical id; "" for a finding about the whole template.
        reason: why it is accepted.
        owner: who answers for it.
        until: the last day on which it counts.
        file: the end of the template's path, as a pattern with `*`: the command names a template by the path that it is
            given, a review by its place in the folder. Default: any, in which the resource has this logical id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str = Field(min_length=1)
    resource: str
    reason: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    until: date
    file: str = "*"

    def covers(self, finding: Finding) -> bool:
        """True if it is about this finding, whatever the day."""
        same = (finding.rule, finding.resource) == (self.rule, self.resource)
        return same and fnmatch(f"/{finding.file}", f"*/{self.file.removeprefix('*/').removeprefix('/')}")


def read_acknowledgements(path: Path) -> list[Acknowledgement]:
    """A YAML file with a list of acknowledgements.

    Raises:
        FleetError: it can't be read, or one lacks its rule, resource, reason, owner or last day.
    """
    try:
        content = load_yaml(read_bounded(path, _MOST_BYTES), UniqueKeyLoader)
    except FleetError:
        raise
    except (OSError, ValueError) as error:
        raise FleetError(
            f"{path} can't be read: {error}; expected a YAML list of acknowledgements",
            path=path,
            got=error,
            expected="a YAML list of acknowledgements",
        ) from error
    try:
        return TypeAdapter(list[Acknowledgement]).validate_python(content or [])
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{path}: {'.'.join(str(part) for part in first['loc']) or 'it'}"
        got = first["msg"].lower()
        expected = "rule, resource, reason, owner and until (a date), and file where it is about one"
        raise FleetError(
            f"{where}: {got}, expected {expected}: correct it",
            path=where,
            got=got,
            expected=expected,
            remedy="correct it",
        ) from error


def acknowledge(
    findings: Iterable[Finding], acknowledgements: Sequence[Acknowledgement], *, as_of: date, source: str = ""
) -> list[Finding]:
    """Findings, of which accepted ones have the severity `acknowledged`.

    One that is over leaves its finding as it is and says so; one that covers nothing is a warning.

    Args:
        findings: what the rules found.
        acknowledgements: what is accepted.
        as_of: the day.
        source: what the acknowledgements are called in warnings: their file.
    """
    used: set[Acknowledgement] = set()
    result = []
    for finding in findings:
        covering = [item for item in acknowledgements if item.covers(finding)]
        used.update(covering)
        current = max(covering, key=lambda item: item.until, default=None)
        if current is None or finding.severity is Severity.UNKNOWN:
            result.append(finding)
        elif current.until < as_of:
            over = f"; its acknowledgement by {current.owner} ended {current.until}: fix the finding, or renew it"
            result.append(replace(finding, message=finding.message + over))
        else:
            note = f" (acknowledged by {current.owner} until {current.until}: {current.reason})"
            result.append(replace(finding, message=finding.message + note, severity=Severity.ACKNOWLEDGED))
    return result + [
        Finding(
            file=source,
            resource=item.resource,
            rule=STALE_RULE,
            severity=Severity.WARNING,
            message=f"{item.rule} of {item.resource or 'the template'} by {item.owner} covers nothing that was found, "
            "expected a finding: delete it, or correct its rule, resource or file",
        )
        for item in acknowledgements
        if item not in used
    ]
