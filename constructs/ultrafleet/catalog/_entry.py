"""What instance types and UltraServer types have in common: a name, and facts with their sources."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.catalog._data import Fact
from ultrafleet.errors import UnknownFactError


class CatalogEntry:
    """A named thing with facts. Immutable; equal by its label."""

    def __init__(self, name: str | None, family: str, facts: Mapping[str, Fact]) -> None:
        self._name = name
        self._family = family
        self._facts = dict(facts)

    @property
    def name(self) -> str | None:
        """API name, or None where AWS has published none."""
        return self._name

    @property
    def family(self) -> str:
        """Family, for types without a name the only handle."""
        return self._family

    def fact(self, name: str) -> Fact:
        """A fact with its source; its value is None where no source states it."""
        return self._facts.get(name, Fact(None))

    def facts(self) -> Mapping[str, Fact]:
        """All facts that a source states, by name."""
        return dict(self._facts)

    def require(self, name: str, *, instead: str) -> Any:  # noqa: ANN401 - facts have several types
        """A fact that the caller can't do without.

        Args:
            name: name of the fact.
            instead: what the user may pass instead, as an imperative.

        Raises:
            UnknownFactError: no source states it.
        """
        value = self.fact(name).value
        if value is None:
            raise UnknownFactError(
                f"{name} of {self} is unknown (no source states it), expected a known value: {instead}"
            )
        return value

    def __str__(self) -> str:
        return self._name or self._family

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and str(other) == str(self)

    def __hash__(self) -> int:
        return hash((type(self), str(self)))
