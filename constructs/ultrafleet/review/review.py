"""Review of a change: hazards, costs, policy, limits and blast radius of two revisions of templates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ultrafleet.catalog.private_prices import PUBLIC, PriceList
from ultrafleet.policy import Acknowledgement
from ultrafleet.review.blast_radius import Touched, blast_radius
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.findings import PolicyChange, policy_change
from ultrafleet.review.hazard import Hazard
from ultrafleet.review.hazards import hazards
from ultrafleet.review.limits import Limit, limits
from ultrafleet.review.money import BlockCost, cost
from ultrafleet.review.pool_states import MarkedPool, marked
from ultrafleet.review.resource_changes import Owned, plain_changes
from ultrafleet.templates.revision import Revision


@dataclass(frozen=True, kw_only=True)
class Review:
    """Review of a change.

    Attributes:
        compared: both revisions.
        pools: every pool, with its state.
        costs: of the base and of the head.
        hazards: what may go wrong, the worst first.
        policy: findings of the policy that come and go.
        limits: limits whose use changes, or that are near.
        touched: pools, queues and teams by the changed resources.
        changes: every change of a resource, by owner.
        proposed: acknowledgements that the head adds, which aren't applied.
        notes: what a reader has to know before the rest is believed.
    """

    compared: Comparison
    pools: tuple[MarkedPool, ...]
    costs: tuple[BlockCost, BlockCost]
    hazards: tuple[Hazard, ...]
    policy: PolicyChange
    limits: tuple[Limit, ...]
    touched: tuple[Touched, ...]
    changes: tuple[Owned, ...]
    proposed: tuple[Acknowledgement, ...] = ()
    notes: tuple[str, ...] = ()


def review_of(
    base: Revision,
    head: Revision,
    *,
    day: date,
    acknowledgements: Sequence[Acknowledgement] = (),
    acknowledgements_source: str = "",
    proposed: Sequence[Acknowledgement] = (),
    notes: Sequence[str] = (),
    prices: PriceList = PUBLIC,
) -> Review:
    """Review a change of templates.

    Args:
        base: as it is.
        head: as it will be.
        day: from which costs are counted, and on which acknowledgements have to be valid.
        acknowledgements: findings that are accepted. Default: none.
        acknowledgements_source: what they are called in findings about them: their file.
        proposed: acknowledgements of the head; those that are new are listed, and not applied. Default: none.
        notes: what a reader has to know before the rest is believed. Default: nothing.
        prices: prices by which pools are counted. Default: the public ones.

    Raises:
        FleetError: a rule can't read a template.
    """
    compared = Comparison(base=base, head=head, day=day, prices=prices)
    found = hazards(compared)
    return Review(
        compared=compared,
        pools=tuple(marked(compared, found)),
        costs=(cost(compared.base_fleet, compared.as_of), cost(compared.head_fleet, compared.as_of)),
        hazards=tuple(found),
        policy=policy_change(base, head, acknowledgements=acknowledgements, source=acknowledgements_source, day=day),
        limits=tuple(limits(base, compared.base_fleet, head, compared.head_fleet)),
        touched=tuple(blast_radius(compared)),
        changes=tuple(plain_changes(compared)),
        proposed=tuple(item for item in proposed if item not in acknowledgements),
        notes=tuple(notes),
    )
