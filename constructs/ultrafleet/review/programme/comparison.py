"""Two revisions of a programme: cells that change, those that change alike together, and one of them reviewed."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from functools import cached_property

from ultrafleet.errors import FleetError
from ultrafleet.review.programme.cell_files import PLAN, TEMPLATE, ProgrammeFiles
from ultrafleet.review.programme.plan_record import PlanRecord, plan_of
from ultrafleet.review.programme.signature import RACKS, Entry, Identity, difference, digest, platform_digest
from ultrafleet.review.review import Review
from ultrafleet.templates.revision import Revision, paired

Reviewer = Callable[[Revision, Revision], Review]
"""Reviews one cell, or what is in none."""


class CellState(StrEnum):
    """State of a cell in a change."""

    REMOVED = "removed"
    NEW = "new"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class ChangedCell:
    """Cell that a change makes, removes or changes.

    Attributes:
        name: name of the cell.
        state: what happens to it.
        files: its files that differ, by their path in its folder.
        stacks: number of its stacks, before and after, as far as the names of its files tell.
        racks_added: racks that come into its templates.
        racks_removed: racks that go.
        racks_touched: racks in stacks in which something else differs.
        signature: digest of what differs, with the cell's own names taken out.
    """

    name: str
    state: CellState
    files: tuple[str, ...]
    stacks: tuple[int, int]
    racks_added: frozenset[str]
    racks_removed: frozenset[str]
    racks_touched: frozenset[str]
    signature: str

    @property
    def changed_stacks(self) -> tuple[str, ...]:
        """Its templates that differ."""
        return tuple(file for file in self.files if file.endswith(TEMPLATE))


@dataclass(frozen=True, kw_only=True)
class CellGroup:
    """Cells that change in the same way.

    Attributes:
        state: what happens to them.
        cells: the cells, by name.
        representative: name of the one that is reviewed for all.
        review: its review.
        like: name of a cell of the base whose platform they have, of new cells; "" for none.
    """

    state: CellState
    cells: tuple[ChangedCell, ...]
    representative: str
    review: Review
    like: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cells."""
        return tuple(cell.name for cell in self.cells)


@dataclass(frozen=True, kw_only=True)
class ProgrammeReview:
    """Review of a change of a programme.

    Attributes:
        root: folder of its assembly in the revisions.
        plans: plan of the base and of the head.
        cells: number of cells, before and after.
        groups: cells that change, together where they change alike; what is removed first.
        rest: review of stacks that are in no cell; None where none of them differs.
        unread: what couldn't be read, with the reason.
        notes: what a reader has to know before the rest is believed.
        day: day of the review.
        labels: names by which the caller called base and head.
        commit: commit of the head, where it is one.
    """

    root: str
    plans: tuple[PlanRecord, PlanRecord]
    cells: tuple[int, int]
    groups: tuple[CellGroup, ...]
    rest: Review | None
    unread: tuple[str, ...]
    notes: tuple[str, ...]
    day: date
    labels: tuple[str, str]
    commit: str | None

    @cached_property
    def changed(self) -> int:
        """Number of cells that are made, removed or changed."""
        return sum(len(group.cells) for group in self.groups)

    @property
    def reviews(self) -> tuple[Review, ...]:
        """Reviews of one cell of each group, and of the rest."""
        return (*(group.review for group in self.groups), *((self.rest,) if self.rest is not None else ()))


@dataclass(frozen=True, kw_only=True)
class ProgrammeComparison:
    """Comparison of a programme's assemblies.

    Attributes:
        base: as it is.
        head: as it will be.
        day: day of the review.
        parameters: values of template parameters.
        commit: commit of the head that is named in the comment. Default: the revision's own.
    """

    base: ProgrammeFiles
    head: ProgrammeFiles
    day: date
    parameters: Mapping[str, str]
    commit: str | None = None

    def review(self, reviewer: Reviewer) -> ProgrammeReview:
        """Review the change: one cell of each kind of change, by the rules that every review has.

        Args:
            reviewer: reviews one cell.

        Raises:
            FleetError: a rule can't read a template, or files are too large together.
        """
        changed = list(self._changed())
        groups = [self._group(cells, reviewer) for cells in _alike(changed)]
        rest = self._rest(reviewer)
        reviews = [*(group.review for group in groups), *([rest] if rest is not None else [])]
        unread = [
            line for one in reviews for side in (one.compared.base, one.compared.head) for line in side.unread.values()
        ]
        return ProgrammeReview(
            root=self.head.root or self.base.root,
            plans=self._plans,
            cells=(len(self.base.cells), len(self.head.cells)),
            groups=tuple(groups),
            rest=rest,
            unread=tuple(dict.fromkeys((*unread, *self._plan_faults.values()))),
            notes=tuple(self._notes(changed)),
            day=self.day,
            labels=(self.base.files.label, self.head.files.label),
            commit=self.commit or self.head.files.commit,
        )

    @cached_property
    def _as_of(self) -> datetime:
        return datetime.combine(self.day, time(), UTC)

    @cached_property
    def _read_plans(self) -> tuple[tuple[PlanRecord, PlanRecord], dict[str, str]]:
        faults = {}
        found = []
        for side, files in (("base", self.base), ("head", self.head)):
            try:
                text = files.text(PLAN)
                if text is None and files.cells and side == "head":
                    faults[side] = f"the plan of the head: {PLAN} isn't beside its cells: synthesise again"
                found.append(plan_of(text))
            except (FleetError, OSError) as error:
                faults[side] = f"the plan of the {side}: {error}"
                found.append(PlanRecord())
        return (found[0], found[1]), faults

    @property
    def _plans(self) -> tuple[PlanRecord, PlanRecord]:
        return self._read_plans[0]

    @property
    def _plan_faults(self) -> dict[str, str]:
        return self._read_plans[1]

    def _identity(self, cell: str) -> Identity:
        planned = [plan.cells[cell] for plan in self._plans if cell in plan.cells]
        account = planned[-1].place.partition("/")[0] if planned else ""
        racks = frozenset(rack for one in planned for rack in one.racks)
        return Identity(cell=cell, account="" if account == "?" else account, racks=racks)

    def _changed(self) -> Iterator[ChangedCell]:
        for name in sorted({*self.base.cells, *self.head.cells}):
            was, now = self.base.digests(name), self.head.digests(name)
            files = tuple(
                file
                for file in sorted({*was, *now})
                if file not in was or file not in now or was[file] is None or was[file] != now[file]
            )
            if files:
                yield self._changed_cell(name, files, (_stacks(was), _stacks(now)))

    def _changed_cell(self, name: str, files: tuple[str, ...], stacks: tuple[int, int]) -> ChangedCell:
        identity = self._identity(name)
        before, after = self.base.texts(name, files), self.head.texts(name, files)
        entries: set[Entry] = set()
        added: set[str] = set()
        removed: set[str] = set()
        touched: set[str] = set()
        for file in files:
            found = difference(file, before.get(file), after.get(file), identity=identity, as_of=self._as_of)
            entries |= found.entries
            added |= found.racks_added
            removed |= found.racks_removed
            touched |= found.racks_changed
        state = (
            CellState.NEW
            if name not in self.base.cells
            else CellState.REMOVED
            if name not in self.head.cells
            else CellState.CHANGED
        )
        return ChangedCell(
            name=name,
            state=state,
            files=files,
            stacks=stacks,
            racks_added=frozenset(added - removed),
            racks_removed=frozenset(removed - added),
            racks_touched=frozenset(touched | (added & removed)),
            signature=digest([state, *("\0".join(entry) for entry in sorted(entries))]),
        )

    def _group(self, cells: tuple[ChangedCell, ...], reviewer: Reviewer) -> CellGroup:
        one = max(cells, key=lambda cell: len(cell.racks_removed) + len(cell.racks_touched) + len(cell.racks_added))
        base, head = (side.revision(one.name, parameters=self.parameters) for side in (self.base, self.head))
        sides = paired(base, head) if base.stacks or head.stacks else (base, head)
        return CellGroup(
            state=one.state,
            cells=cells,
            representative=one.name,
            review=reviewer(*sides),
            like=self._like(one.name) if one.state is CellState.NEW else "",
        )

    def _like(self, cell: str) -> str:
        """Cell of the base with the same platform: those of a name that begins alike are looked at first."""
        own = self._platform(self.head, cell)
        kind = cell.rstrip("0123456789")
        others = sorted(self.base.cells, key=lambda name: (not name.startswith(kind), name))
        return next((name for name in others if self._platform_of_base(name) == own), "")

    def _platform_of_base(self, cell: str) -> str:
        if cell not in self._digests:
            self._digests[cell] = self._platform(self.base, cell)
        return self._digests[cell]

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {}

    def _platform(self, side: ProgrammeFiles, cell: str) -> str:
        names = [name for name in side.files_of(cell) if RACKS not in name and name.endswith(TEMPLATE)]
        return platform_digest(side.texts(cell, names), self._identity(cell))

    def _rest(self, reviewer: Reviewer) -> Review | None:
        sides = [(side.rest_digests, side.root_stacks) for side in (self.base, self.head)]
        if sides[0] == sides[1]:
            return None
        base, head = (side.revision_of_rest(side.rest, parameters=self.parameters) for side in (self.base, self.head))
        if not base.stacks and not head.stacks and not base.unread and not head.unread:
            return None
        return reviewer(*paired(base, head)) if base.stacks or head.stacks else reviewer(base, head)

    def _notes(self, changed: list[ChangedCell]) -> Iterator[str]:
        was, now = self._plans
        for cell in changed:
            before, after = (plan.cells.get(cell.name) for plan in (was, now))
            if not was.cells or not now.cells:
                continue
            planned = (
                (after.racks if after else frozenset()) - (before.racks if before else frozenset()),
                (before.racks if before else frozenset()) - (after.racks if after else frozenset()),
            )
            if planned != (cell.racks_added, cell.racks_removed) and cell.state is CellState.CHANGED:
                yield (
                    f"cell {cell.name}: the plan has {len(planned[0])} UltraServers more and {len(planned[1])} fewer, "
                    f"its templates {len(cell.racks_added)} more and {len(cell.racks_removed)} fewer"
                )
        for side, plan, files in (("base", was, self.base), ("head", now, self.head)):
            strange = sorted(plan.cells.keys() ^ files.cells.keys()) if plan.cells else []
            if strange:
                yield f"the {side}'s plan and its folders differ in {len(strange)} cells, such as {strange[0]}"


def _alike(cells: list[ChangedCell]) -> list[tuple[ChangedCell, ...]]:
    """Cells together that change in the same way: removed ones first, then those with the most cells."""
    found: dict[tuple[CellState, str], list[ChangedCell]] = defaultdict(list)
    for cell in cells:
        found[cell.state, cell.signature].append(cell)
    order = list(CellState)
    ordered = sorted(found.items(), key=lambda item: (order.index(item[0][0]), -len(item[1]), item[1][0].name))
    return [tuple(own) for _, own in ordered]


def _stacks(files: Mapping[str, object]) -> int:
    return sum(file.endswith(TEMPLATE) for file in files)
