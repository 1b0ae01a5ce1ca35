"""Picture of the crash runs: what each order pays twice or loses, by group of runs."""

from typing import Any

import drawsvg

WIDTH, ROW, LEFT, TOP = 860, 46, 250, 92
FONT = "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"
INK, FAINT, PAGE = "#1f2937", "#6b7280", "#ffffff"
ORDERS = (
    ("buy_then_record", "#d97706", "buys, then records"),
    ("journal_first", "#0f766e", "journal first, tag, settle"),
)
WORDS = {
    "killed": "killed at a system call",
    "no answer": "no answer, or an error",
    "killed, no answer": "killed, and no answer",
    "interrupted": "Ctrl-C or SIGTERM",
    "at once": "two commands at once",
}


def picture(figures: dict[str, Any]) -> str:
    """SVG of the figures that `tests/tools/purchase_crashes.py` wrote."""
    groups = [group for group in WORDS if all(group in figures[order]["groups"] for order, _, _ in ORDERS)]
    height = TOP + ROW * len(groups) + 34
    drawing = drawsvg.Drawing(WIDTH, height, font_family=FONT)
    drawing.append(drawsvg.Rectangle(0, 0, WIDTH, height, fill=PAGE))
    total = {order: figures[order]["total"] for order, _, _ in ORDERS}
    _text(drawing, "Paid twice, or paid and lost, for 100 purchases that were disturbed", 16, 16, 28, weight="600")
    left = 16
    for order, colour, words in reversed(ORDERS):
        sums = total[order]
        spelled = f"{words}: {sums['doubles']:,} doubles, {sums['lost']:,} lost in {sums['runs']:,} runs"
        drawing.append(drawsvg.Rectangle(left, 44, 12, 12, fill=colour))
        _text(drawing, spelled, 13, left + 18, 55)
        left += 420
    most = max(_share(figures[order]["groups"][group]) for order, _, _ in ORDERS for group in groups) or 1
    for row, group in enumerate(groups):
        top = TOP + row * ROW
        _text(drawing, WORDS[group], 13, LEFT - 12, top + 21, anchor="end")
        for line, (order, colour, _) in enumerate(ORDERS):
            share = _share(figures[order]["groups"][group])
            long = (WIDTH - LEFT - 70) * share / most
            drawing.append(drawsvg.Rectangle(LEFT, top + 4 + 16 * line, max(long, 1.5), 13, fill=colour))
            _text(drawing, f"{share:.1f}" if share else "0", 11, LEFT + max(long, 1.5) + 6, top + 15 + 16 * line)
    points = figures["stops"]
    _text(
        drawing,
        f"{points['block']} points of a purchase and {points['extension']} of an extension: before and after each of "
        "their system calls",
        11,
        16,
        height - 12,
        colour=FAINT,
    )
    return str(drawing.as_svg()) + "\n"


def _share(numbers: dict[str, int]) -> float:
    return 100 * (numbers["doubles"] + numbers["lost"]) / numbers["runs"]


def _text(
    drawing: drawsvg.Drawing, words: str, size: int, left: float, top: float, *, weight: str = "400",
    anchor: str = "start", colour: str = INK,
) -> None:  # fmt: skip
    drawing.append(drawsvg.Text(words, size, left, top, fill=colour, font_weight=weight, text_anchor=anchor))
