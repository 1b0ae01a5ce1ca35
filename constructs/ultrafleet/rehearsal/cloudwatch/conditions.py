"""Conditions in which comparisons are joined by words for *and* and *or*, with parentheses."""

from collections.abc import Callable
from typing import Generic, TypeVar

from ultrafleet.errors import FleetError

Seen = TypeVar("Seen")
Condition = Callable[[Seen], bool]


class Tokens:
    """Tokens of a condition, read from the left.

    Args:
        text: the condition, for errors.
        tokens: its tokens.
    """

    def __init__(self, text: str, tokens: list[str]) -> None:
        self._text = text
        self._tokens = tokens
        self._at = 0

    @property
    def next(self) -> str:
        """Next token; "" at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def take(self, *expected: str) -> str:
        """Next token, which is read.

        Raises:
            FleetError: it is none of the expected ones, or the condition is at its end.
        """
        found = self.next
        if not found or (expected and found not in expected):
            raise FleetError(
                path=f"condition {self._text}",
                verb="has",
                got=repr(found or "its end"),
                expected=" or ".join(expected) or "more",
                remedy="write what the embedded AWS reads",
            )
        self._at += 1
        return found


class Reader(Generic[Seen]):
    """Reader of conditions.

    Args:
        all_of: word between conditions that all have to hold; it binds more tightly.
        any_of: word between conditions of which one has to hold.
        comparison: reads one comparison.
    """

    def __init__(self, *, all_of: str, any_of: str, comparison: Callable[[Tokens], Condition[Seen]]) -> None:
        self._all_of = all_of
        self._any_of = any_of
        self._comparison = comparison

    def read(self, tokens: Tokens) -> Condition[Seen]:
        """Condition up to a token that belongs to none.

        Raises:
            FleetError: a token that stands where it can't.
        """
        parts = [self._every(tokens)]
        while tokens.next == self._any_of:
            tokens.take()
            parts.append(self._every(tokens))
        return lambda seen: any(part(seen) for part in parts)

    def _every(self, tokens: Tokens) -> Condition[Seen]:
        parts = [self._one(tokens)]
        while tokens.next == self._all_of:
            tokens.take()
            parts.append(self._one(tokens))
        return lambda seen: all(part(seen) for part in parts)

    def _one(self, tokens: Tokens) -> Condition[Seen]:
        if tokens.next != "(":
            return self._comparison(tokens)
        tokens.take("(")
        inner = self.read(tokens)
        tokens.take(")")
        return inner
