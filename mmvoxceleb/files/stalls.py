"""Bounds on waiting: whoever sends nothing, or next to nothing, is given up."""

import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TypeVar

__all__ = ["Pace", "StalledError", "bytes_below", "while_growing", "within"]

SILENT_SECONDS = 15.0
"""Longest wait for the next byte."""
LEAST_BYTES_PER_SECOND = 4096
"""Whoever sends less, measured over :data:`SILENT_SECONDS`, is given up."""
_LAST_WORDS_SECONDS = 0.5
GROWTH_SECONDS = 240.0
"""Longest time in which a download by another library must grow: they write blocks of up to a megabyte."""

Result = TypeVar("Result")


class StalledError(TimeoutError):
    """A source sends nothing, or too little to wait for."""


class Pace:
    """Watches the bytes of one answer.

    Raises:
        StalledError: By :meth:`add`, where too few came.
    """

    def __init__(self) -> None:
        self._began, self._came = time.monotonic(), 0

    def add(self, count: int) -> None:
        """Count what just came."""
        self._came += count
        seconds = time.monotonic() - self._began
        if seconds < SILENT_SECONDS:
            return
        if self._came < LEAST_BYTES_PER_SECOND * seconds:
            raise StalledError(f"only {self._came:,} bytes came in {seconds:.0f} s")
        self._began, self._came = time.monotonic(), 0


def within(seconds: float, action: Callable[[], Result], what: str) -> Result:
    """Call ``action`` in a thread and wait for it so long; the thread is left behind where it takes longer.

    For libraries that bound the wait for a byte and not that for all of them.

    Raises:
        StalledError: It took longer.
    """
    outcome = _start(action)
    if not wait([outcome], seconds).done:
        raise StalledError(f"{what} did not come within {seconds:.0f} s")
    return outcome.result()


def while_growing(
    action: Callable[[], Result],
    size: Callable[[], int],
    *,
    seconds: float | None = None,
    stop: Callable[[], object] = lambda: None,
) -> Result:
    """Call ``action`` in a thread and wait for it as long as ``size()`` grows.

    Args:
        action: A download.
        size: Bytes that came so far.
        seconds: Longest time without growth; :data:`GROWTH_SECONDS` by default.
        stop: Called when it is given up, or interrupted; asks the thread to end.

    Raises:
        StalledError: It stopped growing.
    """
    seconds = GROWTH_SECONDS if seconds is None else seconds
    outcome = _start(action)
    largest, grown = size(), time.monotonic()
    try:
        while not wait([outcome], min(1.0, seconds / 4)).done:
            now = size()
            if now > largest:
                largest, grown = now, time.monotonic()
            elif time.monotonic() - grown > seconds:
                raise StalledError(f"nothing came for {seconds:.0f} s after {largest:,} bytes")
    except BaseException:
        stop()
        wait([outcome], _LAST_WORDS_SECONDS)
        raise
    return outcome.result()


def bytes_below(folder: Path, pattern: str = "**/*") -> int:
    """Count the bytes of all files below a folder that match a glob pattern."""
    total = 0
    for path in folder.glob(pattern):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # renamed or deleted meanwhile
            continue
    return total


def _start(action: Callable[[], Result]) -> "Future[Result]":
    outcome: Future[Result] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            outcome.set_result(context.run(action))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True, name="mmvoxceleb-read").start()
    return outcome
