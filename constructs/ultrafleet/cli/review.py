"""`ultrafleet review`: what a change of templates means for a fleet, for a pull request."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from ultrafleet.cli.check import parameters_of, refuse_unknown_parameters
from ultrafleet.policy import read_acknowledgements
from ultrafleet.review import Review, paired, picture, read_revision, review_of
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
) -> None:
    """Compare two revisions of templates: hazards, cost, limits, affected pools.

    Writes a Markdown comment for a pull request. Exit code 2: unusable input.
    """
    given = parameters_of(parameter or [])
    sides = [read_revision(side, under=path, parameters=given) for side in (base, head)]
    refuse_unknown_parameters(given, [template for side in sides for template in side.stacks.values()])
    found = review_of(
        *paired(sides[0], sides[1]),
        day=(as_of or datetime.now(UTC)).date(),
        acknowledgements=read_acknowledgements(acknowledgements) if acknowledgements else [],
        acknowledgements_source=str(acknowledgements or ""),
    )
    if out is None:
        print(fitted(sections(found), MOST_BYTES, elsewhere="write it to a file with `--out`"))
        return
    for written in write(found, out, pictures):
        print(written)


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
