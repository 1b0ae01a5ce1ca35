"""Revision of templates: a folder, a file, or a revision of a git repository."""

import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from ultrafleet.errors import FleetError
from ultrafleet.templates.assembly import MANIFEST, manifest_stacks
from ultrafleet.templates.linking import linked
from ultrafleet.templates.reading import TEMPLATE_SUFFIXES, template_among
from ultrafleet.templates.template import Template

_ENDINGS: Final = (".template.json", ".template.yaml", ".template.yml", ".json", ".yaml", ".yml", ".template")


@dataclass(frozen=True, kw_only=True)
class Revision:
    """Templates as they are at one time.

    Attributes:
        label: how the caller named it.
        stacks: templates by the name of their stack: the CDK's, or else the file's.
        places: account and region of stacks, as far as they are known: `111122223333/us-east-1`.
        unread: files that look like templates and can't be read, with the reason, by the name of their stack.
    """

    label: str
    stacks: Mapping[str, Template]
    places: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)


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
        FleetError: there is neither such a path nor such a revision.
    """
    path = Path(named)
    if path.is_file():
        files = {path.name: _text(path)}
    elif path.is_dir():
        inside = ((file.relative_to(path).as_posix(), file) for file in sorted(path.rglob("*")) if file.is_file())
        files = {name: _text(file) for name, file in inside if _may_be_template(name)}
    else:
        files = dict(_files_of_commit(named, under, repository or Path()))
    stacks, places, unread = _templates(files, parameters or {})
    together = dict(zip(stacks, linked(list(stacks.values())), strict=True))
    return Revision(label=named, stacks=together, places=places, unread=unread)


def paired(base: Revision, head: Revision) -> tuple[Revision, Revision]:
    """Both revisions, with one name for each stack.

    Two single files are one stack; stacks in different accounts or regions are different ones.

    Raises:
        FleetError: neither has a template.
    """
    if not base.stacks and not head.stacks:
        raise FleetError(
            path=f"neither {base.label} nor {head.label}",
            verb="holds",
            got="a template",
            expected="some",
            remedy="synthesise first, name other folders, or the folder of the repository that has them (--path)",
        )
    if Path(base.label).is_file() and Path(head.label).is_file() and base.stacks and head.stacks:
        (name,) = head.stacks
        (template,) = base.stacks.values()
        return replace(base, stacks={name: template}), head
    # A stack that one side doesn't show is compared with nothing.
    dark = {*base.unread, *head.unread}
    if dark:
        base, head = (_without(side, dark) for side in (base, head))
    known = base.places.keys() & head.places.keys()
    moved = frozenset(name for name in known if base.places[name] != head.places[name])
    return _with_places(base, moved), _with_places(head, moved)


def _without(revision: Revision, names: set[str]) -> Revision:
    """Revision without some stacks, which the others no longer see either."""
    kept = {name: template for name, template in revision.stacks.items() if name not in names}
    return replace(revision, stacks=dict(zip(kept, linked(list(kept.values())), strict=True)))


def _with_places(revision: Revision, names: frozenset[str]) -> Revision:
    """Revision with account and region in the names of some stacks."""
    renamed = {name: f"{name} ({revision.places[name]})" if name in names else name for name in revision.stacks}
    return replace(
        revision,
        stacks={renamed[name]: template for name, template in revision.stacks.items()},
        places={renamed[name]: place for name, place in revision.places.items()},
    )


def _may_be_template(path: str) -> bool:
    parts = PurePosixPath(path)
    return parts.suffix in TEMPLATE_SUFFIXES and not any(part.startswith("asset.") for part in parts.parts)


def _templates(
    files: Mapping[str, str], parameters: Mapping[str, str]
) -> tuple[dict[str, Template], dict[str, str], dict[str, str]]:
    """Templates, places and what can't be read, by the name of their stack."""
    of_assembly = _stacks_of_assemblies(files)
    names = Counter(name for name, _ in of_assembly.values())
    found: dict[str, Template] = {}
    places: dict[str, str] = {}
    unread: dict[str, str] = {}
    for path, text in files.items():
        name, place = of_assembly.get(path, (_without_ending(path), ""))
        if names[name] > 1:
            name = f"{name} ({place})"
        name = path if name in found else name
        try:
            template = template_among(text, name=path, parameters=parameters)
        except FleetError as error:
            unread[name] = str(error)
            continue
        if template is None:
            continue
        found[name] = template
        if place:
            places[name] = place
    return found, places, unread


def _stacks_of_assemblies(files: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Name and place of the stacks of cloud assemblies, by the path of the template."""
    found: dict[str, tuple[str, str]] = {}
    for path, text in files.items():
        if PurePosixPath(path).name == MANIFEST:
            try:
                stacks = manifest_stacks(text)
            except FleetError:
                continue  # another program's manifest.json
            folder = PurePosixPath(path).parent
            found |= {(folder / stack.template_file).as_posix(): (stack.name, stack.place) for stack in stacks}
    return found


def _without_ending(path: str) -> str:
    return next((path.removesuffix(ending) for ending in _ENDINGS if path.endswith(ending)), path)


def _files_of_commit(named: str, under: str | None, repository: Path) -> Iterator[tuple[str, str]]:
    commit = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{named}^{{commit}}")
    if commit is None:
        raise FleetError(
            path=named,
            got="neither a path nor a git revision here",
            expected="one of them",
            remedy="correct it, or fetch the revision (a shallow clone has one only)",
        )
    folder = f"{under.strip('/')}/" if under and under.strip("/.") else ""
    tree = _git(repository, "ls-tree", "-r", "-z", "--full-tree", commit.decode().strip()) or b""
    blobs = []
    for entry in tree.decode(errors="replace").split("\0"):
        about, _, path = entry.partition("\t")
        if about.startswith("100") and path.startswith(folder) and _may_be_template(path):
            blobs.append((path.removeprefix(folder), about.split(" ")[2]))
    yield from zip((name for name, _ in blobs), _contents(repository, [blob for _, blob in blobs]), strict=True)


def _contents(repository: Path, blobs: list[str]) -> Iterator[str]:
    """Contents of git's objects, all by one process: `<id> blob <bytes>`, a line, then the content, for each."""
    answer = _git(repository, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs).encode()) or b""
    at = 0
    for _ in blobs:
        line = answer.index(b"\n", at)
        end = line + 1 + int(answer[at:line].split(b" ")[2])
        yield answer[line + 1 : end].decode("utf-8-sig", errors="replace")
        at = end + 1


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")


def _git(repository: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    try:
        done = subprocess.run(  # noqa: S603 - git, with a revision that can't be an option
            ["git", *arguments],  # noqa: S607 - the caller's git
            cwd=repository,
            input=given,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise FleetError(
            path="git",
            verb="can't be",
            got=f"run ({error})",
            expected="it for revisions",
            remedy="name folders instead",
        ) from error
    return done.stdout if done.returncode == 0 else None
