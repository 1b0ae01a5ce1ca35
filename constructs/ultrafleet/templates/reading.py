"""Templates from files and folders."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from ultrafleet.bounded_file import glimpsed, read_bounded
from ultrafleet.errors import FleetError
from ultrafleet.templates.file_reading import FilesRead, Listed, PassedOver, read_files, what_else
from ultrafleet.templates.linking import linked
from ultrafleet.templates.parsing import parse_template
from ultrafleet.templates.template import Template

_GIT: Final = ".git"
_WORDS: Final = (b"Resources", b"::")


def read_templates(
    paths: Sequence[Path],
    *,
    parameters: Mapping[str, Any] | None = None,
    unreadable: Callable[[FleetError], object] | None = None,
    passed_over: Callable[[PassedOver], object] | None = None,
    of_others: Callable[[str], object] | None = None,
) -> list[Template]:
    """Templates of files and folders. In a folder, files that are none are skipped.

    Args:
        paths: files and folders.
        parameters: values of parameters. Default: the templates' own defaults.
        unreadable: called with the error of each template in a folder that can't be read. Default: the first
            one is an error.
        passed_over: called with each file of a folder that isn't read. Default: they are left out in silence.
        of_others: called with the name of each template that is in a folder of what others wrote, such as
            `node_modules`. Default: they are left out in silence.

    Raises:
        FleetError: a path that doesn't exist, a file that is no template, or a folder without any.
    """
    found: list[Template] = []
    for path in paths:
        if path.is_dir():
            inside = folder_read(path, parameters)
            _tell(inside, path, unreadable, passed_over, of_others)
            if not inside.templates and not inside.broken:
                raise _none_in(path, inside)
            found += inside.templates.values()
        elif path.exists():
            found.append(parse_template(read_bounded(path), name=str(path), parameters=parameters))
        else:
            raise FleetError(
                path=path,
                verb="doesn't",
                got="exist",
                expected="a template or a folder of templates",
                remedy="correct the path",
            )
    return linked(found)


def _none_in(folder: Path, inside: FilesRead) -> FleetError:
    others, remedy = what_else(inside.passed_over)
    none = f"no template, and {others}" if others else "no template"
    return FleetError(
        path=folder,
        verb="holds",
        got="a cloud assembly without a stack" if inside.assemblies else none,
        expected="some",
        remedy=remedy or "synthesise first, or name another folder",
    )


def _tell(
    inside: FilesRead,
    folder: Path,
    unreadable: Callable[[FleetError], object] | None,
    passed_over: Callable[[PassedOver], object] | None,
    of_others: Callable[[str], object] | None,
) -> None:
    for error in inside.broken.values():
        if unreadable is None:
            raise error
        unreadable(error)
    if passed_over is not None:
        for item in inside.passed_over:
            passed_over(item)
    if of_others is not None:
        for name in inside.of_others:
            of_others(str(folder / name))


def folder_read(
    folder: Path, parameters: Mapping[str, Any] | None = None, *, name: Callable[[str], str] | None = None
) -> FilesRead:
    """Files of a folder, sorted.

    Args:
        folder: the folder.
        parameters: values of parameters. Default: the templates' own defaults.
        name: what the template of a path in the folder is called. Default: the path, the folder's before it.
    """
    files, broken = listed_files(folder)
    found = read_files(files, name=name or (lambda path: str(folder / path)), parameters=parameters)
    found.broken |= broken
    return found


def listed_files(folder: Path) -> tuple[dict[str, Listed], dict[str, FleetError]]:
    """Files of a folder by their path in it, and the folders in it that can't be listed.

    Args:
        folder: the folder.
    """
    files: dict[str, Listed] = {}
    broken: dict[str, FleetError] = {}

    def closed(error: OSError) -> None:
        place = str(error.filename)
        broken[place] = FleetError(path=place, verb="can't be", got=f"listed ({error})", expected="a folder")

    for place, folders, names in os.walk(folder, onerror=closed):
        if _GIT in folders:
            folders.remove(_GIT)  # git's own, which holds no file that is deployed
        for file in _files_in(Path(place), folders, names):
            path = file.relative_to(folder).as_posix()
            is_file = not file.is_dir() and _is_regular(file)
            files[path] = Listed(
                read=partial(read_bounded, file) if is_file else None,
                glimpse=partial(glimpsed, file, _WORDS) if is_file else None,
            )
    return files, broken


def _files_in(place: Path, folders: list[str], names: list[str]) -> Iterator[Path]:
    """Files of one folder, and links to folders, which aren't followed."""
    yield from (place / name for name in names)
    yield from (place / name for name in folders if (place / name).is_symlink())


def _is_regular(file: Path) -> bool:
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except OSError:  # a link to nothing
        return False
