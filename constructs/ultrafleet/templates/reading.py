"""Templates from files: JSON, or YAML with CloudFormation's short intrinsics."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ultrafleet.errors import FleetError
from ultrafleet.templates.for_each import PREFIX
from ultrafleet.templates.linking import linked
from ultrafleet.templates.template import Template, mapping
from ultrafleet.templates.template_text import parsed_text

_TYPE = re.compile(r"""["']?Type["']?\s*:\s*["']?(AWS|Alexa|Custom)::""")
_MAX_DEPTH = 100
_MAX_PARTS = 2_000_000
"""Ours: far beyond the megabyte that CloudFormation takes."""
TEMPLATE_SUFFIXES = (".json", ".yaml", ".yml", ".template")


def parse_template(text: str, *, name: str, parameters: Mapping[str, Any] | None = None) -> Template:
    """A template from its text.

    Raises:
        FleetError: it is neither JSON nor YAML, or no template.
    """
    content = _parsed(text, name)
    if not is_template(content):
        raise FleetError(
            path=name,
            verb="has",
            got="no Resources",
            expected="a CloudFormation template",
            remedy="name another file",
        )
    return Template(name=name, content=content, text=text, parameters=parameters or {})


def template_among(text: str, *, name: str, parameters: Mapping[str, Any] | None = None) -> Template | None:
    """A template from a file that may be anything else; None where it is.

    Raises:
        FleetError: it is meant as a template and can't be read.
    """
    # YAML is slow to read, and most of a folder may be none of ours.
    if "Resources" not in text or _TYPE.search(text) is None:
        return None
    content = _parsed(text, name)
    if not is_template(content):
        return None
    return Template(name=name, content=content, text=text, parameters=parameters or {})


def _parsed(text: str, name: str) -> Any:  # noqa: ANN401 - JSON
    try:
        content = parsed_text(text)
        _measure(content, {})
    except (RecursionError, ValueError) as error:
        first = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise FleetError(
            f"{name} can't be read: {first}; expected a CloudFormation template in JSON or YAML",
            path=name,
            got=first,
            expected="a CloudFormation template in JSON or YAML",
        ) from error
    return content


def _measure(value: Any, known: dict[int, tuple[int, int]], depth: int = 0) -> tuple[int, int]:  # noqa: ANN401 - JSON
    """Height and size of JSON in which aliases of YAML are written out; refused where either is no template's.

    Raises:
        ValueError: it is nested more than a hundred levels, refers to itself, or is too large.
    """
    if not isinstance(value, dict | list):
        return 0, 1
    if id(value) not in known:
        if depth > _MAX_DEPTH:
            raise ValueError("it is nested too deeply, or refers to itself")
        parts = [_measure(part, known, depth + 1) for part in (value.values() if isinstance(value, dict) else value)]
        known[id(value)] = (1 + max((part[0] for part in parts), default=0), 1 + sum(part[1] for part in parts))
    if known[id(value)][0] + depth > _MAX_DEPTH or known[id(value)][1] > _MAX_PARTS:
        raise ValueError("it is nested too deeply, or its aliases make it too large")
    return known[id(value)]


def is_template(content: object) -> bool:
    """True if parsed JSON or YAML is a template."""
    resources = content.get("Resources") if isinstance(content, Mapping) else None
    return isinstance(resources, Mapping) and any(
        str(key).startswith(PREFIX) or isinstance(mapping(item).get("Type"), str) for key, item in resources.items()
    )


def read_templates(
    paths: Sequence[Path],
    *,
    parameters: Mapping[str, Any] | None = None,
    unreadable: Callable[[FleetError], object] | None = None,
) -> list[Template]:
    """Templates of files and folders. In a folder, other files are skipped.

    Args:
        paths: files and folders.
        parameters: values of parameters. Default: the templates' own defaults.
        unreadable: called with the error of each template in a folder that can't be read. Default: the first
            one is an error.

    Raises:
        FleetError: a path that doesn't exist, a file that is no template, or a folder without any.
    """
    found = []
    for path in paths:
        if path.is_dir():
            inside, broken = _in_folder(path, parameters)
            if broken and unreadable is None:
                raise broken[0]
            if unreadable is not None:
                for error in broken:
                    unreadable(error)
            if not inside and not broken:
                raise FleetError(
                    path=path,
                    verb="holds",
                    got="no template",
                    expected="some",
                    remedy="synthesise first, or name another folder",
                )
            found += inside
        elif path.is_file():
            found.append(parse_template(_text(path), name=str(path), parameters=parameters))
        else:
            raise FleetError(
                path=path,
                verb="doesn't",
                got="exist",
                expected="a template or a folder of templates",
                remedy="correct the path",
            )
    return linked(found)


def _in_folder(folder: Path, parameters: Mapping[str, Any] | None) -> tuple[list[Template], list[FleetError]]:
    found, broken = [], []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix not in TEMPLATE_SUFFIXES or _in_asset(path, folder):
            continue
        try:
            template = template_among(_text(path), name=str(path), parameters=parameters)
        except FleetError as error:
            broken.append(error)
            continue
        if template is not None:
            found.append(template)
    return found, broken


def _in_asset(path: Path, folder: Path) -> bool:
    """True for an asset of the CDK, which a template deploys and which is none."""
    return any(part.startswith("asset.") for part in path.relative_to(folder).parts)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")
