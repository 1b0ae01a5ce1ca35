"""Rule of block metadata: what a template states of its blocks has to be readable."""

from collections.abc import Iterator
from typing import Final

from ultrafleet.catalog.source import Source
from ultrafleet.policy.rule import PolicyRule, Problem, Severity
from ultrafleet.templates.block_metadata import BLOCKS_PREFIX, read_block_windows
from ultrafleet.templates.node_group import groups
from ultrafleet.templates.template import Template, mapping


def _block_metadata(template: Template) -> Iterator[Problem]:
    metadata = mapping(template.content.get("Metadata"))
    by_name = {name: group for group in groups(template) for name in (group.logical_id, group.name)}
    for key, entry in metadata.items():
        if not str(key).startswith(BLOCKS_PREFIX):
            continue
        name = str(key).removeprefix(BLOCKS_PREFIX)
        stated = mapping(entry).get("blocks")
        if stated is None:
            continue  # metadata of ours about something else
        windows = read_block_windows(metadata, name)
        group = by_name.get(name)
        if not isinstance(stated, list) or len(windows) < len(stated):
            yield Problem(
                group.logical_id if group is not None else "",
                f"Metadata {key} has a block that can't be read, expected id, start before end, and instances above "
                "0: correct it",
            )


RULES: Final = (
    PolicyRule(
        id="block-metadata",
        number=90,
        severity=Severity.WARNING,
        protects_from="costs, queues and reviews of a fleet that isn't there",
        source=Source("docs/review.md: nothing but this metadata tells a review when a block runs (ours)"),
        remedy="state instances, start and end as `aws ec2 describe-capacity-reservations` tells them",
        check=_block_metadata,
    ),
)
