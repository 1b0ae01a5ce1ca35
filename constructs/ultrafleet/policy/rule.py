"""Policy rules over templates, and their findings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ultrafleet.catalog.source import Source
from ultrafleet.errors import FleetError
from ultrafleet.templates.template import Template
from ultrafleet.templates.unknown import Unknown


class Severity(StrEnum):
    """Severity of a finding."""

    ERROR = "error"
    """The launch fails, money is wasted, or access is too wide."""
    WARNING = "warning"
    """It works, but against the recommendation."""
    UNKNOWN = "unknown"
    """Neither passed nor failed: a value is known only at deployment."""
    ACKNOWLEDGED = "acknowledged"
    """Accepted by its owner until a day."""


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
    """Problem of unknown severity: a value that the rule needs is known only at deployment."""
    return Problem(resource, f"undecided: {what} ({reason})", Severity.UNKNOWN)


def must_not_be_stated(resource: str, name: str, value: Any, message: str) -> Iterator[Problem]:  # noqa: ANN401 - JSON
    """Problem where a property is stated, whatever its value is."""
    if isinstance(value, Unknown) and value.may_be_absent:
        yield cannot_tell(resource, f"whether {name} is stated", value.reason)
    elif value is not None and value != "":
        yield Problem(resource, message)


@dataclass(frozen=True, kw_only=True)
class PolicyRule:
    """A rule.

    Attributes:
        id: what it is called, for findings and acknowledgements.
        number: its number in cfn-lint, `97` before it: E9701 for 1. No other rule ever has it.
        severity: of its findings.
        protects_from: failure or loss without the rule.
        source: where that is known from.
        remedy: how to fix it.
        check: finds problems in a template.
    """

    id: str
    number: int
    severity: Severity
    protects_from: str
    source: Source
    remedy: str
    check: Callable[[Template], Iterator[Problem]]

    @property
    def address(self) -> str:
        """Address of its source, or its section in the policy's page where the source has none."""
        known = (part.address for part in self.source.parts if part.address)
        return next(known, f"docs/policy.md#{self.id}")

    def problems(self, template: Template) -> list[Problem]:
        """Problems in a template; one that the rule can't read isn't passed, nor does it end in a traceback.

        Raises:
            FleetError: the rule can't read it.
        """
        try:
            return list(self.check(template))
        except FleetError:
            raise
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise FleetError(
                path=template.name,
                verb="can't be judged:",
                got=f"values that rule {self.id} can't read ({type(error).__name__})",
                expected="a template that CloudFormation takes",
                remedy="correct it, or report it if CloudFormation does",
            ) from error


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
        column: in that line. Default: None, not known.
    """

    file: str
    resource: str
    rule: str
    severity: Severity
    message: str
    line: int = 1
    column: int | None = None
