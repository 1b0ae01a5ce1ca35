"""Slips of an honest author, told before a review is believed: templates that were not made again."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from ultrafleet.templates.git_repository import GitRepository
from ultrafleet.templates.revision import Revision

_SOURCES: Final = (".yaml", ".yml", ".json", ".toml")
_MOST_NAMED: Final = 3


def stale_templates(base: Revision, head: Revision, repository: Path | None = None) -> list[str]:
    """Files that changed, it seems, without the templates that are made of them.

    Args:
        base: as it is.
        head: as it will be; both have to be revisions of git.
        repository: where git is asked. Default: the working directory.
    """
    if base.commit is None or head.commit is None or base.commit == head.commit:
        return []
    changed = GitRepository(repository or Path()).changed_files(base.commit, head.commit)
    folder = f"{head.under.strip('/')}/" if head.under and head.under.strip("/.") else ""
    templates = {f"{folder}{template.name}" for side in (base, head) for template in side.stacks.values()}
    others = [path for path in changed if path not in templates]
    moved = {
        name
        for name in {*base.stacks, *head.stacks}
        if name not in base.stacks or name not in head.stacks or base.stacks[name].text != head.stacks[name].text
    }
    found = list(_of_sources(others, head, moved))
    if not found and others and not moved:
        found.append(f"no template differs, although {_few(others)} {'does' if len(others) == 1 else 'do'}")
    return found


def _of_sources(paths: list[str], head: Revision, moved: set[str]) -> Iterator[str]:
    """Files whose name begins the names of stacks of which none differs."""
    for path in paths:
        parts = PurePosixPath(path)
        if parts.suffix not in _SOURCES:
            continue
        own = [name for name in head.stacks if _is_made_of(PurePosixPath(name).name, parts.stem)]
        if own and not moved.intersection(own):
            yield f"{path} differs, and none of its {len(own)} templates does ({_few(own)})"


def _is_made_of(stack: str, source: str) -> bool:
    return stack == source or stack.startswith((f"{source}-", f"{source}."))


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"
