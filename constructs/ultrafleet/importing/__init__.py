"""Fleets of other tools as environment files: eksctl, ParallelCluster, Terraform, NVIDIA AICR, a live cluster."""

from ultrafleet.importing.conversion import Imported, convert, import_text
from ultrafleet.importing.reading import FORMATS, read_text
from ultrafleet.importing.refusal import ImportRefusedError
from ultrafleet.importing.side_inputs import BLOCK_FORM, BlockInput, SideInputs, parse_side_inputs

__all__ = [
    "BLOCK_FORM",
    "FORMATS",
    "BlockInput",
    "ImportRefusedError",
    "Imported",
    "SideInputs",
    "convert",
    "import_text",
    "parse_side_inputs",
    "read_text",
]
