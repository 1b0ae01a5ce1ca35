"""`ultrafleet review`: what a change of templates means for a fleet, for a pull request."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from ultrafleet.catalog.private_prices import PUBLIC, PriceList
from ultrafleet.cli._programme_review import ProgrammeReviews, programme_reviews
from ultrafleet.cli._refusal import refuse
from ultrafleet.cli.check import parameters_of, refuse_unknown_parameters
from ultrafleet.cli.private_price_file import read_private_prices
from ultrafleet.errors import FleetError
from ultrafleet.plain_text import for_terminal, visible_json
from ultrafleet.policy import Acknowledgement, read_acknowledgements
from ultrafleet.review import Review, Revision, paired, picture, read_revision, review_of
from ultrafleet.review.approval import against, read_approval_policy, shown
from ultrafleet.review.as_json import as_json
from ultrafleet.review.hazard import Hazard, Level
from ultrafleet.review.hazards import HAZARD_RULES
from ultrafleet.review.markdown import Section, fitted, whole
from ultrafleet.review.sections import sections
from ultrafleet.templates.revision import revision_of
from ultrafleet.templates.revision_files import revision_files
from ultrafleet.templates.slips import stale_templates

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
    head_acknowledgements: Annotated[
        Path | None, typer.Option(help="YAML file of the head: new ones are listed, and not applied")
    ] = None,
    commit: Annotated[str | None, typer.Option(help="commit of the head, to name in the comment")] = None,
    pictures: Annotated[str, typer.Option(help="URL prefix of the pictures in the comment")] = "",
    fail_on: Annotated[
        list[str] | None,
        typer.Option(help="blocking, security or notice (and worse), or a hazard, such as refused; repeatable"),
    ] = None,
    approval: Annotated[Path | None, typer.Option(help="YAML file of what may merge without a reviewer")] = None,
    prices: Annotated[
        Path | None, typer.Option(help="CSV or YAML file of your prices; they precede the public ones")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Compare two revisions of templates: hazards, cost, limits, affected pools.

    Writes a Markdown comment for a pull request. Exit code 1: what `--fail-on` names was found, or `--approval` wants a
    reviewer. 2: unusable input, a template that can't be read with it.
    """
    _refuse_unknown(fail_on or [])
    policy = read_approval_policy(approval) if approval else None
    given = parameters_of(parameter or [])
    options = _Options(
        day=(as_of or datetime.now(UTC)).date(),
        acknowledgements=read_acknowledgements(acknowledgements) if acknowledgements else [],
        acknowledgements_source=str(acknowledgements or ""),
        proposed=read_acknowledgements(head_acknowledgements) if head_acknowledgements else [],
        prices=read_private_prices(prices) if prices else PUBLIC,
    )
    programmes, found = _reviewed(base, head, path, parameters=given, commit=commit, options=options)
    reasons: list[str] = []
    if policy:
        reasons = [*(programmes.against(policy) if programmes else ()), *(against(found, policy) if found else ())]
    if json_output:
        approved = {"approval": {"approved": not reasons, "reasons": reasons}} if policy else {}
        content = as_json(found) if found else {}
        content |= {"programmes": programmes.as_json()} if programmes else {}
        print(json.dumps(visible_json(content | approved), indent=2))
    else:
        parts = programmes.sections(options.prices) if programmes else []
        for written in write(found, out, pictures, before=parts) if out else ():
            print(for_terminal(str(written)))
        if out is None:
            parts += sections(found) if found else []
            print(fitted(parts, MOST_BYTES, elsewhere="write it to a file with `--out`"))
        if policy:
            print(for_terminal(f"approval: {shown(reasons)}"))
    _refuse_unread(programmes, found)
    hazards = [*(programmes.hazards if programmes else ()), *(found.hazards if found else ())]
    if reasons or any(_stops(hazard, fail_on or []) for hazard in hazards):
        raise typer.Exit(1)


def _refuse_unread(programmes: ProgrammeReviews | None, found: Review | None) -> None:
    """End with exit code 2 where something couldn't be read."""
    dark = [*(programmes.unread if programmes else ())]
    if found:
        dark += {**found.compared.base.unread, **found.compared.head.unread}.values()
    if dark:
        refuse(*(f"not reviewed: {reason}" for reason in dark))


def _reviewed(
    base: str, head: str, path: str | None, *, parameters: Mapping[str, str], commit: str | None, options: "_Options"
) -> tuple[ProgrammeReviews | None, Review | None]:
    """Reviews of the programmes in two revisions, and of everything else in them."""
    files = [revision_files(side, under=path) for side in (base, head)]
    programmes = None
    if files[0] is not None and files[1] is not None:
        programmes = programme_reviews(
            (files[0], files[1]), day=options.day, parameters=parameters, commit=commit, reviewer=options.of_cell
        )
    paths = programmes.outside if programmes else (None, None)
    sides = [
        read_revision(name, parameters=parameters) if side is None else revision_of(side, own, parameters=parameters)
        for name, side, own in zip((base, head), files, paths, strict=True)
    ]
    refuse_unknown_parameters(parameters, [template for side in sides for template in side.stacks.values()])
    if programmes is not None and not any(side.stacks or side.unread for side in sides):
        return programmes, None
    before, after = paired(*sides)
    after = replace(after, commit=commit or after.commit)
    found = options.review(before, after, _notes(sides[0], sides[1], after))
    for line in _prices_elsewhere(found):
        print(for_terminal(f"note: {line}"), file=sys.stderr)
    return programmes, found


@dataclass(frozen=True, kw_only=True)
class _Options:
    """Options of every review of one run."""

    day: date
    acknowledgements: Sequence[Acknowledgement]
    acknowledgements_source: str
    proposed: Sequence[Acknowledgement]
    prices: PriceList

    def review(self, before: Revision, after: Revision, notes: Sequence[str]) -> Review:
        return review_of(
            before,
            after,
            day=self.day,
            acknowledgements=self.acknowledgements,
            acknowledgements_source=self.acknowledgements_source,
            proposed=self.proposed,
            notes=notes,
            prices=self.prices,
        )

    def of_cell(self, before: Revision, after: Revision) -> Review:
        return self.review(before, after, ())


def _prices_elsewhere(found: Review) -> Iterator[str]:
    """A line about pools for which the private file has a price of one region, and whose region isn't known."""
    private = {item.type for item in found.compared.prices.private if item.region is not None}
    pools = [
        pool.title
        for pool in found.compared.head_fleet.pools
        if pool.region is None and private & {pool.instance_type_name, str(pool.ultraserver_type)}
    ]
    if pools:
        yield (
            f"prices of one region don't count for {len(pools):,} pools whose region isn't known, such as {pools[0]}: "
            "leave the region out, or name a cloud assembly, which has it"
        )


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


def _notes(base: Revision, head: Revision, paired_head: Revision) -> list[str]:
    """Notes for a reader, before the review is believed."""
    notes = [f"{item}: were they made again?" for item in stale_templates(base, head)]
    notes += [
        f"{old} is called {new} now, and is compared as one stack: deploy it to the same one"
        for old, new in paired_head.renamed.items()
    ]
    if head.has_assembly and not head.stacks:
        notes.append("the head's cloud assembly has no stack: a synthesis that failed leaves one")
    for side, revision in (("base", base), ("head", head)):
        hidden = [item.path for item in revision.passed_over if item.is_template]
        if hidden:
            notes.append(f"the {side} has templates that aren't read, such as {hidden[0]} ({len(hidden):,})")
    others = list(dict.fromkeys((*base.of_others, *head.of_others)))
    if others:
        notes.append(
            f"templates in folders of what others wrote are among these, such as {others[0]} ({len(others):,})"
        )
    return notes


def write(found: Review | None, out: Path, pictures: str = "", *, before: Sequence[Section] = ()) -> Sequence[Path]:
    """Write the comment, the whole review where the comment is cut, and the pictures; the files that were written."""
    named = {theme: out.with_name(f"{out.stem}-{theme}.svg") for theme in ("light", "dark")}
    prefix = f"{pictures.rstrip('/')}/" if pictures else ""
    shown_at = (f"{prefix}{named['light'].name}", f"{prefix}{named['dark'].name}")
    parts = [*before, *(sections(found, shown_at) if found else ())]
    rest = out.with_name(f"{out.stem}-whole{out.suffix}")
    comment = fitted(parts, MOST_BYTES, elsewhere=f"see `{rest.name}`")
    files = {out: comment}
    if comment != (everything := whole(parts)):
        files[rest] = everything
    else:
        rest.unlink(missing_ok=True)  # of an earlier run
    if found and found.pools:
        files[named["light"]] = picture(found.pools, "light")
        files[named["dark"]] = picture(found.pools, "dark")
    out.parent.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        _write(file, text)
    return list(files)


def _write(file: Path, text: str) -> None:
    """Write a file of ours; a link that is committed under its name leads elsewhere, and isn't followed.

    Raises:
        FleetError: it is a link, or can't be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(file, flags, 0o666)
    except OSError as error:
        raise FleetError(
            path=file, verb="can't be", got=f"written ({error})", expected="a file, and no link", remedy="name another"
        ) from error
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as opened:
        opened.write(text)
