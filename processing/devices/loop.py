"""The loop of the thread that has the devices: others ask, and it sends what they ask in shared batches."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any

from mmvoxceleb.processing.devices.model import Computed, Request
from mmvoxceleb.processing.devices.sharing import Answer, Sharing

__all__ = ["DeviceLoop", "compute_alone"]


class DeviceLoop:
    """Takes what other threads ask to the devices, in batches that they share.

    The thread that calls :meth:`turn` again and again computes, where computing has no threads of its own. Another
    thread counts as coming, so that batches wait for it, from :meth:`come` to :meth:`leave`, except while it waits for
    an answer and within :meth:`away`.

    Args:
        refusal: Makes the error that answers what is not computed any more, as the loop was interrupted or refuses.
    """

    def __init__(self, refusal: Callable[[], Exception] = CancelledError) -> None:
        self._refusal = refusal
        self._refuses = False
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._sharing = Sharing(self._inbox.put)
        self._num_coming = 0
        self._here = threading.local()

    def tell(self, message: Callable[[], None]) -> None:
        """Have something done by the loop's thread, after what it was told before."""
        self._inbox.put(message)

    def come(self) -> None:
        """Count one thread more as coming."""
        self._inbox.put(lambda: self._count(1))

    def leave(self) -> None:
        """Count one thread less as coming."""
        self._inbox.put(lambda: self._count(-1))

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Say that this thread asks for nothing meanwhile, however long that is, so that no batch waits for it."""
        if getattr(self._here, "is_away", False):
            yield
            return
        self._here.is_away = True
        self.leave()
        try:
            yield
        finally:
            self._here.is_away = False
            self.come()

    def compute(self, request: Request) -> Computed:
        """Have something computed, from another thread, and wait for it.

        Raises:
            Exception: Whatever went wrong.
        """
        future: Future[Computed] = Future()
        step = 0 if getattr(self._here, "is_away", False) else 1

        def answered(answer: Answer) -> None:
            self._count(step)  # before the thread knows, so that nothing is sent without it
            if isinstance(answer, Computed):
                future.set_result(answer)
            else:
                future.set_exception(answer)

        def ask() -> None:
            self._count(-step)
            if self._refuses:
                answered(self._refusal())
            else:
                self._sharing.ask(request, answered)

        self._inbox.put(ask)
        return future.result()

    def run_alone(self, function: Callable[[], Any]) -> Any:
        """Call a function, from another thread, while nothing else uses the devices, and return what it returns."""
        job = _Function(function)
        future: Future[Any] = Future()

        def done() -> None:
            if job.error is not None:
                future.set_exception(job.error)
            else:
                future.set_result(job.result)

        def run() -> None:
            if self._refuses:
                future.set_exception(self._refusal())
                return
            try:
                self._sharing.run_alone(job, done)
            except BaseException:
                future.set_exception(self._refusal())
                raise

        self._inbox.put(run)
        return future.result()

    def turn(self, timeout_seconds: float | None = None) -> None:
        """Do all that was told and then send a batch; where there was nothing of either, wait for something to do.

        Raises:
            queue.Empty: There was nothing within that time.
            KeyboardInterrupt: The thread was interrupted.
        """
        was_told = False
        while not self._inbox.empty():  # nobody else takes from it
            self._inbox.get()()
            was_told = True
        if not self._sharing.send(others_come=self._num_coming > 0) and not was_told:
            self._inbox.get(timeout=timeout_seconds)()

    def refuse(self) -> None:
        """Answer all that is asked, and will be, with the error of a refusal."""
        if not self._refuses:
            self._refuses = True
            self._sharing.abandon(self._refusal())

    def close(self) -> None:
        """End the threads of the devices."""
        self._sharing.close()

    def _count(self, step: int) -> None:
        self._num_coming += step


class _Function:
    """A function as a job of an executor."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self.result: Any = None
        self.error: BaseException | None = None
        self.seconds = 0.0
        self.events: list[Any] = []

    def prepare(self) -> None:
        """Nothing."""

    def compute(self) -> None:
        try:
            self.result = self._function()
        except Exception as error:
            self.error = error

    def bring_back(self) -> None:
        """Nothing."""


def compute_alone(request: Request) -> Computed:
    """Compute what nobody shares, on this thread.

    Raises:
        Exception: Whatever went wrong.
    """
    loop = DeviceLoop()
    answers: list[Answer] = []
    loop._sharing.ask(request, answers.append)
    try:
        while not answers:
            loop.turn()
    finally:
        loop.close()
    (answer,) = answers
    if isinstance(answer, Computed):
        return answer
    raise answer
