"""Takes batches through three steps: preparing, computing, bringing back. On CUDA consecutive batches overlap in them.

Each step has a thread and a stream of its own. What a batch holds on the device is let go of only when its last step
is over, so that no stream can get memory that another one still reads.
"""

import contextlib
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

__all__ = ["Executor", "Job", "OverlappedExecutor", "executor_on"]

_STEPS = ("prepare", "compute", "bring_back")
_PATIENCE_SECONDS = 2.0


class Job(Protocol):
    """What is taken through the steps.

    Attributes:
        error: What went wrong, instead of the steps that are left.
        seconds: How long it had the device.
        events: For the executor's use.
    """

    error: BaseException | None
    seconds: float
    events: list[Any]

    def prepare(self) -> None:
        """Bring what it needs to the device."""

    def compute(self) -> None:
        """Compute."""

    def bring_back(self) -> None:
        """Bring the results to the host's memory."""


class Executor(ABC):
    """Takes jobs through their steps, each step in the order of the jobs.

    Attributes:
        depth: Jobs that may be under way at once, so that the device always has the next one.
    """

    depth: int = 1

    @abstractmethod
    def submit(self, job: Job, done: Callable[[], None]) -> None:
        """Take a job through its steps and then call ``done``, perhaps later, on another thread."""

    def close(self) -> None:  # noqa: B027  an executor without threads has nothing to end
        """End, with what is under way."""


class InlineExecutor(Executor):
    """Does all three steps of a job before it returns."""

    def submit(self, job: Job, done: Callable[[], None]) -> None:
        start = time.perf_counter()
        try:
            job.prepare()
            job.compute()
            job.bring_back()
        except Exception as error:
            job.error = error
        job.seconds = time.perf_counter() - start
        done()


class OverlappedExecutor(Executor):
    """Has a thread for each step: while one job is computed, the next is prepared and the last one brought back."""

    depth = 3

    def __init__(self) -> None:
        self._queues: list[queue.SimpleQueue[tuple[Job, Callable[[], None]] | None]] = [
            queue.SimpleQueue() for _ in _STEPS
        ]
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"device-{name}", daemon=True)
            for number, name in enumerate(_STEPS)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job, done: Callable[[], None]) -> None:
        self._queues[0].put((job, done))

    def close(self) -> None:
        self._queues[0].put(None)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    @contextlib.contextmanager
    def _step(self, number: int, job: Job) -> Iterator[None]:
        """Surround a step of a job; the second one's time is that which the job has the device."""
        start = time.perf_counter()
        try:
            yield
        finally:
            if number == 1:
                job.seconds = time.perf_counter() - start

    def _run(self, number: int) -> None:
        following = self._queues[number + 1] if number + 1 < len(_STEPS) else None
        while (sent := self._queues[number].get()) is not None:
            job, done = sent
            if job.error is None:
                try:
                    with self._step(number, job):
                        getattr(job, _STEPS[number])()
                except BaseException as error:
                    job.error = error
            if following is None:
                done()
            else:
                following.put(sent)
            del job, done, sent  # what it holds must not outlive it here
        if following is not None:
            following.put(None)


class CudaExecutor(OverlappedExecutor):
    """Gives each step a stream of a GPU; a step waits there, not here, for the one before."""

    def __init__(self, device: "torch.device") -> None:
        import torch

        self._device = device
        # what the default stream still does to the weights is not waited for by other streams
        torch.cuda.synchronize(device)
        self._streams = [torch.cuda.Stream(device) for _ in _STEPS]
        super().__init__()

    @contextlib.contextmanager
    def _step(self, number: int, job: Job) -> Iterator[None]:
        import torch

        stream = self._streams[number]
        is_timed = number == 1
        with torch.cuda.device(self._device), torch.cuda.stream(stream):
            if job.events:
                stream.wait_event(job.events[-1])
            if is_timed:
                job.events.append(stream.record_event(torch.cuda.Event(enable_timing=True)))
            yield
            job.events.append(stream.record_event(torch.cuda.Event(enable_timing=is_timed)))
            if number == len(_STEPS) - 1:
                stream.synchronize()
                _, begin, end, _ = job.events
                job.seconds = begin.elapsed_time(end) / 1000


def executor_on(device: "torch.device") -> Executor:
    """Make the executor for a device."""
    return CudaExecutor(device) if device.type == "cuda" else InlineExecutor()
