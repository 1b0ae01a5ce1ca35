"""Revision of templates: a folder, a file, or a revision of a git repository."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from ultrafleet.bounded_file import MOST_BYTES, TooLargeError, read_bounded
from ultrafleet.errors import FleetError
from ultrafleet.templates.file_reading import FilesRead, Listed, PassedOver, read_files, what_else, why_by_name
from ultrafleet.templates.git_repository import GitRepository, TreeEntry
from ultrafleet.templates.linking import linked
from ultrafleet.templates.parsing import parse_template
from ultrafleet.templates.reading import folder_read
from ultrafleet.templates.template import Template

_ENDINGS: Final = (".template.json", ".template.yaml", ".template.yml", ".json", ".yaml", ".yml", ".template")
_MOST_OF_COMMIT: Final = 512 << 20
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
    path, git = Path(named), GitRepository(repository or Path())
    if under is None and _exists(path):
        if not _is_plainly_a_path(named) and _commit_or_none(git, named) is not None:
            raise FleetError(
                path=named,
                got="a path and a git revision",
                expected="one of them",
                remedy=f"name the path as ./{named}, or the revision with its folder by --path",
            )
        return _of_path(path, named, parameters or {})
    commit = git.commit_of(named)
    if commit is None and under is None and ":" in named:
        revision, _, under = named.partition(":")
        commit = git.commit_of(revision)
    if commit is None:
        raise _no_revision(named, is_path=_exists(path))
    found = _of_commit(git, commit, under, parameters or {})
    return replace(_revision(named, found), commit=commit, under=under)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or no name of a file
        return False


def _is_plainly_a_path(named: str) -> bool:
    """True for what is no name of a revision: `./main`, `/tmp/main`, `main/`."""
    return named.startswith((".", "/")) or named.endswith("/")


def _commit_or_none(git: GitRepository, named: str) -> str | None:
    """The commit of a name; None without git, or where it names none."""
    return git.commit_of(named) if git.is_there() else None


def _no_revision(named: str, *, is_path: bool) -> FleetError:
    if is_path:
        return FleetError(
            path=named,
            got="a path, and no git revision here",
            expected="a revision, because --path is a folder of one",
            remedy="leave --path out, or name the revision",
        )
    return FleetError(
        path=named,
        got="neither a path nor a git revision here",
        expected="one of them",
        remedy="correct it, or fetch the revision (a shallow clone has one only)",
    )


def _of_path(path: Path, named: str, parameters: Mapping[str, Any]) -> Revision:
    if path.is_dir():
        return _revision(named, folder_read(path, parameters, name=str))
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


def _of_commit(git: GitRepository, commit: str, under: str | None, parameters: Mapping[str, Any]) -> FilesRead:
    folder = f"{under.strip('/')}/" if under and under.strip("/.") else ""
    entries = [entry for entry in git.entries(commit) if entry.path.startswith(folder)]
    return read_files(_listed(git, entries, folder), parameters=parameters)


def _is_wanted(entry: TreeEntry) -> bool:
    return why_by_name(entry.path) is None


def _listed(git: GitRepository, entries: list[TreeEntry], folder: str) -> dict[str, Listed]:
    """Files of a commit; those whose names say that they are none are named, and not read."""
    contents: dict[str, bytes] = {}
    wanted = [entry for entry in entries if entry.size is not None and _is_wanted(entry)]
    if sum(entry.size or 0 for entry in wanted) > _MOST_OF_COMMIT:
        raise FleetError(
            path="the files of the revision",
            verb="have",
            got=f"more than {_MOST_OF_COMMIT:,} bytes together",
            expected="fewer",
            remedy="name the folder that holds the templates by --path",
        )

    def read(entry: TreeEntry) -> str:
        if (entry.size or 0) > MOST_BYTES:
            raise TooLargeError(entry.path)
        if not contents:
            contents.update(git.contents([item.id for item in wanted if (item.size or 0) <= MOST_BYTES]))
        found = contents[entry.id] if entry.id in contents else git.contents([entry.id])[entry.id]
        return found.decode("utf-8-sig", errors="replace")

    return {
        entry.path.removeprefix(folder): Listed(read=partial(read, entry) if entry.size is not None else None)
        for entry in entries
    }
