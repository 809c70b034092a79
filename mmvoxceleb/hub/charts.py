"""The charts of the card, as PNG: attributes, lengths, identities."""

import io
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmvoxceleb.counting import counted
from mmvoxceleb.extras import install_hint
from mmvoxceleb.hub.statistics import ExportStatistics
from mmvoxceleb.schema import ATTRIBUTES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CHARTS", "chart_figures", "draw_charts"]

CHARTS = {
    "attributes": "charts/attributes.png",
    "lengths": "charts/lengths.png",
    "splits": "charts/splits.png",
}
"""Path of each chart in an export."""

_COLOURS = {"train": "#3b6ea5", "test": "#d9822b"}

logger = logging.getLogger(__name__)


def draw_charts(statistics: ExportStatistics) -> dict[str, bytes]:
    """Draw what there are numbers for; nothing, with a warning, where matplotlib is not installed.

    Returns:
        PNG files by path in the export. The same numbers give the same bytes.
    """
    try:
        from matplotlib import rc_context
    except ImportError:
        logger.warning("the card goes without charts; for charts: %s", install_hint("hub"))
        return {}
    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 110}):
        return {CHARTS[name]: _png(figure) for name, figure in chart_figures(statistics)}


def chart_figures(statistics: ExportStatistics) -> "Iterator[tuple[str, Figure]]":
    """Yield the name of each chart that there are numbers for, one of :data:`CHARTS`, and its figure."""
    if any(split.attribute_counts for split in statistics.splits.values()):
        yield "attributes", _attributes(statistics)
    if any(split.frames for split in statistics.splits.values()):
        yield "lengths", _lengths(statistics)
    if statistics.splits:
        yield "splits", _splits(statistics)


def _new(width: float, height: float, columns: int = 1) -> "tuple[Figure, Any]":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns)


def _png(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _attributes(statistics: ExportStatistics) -> "Figure":
    figure, axes = _new(7.5, 8.5)
    names = list(statistics.splits)
    known = {name: statistics.splits[name].attribute_known for name in names}
    share = {
        name: [
            100 * count / total if total else 0.0
            for count, total in zip(statistics.splits[name].attribute_counts, known[name], strict=True)
        ]
        for name in names
    }
    positions = [index for index in range(len(ATTRIBUTES)) if any(known[name] and known[name][index] for name in names)]
    positions.sort(key=lambda index: max(share[name][index] for name in names[:1]))
    numbers = {name: [known[name][index] if known[name] else 0 for index in positions] for name in names}
    is_partly_known = any(min(numbers[name], default=0) < statistics.splits[name].clips for name in names)
    height = 0.8 / len(names)
    for number, name in enumerate(names):
        places = [row + 0.4 - height * (number + 0.5) for row in range(len(positions))]
        bars = axes.barh(
            places,
            [share[name][index] for index in positions],
            height,
            color=_COLOURS[name],
            label=f"{name} ({counted(statistics.splits[name].clips, 'clip')})",
        )
        if is_partly_known:
            axes.bar_label(bars, [f"of {count:,}" for count in numbers[name]], padding=2, fontsize=6)
    axes.set_yticks(range(len(positions)), [ATTRIBUTES[index].replace("_", " ") for index in positions])
    axes.set_ylim(-0.6, len(positions) - 0.4)
    axes.set_xlabel("clips that have the attribute, % of those in which it is known")
    axes.set_title("Perceived attributes, as predicted or labelled")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.legend(loc="lower right", frameon=False)
    return figure


def _lengths(statistics: ExportStatistics) -> "Figure":
    figure, axes = _new(7.5, 3.2)
    longest = max(max(split.frames, default=0) for split in statistics.splits.values())
    step = max(1, -(-longest // 40))
    edges = list(range(0, longest + step + 1, step))
    axes.hist(
        [split.frames for split in statistics.splits.values()],
        bins=edges,
        stacked=True,
        color=[_COLOURS[name] for name in statistics.splits],
        label=list(statistics.splits),
    )
    axes.set_xlabel("frames in a clip (25 frames are a second)")
    axes.set_ylabel("clips")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_title("Lengths of the clips")
    axes.legend(frameon=False)
    return figure


def _splits(statistics: ExportStatistics) -> "Figure":
    figure, axes = _new(7.5, 2.4, columns=3)
    names = list(statistics.splits)
    for panel, (title, values) in zip(
        axes,
        {
            "identities": [len(statistics.splits[name].persons) for name in names],
            "source videos": [len(statistics.splits[name].videos) for name in names],
            "clips": [statistics.splits[name].clips for name in names],
        }.items(),
        strict=True,
    ):
        bars = panel.bar(names, values, color=[_COLOURS[name] for name in names], width=0.6)
        panel.bar_label(bars, [f"{value:,}" for value in values])
        panel.set_title(title)
        panel.set_yticks([])
        panel.spines["left"].set_visible(False)
        panel.margins(y=0.2)
    return figure
