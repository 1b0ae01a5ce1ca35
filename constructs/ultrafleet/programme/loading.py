"""Reading programme files, with errors that name the file, the path in it, the value and what is expected."""

from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from ultrafleet.environment.faults import fault
from ultrafleet.environment.loading import EnvironmentFileError
from ultrafleet.programme.models import Programme
from ultrafleet.yaml_loader import UniqueKeyLoader

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
    content = _read(path)
    if not isinstance(content, dict):
        raise ProgrammeFileError(
            path=f"{path}:", verb="got", got=type(content).__name__, expected="a mapping with start, end, targets, …"
        )
    if "name" in content:
        raise ProgrammeFileError(
            path=f"{path}: name:",
            verb="got",
            got=repr(content["name"]),
            expected="none",
            remedy="the file's name names it",
        )
    try:
        return Programme.model_validate({"name": path.stem, **content})
    except ValidationError as error:
        faults = [fault(path, item, model=Programme) for item in error.errors(include_url=False)]
        raise ProgrammeFileError.of(faults) from None


def _read(path: Path) -> Any:  # noqa: ANN401 - YAML has values of any kind
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise ProgrammeFileError(
            path=path, verb="can't be", got=f"read ({error})", expected="a programme file"
        ) from error
    except yaml.YAMLError as error:
        message = " ".join(str(error).split())
        raise ProgrammeFileError(
            f"{path}: is no valid YAML: {message}", path=path, got=message, expected="valid YAML"
        ) from error
