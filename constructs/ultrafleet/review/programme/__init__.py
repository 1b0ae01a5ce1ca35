"""Reviews of programmes: hundreds of stacks in cells; a change that many of them share is reviewed once. No aws_cdk."""

from ultrafleet.review.programme.as_json import programme_as_json
from ultrafleet.review.programme.cell_files import ProgrammeFiles, programme_roots
from ultrafleet.review.programme.comparison import CellGroup, CellState, ProgrammeComparison, ProgrammeReview
from ultrafleet.review.programme.sections import programme_sections

__all__ = [
    "CellGroup",
    "CellState",
    "ProgrammeComparison",
    "ProgrammeFiles",
    "ProgrammeReview",
    "programme_as_json",
    "programme_roots",
    "programme_sections",
]
