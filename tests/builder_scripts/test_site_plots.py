"""The plots of benchmarks show the figures of their pages of results, and no others."""

import dataclasses
from pathlib import Path

import pytest
from plots import Plot, check_plot, draw_plot, place_plots, read_plot

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
PAGE = """
| what | here | goal |
| --- | --- | --- |
| read | 2.4x to 1,025x | 3 |

| what | other |
| --- | --- |
| read | 9 |
"""
VALUES = [{"name": "reading", "row": "read", "figures": {"here": [2.4, 1025], "goal": [3]}}]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_figure_is_in_its_page(path: Path) -> None:
    plot = read_plot(path)
    page = (ROOT / plot.page).read_text("utf-8")
    assert plot.values
    assert check_plot(plot, page) == []
    assert f"<!-- plot: {path.stem} -->" in page


@pytest.fixture
def plot(tmp_path: Path) -> Plot:
    import json

    data = {"title": "T", "axes": ["times"], "columns": ["here"], "goal": "goal", "page": "p.md", "values": VALUES}
    (tmp_path / "one.json").write_text(json.dumps(data))
    return read_plot(tmp_path / "one.json")


def test_figures_that_a_page_lacks_are_named(plot: Plot) -> None:
    assert check_plot(plot, PAGE) == []
    assert check_plot(plot, PAGE.replace("2.4", "2.5")) == ["read, here: 2.4"]
    assert check_plot(plot, PAGE.replace("| 3 |", "| 9 |")) == ["read, goal: 3"]
    assert len(check_plot(plot, PAGE.replace("| read |", "| write |"))) == 3
    renamed = dataclasses.replace(plot.values[0], figures={"goal": (9,)})
    assert check_plot(dataclasses.replace(plot, values=(renamed,)), PAGE) == ["read, goal: 9"]


def test_a_plot_is_drawn_in_the_colour_of_the_text(plot: Plot, tmp_path: Path) -> None:
    page = place_plots("a\n\n<!-- plot: one -->\n\nb `<!-- plot: x -->`\n", tmp_path)
    assert page.startswith('a\n\n<div class="plot"><svg role="img" aria-label="T"')
    assert "reading" in page
    assert "2.4 to 1025" in page
    assert "currentColor" in page
    assert "#010203" not in page
    assert page.count("\n") == 5
    assert draw_plot(plot) == draw_plot(plot)
