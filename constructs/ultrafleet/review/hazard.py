"""Hazard, and the rule that finds it: what may go wrong when a change of templates is deployed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ultrafleet.catalog.source import Source
from ultrafleet.review.changes import Change
from ultrafleet.review.comparison import Comparison
from ultrafleet.review.fleet import Key, Pool, names

REFUSED: Final = "refused"
"""Id of the rule whose hazards fail a deployment, and stop nothing that runs."""


class Level(StrEnum):
    """Level of a hazard."""

    BLOCKING = "blocking"
    """Nodes that run, data, or the deployment itself are lost."""
    SECURITY = "security"
    """More people or programs get access, or less protects what is there."""
    NOTICE = "notice"
    """No immediate loss; a reviewer should read it before merging."""


@dataclass(frozen=True, kw_only=True)
class Occurrence:
    """One place where a rule applies.

    Attributes:
        subject: a pool's title, or `stack/LogicalId (type)`.
        message: what happens, and what to do instead.
        keys: resources that it comes from. Default: none.
        level: another level than the rule's. Default: the rule's.
    """

    subject: str
    message: str
    keys: tuple[Key, ...] = ()
    level: Level | None = None


Check = Callable[[Comparison], Iterator[Occurrence]]


@dataclass(frozen=True, kw_only=True)
class HazardRule:
    """Rule of one kind of hazard.

    Attributes:
        id: its name, which every hazard of the kind has.
        level: the highest level of its hazards.
        protects_from: what happens otherwise.
        source: where that is known from, and how well.
        remedy: what to do instead.
        check: finds where the rule applies in a comparison of two revisions.
    """

    id: str
    level: Level
    protects_from: str
    source: Source
    remedy: str
    check: Check

    def hazards(self, compared: Comparison) -> Iterator["Hazard"]:
        """Hazards of this kind. Nothing else makes one."""
        for found in self.check(compared):
            yield Hazard(
                rule=self,
                level=found.level or self.level,
                subject=found.subject,
                message=found.message,
                keys=found.keys,
            )


@dataclass(frozen=True, kw_only=True)
class Hazard:
    """A hazard that a rule found.

    Attributes:
        rule: the rule.
        level: what it does.
        subject: a pool's title, or `stack/LogicalId (type)`.
        message: what happens, and what to do instead.
        keys: resources that it comes from.
    """

    rule: HazardRule
    level: Level
    subject: str
    message: str
    keys: tuple[Key, ...]

    @property
    def kind(self) -> str:
        """Id of its rule."""
        return self.rule.id


def of_pool(pool: Pool, message: str, *others: Pool, level: Level | None = None) -> Occurrence:
    """Occurrence in a pool, and in others that it comes from."""
    keys = tuple(dict.fromkeys((pool.key, *(other.key for other in others))))
    return Occurrence(subject=pool.title, message=message, keys=keys, level=level)


def of_change(change: Change, message: str, *, level: Level | None = None) -> Occurrence:
    """Occurrence in a resource that changes."""
    return Occurrence(
        subject=f"{change.key[0]}/{change.key[1]} ({change.type})", message=message, keys=(change.key,), level=level
    )


def used_by(pools: Sequence[Pool]) -> str:
    """`; used by …`: the end of a message about a resource that pools depend on; nothing without any."""
    return f"; used by {names(pools)}" if pools else ""
