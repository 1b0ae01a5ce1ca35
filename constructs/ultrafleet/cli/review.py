"""`ultrafleet review`: what a change of templates means for a fleet, for a pull request."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from ultrafleet.cli.check import parameters_of, refuse_unknown_parameters
from ultrafleet.errors import FleetError
from ultrafleet.policy import read_acknowledgements
from ultrafleet.review import Review, paired, picture, read_revision, review_of
from ultrafleet.review.approval import against, read_approval_policy, shown
from ultrafleet.review.as_json import as_json
from ultrafleet.review.hazard import Hazard, Level
from ultrafleet.review.hazards import HAZARD_RULES
from ultrafleet.review.markdown import fitted, whole
from ultrafleet.review.sections import sections

MOST_BYTES: Final = 65_535
"""Bytes of a comment: 65,536 characters (GitHub's database column, medium), counted in bytes to be safe."""


def review(
    base: Annotated[
        str, typer.Argument(help="before the change: a folder of templates, a template, or a git revision")
    ],
    head: Annotated[str, typer.Argument(help="after the change: the same kinds")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="file to write the comment to, its pictures beside it; default: standard output")
    ] = None,
    path: Annotated[
        str | None, typer.Option(help="folder of templates in the git revisions; default: all folders")
    ] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of a template parameter; repeatable")] = None,
    acknowledgements: Annotated[Path | None, typer.Option(help="YAML file of accepted findings")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(help="day from which costs are counted; default: today, UTC")
    ] = None,
    pictures: Annotated[str, typer.Option(help="URL prefix of the pictures in the comment")] = "",
    fail_on: Annotated[
        list[str] | None,
        typer.Option(help="blocking, security or notice (and worse), or a hazard, such as refused; repeatable"),
    ] = None,
    approval: Annotated[Path | None, typer.Option(help="YAML file of what may merge without a reviewer")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Compare two revisions of templates: hazards, cost, limits, affected pools.

    Writes a Markdown comment for a pull request. Exit code 1: what `--fail-on` names was found, or `--approval` wants a
    reviewer. 2: unusable input.
    """
    _refuse_unknown(fail_on or [])
    policy = read_approval_policy(approval) if approval else None
    given = parameters_of(parameter or [])
    sides = [read_revision(side, under=path, parameters=given) for side in (base, head)]
    refuse_unknown_parameters(given, [template for side in sides for template in side.stacks.values()])
    found = review_of(
        *paired(sides[0], sides[1]),
        day=(as_of or datetime.now(UTC)).date(),
        acknowledgements=read_acknowledgements(acknowledgements) if acknowledgements else [],
        acknowledgements_source=str(acknowledgements or ""),
    )
    reasons = against(found, policy) if policy else []
    if json_output:
        approved = {"approval": {"approved": not reasons, "reasons": reasons}} if policy else {}
        print(json.dumps(as_json(found) | approved, indent=2))
    else:
        for written in write(found, out, pictures) if out else ():
            print(written)
        if out is None:
            print(fitted(sections(found), MOST_BYTES, elsewhere="write it to a file with `--out`"))
        if policy:
            print(f"approval: {shown(reasons)}")
    if reasons or any(_stops(hazard, fail_on or []) for hazard in found.hazards):
        raise typer.Exit(1)


def _refuse_unknown(stated: Sequence[str]) -> None:
    known = {*Level, *(rule.id for rule in HAZARD_RULES)}
    for item in stated:
        if item not in known:
            raise FleetError(
                path="--fail-on",
                got=item,
                expected="blocking, security, notice or the id of a hazard",
                remedy="docs/review.md lists them",
            )


def _stops(hazard: Hazard, stated: Sequence[str]) -> bool:
    """True if a hazard, or a level that isn't above its own, is named."""
    order = list(Level)
    return hazard.kind in stated or any(item in order[order.index(hazard.level) :] for item in stated)


def write(found: Review, out: Path, pictures: str = "") -> Sequence[Path]:
    """Write the comment, the whole review where the comment is cut, and the pictures; the files that were written."""
    named = {theme: out.with_name(f"{out.stem}-{theme}.svg") for theme in ("light", "dark")}
    prefix = f"{pictures.rstrip('/')}/" if pictures else ""
    parts = sections(found, (f"{prefix}{named['light'].name}", f"{prefix}{named['dark'].name}"))
    rest = out.with_name(f"{out.stem}-whole{out.suffix}")
    comment = fitted(parts, MOST_BYTES, elsewhere=f"see `{rest.name}`")
    files = {out: comment}
    if comment != (everything := whole(parts)):
        files[rest] = everything
    else:
        rest.unlink(missing_ok=True)  # of an earlier run
    if found.pools:
        files[named["light"]] = picture(found.pools, "light")
        files[named["dark"]] = picture(found.pools, "dark")
    out.parent.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        file.write_text(text, encoding="utf-8")
    return list(files)
