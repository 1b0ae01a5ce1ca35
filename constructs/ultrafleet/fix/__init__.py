"""Fixes of a policy's findings that have one right answer, in the text of a template. No aws_cdk."""

from ultrafleet.fix.files import FileFixed, fixed_files
from ultrafleet.fix.mending import Mended, mended_text
from ultrafleet.fix.registry import FIXES

__all__ = ["FIXES", "FileFixed", "Mended", "fixed_files", "mended_text"]
