"""Metadata of a pool's blocks in the template, read by `ultrafleet.templates.block_metadata`, and a note on overlap."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from functools import lru_cache
from typing import Final

import aws_cdk as cdk
from constructs import Construct

from ultrafleet.rules.block_overlap import overlap_note
from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.templates.block_metadata import block_metadata_key

_MANY: Final = 4
"""Entries from which reading the stack's metadata and writing all of it takes fewer jsii calls than adding each."""


def add_block_metadata(scope: Construct, pools: Mapping[str, Sequence[CapacityBlock]]) -> None:
    """Add the start and the end of each block under the name of its node group.

    Args:
        scope: construct in the stack.
        pools: blocks by name of the pool.
    """
    # The template's own metadata: a resource's could be taken for a change of the resource.
    entries = {
        block_metadata_key(block.node_group(pool_name)): {"blocks": [_metadata(block)]}
        for pool_name, blocks in pools.items()
        for block in blocks
    }
    stack = _stack_of(scope)
    if len(entries) < _MANY:
        for key, value in entries.items():
            stack.add_metadata(key, value)
        return
    options = stack.template_options
    options.metadata = {**(options.metadata or {}), **entries}


@lru_cache(maxsize=16)
def _stack_of(scope: Construct) -> cdk.Stack:
    return cdk.Stack.of(scope)


def add_overlap_note(scope: Construct, pool_name: str, blocks: Sequence[CapacityBlock]) -> None:
    """Add an annotation of the synthesis that says which blocks run at the same time, where any do."""
    note = overlap_note(pool_name, blocks)
    if note is not None:
        cdk.Annotations.of(scope).add_info_v2("ultrafleet:overlapping-blocks", note)


def _metadata(block: CapacityBlock) -> dict[str, str | int | bool]:
    moments = {"start": block.start, "end": block.end}
    return {
        "id": block.capacity_reservation_id,
        "instances": block.instance_count,
        **{name: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for name, moment in moments.items()},
        **({"existing_node_group": True} if block.existing_node_group is not None else {}),
    }
