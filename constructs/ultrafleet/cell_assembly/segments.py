"""A text with places: cut once, filled many times."""

import re
from collections.abc import Mapping
from typing import Self


class Segments:
    """A text that is cut at the words that others replace.

    Args:
        parts: literal texts and keys of places in turn, beginning and ending with a literal text.
    """

    def __init__(self, parts: tuple[str, ...]) -> None:
        self._literals, self._keys = parts[::2], parts[1::2]

    @classmethod
    def cut(cls, text: str, words: Mapping[str, str]) -> Self:
        """Cut a text at words.

        Args:
            text: the text.
            words: key of the place by the word in it; the longest word that fits is taken.
        """
        longest = sorted(words, key=len, reverse=True)
        found = re.split("(" + "|".join(map(re.escape, longest)) + ")", text)
        return cls(tuple(words[part] if index % 2 else part for index, part in enumerate(found)))

    @property
    def literals(self) -> tuple[str, ...]:
        """Texts between the places."""
        return self._literals

    def __eq__(self, other: object) -> bool:
        """True for a text of equal parts."""
        return isinstance(other, Segments) and (self._literals, self._keys) == (other._literals, other._keys)

    def __hash__(self) -> int:
        """Hash of the parts."""
        return hash((self._literals, self._keys))

    @property
    def keys(self) -> frozenset[str]:
        """Keys of the places."""
        return frozenset(self._keys)

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with values in its places.

        Args:
            values: value of each key.
        """
        parts = [self._literals[0]]
        for key, literal in zip(self._keys, self._literals[1:], strict=True):
            parts.append(values[key])
            parts.append(literal)
        return "".join(parts)
