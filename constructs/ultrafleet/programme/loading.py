"""Reading programme files, with errors that name the file, the path in it, the value and what is expected."""

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from ultrafleet.environment.document import FileFaultError, read_document
from ultrafleet.environment.faults import content_faults
from ultrafleet.environment.loading import EnvironmentFileError
from ultrafleet.errors import FleetError
from ultrafleet.programme.models import Programme

FOLDER: Final = Path("stacks/programmes")
"""Folder of programme files, one YAML file each."""


class ProgrammeFileError(EnvironmentFileError):
    """A programme file that can't be used; the message has a line for each fault."""


def load_programme(path: Path) -> Programme:
    """Read one programme file; the programme is named after it.

    Args:
        path: a YAML file.

    Raises:
        ProgrammeFileError: it can't be read, is no YAML mapping, or doesn't describe a programme.
    """
    try:
        document = read_document(path, kind="a programme file", holds="start, end, targets, …")
    except FileFaultError as error:
        raise ProgrammeFileError.of([error]) from error
    faults = list(document.faults)
    if "name" in document.content:
        stated = FleetError(
            path="it", got=repr(document.content["name"]), expected="none", remedy="remove it, the file's name names it"
        )
        faults.append(document.fault(("name",), stated, of_key=True))
    try:
        programme = Programme.model_validate({**document.content, "name": path.stem})
    except ValidationError as error:
        faults += content_faults(document, error, model=Programme)
    else:
        if not faults:
            return programme
    raise ProgrammeFileError.of(faults)
