"""Reading environment files, with errors that name the file, the path in it, the value and what is expected."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ultrafleet.environment.models import Environment
from ultrafleet.errors import FleetError
from ultrafleet.yaml_loader import UniqueKeyLoader


class EnvironmentFileError(FleetError):
    """An environment file that can't be used; the message has a line for each fault."""


def load_environment(path: Path) -> Environment:
    """Read one environment file; the environment is named after it.

    Args:
        path: a YAML file.

    Raises:
        EnvironmentFileError: it can't be read, is no YAML mapping, or doesn't describe a fleet that launches.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentFileError(f"{path}: can't be read ({error}), expected an environment file") from error
    except yaml.YAMLError as error:
        message = " ".join(str(error).split())
        raise EnvironmentFileError(f"{path}: is no valid YAML: {message}") from error
    if not isinstance(content, dict):
        raise EnvironmentFileError(f"{path}: got {type(content).__name__}, expected a mapping with account, region, …")
    if "name" in content:
        raise EnvironmentFileError(f"{path}: name: got {content['name']!r}, expected none: the file's name names it")
    try:
        return Environment.model_validate({"name": path.stem, **content})
    except ValidationError as error:
        lines = [f"{path}: {_describe(item)}" for item in error.errors(include_url=False)]
        raise EnvironmentFileError("\n".join(lines)) from None


def load_environments(folder: Path, *, only: str | None = None) -> list[Environment]:
    """Read every environment of a folder, by name.

    Args:
        folder: holds one YAML file for each environment.
        only: read just the one of this name. Default: all.

    Raises:
        EnvironmentFileError: none is there, or one can't be used.
    """
    paths = sorted(folder.glob("*.yaml"))
    if only is not None:
        names = ", ".join(path.stem for path in paths) or "(none)"
        paths = [path for path in paths if path.stem == only]
        if not paths:
            raise EnvironmentFileError(f"environment is {only!r}, expected one of {names} in {folder}")
    if not paths:
        raise EnvironmentFileError(f"{folder} holds no environment, expected at least one file NAME.yaml")
    return [load_environment(path) for path in paths]


_KINDS = {"ultraserver", "accelerator"}


def _describe(error: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails, whose keys differ by kind
    # The discriminator of a union is no key of the file: pools[0].ultraserver.blocks is pools[0].blocks there.
    loc = [part for part in error["loc"] if part not in _KINDS]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    where = f"{path}: " if path else ""
    got = error["input"]
    match error["type"]:
        case "extra_forbidden":
            return f"{where}is an unknown key, expected one that this part of the file has: correct or remove it"
        case "missing":
            return f"{where}is missing, expected a value: add it"
        case "value_error":
            message = str(error["ctx"]["error"])
            return f"{where}{message}" if isinstance(got, dict) else f"{where}got {got!r}, {message}"
        case _:
            message = error["msg"][:1].lower() + error["msg"][1:]
            shown = f"{got!r} ({type(got).__name__})"
            return f"{where}got {shown if len(shown) < 200 else type(got).__name__}, expected: {message}"  # noqa: PLR2004
