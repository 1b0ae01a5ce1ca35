"""Fact files: `data/eks.json`, `data/limits.json` and `data/capacity_blocks.json`, one fact an entry, with its source.

A fact that has a `guard` may be written in its file alone: a test reads the guards and looks for literal twins in the
rest of the library (tests/catalog/test_single_home.py).
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from ultrafleet.catalog.source import Confidence, Fact, Source
from ultrafleet.errors import FleetError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceText(_Strict):
    """Document that facts of the file come from."""

    text: str
    address: str | None = None


class Guard(_Strict):
    """Files in which a literal counts as a second home of the fact.

    Attributes:
        where: `literal`: where the literal is the value. `text`: there, and in a text that isn't prose. `anywhere`:
            there, and in docstrings and comments. `beside`: a literal or a text that isn't prose, where `words` match
            the name that the literal is assigned, passed or compared to, or the text. `phrase`: any text in which
            `words` match.
        words: regular expression, without regard to case; for `beside` and `phrase` alone.
        spellings: other spellings of the value in texts, such as `16 KiB` for 16384.
    """

    where: Literal["literal", "text", "anywhere", "beside", "phrase"]
    words: str | None = None
    spellings: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _words_are_stated_where_read(self) -> Self:
        if (self.words is not None) is not (self.where in {"beside", "phrase"}):
            raise FleetError(
                path=f"guard {self.where}",
                verb="has",
                got=f"words {self.words!r}",
                expected="words for beside and phrase alone",
            )
        return self


class FactEntry(_Strict):
    """One fact of a file, as written."""

    id: str
    value: str | int | float | bool | None
    source: str | None = None
    confidence: Confidence | None = None
    as_of: str | None = None
    note: str | None = None
    guard: Guard | None = None

    @model_validator(mode="after")
    def _known_or_explained(self) -> Self:
        stated = (self.source, self.confidence, self.as_of)
        if self.value is None and self.note is None:
            raise FleetError(
                path=f"fact {self.id}",
                verb="has",
                got="neither a value nor a note",
                expected="one",
                remedy="say why it is unknown",
            )
        if self.value is not None and None in stated:
            raise FleetError(
                path=f"fact {self.id}",
                verb="lacks",
                got="source, confidence or as_of",
                expected="all three",
                remedy="state them",
            )
        return self


class FactFile(_Strict):
    """A file of facts, validated: each id once, each source named."""

    sources: Mapping[str, SourceText]
    facts: tuple[FactEntry, ...]

    @model_validator(mode="after")
    def _ids_and_sources(self) -> Self:
        seen: set[str] = set()
        for entry in self.facts:
            if entry.id in seen:
                raise FleetError(
                    path=f"fact {entry.id}",
                    got="stated twice",
                    expected="once",
                    remedy="remove one",
                )
            seen.add(entry.id)
            if entry.source is not None and entry.source not in self.sources:
                raise FleetError(
                    path=f"fact {entry.id}",
                    verb="names",
                    got=f"source {entry.source!r}",
                    expected=f"one of {', '.join(self.sources)}",
                )
        return self

    def items(self) -> Iterator[tuple[str, Fact[Any]]]:
        """Every fact by its id, in the order of the file."""
        for entry in self.facts:
            yield entry.id, self._fact(entry)

    def _fact(self, entry: FactEntry) -> Fact[Any]:
        source = None
        if entry.source is not None and entry.confidence is not None:
            named = self.sources[entry.source]
            source = Source(text=named.text, confidence=entry.confidence, address=named.address)
        return Fact(value=entry.value, source=source, as_of=entry.as_of, note=entry.note)


@cache
def fact_file(name: str) -> FactFile:
    """File of facts in `catalog/data`, read once.

    Args:
        name: without folder and suffix, such as `limits`.
    """
    text = (files("ultrafleet.catalog") / "data" / f"{name}.json").read_text(encoding="utf-8")
    return FactFile.model_validate(json.loads(text))


class Facts:
    """Facts of one file by id, with their types checked where they are read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._facts = dict(fact_file(name).items())

    def items(self) -> Iterator[tuple[str, Fact[Any]]]:
        """Every fact by its id, in the order of the file."""
        yield from self._facts.items()

    def __contains__(self, fact_id: object) -> bool:
        """True if the file has a fact of that id."""
        return fact_id in self._facts

    def __getitem__(self, fact_id: str) -> Fact[Any]:
        """Fact of that id.

        Raises:
            FleetError: the file has none.
        """
        if fact_id not in self._facts:
            raise FleetError(
                path=f"fact {fact_id!r}",
                got=f"not in {self._name}.json",
                expected="an id that is",
                remedy="correct it",
            )
        return self._facts[fact_id]

    def source(self, fact_id: str) -> Source:
        """Source of a fact that has a value.

        Raises:
            FleetError: there is none of that id, or its value is unknown.
        """
        source = self[fact_id].source
        if source is None:
            raise FleetError(
                path=f"fact {fact_id}",
                verb="has",
                got="no source",
                expected="a fact with a value",
                remedy="name another",
            )
        return source

    def integer(self, fact_id: str) -> Fact[int]:
        """Fact whose value is a whole number.

        Raises:
            FleetError: there is none of that id, or its value is no number.
        """
        return self._of_type(fact_id, int)

    def text(self, fact_id: str) -> Fact[str]:
        """Fact whose value is a text.

        Raises:
            FleetError: there is none of that id, or its value is no text.
        """
        return self._of_type(fact_id, str)

    def _of_type(self, fact_id: str, kind: type) -> Fact[Any]:
        fact = self[fact_id]
        if type(fact.value) is not kind:
            raise FleetError(
                path=f"fact {fact_id}",
                got=repr(fact.value),
                expected=kind.__name__,
                remedy=f"correct {self._name}.json",
            )
        return fact
