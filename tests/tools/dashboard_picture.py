"""Draws the dashboard of the shipped environment `training` from its template -> docs/dashboard.svg.

Widgets, lines, limits and their places are the definition's. The curves are made up: a day on which the block of rack-a
ends at noon, and the schedule empties the pool an hour before.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

ROOT = Path(__file__).parent.parent.parent
OUT = ROOT / "docs" / "dashboard.svg"

_CELL_WIDTH, _CELL_HEIGHT = 0.58, 0.52  # inches of a column and of a row of CloudWatch's grid
_ENDING = "cr-0aaaaaaaaaaaaaaa1"
_HOURS = np.linspace(0, 24, 97)

Curve = NDArray[np.float64]


def _step(before: float, after: float, hour: float) -> Curve:
    return np.where(hour > _HOURS, before, after)


def _wave(level: float, swing: float) -> Curve:
    busy = _step(1, 0.55, 11)
    return (level + swing * np.sin(_HOURS * 2.1) * np.cos(_HOURS * 0.7)) * busy


def _reserved(value: str) -> Curve:
    if value == _ENDING:
        return np.where(_HOURS <= 12, 18.0, np.nan)
    return np.full_like(_HOURS, 18.0 if value.startswith("cr-0bbb") else np.nan if value.startswith("cr-0") else 2.0)


def _used(value: str) -> Curve:
    curve = _reserved(value)
    return np.where(_HOURS > 11.2, 0.0, curve) + curve * 0 if value == _ENDING else curve


_CURVES: Mapping[str, Callable[[str], Curve]] = {
    "TotalInstanceCount": _reserved,
    "UsedInstanceCount": _used,
    "reserved": lambda _: _reserved(""),
    "used": lambda _: _reserved(""),
    "ready": lambda _: _step(41, 23, 11.2) - _step(0, 1, 17) + _step(0, 1, 17.6),
    "cluster_failed_node_count": lambda _: _step(0, 1, 17) - _step(0, 1, 17.6),
    "ServiceIntegrationsSucceeded": lambda _: np.where(np.abs(_HOURS - 11) < 0.1, 1.0, 0.0),
    "ServiceIntegrationsFailed": lambda _: np.zeros_like(_HOURS),
    "node_gpu_limit": lambda _: np.full_like(_HOURS, 4.0),
    "node_gpu_utilization": lambda _: 91 + 4 * np.sin(_HOURS * 2.1),
    "node_gpu_memory_utilization": lambda _: 78 + np.sin(_HOURS),
    "node_gpu_temperature": lambda _: 61 + 3 * np.sin(_HOURS * 2.1),
    "node_gpu_power_draw": lambda _: 1050 + 60 * np.sin(_HOURS * 2.1),
    "node_efa_tx_bytes": lambda _: _wave(5.6e10, 8e9),
    "node_efa_rx_bytes": lambda _: _wave(5.6e10, 7e9),
    "node_efa_rdma_write_bytes": lambda _: _wave(4.4e10, 6e9),
    "node_efa_rdma_read_bytes": lambda _: _wave(7e9, 2e9),
    "node_efa_rx_dropped": lambda _: np.zeros_like(_HOURS),
    "nodes": lambda _: np.where(np.abs(_HOURS - 17) < 0.1, 1.0, np.nan),
    "ImpairedBlocks": lambda _: np.zeros_like(_HOURS),
}


def definition(template: Mapping[str, Any]) -> dict[str, Any]:
    """The dashboard's body in a template; what only AWS knows is left as it is named."""
    (found,) = [
        resource["Properties"]["DashboardBody"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Dashboard"
    ]
    parts = found["Fn::Join"][1] if isinstance(found, dict) else [found]
    body: dict[str, Any] = json.loads("".join(part if isinstance(part, str) else "imported" for part in parts))
    return body


def draw(body: Mapping[str, Any]) -> Figure:
    """The figure of a definition."""
    rows = max(widget["y"] + widget["height"] for widget in body["widgets"])
    figure = plt.figure(figsize=(24 * _CELL_WIDTH, rows * _CELL_HEIGHT), facecolor="#f2f3f3")
    for widget in body["widgets"]:
        left, width = widget["x"] / 24, widget["width"] / 24
        bottom, height = 1 - (widget["y"] + widget["height"]) / rows, widget["height"] / rows
        figure.add_artist(
            plt.Rectangle((left + 0.004, bottom + 0.004), width - 0.008, height - 0.008, facecolor="white", zorder=-1)
        )
        if widget["type"] == "text":
            title, *lines = widget["properties"]["markdown"].splitlines()
            figure.text(left + 0.015, bottom + height * 0.58, title.lstrip("# "), fontsize=15, weight="bold")
            figure.text(left + 0.015, bottom + height * 0.22, " ".join(lines), fontsize=9)
            note = "drawn from the definition; the curves are made up"
            figure.text(left + width - 0.015, bottom + height * 0.22, note, fontsize=8, style="italic", ha="right")
            continue
        box = (left + 0.035, bottom + height * 0.3, width - 0.075, height * 0.52)
        figure.text(left + 0.015, bottom + height * 0.88, widget["properties"]["title"], fontsize=9.5, weight="bold")
        _graph(figure, box, widget["properties"])
    return figure


def _graph(figure: Figure, box: tuple[float, float, float, float], properties: Mapping[str, Any]) -> None:
    axis = figure.add_axes(box)
    other = None
    for index, entry in enumerate(properties["metrics"]):
        options = entry[-1]
        if not options.get("visible", True):
            continue
        name = options["id"] if len(entry) == 1 else entry[1]
        value = entry[3] if len(entry) > 4 else ""
        target = axis
        if options.get("yAxis") == "right":
            target = other = other or axis.twinx()
        target.plot(_HOURS, _CURVES[name](value), color=f"C{index}", label=options["label"], linewidth=1.4)
    for limit in properties.get("annotations", {}).get("horizontal", []):
        axis.axhline(limit["value"], color="#d13212", linewidth=1, linestyle="--", label=limit["label"])
    handles = [line for part in (axis, other) if part for line in part.get_lines()]
    legend = [line.get_label() for line in handles]
    axis.legend(handles, legend, loc="upper left", bbox_to_anchor=(-0.06, -0.16), ncols=2, fontsize=7, frameon=False)
    for part, headroom in ((axis, 1.12), (other, 1.4)):
        if part:
            part.set_ylim(0, max(1.2, part.get_ylim()[1] * headroom))
    axis.set_xticks([0, 6, 12, 18, 24], ["00", "06", "12", "18", "24"])
    for part in (axis, other):
        if part:
            part.tick_params(labelsize=7)
            part.spines[["top"]].set_visible(False)
    axis.yaxis.get_offset_text().set_fontsize(7)
    axis.grid(visible=True, alpha=0.25)


def picture(template: Mapping[str, Any], out: Path) -> None:
    """Draw the dashboard of a template; the same bytes for the same definition."""
    with plt.rc_context({"svg.hashsalt": "ultrafleet", "svg.fonttype": "none", "font.family": "DejaVu Sans"}):
        figure = draw(definition(template))
        figure.savefig(out, metadata={"Date": None} if out.suffix == ".svg" else None)
        plt.close(figure)


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]
    from helpers.rehearsal_site import ENVIRONMENTS, synthesised

    _, stacks = synthesised((ENVIRONMENTS / "training.yaml").read_text(), "training")
    (operate,) = [json.loads(stack.template) for stack in stacks if stack.name.endswith("-operate")]
    picture(operate, OUT)
    sys.stdout.write(f"{OUT}\n")
