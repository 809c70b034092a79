"""Plots of benchmarks, drawn from the JSON files beside the pages of results.

A file of ``benchmarks/results`` has a ``title``, the ``axis`` or ``axes``, the ``page`` that its figures are from,
and ``values``: each with the ``name`` to show, the ``row`` of a table of that page by its first cell, and ``figures``
by the heading of their column. :func:`check_plot` finds each figure there.
"""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Plot", "Value", "check_plot", "draw_plot", "place_plots", "read_plot"]

_MARK = re.compile(r"^<!-- plot: (?P<name>\w+) -->$", re.MULTILINE)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_INK, _BAR, _GOAL = "#010203", "#5c6bc0", "#ef6c00"
"""The first stands for the colour of text, which the page chooses."""


@dataclass(frozen=True)
class Value:
    """One bar, or one point.

    Args:
        name: What is shown beside it.
        row: First cell of its row in a table of results.
        figures: Its figures, by the heading of their column: one, or the least and the greatest.
    """

    name: str
    row: str
    figures: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Plot:
    """What is drawn: bars along the first column, or points at two columns.

    Args:
        title: Also read aloud in place of the picture.
        axes: What the figures of each column are; one makes bars, two make points.
        columns: The headings of those columns.
        goal: Heading of the column whose figures are drawn as goals.
        is_ratio: Whether 1 is what people use today.
        page: Path of the page of results in the repository.
        values: From top to bottom.
    """

    title: str
    axes: tuple[str, ...]
    columns: tuple[str, ...]
    goal: str | None
    is_ratio: bool
    page: str
    values: tuple[Value, ...]


def read_plot(path: Path) -> Plot:
    """Read one file of figures."""
    data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    values = tuple(
        Value(entry["name"], entry["row"], {key: tuple(figures) for key, figures in entry["figures"].items()})
        for entry in data["values"]
    )
    return Plot(
        data["title"], tuple(data["axes"]), tuple(data["columns"]), data.get("goal"), data.get("is_ratio", False),
        data["page"], values,
    )  # fmt: skip


def check_plot(plot: Plot, page: str) -> list[str]:
    """Name the figures of a plot that a page of results does not have in their row and column."""
    problems = []
    for value in plot.values:
        for column, figures in value.figures.items():
            there = _figures_in(page, value.row, column)
            problems += [f"{value.row}, {column}: {figure:g}" for figure in figures if figure not in there]
    return problems


def _figures_in(page: str, row: str, column: str) -> set[float]:
    headings: list[str] = []
    found: set[float] = set()
    for line in page.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            headings = []
        elif not headings:
            headings = cells
        elif cells[0] == row and column in headings:
            cell = cells[headings.index(column)]
            found |= {float(number.replace(",", "")) for number in _NUMBER.findall(cell)}
    return found


def draw_plot(plot: Plot) -> str:
    """Draw a plot as SVG whose text has the colour of the page's."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    inks = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    style: Any = {"svg.fonttype": "none", "svg.hashsalt": plot.title, "font.size": 9, **dict.fromkeys(inks, _INK)}
    with rc_context(style):
        bars = len(plot.columns) == 1
        figure = Figure(figsize=(7.2, 1.0 + 0.34 * len(plot.values) if bars else 4.6), layout="constrained")
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(plot.title, fontsize=10, loc="left")
        (_draw_bars if bars else _draw_points)(plot, axes)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor").replace("\n", " ")
    svg = re.sub(r"font: (\S+) [^;\"]*", r"font: \1 sans-serif", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{plot.title}" ', 1)


def _draw_bars(plot: Plot, axes: "Axes") -> None:
    (column,) = plot.columns
    for place, value in enumerate(plot.values):
        figures = value.figures[column]
        axes.barh(place, max(figures), height=0.62, color=_BAR, alpha=0.45 if len(figures) > 1 else 0.9)
        if len(figures) > 1:
            axes.barh(place, min(figures), height=0.62, color=_BAR, alpha=0.9)
        text = " to ".join(f"{figure:g}" for figure in sorted(figures))
        axes.annotate(text, (max(figures), place), xytext=(4, 0), textcoords="offset points", va="center")
        for goal in value.figures.get(plot.goal, ()) if plot.goal else ():
            axes.plot([goal, goal], [place - 0.4, place + 0.4], color=_GOAL, linewidth=1.6)
    axes.set_yticks(range(len(plot.values)), [value.name for value in plot.values])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlabel(plot.axes[0])
    axes.margins(x=0.12)
    if plot.is_ratio:
        axes.set_xscale("log")
        axes.axvline(1, color=_INK, linewidth=0.8)
        ticks = (0.5, 1, 2, 5, 10, 20, 50)
        axes.set_xlim(0.5, 50)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
        axes.minorticks_off()


def _draw_points(plot: Plot, axes: "Axes") -> None:
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    horizontal, vertical = plot.columns
    for value in plot.values:
        at = (value.figures[horizontal][0], value.figures[vertical][0])
        axes.scatter(*at, color=_BAR, s=24)
        axes.annotate(value.name, at, xytext=(5, 4), textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.margins(x=0.14)
    axes.set_xlabel(plot.axes[0])
    axes.set_ylabel(plot.axes[1])


def place_plots(text: str, folder: Path) -> str:
    """Put plots where a page of results says ``<!-- plot: NAME -->``, NAME being a file of figures in the folder."""
    return _MARK.sub(
        lambda mark: f'<div class="plot">{draw_plot(read_plot(folder / (mark["name"] + ".json")))}</div>', text
    )
