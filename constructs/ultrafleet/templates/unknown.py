"""Values that only a deployment knows, and the texts of values as far as they are known."""

from dataclasses import dataclass, field
from typing import Any, Final

NO_VALUE: Final = object()
"""Value of `AWS::NoValue`: nothing is stated."""


@dataclass(frozen=True)
class Unknown:
    """A value that is only known at deployment.

    Attributes:
        reason: why, for people.
        logical_id: the resource that it comes from, if it does.
        attribute: its attribute; None for a plain Ref.
        template: the template that makes it, where it is another one.
        text: what is known of a text, with `${…}` for what isn't; None where nothing is.
        may_be_absent: whether it may be `AWS::NoValue`, so that nothing is stated at all.
        options: what it may be, where that is known.
    """

    reason: str
    logical_id: str | None = None
    attribute: str | None = None
    template: Any = field(default=None, repr=False, compare=False)
    text: str | None = None
    may_be_absent: bool = False
    options: tuple[Any, ...] = field(default=(), compare=False)

    @property
    def parameter(self) -> str | None:
        """Name of the parameter without a default that it comes from, if it does."""
        before, _, after = self.reason.partition("parameter ")
        name, end, rest = after.partition(" has no default")
        return name if end and not before and not rest else None


def text_of(value: Any) -> str | None:  # noqa: ANN401 - JSON
    """A text as far as it is known."""
    if isinstance(value, Unknown):
        return value.text
    return written(value)


def written(value: Any) -> str:  # noqa: ANN401 - JSON
    """A known value as CloudFormation writes it into a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def reference_text(value: Any) -> str | None:  # noqa: ANN401 - JSON
    """Text of a reference to a resource, as `Fn::Sub` writes it; None where it is none."""
    if not isinstance(value, Unknown) or value.logical_id is None or value.template is not None:
        return None
    return f"${{{value.logical_id}{f'.{value.attribute}' if value.attribute else ''}}}"
