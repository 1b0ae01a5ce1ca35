"""Faults of one part of a file, collected: a validator of pydantic's raises one error for all of them.

A part whose keys aren't all right is checked, too: a check that needs a key which is wrong itself ends there, and every
other one is made.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from ultrafleet.environment.document import KeyPath
from ultrafleet.errors import FleetError

_Item = TypeVar("_Item")
_Other = TypeVar("_Other")

Found = tuple[KeyPath, FleetError]
"""A fault with the path of its key."""


class FaultsError(FleetError):
    """Several faults of one part of a file; its text is that of the first.

    Args:
        found: at least one, with the path of its key inside the part.
    """

    def __init__(self, found: Sequence[Found]) -> None:
        first = found[0][1]
        super().__init__(str(first), path=first.path, got=first.got, expected=first.expected, remedy=first.remedy)
        self.found = tuple(found)
        """Every fault, with the path of its key."""


class UnknownValueError(Exception):
    """A check has read a key whose value is wrong, or missing, in the file."""


class UnknownList(Sequence[Any]):
    """List that is wrong in the file: a check that looks at its entries can't be made."""

    def __len__(self) -> int:
        """Refuse."""
        raise UnknownValueError

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - of any entry
        """Refuse."""
        raise UnknownValueError


def refuse_all(found: Iterable[Found]) -> None:
    """Raise one error for all faults, if there is any.

    Args:
        found: the faults.

    Raises:
        FaultsError: there is one.
    """
    faults = list(found)
    if faults:
        raise FaultsError(faults)


def attempted(found: Iterable[_Item]) -> Iterator[_Item]:
    """Items that a check reaches before it needs a value which is wrong itself.

    Args:
        found: faults of the check, or what it looks at, one after the other.
    """
    try:
        yield from found
    except UnknownValueError:
        return


def known(value: Callable[[], _Item], otherwise: _Other) -> _Item | _Other:
    """A value, or another one where it is wrong in the file.

    Args:
        value: reads it.
        otherwise: what it is where it is wrong.
    """
    try:
        return value()
    except UnknownValueError:
        return otherwise


def raised(path: KeyPath, check: Callable[[], object]) -> Iterator[Found]:
    """Fault that a rule raises; none where it needs a value which is wrong itself.

    Args:
        path: path of the key that is shown.
        check: calls the rule.
    """
    try:
        check()
    except UnknownValueError:
        return
    except FleetError as error:
        yield path, error
