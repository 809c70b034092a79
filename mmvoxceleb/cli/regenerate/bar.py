"""The bar of a run: how many units are finished, and below it what is being done to the others."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["RunBar"]

_SHOWN = 3
"""How many units are named at once; a worker with a GPU has dozens."""
_LONGEST_NAME = 24


class RunBar(Progress):
    """A bar over the units of a run. It shows at once which units are worked on: the first one may take minutes.

    Args:
        console: Where it is shown, if that is a terminal.
        unit: What a unit is: ``clip`` or ``video``.
        stages: Shown above, once.
        total: Number of units.
    """

    def __init__(self, console: "Console", unit: str, stages: Sequence[str], total: int) -> None:
        self._at: dict[str, str] = {}
        super().__init__(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn(f"{unit}s"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("[dim]{task.fields[shares]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._stages = stages
        self._task = self.add_task("", total=total, rate="", shares="")

    def start(self) -> None:
        """Show the stages, and from then on the bar."""
        if not self.disable:
            self.console.print(f"[dim]{', '.join(self._stages)}[/]")
        super().start()

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return self.tasks[0].elapsed or 0.0

    def say(self, *, rate: str, shares: str) -> None:
        """Show how fast the run is, and what the time is spent on."""
        self.update(self._task, rate=rate, shares=shares)

    def doing(self, unit: str, step: str) -> None:
        """Show the step that a unit is at. Call it from any thread."""
        self._at[unit] = step

    def unit_finished(self, unit: str) -> None:
        """Count a unit as finished."""
        self._at.pop(unit, None)
        self.advance(self._task)

    def get_renderables(self) -> "Iterator[RenderableType]":
        """Yield the bar, and a line that names what is being done."""
        yield self.make_tasks_table(self.tasks)
        there = list(self._at.items())
        told = [f"{_short(unit)}: {step}" if step else _short(unit) for unit, step in there[:_SHOWN]]
        more = [f"and {len(there) - _SHOWN} more"] if len(there) > _SHOWN else []
        yield Text("; ".join(told + more), style="dim", no_wrap=True, overflow="ellipsis")


def _short(unit: str) -> str:
    return unit if len(unit) <= _LONGEST_NAME else f"{unit[: _LONGEST_NAME - 1]}…"
