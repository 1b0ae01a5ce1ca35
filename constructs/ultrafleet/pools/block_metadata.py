"""Metadata of a pool's blocks in the template; its reader is `ultrafleet.templates.block_metadata`."""

from collections.abc import Sequence
from datetime import UTC

import aws_cdk as cdk
from constructs import Construct

from ultrafleet.rules.capacity_block import CapacityBlock
from ultrafleet.templates.block_metadata import block_metadata_key


def add_block_metadata(scope: Construct, pool_name: str, blocks: Sequence[CapacityBlock]) -> None:
    """Add the start and the end of each block under the name of its node group."""
    # The template's own metadata: a resource's could be taken for a change of the resource.
    stack = cdk.Stack.of(scope)
    for block in blocks:
        stack.add_metadata(block_metadata_key(block.node_group(pool_name)), {"blocks": [_metadata(block)]})


def _metadata(block: CapacityBlock) -> dict[str, str | int]:
    moments = {"start": block.start, "end": block.end}
    return {
        "id": block.capacity_reservation_id,
        "instances": block.instance_count,
        **{name: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for name, moment in moments.items()},
    }
