"""Hazards of block metadata that changes: costs, queues and other hazards believe it, and no deployment checks it."""

from collections.abc import Iterator
from typing import Final

from ultrafleet.catalog.source import Source
from ultrafleet.review.hazard import HazardRule, Level, Occurrence, of_pool
from ultrafleet.review.pool_change import PoolChange, of_pools
from ultrafleet.templates.block_metadata import BlockWindow


def _changed(pool: PoolChange) -> Iterator[Occurrence]:
    after = {window.capacity_reservation_id: window for window in pool.after.windows}
    for was in pool.before.windows:
        now = after.get(was.capacity_reservation_id)
        if now is not None:
            texts = list(_differences(pool, was, now))
        elif was.capacity_reservation_id in pool.after.reservations and was.end > pool.compared.as_of:
            texts = ["is taken out, while the block stays: its cost and its end are no longer counted"]
        else:
            continue
        if texts:
            yield of_pool(
                pool.after,
                f"block metadata of {was.capacity_reservation_id}: {'; '.join(texts)}: costs, queues and hazards "
                "believe it, compare it with the reservation",
            )


def _differences(pool: PoolChange, was: BlockWindow, now: BlockWindow) -> Iterator[str]:
    if was.instances != now.instances:
        stated = ["not stated" if window.instances is None else str(window.instances) for window in (was, now)]
        size = "" if pool.after.nodes is None else f", largest size {pool.after.nodes}"
        yield f"instances {stated[0]} → {stated[1]}{size}"
    if was.start != now.start:
        yield f"start {was.start:%Y-%m-%d %H:%M} → {now.start:%Y-%m-%d %H:%M} UTC"
    if now.end > was.end:  # an earlier end is `block-shortened`
        yield f"end {was.end:%Y-%m-%d %H:%M} → {now.end:%Y-%m-%d %H:%M} UTC"


RULES: Final = (
    HazardRule(
        id="block-metadata",
        level=Level.NOTICE,
        protects_from="costs, queues and reviews that follow what a template states of a block, unchecked",
        source=Source("CloudFormation user guide, Metadata attribute: CloudFormation doesn't read it"),
        remedy="compare it with `aws ec2 describe-capacity-reservations`",
        check=of_pools(_changed),
    ),
)
