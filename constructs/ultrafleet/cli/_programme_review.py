"""Programmes in `ultrafleet review`: found in the revisions by their plans, and reviewed beside other stacks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from ultrafleet.catalog.private_prices import PriceList
from ultrafleet.review import Review, Revision
from ultrafleet.review.approval import ApprovalPolicy, against
from ultrafleet.review.hazard import Hazard
from ultrafleet.review.markdown import Section
from ultrafleet.review.programme import (
    CellState,
    ProgrammeComparison,
    ProgrammeFiles,
    ProgrammeReview,
    programme_as_json,
    programme_roots,
    programme_sections,
)
from ultrafleet.templates.revision_files import RevisionFiles

Reviewer = Callable[[Revision, Revision], Review]


@dataclass(frozen=True, kw_only=True)
class ProgrammeReviews:
    """Reviews of every programme of two revisions.

    Attributes:
        reviews: one for each programme.
        outside: paths of what belongs to none, in the base and in the head.
    """

    reviews: tuple[ProgrammeReview, ...]
    outside: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def unread(self) -> list[str]:
        """Lines on what couldn't be read."""
        return [line for review in self.reviews for line in review.unread]

    @property
    def hazards(self) -> list[Hazard]:
        """Hazards of one cell of those that change alike, and of what is in none."""
        return [hazard for review in self.reviews for one in review.reviews for hazard in one.hazards]

    def sections(self, prices: PriceList) -> list[Section]:
        """Sections of the comment."""
        return programme_sections(self.reviews, prices)

    def as_json(self) -> list[dict[str, Any]]:
        """The reviews for programs."""
        return [programme_as_json(review) for review in self.reviews]

    def against(self, policy: ApprovalPolicy) -> list[str]:
        """Reasons why a reviewer has to look at the change."""
        return [reason for review in self.reviews for reason in _reasons(review, policy)]


def programme_reviews(
    sides: Sequence[RevisionFiles],
    *,
    day: date,
    parameters: Mapping[str, str],
    commit: str | None,
    reviewer: Reviewer,
) -> ProgrammeReviews | None:
    """Reviews of the programmes that either revision has; None without any.

    Args:
        sides: files of the base and of the head.
        day: day of the review.
        parameters: values of template parameters.
        commit: commit of the head that is named in the comment. Default: the revision's own.
        reviewer: reviews a cell.

    Raises:
        FleetError: a rule can't read a template, or files are too large together.
    """
    base, head = sides
    roots = sorted(programme_roots(base) | programme_roots(head))
    if not roots:
        return None

    found = []
    for root in roots:
        programmes = [ProgrammeFiles(files=side, root=root) for side in (base, head)]
        compared = ProgrammeComparison(
            base=programmes[0], head=programmes[1], day=day, parameters=parameters, commit=commit
        )
        found.append(compared.review(reviewer))
    before, after = (
        tuple(path for path in side.paths if not any(path.startswith(root) for root in roots)) for side in (base, head)
    )
    return ProgrammeReviews(reviews=tuple(found), outside=(before, after))


def _reasons(review: ProgrammeReview, policy: ApprovalPolicy) -> Iterator[str]:
    """Reasons of one programme: what is more than one cell's change is a person's."""
    yield from (f"not reviewed: {line}" for line in review.unread)
    for group in review.groups:
        if group.state is not CellState.CHANGED:
            yield f"{len(group.cells)} cells are {group.state}, such as {group.representative}"
        elif len(group.cells) > 1:
            yield f"{len(group.cells)} cells change alike, such as {group.representative}"
        else:
            yield from (f"cell {group.representative}: {reason}" for reason in against(group.review, policy))
    if len([group for group in review.groups if group.state is CellState.CHANGED]) > 1:
        yield f"{len(review.groups)} kinds of changes of cells"
    if review.rest is not None:
        yield from against(review.rest, policy)
    before, after = review.plans
    if before.limits != after.limits:
        yield "limits of the programme change"
    yield from review.notes
