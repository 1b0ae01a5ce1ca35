"""Fixes of a policy's findings that have one right answer, in the text of a template. No aws_cdk."""

from ultrafleet.fix.files import FileFixed, fixed_files
from ultrafleet.fix.registry import FIXES
from ultrafleet.fix.repairing import Repaired, repaired_text

__all__ = ["FIXES", "FileFixed", "Repaired", "fixed_files", "repaired_text"]
