"""Two states of somebody's templates: folders, files, or revisions of a git repository."""

import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.policy.template import TEMPLATE_SUFFIXES, Template, linked, parse_template

_ENDINGS: Final = (".template.json", ".template.yaml", ".template.yml", ".json", ".yaml", ".yml", ".template")
_MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Revision:
    """Templates as they are at one time.

    Attributes:
        label: how the caller named it.
        stacks: templates by the name of their stack: the CDK's, or else the file's.
    """

    label: str
    stacks: Mapping[str, Template]


def read_revision(
    named: str, *, under: str | None = None, parameters: Mapping[str, str] | None = None, repository: Path | None = None
) -> Revision:
    """Templates of a folder, a file, or a git revision.

    Args:
        named: a path; what is none is a revision, such as `main` or `HEAD~1`.
        under: folder of the repository in which a revision's templates are. Default: all of it.
        parameters: values of template parameters.
        repository: where git is asked. Default: the working directory.

    Raises:
        FleetError: there is neither such a path nor such a revision, or it has no template.
    """
    path = Path(named)
    if path.is_file():
        files = {path.name: path.read_text(encoding="utf-8-sig", errors="replace")}
    elif path.is_dir():
        files = {
            file.relative_to(path).as_posix(): file.read_text(encoding="utf-8-sig", errors="replace")
            for file in sorted(path.rglob("*"))
            if file.is_file() and _may_be_template(file.relative_to(path).as_posix())
        }
    else:
        files = _files_of_commit(named, under, repository or Path())
    stacks = _templates(files, parameters or {})
    if not stacks:
        raise FleetError(
            f"{named} holds no template, expected some: synthesise first, name another folder, or the folder of the "
            "repository that has them (--path)"
        )
    names = dict(zip(stacks, linked(list(stacks.values())), strict=True))
    return Revision(label=named, stacks=names)


def paired(base: Revision, head: Revision) -> tuple[Revision, Revision]:
    """The same, in which two single templates have one name, so that they are compared."""
    if len(base.stacks) == len(head.stacks) == 1:
        (name,) = head.stacks
        (template,) = base.stacks.values()
        return replace(base, stacks={name: template}), head
    return base, head


def _may_be_template(path: str) -> bool:
    parts = PurePosixPath(path)
    return parts.suffix in TEMPLATE_SUFFIXES and not any(part.startswith("asset.") for part in parts.parts)


def _templates(files: Mapping[str, str], parameters: Mapping[str, str]) -> dict[str, Template]:
    stack_names = _stack_names(files)
    found = {}
    for path, text in files.items():
        # Most JSON and YAML of a repository is no template, and YAML is slow to read.
        if "Resources" not in text or "Type" not in text:
            continue
        try:
            template = parse_template(text, name=path, parameters=parameters)
        except FleetError:
            continue
        found[stack_names.get(path) or _without_ending(path)] = template
    return found


def _stack_names(files: Mapping[str, str]) -> dict[str, str]:
    """Names that the manifests of a cloud assembly give to its templates."""
    found = {}
    for path, text in files.items():
        if PurePosixPath(path).name != _MANIFEST:
            continue
        try:
            artifacts = json.loads(text)["artifacts"].values()
            for artifact in artifacts:
                if artifact["type"] == "aws:cloudformation:stack":
                    properties = artifact["properties"]
                    template = PurePosixPath(path).parent / properties["templateFile"]
                    found[template.as_posix()] = str(properties["stackName"])
        except (AttributeError, KeyError, TypeError, ValueError):
            continue  # somebody else's manifest.json
    return found


def _without_ending(path: str) -> str:
    return next((path.removesuffix(ending) for ending in _ENDINGS if path.endswith(ending)), path)


def _files_of_commit(named: str, under: str | None, repository: Path) -> dict[str, str]:
    commit = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{named}^{{commit}}")
    if commit is None:
        raise FleetError(
            f"{named} is neither a path nor a git revision here, expected one of them: correct it, or fetch the "
            "revision (a shallow clone has one only)"
        )
    archive = _git(repository, "archive", "--format=tar", commit.decode().strip(), *([under] if under else []))
    if archive is None:
        raise FleetError(f"revision {named} has no {under}, expected a folder of templates: correct --path")
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar.getmembers():
            name = member.name.removeprefix(f"{under.rstrip('/')}/") if under else member.name
            content = tar.extractfile(member) if member.isfile() and _may_be_template(member.name) else None
            if content is not None:
                files[name] = content.read().decode("utf-8-sig", errors="replace")
    return dict(sorted(files.items()))


def _git(repository: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(  # noqa: S603 - git, with a revision that can't be an option
            ["git", *arguments],  # noqa: S607 - the caller's git
            cwd=repository,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise FleetError(f"git can't be run ({error}), expected it for revisions: name folders instead") from error
    return done.stdout if done.returncode == 0 else None
