"""Run units within one process: each lane is a thread that takes one unit at a time through all its steps.

While one lane reads and another writes, a third has the device, which belongs to the calling thread: models run
there one at a time, and Ctrl-C ends even a long step of theirs. A lane holds one clip, and waits for the memory that
it takes, so memory does not grow with the number of clips nor with their length.
"""

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from mmvoxceleb.processing.engines.interface import Host, Stopped
from mmvoxceleb.processing.engines.memory import Memory, OwnMemory
from mmvoxceleb.processing.engines.outcomes import ClipOutcome
from mmvoxceleb.processing.engines.work import Work

__all__ = ["run_in_lanes"]

_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class _Request:
    function: Callable[[], Any]
    answer: "Future[Any]"


@dataclass(frozen=True)
class _Finished:
    unit: str


@dataclass(frozen=True)
class _LaneEnded:
    error: BaseException | None


def run_in_lanes(
    work: Work,
    units: Iterator[str],
    lanes: int,
    *,
    report: Callable[[ClipOutcome], None],
    finished: Callable[[str], None],
    started: Callable[[str], None] = lambda unit: None,
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
        stop: Set it to end the run; it is set when the run ends early.
        memory: What clips take; without bounds by default.

    Raises:
        Stopped: ``stop`` was set.
        KeyboardInterrupt: The calling thread was interrupted. What was being written is finished.
        MMVoxCelebError: A unit cannot go on, nor could others.
    """
    inbox: queue.SimpleQueue[_Request | _Finished | _LaneEnded | ClipOutcome] = queue.SimpleQueue()
    stop = stop or threading.Event()
    taking = threading.Lock()

    def on_device(function: Callable[[], Any]) -> Any:
        answer: Future[Any] = Future()
        inbox.put(_Request(function, answer))
        return answer.result()

    host = Host(stop.is_set, on_device, memory or OwnMemory(sys.maxsize))

    def lane() -> None:
        error: BaseException | None = None
        try:
            while not stop.is_set():
                with taking:
                    unit = next(units, None)
                if unit is None:
                    break
                started(unit)
                for outcome in work.run(unit, host):
                    inbox.put(outcome)
                inbox.put(_Finished(unit))
        except Stopped:
            pass
        except BaseException as raised:
            error = raised
            stop.set()
        inbox.put(_LaneEnded(error))

    threads = [threading.Thread(target=lane, name=f"lane-{number}", daemon=True) for number in range(lanes)]
    for thread in threads:
        thread.start()
    alive, failure = len(threads), None

    def handle(message: "_Request | _Finished | _LaneEnded | ClipOutcome") -> None:
        nonlocal alive, failure
        if isinstance(message, ClipOutcome):
            report(message)
        elif isinstance(message, _Finished):
            finished(message.unit)
        elif isinstance(message, _LaneEnded):
            alive -= 1
            failure = failure or message.error
        else:
            _answer(message, stop)

    try:
        while alive:
            handle(inbox.get())
    except BaseException:
        stop.set()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while alive and (left := deadline - time.monotonic()) > 0:
            try:
                handle(inbox.get(timeout=left))
            except queue.Empty:
                break
        raise
    if failure is not None:
        raise failure
    if stop.is_set():
        raise Stopped


def _answer(request: _Request, stop: threading.Event) -> None:
    if stop.is_set():
        request.answer.set_exception(Stopped())
        return
    try:
        request.answer.set_result(request.function())
    except Exception as error:
        request.answer.set_exception(error)
    except BaseException:
        request.answer.set_exception(Stopped())
        raise
