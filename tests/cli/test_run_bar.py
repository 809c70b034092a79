"""The bar of a run names what is being done before anything is finished."""

import io
import itertools
import re
import time

import pytest
from rich.console import Console, Group

from mmvoxceleb.cli.regenerate.bar import RunBar


def shown(bar: RunBar, width: int = 100) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(Group(*bar.get_renderables()))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def bar_of(total: int) -> RunBar:
    return RunBar(Console(file=io.StringIO(), force_terminal=True), "video", ("crop", "mask"), total)


def test_it_names_the_steps_of_the_first_video_and_forgets_what_is_finished() -> None:
    bar = bar_of(2)
    bar.doing("Ann#one", "crop, 250 frames")
    count, at = shown(bar)
    assert "0/2 videos" in count
    assert at == "Ann#one: crop, 250 frames"
    bar.doing("Bob#two", "")  # a worker has it and tells no more
    bar.doing("Ann#one", "mask")
    assert shown(bar)[1] == "Ann#one: mask; Bob#two"
    bar.unit_finished("Ann#one")
    count, at = shown(bar)
    assert "1/2 videos" in count
    assert at == "Bob#two"


def test_many_units_and_long_names_fit_on_one_line() -> None:
    bar = bar_of(40)
    for number in range(20):
        bar.doing(f"{number:02d}{'x' * 40}#video", "mask")
    _, at = shown(bar, width=120)
    assert at.endswith("; and 17 more")
    assert len(shown(bar, width=60)) == 2


def test_what_is_no_terminal_gets_a_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, 25.0)  # seconds that each look at the clock takes
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    console = Console(file=io.StringIO(), soft_wrap=True)
    with RunBar(console, "video", ("crop", "mask"), 2_000) as bar:
        for number in range(6):
            bar.doing(f"[Ann]#{number}", "mask")
            bar.unit_finished(f"[Ann]#{number}")
        bar.doing("Bob#one", "crop")
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert 2 <= len(lines) <= 6
    assert all(re.fullmatch(r"\d of 2,000 videos after \d+ min(; .*: (mask|crop))?", line) for line in lines)
    assert any("[Ann]#" in line for line in lines)


def test_a_terminal_gets_no_such_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, 1000.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    bar = bar_of(2)
    bar.doing("Ann#one", "mask")
    bar.unit_finished("Ann#one")
    assert isinstance(bar.console.file, io.StringIO)
    assert " min" not in bar.console.file.getvalue()
