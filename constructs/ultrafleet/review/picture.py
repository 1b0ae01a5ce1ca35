"""A picture of the fleet with what changes marked: SVG, for light and for dark pages."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import drawsvg

from ultrafleet.plain_text import visible
from ultrafleet.review.pool_states import MarkedPool, State

Theme = Literal["light", "dark"]

MOST_BOXES: Final = 60
"""Pools that are drawn one by one; above it those of one kind and state share a box."""

_WIDTH: Final = 960
_BOX_WIDTH: Final = 152
_BOX_HEIGHT: Final = 152
_GAP: Final = 10
_MARGIN: Final = 16
_HEADING: Final = 30
_LEGEND: Final = 34
_COLUMNS: Final = (_WIDTH - 2 * _MARGIN + _GAP) // (_BOX_WIDTH + _GAP)
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"
_MOST_CLUSTERS: Final = 12
_MOST_RACKS: Final = 4
_MOST_SLOTS: Final = 36


@dataclass(frozen=True)
class _Ink:
    line: str
    fill: str


@dataclass(frozen=True)
class _Palette:
    page: str
    text: str
    faint: str
    inks: dict[State, _Ink]


_PALETTES: Final[dict[Theme, _Palette]] = {
    "light": _Palette(
        page="#ffffff",
        text="#1f2328",
        faint="#59636e",
        inks={
            State.HAZARD: _Ink("#cf222e", "#ffebe9"),
            State.REMOVED: _Ink("#cf222e", "#ffffff"),
            State.OVER: _Ink("#818b98", "#ffffff"),
            State.ADDED: _Ink("#1a7f37", "#dafbe1"),
            State.CHANGED: _Ink("#9a6700", "#fff8c5"),
            State.UNCHANGED: _Ink("#818b98", "#f6f8fa"),
        },
    ),
    "dark": _Palette(
        page="#0d1117",
        text="#f0f6fc",
        faint="#9198a1",
        inks={
            State.HAZARD: _Ink("#f85149", "#3c1618"),
            State.REMOVED: _Ink("#f85149", "#0d1117"),
            State.OVER: _Ink("#656c76", "#0d1117"),
            State.ADDED: _Ink("#3fb950", "#12351d"),
            State.CHANGED: _Ink("#d29922", "#3a2d12"),
            State.UNCHANGED: _Ink("#656c76", "#151b23"),
        },
    ),
}
_SIGNS: Final = {
    State.HAZARD: "!",
    State.REMOVED: "-",
    State.OVER: "-",
    State.ADDED: "+",
    State.CHANGED: "~",
    State.UNCHANGED: "",
}


@dataclass(frozen=True, kw_only=True)
class _Box:
    """Box of the picture: a pool, or several of one type and state."""

    title: str
    notes: tuple[str, ...]
    state: State
    racks: int
    slots: int


def picture(pools: Sequence[MarkedPool], theme: Theme) -> str:
    """The fleet as SVG: a box for each pool with its racks and state, a line for a cluster that stays as it is."""
    by_cluster: dict[str, list[MarkedPool]] = defaultdict(list)
    for one in pools:
        by_cluster[f"cluster {one.pool.cluster}"].append(one)
    if len(by_cluster) > _MOST_CLUSTERS:
        by_cluster = {f"{len(by_cluster):,} clusters": list(pools)}
    most = MOST_BOXES // max(1, len(by_cluster)) if len(pools) > MOST_BOXES else None
    some_change = any(one.state is not State.UNCHANGED for one in pools)
    rows: dict[str, list[_Box]] = {}
    for cluster, own in by_cluster.items():
        stays = some_change and all(one.state is State.UNCHANGED for one in own)
        rows[f"{cluster}: {_pools_unchanged(len(own))}" if stays else cluster] = [] if stays else _boxes(own, most)
    heights = [_HEADING + -(-len(boxes) // _COLUMNS) * (_BOX_HEIGHT + _GAP) for boxes in rows.values()]
    height = 2 * _MARGIN + sum(heights) + _LEGEND
    palette = _PALETTES[theme]
    drawing = drawsvg.Drawing(_WIDTH, height, font_family=_FONT)
    drawing.append_title("The fleet, and what changes")
    drawing.append(drawsvg.Rectangle(0, 0, _WIDTH, height, fill=palette.page))
    top = _MARGIN
    for (cluster, boxes), used in zip(rows.items(), heights, strict=True):
        drawing.append(_text(cluster, 14, _MARGIN, top + 16, palette.text, font_weight="bold"))
        for number, box in enumerate(boxes):
            row, column = divmod(number, _COLUMNS)
            left = _MARGIN + column * (_BOX_WIDTH + _GAP)
            drawing.append(_draw(box, left, top + _HEADING + row * (_BOX_HEIGHT + _GAP), palette))
        top += used
    _legend(drawing, top, palette)
    return str(drawing.as_svg())


def _pools_unchanged(count: int) -> str:
    """`3 pools, unchanged`."""
    return f"{count:,} pool{'' if count == 1 else 's'}, unchanged"


def _boxes(pools: Sequence[MarkedPool], most: int | None) -> list[_Box]:
    """A box for each pool, or for the worst ones only, and one for all others of a kind."""
    worst = [one for one in pools if one.state in (State.HAZARD, State.REMOVED)]
    alone = pools if most is None else worst[:most]
    drawn = set(map(id, alone))
    alike: dict[tuple[State, str], list[MarkedPool]] = defaultdict(list)
    for one in pools:
        if id(one) not in drawn:
            alike[one.state, one.pool.instance_type_name].append(one)
    order = list(State)
    boxes = [_box(one) for one in alone] + [_shared(state, kind, own) for (state, kind), own in alike.items()]
    return boxes if most is None else sorted(boxes, key=lambda box: order.index(box.state))


def _box(one: MarkedPool) -> _Box:
    pool, total = one.pool, one.total
    was, now = ("?" if side is None or side.nodes is None else str(side.nodes) for side in (one.before, one.after))
    both = one.before is not None and one.after is not None
    nodes = f"{was} to {now}" if both and was != now else now if one.after is not None else was
    windows = [window for group in one.of_head or one.of_base for window in group.windows]
    last = max(windows, key=lambda window: window.end, default=None)
    return _Box(
        title=pool.pool_name,
        notes=(
            pool.instance_type_name,
            f"{nodes} node{'' if nodes == '1' else 's'}",
            f"block ends {last.end:%Y-%m-%d}" if last is not None else (pool.zone or ""),
        ),
        state=one.state,
        racks=total.ultraservers,
        slots=(total.nodes or 0) // total.ultraservers if total.ultraservers else (total.nodes or 0),
    )


def _shared(state: State, kind: str, pools: Sequence[MarkedPool]) -> _Box:
    racks = sum(one.total.ultraservers for one in pools)
    return _Box(
        title=f"{len(pools):,} pools",
        notes=(
            kind,
            f"{sum(one.total.nodes or 0 for one in pools):,} nodes",
            f"{racks:,} UltraServers" if racks else "",
        ),
        state=state,
        racks=_MOST_RACKS if racks else 0,
        slots=_MOST_SLOTS // 2,
    )


def _draw(box: _Box, left: float, top: float, palette: _Palette) -> drawsvg.Group:
    ink = palette.inks[box.state]
    group = drawsvg.Group()
    group.append_title(visible(", ".join(filter(None, (box.title, *box.notes, box.state)))))
    dashes = {"stroke_dasharray": "6 4"} if box.state in (State.REMOVED, State.OVER) else {}
    frame = drawsvg.Rectangle(
        left,
        top,
        _BOX_WIDTH,
        _BOX_HEIGHT,
        rx=6,
        fill=ink.fill,
        stroke=ink.line,
        stroke_width=1 if box.state is State.UNCHANGED else 2,
        **dashes,
    )
    group.append(frame)
    group.append(_text(_cut(box.title, 18), 13, left + 10, top + 20, palette.text, font_weight="bold"))
    if box.state is not State.UNCHANGED:
        sign = f"{_SIGNS[box.state]} {box.state}"
        group.append(_text(sign, 11, left + 10, top + _BOX_HEIGHT - 10, ink.line, font_weight="bold"))
    for number, note in enumerate(box.notes):
        group.append(_text(_cut(note, 25), 10.5, left + 10, top + 36 + 14 * number, palette.faint))
    (_draw_racks if box.racks else _draw_nodes)(group, box, left + 10, top + 72, ink)
    return group


def _draw_racks(group: drawsvg.Group, box: _Box, left: float, top: float, ink: _Ink) -> None:
    """An UltraServer is a rack with a tray for each node."""
    width, height = 28, 50
    for number in range(min(box.racks, _MOST_RACKS)):
        corner = left + number * (width + 6)
        group.append(
            drawsvg.Rectangle(corner, top, width, height, rx=2, fill="none", stroke=ink.line, stroke_width=1.2)
        )
        trays = max(1, min(box.slots, _MOST_SLOTS))
        step = (height - 4) / trays
        for tray in range(trays):
            line = top + 2 + (tray + 0.5) * step
            group.append(
                drawsvg.Line(
                    corner + 3, line, corner + width - 3, line, stroke=ink.line, stroke_width=min(3, step * 0.55)
                )
            )
    if box.racks > _MOST_RACKS:
        group.append(_text("...", 12, left + _MOST_RACKS * (width + 6) - 2, top + height, ink.line))


def _draw_nodes(group: drawsvg.Group, box: _Box, left: float, top: float, ink: _Ink) -> None:
    side, gap, columns = 9, 3, 11
    for number in range(min(box.slots, _MOST_SLOTS)):
        row, column = divmod(number, columns)
        group.append(
            drawsvg.Rectangle(
                left + column * (side + gap), top + 4 + row * (side + gap), side, side, rx=1.5, fill=ink.line
            )
        )


def _legend(drawing: drawsvg.Drawing, top: float, palette: _Palette) -> None:
    left = float(_MARGIN)
    for state in (State.ADDED, State.CHANGED, State.HAZARD, State.REMOVED, State.UNCHANGED):
        ink = palette.inks[state]
        dashes = {"stroke_dasharray": "3 2"} if state is State.REMOVED else {}
        drawing.append(
            drawsvg.Rectangle(left, top + 8, 14, 14, rx=3, fill=ink.fill, stroke=ink.line, stroke_width=1.5, **dashes)
        )
        drawing.append(_text(f"{_SIGNS[state]} {state}".strip(), 11, left + 20, top + 19, palette.faint))
        left += 100


def _text(words: str, size: float, left: float, top: float, colour: str, **style: str) -> drawsvg.Text:
    return drawsvg.Text(visible(words), size, left, top, fill=colour, **style)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 3]}..."
