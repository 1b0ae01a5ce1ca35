"""Rules over templates, and what they find."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ultrafleet.catalog.source import Source
from ultrafleet.templates.intrinsics import Unknown
from ultrafleet.templates.template import Template


class Severity(StrEnum):
    """Severity of a finding."""

    ERROR = "error"
    """It doesn't launch, costs money, or opens a door."""
    WARNING = "warning"
    """It works, and is not what should be."""
    UNKNOWN = "unknown"
    """Can't tell: a value is only known at deployment."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody read and accepted it, until a day."""


@dataclass(frozen=True)
class Problem:
    """Problem of one resource.

    Attributes:
        resource: logical id; "" for the whole template.
        message: got, expected, what to change.
        severity: another severity than the rule's, if it is.
    """

    resource: str
    message: str
    severity: Severity | None = None


def cannot_tell(resource: str, what: str, reason: str) -> Problem:
    """A value that the rule needs is only known at deployment."""
    return Problem(resource, f"can't tell: {what} ({reason})", Severity.UNKNOWN)


def must_not_be_stated(resource: str, name: str, value: Any, message: str) -> Iterator[Problem]:  # noqa: ANN401 - JSON
    """A problem where something is stated, whatever its value is."""
    if isinstance(value, Unknown) and value.may_be_absent:
        yield cannot_tell(resource, f"whether {name} is stated", value.reason)
    elif value is not None and value != "":
        yield Problem(resource, message)


@dataclass(frozen=True, kw_only=True)
class PolicyRule:
    """A rule.

    Attributes:
        id: what it is called, for findings and acknowledgements.
        severity: of its findings.
        protects_from: what happens otherwise.
        source: where that is known from.
        remedy: how to mend it.
        check: finds problems in a template.
    """

    id: str
    severity: Severity
    protects_from: str
    source: Source
    remedy: str
    check: Callable[[Template], Iterator[Problem]]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Finding of a rule.

    Attributes:
        file: name of the template.
        resource: logical id; "" for the whole template.
        rule: id of the rule.
        severity: how bad it is.
        message: got, expected, what to change.
        line: of the resource in the file; 1 where it isn't known.
    """

    file: str
    resource: str
    rule: str
    severity: Severity
    message: str
    line: int = 1
