"""The bar of a run: how many units are finished, and below it what is being done to the others."""

import time
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
_LOG_SECONDS = 60.0
"""Time between the lines of a run whose output is no terminal, such as the log of a Slurm job."""


class RunBar(Progress):
    """A bar over the units of a run. It shows at once which units are worked on: the first one may take minutes.

    Args:
        console: Where it is shown. What is no terminal gets a line a minute instead.
        unit: What a unit is: ``clip`` or ``video``.
        stages: Shown above, once.
        total: Number of units.
    """

    def __init__(self, console: "Console", unit: str, stages: Sequence[str], total: int) -> None:
        self._at: dict[str, str] = {}
        self._unit = unit
        self._logged = time.monotonic()
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
        self._log()

    def unit_finished(self, unit: str) -> None:
        """Count a unit as finished."""
        self._at.pop(unit, None)
        self.advance(self._task)
        self._log()

    def get_renderables(self) -> "Iterator[RenderableType]":
        """Yield the bar, and a line that names what is being done."""
        yield self.make_tasks_table(self.tasks)
        yield Text(self._doing(), style="dim", no_wrap=True, overflow="ellipsis")

    def _doing(self) -> str:
        there = list(self._at.items())
        told = [f"{_short(unit)}: {step}" if step else _short(unit) for unit, step in there[:_SHOWN]]
        more = [f"and {len(there) - _SHOWN} more"] if len(there) > _SHOWN else []
        return "; ".join(told + more)

    def _log(self) -> None:
        """Print a line, where there is no bar and the last one is long ago."""
        with self._lock:
            if self.console.is_terminal or time.monotonic() - self._logged < _LOG_SECONDS:
                return
            self._logged = time.monotonic()
            task = self.tasks[0]
            done, total = int(task.completed), int(task.total or 0)
            at = f"; {doing}" if (doing := self._doing()) else ""
            minutes = self.seconds / 60
        self.console.print(f"{done:,} of {total:,} {self._unit}s after {minutes:.0f} min{at}", markup=False)


def _short(unit: str) -> str:
    return unit if len(unit) <= _LONGEST_NAME else f"{unit[: _LONGEST_NAME - 1]}…"
