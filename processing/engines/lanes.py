"""Run units within one process: each lane is a thread that takes one unit at a time through all its steps.

While some lanes read and others write, the frames of those that wait are computed, in batches that they share. The
calling thread has the device: where computing has no threads of its own, models run there one at a time, and Ctrl-C
ends even a long step of theirs. A lane holds one clip, and waits for the memory that it takes, so memory does not grow
with the number of clips nor with their length.
"""

import queue
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from mmvoxceleb.processing.devices import DeviceLoop
from mmvoxceleb.processing.engines.interface import Host, Stopped
from mmvoxceleb.processing.engines.memory import Memory, OwnMemory
from mmvoxceleb.processing.engines.outcomes import ClipOutcome
from mmvoxceleb.processing.engines.work import Work

__all__ = ["Supply", "Units", "run_in_lanes"]

_PATIENCE_SECONDS = 10.0


class Supply(ABC):
    """Where lanes get their units from; they ask at the same time."""

    @abstractmethod
    def take(self) -> str | None:
        """Take the next unit; None if there is none now."""

    def wait(self) -> str | None:
        """Wait for the next unit and take it; None if there will be none."""
        return None


class Units(Supply):
    """Units that are all known from the start."""

    def __init__(self, units: Iterable[str]) -> None:
        self._units = iter(units)
        self._taking = threading.Lock()

    def take(self) -> str | None:
        with self._taking:
            return next(self._units, None)


def run_in_lanes(
    work: Work,
    units: Supply,
    lanes: int,
    *,
    report: Callable[[ClipOutcome], None],
    finished: Callable[[str], None],
    started: Callable[[str], None] = lambda unit: None,
    doing: Callable[[str, str], None] = lambda unit, step: None,
    stop: threading.Event | None = None,
    memory: Memory | None = None,
) -> None:
    """Run units on a few threads; the calling thread is the device's.

    Args:
        work: What to run.
        units: Which units; taken one by one, by a lane that is free.
        lanes: How many threads.
        report: Called on the calling thread for every outcome.
        finished: Called on the calling thread for every unit that is done.
        started: Called on the lane's thread before a unit is begun.
        doing: Called on the lane's thread with a unit and the step that it is at.
        stop: Set it to end the run; it is set when the run ends early.
        memory: What clips take; without bounds by default.

    Raises:
        Stopped: ``stop`` was set.
        KeyboardInterrupt: The calling thread was interrupted. What was being written is finished.
        MMVoxCelebError: A unit cannot go on, nor could others.
    """
    stop = stop or threading.Event()
    loop = DeviceLoop(refusal=Stopped)
    host = Host(stop.is_set, loop.run_alone, memory or OwnMemory(sys.maxsize), loop.compute, loop.away)
    alive, failure = lanes, None

    def ended(error: BaseException | None) -> None:
        nonlocal alive, failure
        alive -= 1
        failure = failure or error

    def next_unit() -> str | None:
        unit = units.take()
        if unit is None:
            with loop.away():
                unit = units.wait()
        return unit

    def lane() -> None:
        error: BaseException | None = None
        try:
            while not stop.is_set() and (unit := next_unit()) is not None:
                started(unit)
                for outcome in work.run(unit, replace(host, doing=partial(doing, unit))):
                    loop.tell(partial(report, outcome))
                loop.tell(partial(finished, unit))
        except Stopped:
            pass
        except BaseException as raised:
            error = raised
            stop.set()
        loop.leave()
        loop.tell(lambda: ended(error))

    threads = [threading.Thread(target=lane, name=f"lane-{number}", daemon=True) for number in range(lanes)]
    for thread in threads:
        loop.come()
        thread.start()
    try:
        while alive:
            if stop.is_set():
                loop.refuse()
            loop.turn()
    except BaseException:
        stop.set()
        loop.refuse()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while alive and (left := deadline - time.monotonic()) > 0:
            try:
                loop.turn(left)
            except queue.Empty:
                break
        raise
    finally:
        loop.close()
    if failure is not None:
        raise failure
    if stop.is_set():
        raise Stopped
