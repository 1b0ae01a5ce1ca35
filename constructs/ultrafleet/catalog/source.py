"""Source, confidence and fact: how every room of the library says where a statement comes from."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

Value_co = TypeVar("Value_co", covariant=True)


class Confidence(StrEnum):
    """Confidence in a statement."""

    HIGH = "high"
    """A primary source, or reproduced."""
    MEDIUM = "medium"
    """One secondary source, or an inference."""
    LOW = "low"
    """Weak: a guess with a reason, or sources that disagree."""


@dataclass(frozen=True)
class Source:
    """Source of a statement.

    Attributes:
        text: document and section, or what was inferred from what.
        confidence: how well the statement is known by it.
        address: its web address, where one is known.
        also: sources of the statement's other parts, where they are known less or more well.
    """

    text: str
    confidence: Confidence = Confidence.HIGH
    address: str | None = None
    also: "tuple[Source, ...]" = ()

    def __str__(self) -> str:
        return "; ".join(f"{part.text} ({part.confidence})" for part in self.parts)

    @property
    def parts(self) -> "tuple[Source, ...]":
        """This source and those of the statement's other parts."""
        return (self, *self.also)

    @property
    def weakest(self) -> Confidence:
        """Confidence of the part that is known least: a statement is verified when all of it is."""
        return max((part.confidence for part in self.parts), key=list(Confidence).index)

    @property
    def keys(self) -> dict[str, str | None]:
        """Keys of JSON output: source, confidence (of the part that is known least) and address."""
        return {
            "source": str(self) if self.also else self.text,
            "confidence": self.weakest.value,
            "address": self.address,
        }


CALLER: Final = Source("caller")
"""The caller of the library, who states facts of types of their own."""


@dataclass(frozen=True)
class Fact(Generic[Value_co]):
    """A value and its source.

    Attributes:
        value: the value; None where no source states it.
        source: where it comes from; None where the value is None.
        as_of: day (`2026-11-25`) or month (`2026-10`) at which it held, where that matters.
        note: what a reader should know of it, or why the value is None.
    """

    value: Value_co
    source: Source | None = None
    as_of: str | None = None
    note: str | None = None

    @property
    def confidence(self) -> Confidence | None:
        """Confidence of the part that is known least; None where there is no source."""
        return self.source.weakest if self.source is not None else None

    @property
    def keys(self) -> dict[str, Any]:
        """Keys of JSON output: value, source, confidence, address, as_of and note."""
        unsourced = {"source": None, "confidence": None, "address": None}
        stated = self.source.keys if self.source is not None else unsourced
        return {"value": self.value, **stated, "as_of": self.as_of, "note": self.note}
