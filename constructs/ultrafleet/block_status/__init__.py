"""Status of capacity blocks: what the account says of those of a file, what comes next, what needs a person."""

from ultrafleet.block_status.adoption import Adoption, adoptions, lacking, moved_ends
from ultrafleet.block_status.filed_block import FiledBlock, filed_blocks
from ultrafleet.block_status.live_block import Extension, LiveBlock, read_blocks
from ultrafleet.block_status.report import BlockReport, Concern, reports

__all__ = [
    "Adoption",
    "BlockReport",
    "Concern",
    "Extension",
    "FiledBlock",
    "LiveBlock",
    "adoptions",
    "filed_blocks",
    "lacking",
    "moved_ends",
    "read_blocks",
    "reports",
]
