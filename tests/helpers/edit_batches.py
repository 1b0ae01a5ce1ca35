"""Edits of an environment file that are tried together: in different places, with nothing taken away.

A synthesis of a fleet takes seconds, and most edits have to leave every running pool alone: several at once say so as
well as one by one. An edit that could hide another's effect stays alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from helpers.environment_changes import each
from helpers.environment_edits import Edit

MOST = 6
"""Edits of a batch: few enough to find the guilty one by eye."""
_ELSEWHERE = {"NAME", "account", "region"}
"""Keys that make another fleet, beside which nothing is compared."""

_ALONE = {"interfaces"}
"""Keys of edits that mean more beside others: a lost EFA interface blocks where nodes launch anew."""
_ONE_AT_A_TIME = [("cluster", "system_nodes")]
"""Mappings of which a batch has one edit: EKS refuses a new launch template version together with another change."""
_GONE = "-"

Path = tuple[str, ...]


@dataclass
class EditBatch:
    """Edits that are tried together.

    Attributes:
        edits: at least one.
        prepared: paths that their `before` changes.
        changed: paths that they change.
    """

    edits: list[Edit]
    prepared: set[Path]
    changed: set[Path]

    @property
    def name(self) -> str:
        """Names of its edits."""
        return ", ".join(edit.name for edit in self.edits)

    @property
    def together(self) -> Edit:
        """Its edits as one."""
        first = self.edits[0]
        if len(self.edits) == 1:
            return first
        before = list(dict.fromkeys(edit.before for edit in self.edits if edit.before is not None))
        return Edit(
            field=self.name,
            environment=first.environment,
            change=each(*(edit.change for edit in self.edits)),
            before=each(*before) if before else None,
        )

    def take(self, other: "EditBatch") -> bool:
        """Take the one edit of another batch, if it is in other places; True if it was taken."""
        first, (edit,) = self.edits[0], other.edits
        prepared = edit.before in [known.before for known in self.edits]
        if (
            len(self.edits) == MOST
            or (first.environment, first.before is None) != (edit.environment, edit.before is None)
            or _overlap(self.changed, other.changed)
            or (not prepared and _overlap(self.prepared | self.changed, other.prepared | other.changed))
        ):
            return False
        self.edits.append(edit)
        self.prepared |= other.prepared
        self.changed |= other.changed
        return True


def batches(edits: Sequence[Edit], contents: Mapping[str, Mapping[str, Any]]) -> list[EditBatch]:
    """Edits in few batches, in the order of the edits.

    Args:
        edits: the edits.
        contents: of the environments' files, which stay as they are.
    """
    made: list[EditBatch] = []
    for edit in edits:
        shipped = contents[edit.environment]
        prepared = deepcopy(dict(shipped))
        if edit.before is not None:
            edit.before(prepared)
        changed = deepcopy(prepared)
        edit.change(changed)
        alone = EditBatch([edit], set(_differences(shipped, prepared)), set(_differences(prepared, changed)))
        if _hides(alone) or not any(batch.take(alone) for batch in made if not _hides(batch)):
            made.append(alone)
    return made


def _hides(batch: EditBatch) -> bool:
    """True if an edit of it may hide what another one does."""
    return any(path[0] in _ELSEWHERE or path[-1] in {_GONE, *_ALONE} for path in batch.changed | batch.prepared)


def _differences(old: Any, new: Any, path: Path = ()) -> Iterator[Path]:
    """Paths that differ; one that ends with a dash is of what is gone."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            if key not in new:
                yield (*path, key, _GONE)
            elif key not in old:
                yield from _added(new[key], (*path, key))
            else:
                yield from _differences(old[key], new[key], (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        named = [{_name(item, place): item for place, item in enumerate(items)} for items in (old, new)]
        yield from _differences(*named, path)
    elif old != new:
        yield path


def _name(item: Any, place: int) -> str:
    keys = ("name", "capacity_reservation_id")
    return next((str(item[key]) for key in keys if isinstance(item, dict) and key in item), str(place))


def _added(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, dict) and value:
        yield from _differences({}, value, path)
    else:
        yield path


def _overlap(some: AbstractSet[Path], others: AbstractSet[Path]) -> bool:
    """True if a path of one set is a path of the other, or lies in it."""
    return any(
        one[: len(other)] == other[: len(one)] or any(one[:2] == place == other[:2] for place in _ONE_AT_A_TIME)
        for one in some
        for other in others
    )
