"""`ultrafleet capacity calendar`: blocks, deliveries, targets and the chance to meet them, as text or a picture."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from ultrafleet.capacity_calendar import Calendar, environment_calendar, programme_calendar
from ultrafleet.cli._completion import environment_names
from ultrafleet.cli.capacity._programme_files import is_programme, programme_path
from ultrafleet.environment import load_environment, load_environments
from ultrafleet.errors import FleetError
from ultrafleet.programme import load_programme
from ultrafleet.programme.loading import FOLDER

_FORMATS: Final = (".svg", ".png")
_SAMPLE: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">'
    '<text x="2" y="15" font-family="{font}">{text}</text></svg>'
)


class ThemeName(StrEnum):
    """Page that a picture is for."""

    LIGHT = "light"
    DARK = "dark"


def calendar(
    name: Annotated[
        str,
        typer.Argument(
            help="name of an environment or a programme, or a programme's file", autocompletion=environment_names
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="write a picture: FILE.svg, or FILE.png with the extra `picture`; default: text")
    ] = None,
    theme: Annotated[ThemeName, typer.Option(help="page that the picture is for")] = ThemeName.LIGHT,
    since: Annotated[datetime | None, typer.Option("--from", help="first day, UTC; default: the file's")] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="day after the last, UTC; default: the file's")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="as JSON: lanes, targets, chances")] = False,
    environments: Annotated[Path, typer.Option(help="folder of environment files")] = Path("stacks/environments"),
    programmes: Annotated[Path, typer.Option(help="folder of programme files")] = FOLDER,
) -> None:
    """Show capacity over time: blocks, deliveries that may slip, targets, and the chance to meet them.

    The chance is by what is bought and contracted alone: what may be bought is shown and doesn't count. It is computed
    exactly from the deliveries' distributions, not sampled.
    """
    if out is not None and out.suffix not in _FORMATS:
        raise FleetError(
            path="--out",
            got=str(out),
            expected=" or ".join(f"FILE{suffix}" for suffix in _FORMATS),
            remedy="name another file",
        )
    if out is not None and as_json:
        raise FleetError(path="--json", got="stated beside --out", expected="one of them", remedy="leave one out")
    shown = _read(name, since, until, environments, programmes)
    if as_json:
        print(json.dumps(asdict(shown), indent=2, default=_moment))
        return
    if out is None:
        from ultrafleet.capacity_calendar.text import calendar_text  # noqa: PLC0415 - either it or the picture

        print(calendar_text(shown), end="")
        return
    from ultrafleet.capacity_calendar.picture import calendar_picture  # noqa: PLC0415 - drawsvg takes a while

    svg = calendar_picture(shown, theme.value)
    made = svg.encode() if out.suffix == ".svg" else _png(svg)
    try:
        out.write_bytes(made)
    except OSError as error:
        raise FleetError(
            path=out,
            verb="can't be",
            got=f"written ({error})",
            expected="a file for the picture",
            remedy="name another",
        ) from error
    counts = ((len(shown.lanes), "lane"), (len(shown.targets), "target"))
    said = ", ".join(f"{number:,} {name}{'' if number == 1 else 's'}" for number, name in counts)
    typer.echo(f"{out}: {said}", err=True)


def _moment(value: datetime) -> str:
    return value.isoformat()


def _read(name: str, since: datetime | None, until: datetime | None, environments: Path, programmes: Path) -> Calendar:
    start, end = (moment.replace(tzinfo=UTC) if moment else None for moment in (since, until))
    if is_programme(name, environments, programmes):
        programme = load_programme(programme_path(name, programmes))
        belonging = [load_environment(environments / f"{item}.yaml") for item in programme.environments]
        return programme_calendar(programme, belonging, start=start, end=end)
    (environment,) = load_environments(environments, only=name)
    return environment_calendar(environment, start=start, end=end)


def _png(svg: str) -> bytes:
    from ultrafleet.capacity_calendar.picture import FONT  # noqa: PLC0415 - drawsvg takes a while

    try:
        import resvg_py  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise FleetError(
            path="resvg-py",
            got="not installed",
            expected="it, for pictures as PNG",
            remedy="pip install 'ultrafleet[picture]', or write a .svg",
        ) from error

    def rendered(text: str) -> bytes:
        return bytes(resvg_py.svg_to_bytes(svg_string=text))

    # A machine without these fonts draws no letter, and says nothing.
    if rendered(_SAMPLE.format(font=FONT, text="X")) == rendered(_SAMPLE.format(font=FONT, text="")):
        raise FleetError(
            path="fonts",
            got="none that letters can be drawn with",
            expected=f"one of {FONT}",
            remedy="install one, such as DejaVu Sans, or write a .svg",
        )
    return rendered(svg)
