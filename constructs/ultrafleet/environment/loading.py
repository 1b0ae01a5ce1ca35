"""Reading environment files, with errors that name the file, the path in it, the value and what is expected."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from ultrafleet.environment.collisions import collisions, may_collide
from ultrafleet.environment.document import Document, FileFaultError, KeyPath, read_document
from ultrafleet.environment.faults import content_faults
from ultrafleet.environment.models import Environment, with_defaults
from ultrafleet.environment.partly_right import faults_of_right_parts, partly_right, with_likely_kinds, wrong_paths
from ultrafleet.environment.pool_settings import POOL_KINDS
from ultrafleet.environment.racks import Expanded, expand
from ultrafleet.errors import FleetError


class EnvironmentFileError(FleetError):
    """An environment file that can't be used; the message has a line for each fault.

    `path` is "FILE: KEY PATH". With several faults it, `got`, `expected` and `remedy` are the first one's.
    """

    faults: Sequence[FleetError] = ()
    """Every fault, in the order of the lines; those of a file's content have its place. Empty: no file can be used."""

    @classmethod
    def of(cls, faults: Sequence[FleetError]) -> Self:
        """Return one error for all faults of a file.

        Args:
            faults: at least one.
        """
        first = faults[0]
        error = cls(
            "\n".join(map(str, faults)),
            path=first.path,
            got=first.got,
            expected=first.expected,
            remedy=first.remedy,
        )
        error.faults = tuple(faults)
        return error


@dataclass(frozen=True, kw_only=True)
class ReadEnvironment:
    """An environment with the file that it was read from.

    Attributes:
        environment: what it describes.
        document: the file.
    """

    environment: Environment
    document: Document
    _expanded: Expanded

    def fault(self, path: KeyPath, error: FleetError) -> FileFaultError:
        """Return an error of a part of the environment with its place in the file.

        Args:
            path: path of the key in the environment, in which each rack is a pool.
            error: the error.
        """
        return self.document.fault(self._expanded.origin(path), error)


def load_environment(path: Path, *, text: str | None = None) -> Environment:
    """Read one environment file; the environment is named after it.

    Args:
        path: a YAML file.
        text: a text in the place of what the file holds, which needn't be there. Default: the file is read.

    Raises:
        EnvironmentFileError: it can't be read, is no YAML mapping, or doesn't describe a fleet that launches; with
            every fault.
    """
    return read_environment(path, text=text).environment


def read_environment(path: Path, *, text: str | None = None) -> ReadEnvironment:
    """Read one environment file, and keep the places of its keys.

    Args:
        path: a YAML file.
        text: as of `load_environment`.

    Raises:
        EnvironmentFileError: as of `load_environment`.
    """
    try:
        document = read_document(path, text=text)
    except FileFaultError as error:
        raise EnvironmentFileError.of([error]) from error
    faults = list(document.faults)
    expanded = expand(document.content)
    faults += [document.fault(where, error) for where, error in expanded.faults]
    faults += [
        document.fault(
            ("name",),
            FleetError(
                path="it",
                got=_short(document.content["name"]),
                expected="none",
                remedy="remove it, the file's name names it",
            ),
            of_key=True,
        )
        for _ in document.content.keys() & {"name"}
    ]
    content = {**expanded.content, "name": path.stem}
    try:
        environment = Environment.model_validate(content)
    except ValidationError as error:
        faults += content_faults(document, error, origin=expanded.origin, is_read=expanded.is_read)
        faults += _hidden_faults(document, expanded, content, error)
    else:
        if not faults:
            return ReadEnvironment(environment=environment, document=document, _expanded=expanded)
    raise EnvironmentFileError.of(_each_once(faults))


def _hidden_faults(
    document: Document, expanded: Expanded, content: dict[str, Any], error: ValidationError
) -> Iterator[FileFaultError]:
    """Faults beside those that pydantic finds: it looks at keys together only once each of them is right."""
    guessed, kinds = with_likely_kinds(content)
    if kinds:
        try:
            Environment.model_validate(guessed)
        except ValidationError as other:
            error = other
            yield from content_faults(document, error, origin=expanded.origin, is_read=expanded.is_read)
        else:
            return
    wrong = [*wrong_paths(error, tags=POOL_KINDS), *expanded.unknown, *kinds]
    part = partly_right(Environment, with_defaults(guessed), wrong)
    for where, fault in faults_of_right_parts(part):
        if expanded.is_read(where):
            yield document.fault(expanded.origin(where), fault)


def _short(value: object) -> str:
    return repr(value) if isinstance(value, str) else "stated"


def _each_once(faults: Sequence[FileFaultError]) -> list[FileFaultError]:
    """Faults in the order of the lines; what racks share is said once."""
    found: dict[tuple[object, ...], FileFaultError] = {}
    for fault in faults:
        found.setdefault((fault.key, fault.place, fault.got, fault.expected), fault)
    return sorted(found.values(), key=lambda fault: (fault.place.line, fault.place.column) if fault.place else (0, 0))


def environment_files(folder: Path, *, only: str | None = None) -> list[Path]:
    """Paths of the environment files of a folder, by name.

    Args:
        folder: holds one YAML file for each environment.
        only: just the one of this name. Default: all.

    Raises:
        EnvironmentFileError: none is there.
    """
    paths = sorted(folder.glob("*.yaml"))
    for path in sorted(folder.glob("*.yml")):
        raise EnvironmentFileError(
            path=path, verb="ends in", got=path.suffix, expected=".yaml", remedy="rename it, it isn't read"
        )
    chosen = paths if only is None else [path for path in paths if path.stem == only]
    if only is not None and not chosen:
        names = ", ".join(path.stem for path in paths) or "(none)"
        raise EnvironmentFileError(
            path="environment",
            got=repr(only),
            expected=f"one of {names} in {folder}",
        )
    if not chosen:
        raise EnvironmentFileError(
            path=folder,
            verb="holds",
            got="no environment",
            expected="at least one file NAME.yaml",
        )
    return chosen


def load_environments(folder: Path, *, only: str | None = None, text: str | None = None) -> list[Environment]:
    """Read every environment of a folder, by name.

    Args:
        folder: holds one YAML file for each environment.
        only: read just the one of this name, and of the others what could collide with it. Default: all.
        text: a text of the one of this name in the place of what its file holds. Default: the file is read.

    Raises:
        EnvironmentFileError: none is there, one can't be used, or two of one account and region name the same things.
    """
    chosen = environment_files(folder, only=only)
    loaded: list[tuple[Path, Environment]] = []
    faults: list[FleetError] = []
    for path in chosen:
        try:
            loaded.append((path, load_environment(path, text=text if only is not None else None)))
        except EnvironmentFileError as error:
            faults += error.faults
    if faults:
        raise EnvironmentFileError.of(faults)
    # The file that was asked for comes last: the error is its own.
    others = (
        []
        if only is None
        else _that_may_collide(loaded[0][1], [path for path in environment_files(folder) if path not in chosen])
    )
    refuse_all_collisions([*others, *loaded])
    return [environment for _, environment in loaded]


def refuse_all_collisions(loaded: Sequence[tuple[Path, Environment]]) -> None:
    """Refuse environments of one account that name the same things.

    Args:
        loaded: files and what they hold.

    Raises:
        EnvironmentFileError: with every collision.
    """
    faults = collisions(loaded)
    if faults:
        raise EnvironmentFileError.of(faults)


def _that_may_collide(environment: Environment, paths: Sequence[Path]) -> list[tuple[Path, Environment]]:
    """Other files that may name the same things; the faults of a file that wasn't asked for are not told."""
    found = []
    for path in paths:
        try:
            if may_collide(environment, path.stem, path.read_text(encoding="utf-8")):
                found.append((path, load_environment(path)))
        except (OSError, UnicodeDecodeError, EnvironmentFileError):
            continue
    return found
