"""`ultrafleet init`: a repository of a team's own, which has the library as a package."""

import contextlib
import io
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer
import yaml

from ultrafleet.cli.import_file import import_file
from ultrafleet.environment import load_environment
from ultrafleet.errors import FleetError
from ultrafleet.plain_text import for_terminal
from ultrafleet.rules.names import NAME_RULE, is_name
from ultrafleet.starter import (
    ENVIRONMENTS,
    Start,
    installed_wheel,
    read_wheel,
    repository_files,
    upgrade_files,
    write_files,
)

_FIRST: Final = "dev"
_ZONES: Final = 2


def init(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="folder to make, and name of its environment; default: this folder, environment dev"),
    ] = None,
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="environment file to begin with, or a file that `ultrafleet import` takes, with its options",
        ),
    ] = None,
    live: Annotated[
        str | None,
        typer.Option(metavar="CLUSTER", help="running cluster to begin with, as `ultrafleet import --live` reads it"),
    ] = None,
    account: Annotated[str | None, typer.Option(help="account, twelve digits; default: a placeholder")] = None,
    region: Annotated[str | None, typer.Option(help="region; default: that of the placeholder")] = None,
    zone: Annotated[
        list[str] | None,
        typer.Option(help="availability zone, twice: one with accelerators, one more for the control plane"),
    ] = None,
    wheel: Annotated[
        Path | None,
        typer.Option(help="wheel of the library, kept in the repository; default: the one that was installed"),
    ] = None,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="replace the library's files in a repository made before, no others")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON: version, files and what comes next")] = False,
) -> None:
    """Make a repository for your environments: app, Makefile, pinned tools, tests, workflows, README.

    It begins with one environment of one accelerator on demand, with the file of another tool or with a running
    cluster. No file is overwritten. It calls no registry, and AWS with --live alone, to read.
    """
    library = read_wheel(wheel) if wheel is not None else installed_wheel()
    # With options of the import, typer takes an option's name for NAME where none is passed.
    options = [*([name] if name is not None and name.startswith("-") else []), *context.args]
    if live is not None and source is not None:
        raise FleetError(path="--live", got="stated beside --from", expected="one of them", remedy="leave one out")
    imported = live is not None or source is not None
    if options and not imported:
        raise FleetError(
            path="arguments",
            got=" ".join(options),
            expected="NAME and the options that --help lists",
            remedy="options of `ultrafleet import` go with --from FILE or --live CLUSTER",
        )
    name = None if name in options else name
    folder = Path(name or ".")
    if upgrade:
        changed = upgrade_files(folder, library)
        if as_json:
            print(json.dumps({"version": str(library.version), "replaced": list(changed)}, indent=2))
        else:
            print("\n".join([f"ultrafleet {library.version}: {len(changed)} files replaced", *changed]))
        return
    environment = folder.name if name else None
    if environment is not None and not is_name(environment):
        raise FleetError(path="NAME", got=repr(environment), expected=NAME_RULE, remedy="the cluster is named after it")
    options = [*(["--live", live] if live is not None else []), *options]
    begun = _begin_with(source, environment, account, region, zone or [], options) if imported else None
    start = Start(
        name=folder.resolve().name,
        environment=environment or (begun.environment if begun else _FIRST),
        wheel=library,
        **({"text": begun.text} if begun else _place(account, region, zone or [])),
    )
    files = repository_files(start)
    _refuse_broken(start, files)
    write_files(folder, files)
    made = [str(folder / path) for path in sorted(files)]
    file = folder / ENVIRONMENTS / f"{start.environment}.yaml"
    placeholders = begun is None and account is None
    notes = [
        *_git_init(folder),
        *(
            [f"account, region and zones in {file} are placeholders: it can be rehearsed, not deployed"]
            if placeholders
            else []
        ),
    ]
    if as_json:
        report = {
            "version": str(library.version),
            "environment": start.environment,
            "environment_file": str(file),
            "placeholders": placeholders,
            "files": made,
            "notes": notes,
        }
        print(json.dumps(report, indent=2))
        return
    enter = f"cd {shlex.quote(str(folder))} && " if name else ""
    after = f"next: {enter}make synth, make test, make deploy ENV={start.environment}; README.md has the rest"
    print("\n".join([*made, *notes, after]))


def _place(account: str | None, region: str | None, zones: list[str]) -> dict[str, Any]:
    """Account, region and zones of the first pool: all of them, or placeholders.

    Raises:
        FleetError: some of them are missing.
    """
    if not (account or region or zones):
        return {}
    missing = [
        option
        for option, is_there in {
            "--account": account,
            "--region": region,
            "--zone, twice": len(zones) == _ZONES,
        }.items()
        if not is_there
    ]
    if missing:
        raise FleetError(
            path=", ".join(missing),
            got="missing",
            expected="account, region and two of its zones, or none of them for placeholders",
            remedy="--account 123456789012 --region us-west-2 --zone us-west-2a --zone us-west-2b",
        )
    return {"account": account, "region": region, "zones": (zones[0], zones[1])}


@dataclass(frozen=True, kw_only=True)
class _Begun:
    """An environment to begin with: its name and its file's text."""

    environment: str
    text: str


def _begin_with(
    source: str | None, name: str | None, account: str | None, region: str | None, zones: list[str], options: list[str]
) -> _Begun:
    """Environment of a file, or of a running cluster: the file itself, or what `ultrafleet import` makes of it.

    Raises:
        FleetError: the file can't be read, or isn't carried over.
    """
    path = Path(source or "")
    if source not in {None, "-"} and _is_environment(path):
        stated = [*options, *(["--account"] if account else []), *(["--region"] if region else []), *zones]
        if stated:
            raise FleetError(
                path=path, got="an environment file", expected=f"no {' '.join(stated)} with it", remedy="edit it after"
            )
        return _Begun(environment=name or path.stem, text=path.read_text(encoding="utf-8"))
    place = [*(["--account", account] if account else []), *(["--region", region] if region else [])]
    place += [word for zone in zones for word in ("--zone", zone)]
    words = [*([source] if source is not None else []), *options, *place, *(["--name", name] if name else []), "--json"]
    importer = typer.Typer(add_completion=False)
    importer.command()(import_file)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        typer.main.get_command(importer).main(words, prog_name="ultrafleet import", standalone_mode=False)
    imported = json.loads(printed.getvalue())
    for note in imported["notes"]:
        print(for_terminal(note), file=sys.stderr)
    return _Begun(environment=imported["name"], text=imported["file"])


def _is_environment(path: Path) -> bool:
    """True if a file has the keys that only environment files have together."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FleetError(path=path, got=f"unreadable ({error})", expected="a file to begin with") from error
    except (UnicodeDecodeError, yaml.YAMLError):
        return False
    return isinstance(content, dict) and {"account", "network", "pools"} <= content.keys()


def _refuse_broken(start: Start, files: Mapping[str, bytes]) -> None:
    """Refuse an environment that doesn't load, before anything is written.

    Raises:
        FleetError: it doesn't load.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"{start.environment}.yaml"
        file.write_bytes(files[f"{ENVIRONMENTS}/{file.name}"])
        try:
            load_environment(file)
        except FleetError as error:
            raise FleetError(
                str(error).replace(f"{folder}/", ""),
                path=error.path,
                got=error.got,
                expected=error.expected,
                remedy=error.remedy,
            ) from error


def _git_init(folder: Path) -> list[str]:
    """Make a git repository, where git is installed and the folder is in none; return notes."""
    git = shutil.which("git")
    if git is None:
        return ["git isn't installed: no repository is made, and `make review` needs one"]
    inside = [git, "-C", str(folder), "rev-parse", "--is-inside-work-tree"]
    if subprocess.run(inside, capture_output=True, check=False).returncode != 0:  # noqa: S603 - no shell, our words
        made = [git, "init", "--quiet", "--initial-branch", "main", str(folder)]
        subprocess.run(made, check=False)  # noqa: S603 - as above
    return []
