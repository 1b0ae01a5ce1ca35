"""Colours of a calendar, for light and for dark pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ultrafleet.capacity_calendar.model import Kind

Theme = Literal["light", "dark"]


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours of a theme; text has a contrast of 4.5 with the page at the least, shapes of 3 (WCAG 2.2, high).

    Attributes:
        page: the page.
        text: text.
        faint: text that is less important.
        grid: lines of the grid, which nothing has to be read from.
        kinds: fill of capacity by kind.
        on_bar: text on it.
        target: the target.
        supply: the band of the supply.
        met: the chance where it is as wanted.
        missed: the chance where it is less.
    """

    page: str
    text: str
    faint: str
    grid: str
    kinds: Mapping[Kind, str]
    on_bar: str
    target: str
    supply: str
    met: str
    missed: str


PALETTES: Final[Mapping[Theme, Palette]] = {
    "light": Palette(
        page="#ffffff",
        text="#1f2328",
        faint="#59636e",
        grid="#d8dee4",
        kinds={Kind.BLOCK: "#0969da", Kind.TRANCHE: "#1a7f37", Kind.ON_DEMAND: "#8250df", Kind.LATER: "#6e7781"},
        on_bar="#ffffff",
        target="#bc4c00",
        supply="#1a7f37",
        met="#1a7f37",
        missed="#cf222e",
    ),
    "dark": Palette(
        page="#0d1117",
        text="#f0f6fc",
        faint="#9198a1",
        grid="#30363d",
        kinds={Kind.BLOCK: "#4493f8", Kind.TRANCHE: "#3fb950", Kind.ON_DEMAND: "#ab7df8", Kind.LATER: "#8b949e"},
        on_bar="#0d1117",
        target="#f0883e",
        supply="#3fb950",
        met="#3fb950",
        missed="#f85149",
    ),
}
"""By theme."""
