"""The progress bar that several commands show."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["progress_bar"]


class Tell(Protocol):
    """Shows how far something is: after so much ``more``, or with so much ``done``."""

    def __call__(self, what: str, total: int, *, more: int = 0, done: int | None = None) -> None: ...


@contextmanager
def progress_bar() -> Iterator[Tell]:
    """Show a bar for each ``what``, named with its unit, from its first call on; on stderr where it is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(what: str, total: int, *, more: int = 0, done: int | None = None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], total=total, completed=done, advance=None if done is not None else more)

        yield tell
