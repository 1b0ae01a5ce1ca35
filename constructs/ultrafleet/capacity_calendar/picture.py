"""Calendar as SVG, for light and for dark pages."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import drawsvg

from ultrafleet.capacity_calendar.axis import Axis
from ultrafleet.capacity_calendar.grouping import Group, drawn
from ultrafleet.capacity_calendar.model import Bar, Calendar, Kind, Lane, Outlook, TargetLine
from ultrafleet.capacity_calendar.palette import PALETTES, Palette, Theme
from ultrafleet.catalog.capacity_blocks import END_RULE
from ultrafleet.plain_text import visible

FONT: Final = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', Helvetica, Arial, sans-serif"
_WIDTH: Final = 1200
_MARGIN: Final = 20
_LABELS: Final = 200
_RIGHT: Final = 74
_TITLE: Final = 44
_CAPACITY: Final = 150
_CHANCE: Final = 52
_GAP: Final = 14
_HEADING: Final = 24
_LANE: Final = 22
_GROUP: Final = 52
_AXIS: Final = 24
_LEGEND: Final = 34
_LETTER: Final = 0.6
"""Width of a letter in parts of its size, at the most of usual fonts (ours)."""
_SMALL: Final = 11.0
_FINEST: Final = 2.0
"""Pixels below which parts of a bar are one."""


def calendar_picture(calendar: Calendar, theme: Theme) -> str:
    """The calendar as SVG: targets with the supply and the chance to meet them, then what is there and when.

    Args:
        calendar: the calendar.
        theme: page that it is for.
    """
    return _Drawing(calendar, PALETTES[theme]).svg()


class _Drawing:
    def __init__(self, calendar: Calendar, palette: Palette) -> None:
        self._calendar, self._palette = calendar, palette
        self._lanes = drawn(calendar.lanes, calendar.start, calendar.end)
        self._axis = Axis(calendar.start, calendar.end, _MARGIN + _LABELS, _WIDTH - 2 * _MARGIN - _LABELS - _RIGHT)
        targets = len(calendar.targets) * (_HEADING + _CAPACITY + _CHANCE + _GAP)
        lanes = sum(_GROUP if isinstance(lane, Group) else _LANE for lane in self._lanes)
        self._height = _TITLE + targets + _HEADING + lanes + _AXIS + _LEGEND + _MARGIN
        self._out = drawsvg.Drawing(_WIDTH, self._height, font_family=FONT)

    def svg(self) -> str:
        ink, out = self._palette, self._out
        out.append_title(visible(f"Capacity of {self._calendar.title}"))
        out.append(drawsvg.Rectangle(0, 0, _WIDTH, self._height, fill=ink.page))
        self._text(self._calendar.title, 18, _MARGIN, _MARGIN + 8, ink.text, font_weight="bold")
        span = f"{self._calendar.start:%-d %b %Y} to {self._calendar.end:%-d %b %Y}, days begin at {END_RULE.value} UTC"
        self._text(span, _SMALL, _WIDTH - _MARGIN, _MARGIN + 8, ink.faint, text_anchor="end")
        top = float(_TITLE)
        bottom = self._height - _LEGEND - _AXIS - _MARGIN
        self._grid(top, bottom)
        for target in self._calendar.targets:
            top = self._target(target, top)
        self._text("what is there", 13, _MARGIN, top + 14, ink.text, font_weight="bold")
        top += _HEADING
        for lane in self._lanes:
            if isinstance(lane, Group):
                self._group(lane, top)
                top += _GROUP
            else:
                self._lane(lane, top)
                top += _LANE
        self._legend(bottom + _AXIS + 6)
        return str(out.as_svg())

    # Parts

    def _grid(self, top: float, bottom: float) -> None:
        ink = self._palette
        last = -1e9
        for moment, label in self._axis.ticks():
            at = self._axis.at(moment)
            self._line(at, top, at, bottom, ink.grid, 1.4 if len(label) == 4 and label.isdigit() else 0.7)  # noqa: PLR2004
            if label and at - last > 44:  # noqa: PLR2004 - pixels
                self._text(label, _SMALL, at, bottom + 15, ink.faint, text_anchor="middle")
                last = at

    def _target(self, target: TargetLine, top: float) -> float:
        ink = self._palette
        assumed = ", an assumption" if target.assumed else ""
        self._text(f"target {target.name}{assumed}", 13, _MARGIN, top + 14, ink.text, font_weight="bold")
        top += _HEADING
        self._text(f"{target.sold}, {target.workload}", _SMALL, _MARGIN, top + 12, ink.faint)
        most = max([1, *(max(item.target, item.most, item.contracted) for item in target.outlook)])
        base = top + _CAPACITY

        def height(count: float) -> float:
            return base - (_CAPACITY - 10) * count / most

        for part in (0, 0.5, 1):
            at = height(most * part)
            self._line(self._axis.left, at, self._axis.left + self._axis.width, at, ink.grid, 0.7)
            count = round(most * part)
            self._text(f"{count:,}", _SMALL, self._axis.left - 8, at + 4, ink.faint, text_anchor="end")
            if target.accelerators and part:
                accelerators = _short(count * target.accelerators)
                self._text(accelerators, _SMALL, self._axis.left + self._axis.width + 8, at + 4, ink.faint)
        self._text(target.unit, _SMALL, _MARGIN, height(most) + 34, ink.faint)
        if target.accelerators:
            self._text("accelerators", _SMALL, self._axis.left + self._axis.width + 8, height(0) + 4, ink.faint)
        self._band(target.outlook, height)
        self._steps(target.outlook, lambda item: height(item.mean), ink.supply, 1.6)
        self._steps(target.outlook, lambda item: height(item.contracted), ink.faint, 1.0, stroke_dasharray="4 3")
        self._steps(target.outlook, lambda item: height(item.target), ink.target, 2.6)
        self._chance(target, base + 8)
        return base + _CHANCE + _GAP

    def _band(self, seen: Sequence[Outlook], height: Callable[[float], float]) -> None:
        upper = self._corners(seen, lambda item: height(item.most))
        lower = self._corners(seen, lambda item: height(item.least))
        points = [value for point in [*upper, *reversed(lower)] for value in point]
        self._out.append(drawsvg.Lines(*points, close=True, fill=self._palette.supply, fill_opacity=0.28))

    def _chance(self, target: TargetLine, top: float) -> None:
        """Chance over time, and the least of each step in percent."""
        ink = self._palette
        high = _CHANCE - 22
        self._text("chance to meet it,", _SMALL, _MARGIN, top + high - 10, ink.faint)
        self._text("and the least of each step", _SMALL, _MARGIN, top + high + 5, ink.faint)
        for label, part in (("100 %", 1.0), ("0", 0.0)):
            at = top + high * (1 - part)
            self._line(self._axis.left, at, self._axis.left + self._axis.width, at, ink.grid, 0.7)
            self._text(label, _SMALL, self._axis.left - 8, at + 4, ink.faint, text_anchor="end")
        for met, points in self._areas(target, top + high, high):
            self._out.append(drawsvg.Lines(*points, close=True, fill=ink.met if met else ink.missed))
        for step in target.steps:
            left, right = self._axis.at(step.start), self._axis.at(step.end)
            level = top + high * (1 - step.service_level)
            self._line(left, level, right, level, ink.text, 1.2, stroke_dasharray="2 2")
            told = _percent(step.chance)
            if right - left > len(told) * _SMALL * _LETTER:
                self._text(told, _SMALL, (left + right) / 2, top + high + 13, ink.text, text_anchor="middle")

    def _areas(self, target: TargetLine, base: float, high: float) -> list[tuple[bool, list[float]]]:
        """Areas of the chance, as wanted or less, in steps."""
        ends = [*(item.moment for item in target.outlook[1:]), self._calendar.end]
        areas: list[tuple[bool, list[float]]] = []
        for item, until in zip(target.outlook, ends, strict=True):
            step = next((one for one in target.steps if one.start <= item.moment < one.end), None)
            left, right = _r(self._axis.at(item.moment)), _r(self._axis.at(until))
            if step is None or right <= left:
                continue
            met, top = item.chance >= step.service_level, _r(base - max(1.5, high * item.chance))
            if areas and areas[-1][0] == met and areas[-1][1][-2] == left:
                points = areas[-1][1]
                if points[-3] == top:  # the same height goes on
                    points[-4:] = [right, top, right, base]
                else:
                    points[-2:] = [left, top, right, top, right, base]
            else:
                areas.append((met, [left, base, left, top, right, top, right, base]))
        return areas

    def _lane(self, lane: Lane, top: float) -> None:
        ink = self._palette
        self._text(_cut(lane.name, 15), _SMALL, _MARGIN, top + 15, ink.text)
        self._text(
            _cut(lane.sold.removeprefix("u-"), 17), 9.5, _MARGIN + _LABELS - 10, top + 15, ink.faint, text_anchor="end"
        )
        for bar in lane.bars:
            if bar.start < self._calendar.end and not bar.is_over(self._calendar.start):
                self._bar(bar, top + 3)

    def _bar(self, bar: Bar, top: float) -> None:
        ink, high = self._palette, _LANE - 6
        colour = ink.kinds[bar.kind]
        left, right = self._axis.at(bar.start), self._axis.at(bar.end or self._calendar.end)
        group = drawsvg.Group()
        until = f"{bar.end:%Y-%m-%d}" if bar.end else "no end"
        group.append_title(visible(f"{bar.kind} {bar.label}, {bar.count:,}, {bar.start:%Y-%m-%d} to {until}"))
        solid = left
        for begin, end, chance in self._parts(bar, right):
            group.append(
                drawsvg.Rectangle(
                    _r(begin),
                    top,
                    _r(end - begin),
                    high,
                    fill=colour,
                    fill_opacity=round(0.12 + 0.88 * chance, 2),
                    shape_rendering="crispEdges",
                )
            )
            if chance < 0.9:  # noqa: PLR2004 - what is as good as there
                solid = end
        if bar.kind is Kind.LATER:
            group = drawsvg.Group()
            group.append(
                drawsvg.Rectangle(
                    _r(left),
                    top,
                    _r(right - left),
                    high,
                    fill="none",
                    stroke=colour,
                    stroke_width=1.2,
                    stroke_dasharray="5 3",
                )
            )
        elif right - left >= _FINEST:
            group.append(
                drawsvg.Rectangle(_r(left), top, _r(right - left), high, fill="none", stroke=ink.page, stroke_width=1)
            )
        self._out.append(group)
        self._label(bar, solid, right, top)

    def _parts(self, bar: Bar, right: float) -> list[tuple[float, float, float]]:
        """Parts of a bar with their chances: a delivery that may slip fades in."""
        if bar.kind is Kind.LATER:
            return []
        if not bar.arrivals:
            return [(self._axis.at(bar.start), right, 1.0)]
        places = [(self._axis.at(since), chance) for since, chance in bar.arrivals]
        kept = [places[0]]
        for place, chance in places[1:]:
            if place - kept[-1][0] < _FINEST:
                kept[-1] = (kept[-1][0], chance)
            else:
                kept.append((place, chance))
        return [
            (begin, min(end, right), chance)
            for (begin, chance), (end, _) in pairwise([*kept, (right, 1.0)])
            if begin < min(end, right)
        ]

    def _label(self, bar: Bar, solid: float, right: float, top: float) -> None:
        ink = self._palette
        of_one = bar.kind is Kind.BLOCK and bar.count == 1
        told = bar.label if of_one else f"{bar.count:,}" if bar.label == "" else f"{bar.count:,} x {bar.label}"
        if bar.kind is Kind.LATER:
            told = f"{bar.label}, {bar.kind}"
        if bar.kind is Kind.TRANCHE:
            told = f"{bar.count:,}"
        if bar.assumed:
            told += ", assumption"
        for words in (told, f"{bar.count:,}" if not of_one else ""):
            wide = len(words) * _SMALL * _LETTER
            if words and wide + 8 < right - solid:
                colour = ink.text if bar.kind is Kind.LATER else ink.on_bar
                self._text(words, _SMALL, solid + 5, top + 12, colour)
                return

    def _group(self, group: Group, top: float) -> None:
        ink = self._palette
        self._text(_cut(group.name, 32), _SMALL, _MARGIN, top + 18, ink.text)
        self._text(group.sold, 9.5, _MARGIN, top + 32, ink.faint)
        most = max([1, *(count for _, count in group.levels)])
        base, high = top + _GROUP - 6, _GROUP - 14
        ends = [*(moment for moment, _ in group.levels[1:]), self._calendar.end]
        points: list[float] = [_r(self._axis.at(group.levels[0][0])), base]
        for (moment, count), until in zip(group.levels, ends, strict=True):
            at = _r(base - high * count / most)
            points += [_r(self._axis.at(moment)), at, _r(self._axis.at(until)), at]
        points += [points[-2], base]
        self._out.append(drawsvg.Lines(*points, close=True, fill=ink.kinds[group.kind], fill_opacity=0.8))
        self._text(f"{most:,}", _SMALL, self._axis.left - 8, base - high + 8, ink.faint, text_anchor="end")

    def _legend(self, top: float) -> None:
        ink = self._palette
        left = float(_MARGIN + _LABELS)
        for kind in self._kinds():
            hollow = kind is Kind.LATER
            self._out.append(
                drawsvg.Rectangle(
                    left,
                    top + 6,
                    16,
                    11,
                    fill="none" if hollow else ink.kinds[kind],
                    stroke=ink.kinds[kind],
                    stroke_width=1.2,
                    **({"stroke_dasharray": "4 2"} if hollow else {}),
                )
            )
            left = self._legend_text(
                f"{kind}, fading in while it may slip" if kind is Kind.TRANCHE else str(kind), left + 22, top
            )
        if self._calendar.targets:
            for words, colour, width, dashes in (
                ("target", ink.target, 2.6, ""),
                ("supply on average, with 90 % of cases", ink.supply, 1.6, ""),
                ("without slip", ink.faint, 1.0, "4 3"),
            ):
                self._line(
                    left,
                    top + 11,
                    left + 18,
                    top + 11,
                    colour,
                    width,
                    **({"stroke_dasharray": dashes} if dashes else {}),
                )
                left = self._legend_text(words, left + 24, top)

    def _kinds(self) -> list[Kind]:
        found: list[Kind] = []
        for lane in self._lanes:
            found += [lane.kind] if isinstance(lane, Group) else [bar.kind for bar in lane.bars]
        return [kind for kind in Kind if kind in found]

    def _legend_text(self, words: str, left: float, top: float) -> float:
        self._text(words, _SMALL, left, top + 16, self._palette.faint)
        return left + len(words) * _SMALL * _LETTER + 18

    # Shapes

    def _corners(self, seen: Sequence[Outlook], place: Callable[[Outlook], float]) -> list[tuple[float, float]]:
        """Corners of a line that holds each value until the next."""
        ends = [*(item.moment for item in seen[1:]), self._calendar.end]
        points: list[tuple[float, float]] = []
        for item, until in zip(seen, ends, strict=True):
            at = _r(place(item))
            if points and points[-1][1] == at:
                points[-1] = (_r(self._axis.at(until)), at)
            else:
                points += [(_r(self._axis.at(item.moment)), at), (_r(self._axis.at(until)), at)]
        return points

    def _steps(
        self, seen: Sequence[Outlook], place: Callable[[Outlook], float], colour: str, width: float, **style: str
    ) -> None:
        points = [value for point in self._corners(seen, place) for value in point]
        if points:
            self._out.append(drawsvg.Lines(*points, fill="none", stroke=colour, stroke_width=width, **style))

    def _line(
        self, left: float, top: float, right: float, bottom: float, colour: str, width: float, **style: str
    ) -> None:
        self._out.append(
            drawsvg.Line(_r(left), _r(top), _r(right), _r(bottom), stroke=colour, stroke_width=width, **style)
        )

    def _text(self, words: str, size: float, left: float, top: float, colour: str, **style: str) -> None:
        self._out.append(drawsvg.Text(visible(words), size, _r(left), _r(top), fill=colour, **style))


def _r(value: float) -> float:
    """A tenth of a pixel: the same bytes on every machine."""
    return round(value, 1)


def _short(count: int) -> str:
    return f"{count / 1000:,.0f}k" if count >= 10_000 else f"{count:,}"  # noqa: PLR2004 - a number of four digits is short


def _percent(chance: float) -> str:
    """Percent that never round a doubt away."""
    if 0.995 <= chance < 1:  # noqa: PLR2004 - which rounds to 100
        return "> 99 %"
    return "< 1 %" if 0 < chance < 0.005 else f"{chance:.0%}".replace("%", " %")  # noqa: PLR2004 - which rounds to 0


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"
