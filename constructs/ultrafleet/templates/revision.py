"""Revision of templates: a folder, a file, or a revision of a git repository."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ultrafleet.bounded_file import read_bounded
from ultrafleet.errors import FleetError
from ultrafleet.templates.file_reading import FilesRead, PassedOver, read_files, what_else
from ultrafleet.templates.linking import linked
from ultrafleet.templates.parsing import parse_template
from ultrafleet.templates.revision_files import RevisionFiles, revision_files
from ultrafleet.templates.template import Template

_ENDINGS: Final = (".template.json", ".template.yaml", ".template.yml", ".json", ".yaml", ".yml", ".template")
_ALIKE: Final = 0.6
"""Share of common resources from which a file under another name is the same stack (ours)."""
_MOST_RENAMES: Final = 10_000
"""Pairs of files that are compared."""


@dataclass(frozen=True, kw_only=True)
class Revision:
    """Templates as they are at one time.

    Attributes:
        label: how the caller named it.
        stacks: templates by the name of their stack: the CDK's, or else the file's.
        places: account and region of stacks, as far as they are known: `111122223333/us-east-1`.
        unread: files that are meant as templates and can't be read, with the reason, by the name of their stack.
        named: stacks whose names a cloud assembly gives.
        passed_over: files that were not read.
        of_others: templates in folders in which tools keep what others wrote.
        is_file: whether it is a single file.
        has_assembly: whether it holds a cloud assembly.
        renamed: names that stacks had in the base, and the ones that they have here.
        commit: the commit; None for a folder or a file.
        under: folder of the repository in which its templates are.
    """

    label: str
    stacks: Mapping[str, Template]
    places: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    passed_over: tuple[PassedOver, ...] = ()
    of_others: tuple[str, ...] = ()
    is_file: bool = False
    has_assembly: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    under: str | None = None


def read_revision(
    named: str, *, under: str | None = None, parameters: Mapping[str, str] | None = None, repository: Path | None = None
) -> Revision:
    """Templates of a folder, a file, or a git revision.

    A name that is both is refused: a pull request may add a folder that is named like the base.

    Args:
        named: a path, or a revision, such as `main`, `HEAD~1` or `main:cdk.out`.
        under: folder of the repository in which a revision's templates are; `named` is then a revision. Default: all.
        parameters: values of template parameters.
        repository: where git is asked. Default: the working directory.

    Raises:
        FleetError: there is neither such a path nor such a revision, or both, or what is there can't be read.
    """
    files = revision_files(named, under=under, repository=repository)
    return (
        _of_file(Path(named), named, parameters or {}) if files is None else revision_of(files, parameters=parameters)
    )


def revision_of(
    files: RevisionFiles,
    paths: Iterable[str] | None = None,
    *,
    within: str = "",
    parameters: Mapping[str, str] | None = None,
) -> Revision:
    """Revision of files that are listed, or of some of them.

    Args:
        files: the files.
        paths: those that are read. Default: all.
        within: folder, with a slash at its end, in which those are; it is left out of names. Default: none.
        parameters: values of template parameters.

    Raises:
        FleetError: the files are too large together.
    """
    listed = files.listed(files.paths if paths is None else paths, within=within)
    found = read_files(listed, parameters=parameters)
    found.broken |= files.broken
    return replace(_revision(files.label, found), commit=files.commit, under=files.under)


def _of_file(path: Path, named: str, parameters: Mapping[str, Any]) -> Revision:
    found = FilesRead()
    text = read_bounded(path)
    try:
        found.templates[path.name] = parse_template(text, name=path.name, parameters=parameters)
    except FleetError as error:
        found.broken[path.name] = error
    return replace(_revision(named, found), is_file=True)


def _revision(label: str, found: FilesRead) -> Revision:
    """Revision of what was read, its stacks by their names."""
    names = _names(found)
    stacks = dict(zip(names.values(), linked(list(found.templates.values())), strict=True))
    unread = {_stack_name(path, found): str(error) for path, error in found.broken.items()}
    for name, template in stacks.items():
        try:
            _ = template.simplified
        except FleetError as error:
            unread[name] = str(error)
    kept = {name: template for name, template in stacks.items() if name not in unread}
    return Revision(
        label=label,
        stacks=kept,
        places={name: found.stacks[path][1] for path, name in names.items() if found.stacks.get(path, ("", ""))[1]},
        unread=unread,
        named=frozenset(name for path, name in names.items() if path in found.stacks),
        passed_over=tuple(found.passed_over),
        of_others=tuple(found.of_others),
        has_assembly=bool(found.assemblies),
    )


def _names(found: FilesRead) -> dict[str, str]:
    """Names of stacks by the path of their template; no two are the same."""
    times = Counter(name for name, _ in found.stacks.values())
    names: dict[str, str] = {}
    used: set[str] = set()
    for path in found.templates:
        name = _stack_name(path, found)
        if times[name] > 1:
            name = f"{name} ({found.stacks.get(path, ('', ''))[1]})"
        name = path if name in used else name
        used.add(name)
        names[path] = name
    return names


def _stack_name(path: str, found: FilesRead) -> str:
    return found.stacks[path][0] if path in found.stacks else _without_ending(path)


def paired(base: Revision, head: Revision) -> tuple[Revision, Revision]:
    """Both revisions, with one name for each stack.

    Two single files are one stack; stacks in different accounts or regions are different ones.

    Raises:
        FleetError: neither has a template.
    """
    if not base.stacks and not head.stacks:
        reasons = [*base.unread.values(), *head.unread.values()]
        others, remedy = what_else((*base.passed_over, *head.passed_over))
        reasons += [f"there are {others}: {remedy}"] if others else []
        raise FleetError(
            path=f"neither {base.label} nor {head.label}",
            verb="holds",
            got=f"a template that can be read ({reasons[0]})" if reasons else "a template",
            expected="some",
            remedy="synthesise first, name other folders, or the folder of the repository that has them (--path)",
        )
    if base.is_file and head.is_file and base.stacks and head.stacks:
        (name,) = head.stacks
        (template,) = base.stacks.values()
        return replace(base, stacks={name: template}), head
    # A stack that one side doesn't show is compared with nothing.
    dark = {*base.unread, *head.unread}
    if dark:
        base, head = (_without(side, dark) for side in (base, head))
    known = base.places.keys() & head.places.keys()
    moved = frozenset(name for name in known if base.places[name] != head.places[name])
    base, head = _with_places(base, moved), _with_places(head, moved)
    return _with_renames(base, head)


def _with_renames(base: Revision, head: Revision) -> tuple[Revision, Revision]:
    """Both revisions, in which a file that has another name is one stack; an assembly names its stacks itself."""
    gone = [name for name in base.stacks if name not in head.stacks and name not in base.named]
    new = [name for name in head.stacks if name not in base.stacks and name not in head.named]
    renames: dict[str, str] = {}
    for name in new if len(gone) * len(new) <= _MOST_RENAMES else ():
        alike = sorted(
            ((_likeness(base.stacks[old], head.stacks[name]), old) for old in gone if old not in renames), reverse=True
        )
        if alike and alike[0][0] >= _ALIKE and (len(alike) == 1 or alike[1][0] < alike[0][0]):
            renames[alike[0][1]] = name
    if not renames:
        return base, head
    stacks = {renames.get(name, name): template for name, template in base.stacks.items()}
    return replace(base, stacks=stacks), replace(head, renamed=renames)


def _likeness(one: Template, other: Template) -> float:
    """Share of resources that two templates have in common, by logical id and type."""
    own, others = (
        {(logical_id, resource.type) for logical_id, resource in template.resources.items()}
        for template in (one, other)
    )
    return len(own & others) / len(own | others) if own | others else 0.0


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
        places={renamed[name]: place for name, place in revision.places.items() if name in renamed},
        named=frozenset(renamed.get(name, name) for name in revision.named),
    )


def _without_ending(path: str) -> str:
    return next((path.removesuffix(ending) for ending in _ENDINGS if path.endswith(ending)), path)
