"""Worker processes on this machine, which get their units through pipes."""

import logging
import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, TypeAlias

from mmvoxceleb.cpus import usable_cpus
from mmvoxceleb.errors import MMVoxCelebError, ProcessingError
from mmvoxceleb.processing.engines.interface import Stopped
from mmvoxceleb.processing.engines.lanes import Supply, run_in_lanes
from mmvoxceleb.processing.engines.memory import Admissions, LentMemory
from mmvoxceleb.processing.engines.outcomes import ClipOutcome
from mmvoxceleb.processing.engines.scheduler import (
    Began,
    Carrier,
    Doing,
    Event,
    Finished,
    Lost,
    Outcome,
    Ready,
    run_on_workers,
)
from mmvoxceleb.processing.engines.work import Work

__all__ = ["Ticket", "run_in_processes"]

logger = logging.getLogger(__name__)

Ticket: TypeAlias = tuple[int, int]
"""A worker, and what it calls a clip."""

_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.5
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_in_processes(
    work: Work,
    units: Sequence[str],
    workers: int,
    lanes: int,
    memory: Admissions[Ticket],
    *,
    report: Callable[[ClipOutcome], None],
    finished: Callable[[str], None],
    doing: Callable[[str, str], None] = lambda unit, step: None,
) -> None:
    """Run units on ``workers`` processes with ``lanes`` threads each.

    For work on ``cuda`` each worker sees one GPU. On the CPU the cores are shared out. The memory of clips is one for
    all: a worker asks here before it decodes a clip.

    Raises:
        KeyboardInterrupt: The calling thread was interrupted; the workers are gone within seconds.
        ProcessingError: Workers die before they do anything.
        MMVoxCelebError: Whatever a worker raised.
    """
    size = min(workers, len(units))
    carrier = _Processes(work, size, lanes, memory)
    run_on_workers(work, units, carrier, size, report=report, finished=finished, doing=doing)


class _Processes(Carrier):
    """Takes units to worker processes through pipes."""

    def __init__(self, work: Work, size: int, lanes: int, memory: Admissions[Ticket]) -> None:
        self._memory = memory
        self.holds = lanes + 1  # one more than is worked on, so that no lane waits for us
        self._work = work
        self._size = size
        self._lanes = lanes
        self._workers: dict[int, tuple[SpawnProcess, Connection[Any, Any]]] = {}

    def start(self, number: int) -> bool:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, self._work, self._lanes, self._memory.budget), daemon=True
        )
        with _environment(self._work.device, number, self._size), _without_interrupts():
            process.start()
            theirs.close()
            self._workers[number] = process, ours
        return True

    def give(self, number: int, unit: str) -> None:
        _send(self._workers[number][1], ("unit", unit))

    def wait(self) -> Iterator[Event]:
        handles = [handle for process, ours in self._workers.values() for handle in (ours, process.sentinel)]
        ready = multiprocessing.connection.wait(handles)
        for number, (process, connection) in list(self._workers.items()):
            if connection in ready or process.sentinel in ready:
                yield from self._listen(number, process, connection)

    def close(self) -> None:
        for _, connection in self._workers.values():
            _send(connection, ("stop",))
        deadline = time.monotonic() + _GRACE_SECONDS + 1
        for process, connection in self._workers.values():
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()
            connection.close()

    def _listen(self, number: int, process: SpawnProcess, connection: "Connection[Any, Any]") -> Iterator[Event]:
        while True:
            try:
                if not connection.poll():
                    break
                message = connection.recv()
            except (EOFError, OSError):
                process.join()
                break
            if isinstance(message, Exception):
                raise message  # not above: it may be an OSError too
            if message[0] in _OF_MEMORY:
                _OF_MEMORY[message[0]](self._memory, (number, message[1]), message[2])
                self._admit()
            else:
                yield _ANSWERS[message[0]](number, *message[1:])
        if not process.is_alive():
            del self._workers[number]
            connection.close()
            self._memory.forget(lambda who: who[0] == number)
            self._admit()
            yield Lost(number, f"exit code {process.exitcode}")

    def _admit(self) -> None:
        for number, ticket in self._memory.admit():
            _send(self._workers[number][1], ("admitted", ticket))


_OF_MEMORY: dict[str, Callable[[Admissions[Ticket], Ticket, int], None]] = {
    "ask": Admissions.ask, "keep": Admissions.keep,
}  # fmt: skip

_ANSWERS: dict[str, Callable[..., Event]] = {
    "ready": Ready,
    "begun": Began,
    "doing": Doing,
    "outcome": lambda number, outcome: Outcome(outcome),
    "finished": Finished,
}


def _send(connection: "Connection[Any, Any]", message: tuple[Any, ...]) -> None:
    with suppress(OSError):  # the process is gone, which its sentinel tells
        connection.send(message)


@contextmanager
def _environment(device: str, number: int, size: int) -> Iterator[None]:
    """Set what a worker must know before it loads anything: its GPU, and its share of the cores."""
    threads = str(max(1, usable_cpus() // size))
    changes = {name: os.environ.get(name, threads) for name in _THREAD_VARIABLES}
    if device == "cuda":
        visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
        changes["CUDA_VISIBLE_DEVICES"] = visible[number % len(visible)] if visible else _gpu(number)
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from processes started meanwhile, from their first moment on; it reaches this one afterwards."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # where a process starts it, all signals are let through again
    asked: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: asked.append(number))  # another thread may get it
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if asked:
            signal.raise_signal(signal.SIGINT)


def _gpu(number: int) -> str:
    import torch

    return str(number % max(1, torch.cuda.device_count()))


class _Given(Supply):
    """Units that a worker was given and has not begun."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._units: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def put(self, unit: str | None) -> None:
        """Add one; None wakes all that wait, after ``stop`` was set."""
        self._units.put(unit)

    def take(self) -> str | None:
        with suppress(queue.Empty):
            return self._units.get_nowait()
        return None

    def wait(self) -> str | None:
        unit = None
        while unit is None and not self._stop.is_set():
            with suppress(queue.Empty):
                unit = self._units.get(timeout=_LOOK_SECONDS)  # another lane may set stop without a word
        if unit is None:
            self._units.put(None)
        return unit


def _serve(connection: "Connection[Any, Any]", work: Work, lanes: int, budget: int) -> None:
    """Be a worker: Ctrl-C is the parent's to handle, and a worker whose parent is gone ends at once."""
    import cv2

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    cv2.setNumThreads(1)
    stop = threading.Event()
    given = _Given(stop)
    sending = threading.Lock()

    def send(message: "tuple[Any, ...] | Exception") -> None:
        with sending:
            connection.send(message)

    memory = LentMemory(budget, send)

    def listen() -> None:
        try:
            while True:
                message = connection.recv()
                if message[0] == "unit":
                    given.put(message[1])
                elif message[0] == "admitted":
                    memory.admit(message[1])
                else:
                    stop.set()
                    given.put(None)
                    time.sleep(_GRACE_SECONDS)
                    os._exit(0)
        except (EOFError, OSError):
            os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    try:
        send(("ready",))
        run_in_lanes(
            work,
            given,
            lanes,
            report=lambda outcome: send(("outcome", outcome)),
            finished=lambda unit: send(("finished", unit)),
            started=lambda unit: send(("begun", unit)),
            doing=lambda unit, step: send(("doing", unit, step)),
            stop=stop,
            memory=memory,
        )
    except Stopped:
        pass
    except Exception as error:
        if not isinstance(error, MMVoxCelebError):
            logger.exception("a worker process failed")
            error = ProcessingError(f"a worker process failed: {type(error).__name__}: {error}")
        send(error)
    finally:
        work.teardown()
