"""Common part of instance types and UltraServer types: a name, and facts with their sources."""

from collections.abc import Mapping
from typing import Any

from ultrafleet.catalog.source import Fact
from ultrafleet.errors import UnknownFactError


class CatalogEntry:
    """A named thing with facts. Immutable; equal by its label."""

    _name: str | None
    _family: str
    _facts: Mapping[str, Fact[Any]]

    def __init__(self, name: str | None, family: str, facts: Mapping[str, Fact[Any]]) -> None:
        self.__dict__.update(_name=name, _family=family, _facts=dict(facts))

    @property
    def name(self) -> str | None:
        """API name, or None where AWS has published none."""
        return self._name

    @property
    def family(self) -> str:
        """Family, for types without a name the only handle."""
        return self._family

    def fact(self, name: str) -> Fact[Any]:
        """A fact with its source; its value is None where no source states it, and its note may say why."""
        return self._facts.get(name, Fact(None))

    def facts(self) -> Mapping[str, Fact[Any]]:
        """All facts that a source states, by name."""
        return {name: fact for name, fact in self._facts.items() if fact.value is not None}

    def require(self, name: str, *, instead: str) -> Any:  # noqa: ANN401 - facts have several types
        """A fact that the caller can't do without.

        Args:
            name: name of the fact.
            instead: what the user may pass instead, as an imperative.

        Raises:
            UnknownFactError: no source states it.
        """
        fact = self.fact(name)
        if fact.value is None:
            why = fact.note or "no source states it"
            raise UnknownFactError(
                path=f"{name} of {self}",
                got=f"unknown ({why})",
                expected="a known value",
                remedy=instead,
            )
        return fact.value

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{self} can't be changed, got {name}={value!r}: pass facts to {type(self).__name__}.of()")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{self} can't be changed, expected {name} to stay")

    def __str__(self) -> str:
        return self._name or self._family

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and str(other) == str(self)

    def __hash__(self) -> int:
        return hash((type(self), str(self)))
