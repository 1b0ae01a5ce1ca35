"""Starter: the files of a repository of a team's own, which has the library as a package. No import of aws_cdk."""

from ultrafleet.starter.library_wheel import LibraryWheel, installed_wheel, read_wheel
from ultrafleet.starter.repository import ENVIRONMENTS, Start, repository_files
from ultrafleet.starter.writing import upgrade_files, write_files

__all__ = [
    "ENVIRONMENTS",
    "LibraryWheel",
    "Start",
    "installed_wheel",
    "read_wheel",
    "repository_files",
    "upgrade_files",
    "write_files",
]
