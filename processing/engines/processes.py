"""Worker processes: the parent hands out units and counts outcomes, and survives the death of any worker."""

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from mmvoxceleb.errors import MMVoxCelebError, ProcessingError
from mmvoxceleb.processing.engines.interface import Stopped, Work
from mmvoxceleb.processing.engines.lanes import run_in_lanes
from mmvoxceleb.processing.engines.outcomes import ClipOutcome

__all__ = ["MOST_ATTEMPTS", "died_reason", "run_in_processes"]

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
"""How often a unit is begun before it is held guilty of the deaths of its workers."""

_GRACE_SECONDS = 5.0
_LOOK_SECONDS = 0.5
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def died_reason(attempts: int) -> str:
    """Say why a unit was given up."""
    return (
        f"its worker process died {attempts} times while working on it, perhaps killed for want of memory; "
        "run the same command again with fewer workers"
    )


def run_in_processes(
    work: Work,
    units: Sequence[str],
    workers: int,
    lanes: int,
    *,
    report: Callable[[ClipOutcome], None],
    finished: Callable[[str], None],
) -> None:
    """Run units on ``workers`` processes with ``lanes`` threads each.

    For work on ``cuda`` each worker sees one GPU. On the CPU the cores are shared out.

    Raises:
        KeyboardInterrupt: The calling thread was interrupted; the workers are gone within seconds.
        ProcessingError: Workers die before they do anything.
        MMVoxCelebError: Whatever a worker raised.
    """
    pool = _Pool(work, deque(units), min(workers, len(units)), lanes, report, finished)
    try:
        pool.run()
    finally:
        pool.close()


@dataclass
class _Worker:
    process: SpawnProcess
    connection: "Connection[Any, Any]"
    number: int
    given: list[str] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)
    is_ready: bool = False


class _Pool:
    def __init__(
        self,
        work: Work,
        waiting: "deque[str]",
        size: int,
        lanes: int,
        report: Callable[[ClipOutcome], None],
        finished: Callable[[str], None],
    ) -> None:
        self.work = work
        self.waiting = waiting
        self.suspects: deque[str] = deque()
        self.attempts: Counter[str] = Counter()
        self.size = size
        self.lanes = lanes
        self.report = report
        self.finished = finished
        self.workers: list[_Worker] = []
        self.deaths_at_start = 0

    def run(self) -> None:
        for number in range(self.size):
            self._start(number)
        while self.waiting or self.suspects or any(worker.given for worker in self.workers):
            self._hand_out()
            handles: list[Any] = []
            for worker in self.workers:
                handles += [worker.connection, worker.process.sentinel]
            ready = multiprocessing.connection.wait(handles)
            for worker in list(self.workers):
                if worker.connection in ready or worker.process.sentinel in ready:
                    self._listen(worker)

    def close(self) -> None:
        """End all workers, those that do not end by themselves by force."""
        for worker in self.workers:
            _send(worker.connection, ("stop",))
        deadline = time.monotonic() + _GRACE_SECONDS + 1
        for worker in self.workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()

    def _start(self, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.work, self.lanes), daemon=True)
        with _environment(self.work.device, number, self.size), _without_interrupts():
            process.start()
        theirs.close()
        self.workers.append(_Worker(process, ours, number))

    def _hand_out(self) -> None:
        for worker in self.workers:
            if self.suspects and not worker.given:
                self._give(worker, self.suspects.popleft())
        free = [worker for worker in self.workers if not any(self.attempts[unit] for unit in worker.given)]
        while self.waiting and free:
            worker = min(free, key=lambda each: len(each.given))
            if len(worker.given) > self.lanes:
                break
            self._give(worker, self.waiting.popleft())

    @staticmethod
    def _give(worker: _Worker, unit: str) -> None:
        worker.given.append(unit)
        _send(worker.connection, ("unit", unit))

    def _listen(self, worker: _Worker) -> None:
        while True:
            try:
                if not worker.connection.poll():
                    break
                message = worker.connection.recv()
            except (EOFError, OSError):
                worker.process.join()
                break
            self._handle(worker, message)  # not above: the errors that it raises may be OSErrors too
        if not worker.process.is_alive():
            self._bury(worker)

    def _handle(self, worker: _Worker, message: tuple[Any, ...]) -> None:
        kind, *content = message
        if kind == "ready":
            worker.is_ready = True
            self.deaths_at_start = 0
        elif kind == "begun":
            worker.begun.add(content[0])
        elif kind == "outcome":
            self.report(content[0])
        elif kind == "finished":
            worker.given.remove(content[0])
            worker.begun.discard(content[0])
            self.finished(content[0])
        else:
            raise content[0]

    def _bury(self, worker: _Worker) -> None:
        """Replace a dead worker, and see to what it had."""
        self.workers.remove(worker)
        worker.connection.close()
        if not worker.is_ready:
            self.deaths_at_start += 1
            if self.deaths_at_start >= MOST_ATTEMPTS:
                raise ProcessingError(
                    f"worker processes end before they begin (exit code {worker.process.exitcode}); "
                    "run with one worker to see why"
                )
        for unit in worker.given:
            if unit not in worker.begun:
                self.waiting.appendleft(unit)
                continue
            self.attempts[unit] += 1
            if self.attempts[unit] < MOST_ATTEMPTS:
                self.suspects.append(unit)
            else:
                self.report(self.work.give_up(unit, died_reason(self.attempts[unit])))
                self.finished(unit)
        if self.waiting or self.suspects:
            self._start(worker.number)


def _send(connection: "Connection[Any, Any]", message: tuple[Any, ...]) -> None:
    with suppress(OSError):  # the process is gone, which its sentinel tells
        connection.send(message)


@contextmanager
def _environment(device: str, number: int, size: int) -> Iterator[None]:
    """Set what a worker must know before it loads anything: its GPU, and its share of the cores."""
    threads = str(max(1, (os.cpu_count() or 1) // size))
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
    """Let processes started meanwhile ignore Ctrl-C from their first moment on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _gpu(number: int) -> str:
    import torch

    return str(number % max(1, torch.cuda.device_count()))


def _serve(connection: "Connection[Any, Any]", work: Work, lanes: int) -> None:
    """Be a worker: Ctrl-C is the parent's to handle, and a worker whose parent is gone ends at once."""
    import cv2

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    cv2.setNumThreads(1)
    given: deque[str] = deque()
    changed = threading.Condition()
    stop = threading.Event()
    sending = threading.Lock()

    def send(*message: Any) -> None:
        with sending:
            connection.send(message)

    def listen() -> None:
        try:
            while True:
                message = connection.recv()
                with changed:
                    if message[0] == "unit":
                        given.append(message[1])
                    else:
                        stop.set()
                    changed.notify_all()
                if stop.is_set():
                    time.sleep(_GRACE_SECONDS)
                    os._exit(0)
        except (EOFError, OSError):
            os._exit(1)

    def units() -> Iterator[str]:
        while True:
            with changed:
                while not given and not stop.is_set():
                    changed.wait(_LOOK_SECONDS)  # another lane may set stop without a word
                if stop.is_set():
                    return
                unit = given.popleft()
            yield unit

    threading.Thread(target=listen, daemon=True).start()
    try:
        send("ready")
        run_in_lanes(
            work,
            units(),
            lanes,
            report=lambda outcome: send("outcome", outcome),
            finished=lambda unit: send("finished", unit),
            started=lambda unit: send("begun", unit),
            stop=stop,
        )
    except Stopped:
        pass
    except Exception as error:
        if not isinstance(error, MMVoxCelebError):
            logger.exception("a worker process failed")
            error = ProcessingError(f"a worker process failed: {type(error).__name__}: {error}")
        send("error", error)
    finally:
        work.teardown()
