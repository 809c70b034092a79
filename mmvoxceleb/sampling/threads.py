"""Share the pictures of one sample among threads: decoders let go of Python's lock."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

__all__ = ["DecodeThreads"]

_MOST_BY_DEFAULT = 4


class DecodeThreads:
    """The threads of one sampler, in one process: started when first needed, ended with the sampler.

    A forked or spawned process starts its own, since threads do not survive either.

    Args:
        wanted: How many, the calling one included. None for one in a ``DataLoader``'s worker, and one for each core,
            up to 4, elsewhere.
    """

    def __init__(self, wanted: int | None = None) -> None:
        self._wanted = wanted
        self._pool: ThreadPoolExecutor | None = None
        self._process = os.getpid()

    def __getstate__(self) -> dict[str, int | None]:
        return {"wanted": self._wanted}

    def __setstate__(self, state: dict[str, int | None]) -> None:
        self.__init__(state["wanted"])  # type: ignore[misc]

    @property
    def count(self) -> int:
        """How many threads work here and now."""
        if self._wanted is not None:
            return self._wanted
        if torch.utils.data.get_worker_info() is not None:
            return 1
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(cores, _MOST_BY_DEFAULT)

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Call all tasks, begun in their order; the calling thread takes its share. Returns when all are done.

        Raises:
            Exception: What the first of the tasks that failed raised.
        """
        waiting = deque(enumerate(tasks))
        errors: dict[int, Exception] = {}

        def work() -> None:
            while True:
                try:
                    number, task = waiting.popleft()
                except IndexError:
                    return
                try:
                    task()
                except Exception as error:
                    errors[number] = error

        count = self.count
        pool = self._started(count - 1) if min(count, len(tasks)) > 1 else None
        helpers = [pool.submit(work) for _ in range(min(count, len(tasks)) - 1)] if pool is not None else []
        try:
            work()
        finally:
            waiting.clear()
            for helper in helpers:
                if not helper.cancel():
                    helper.result()
        if errors:
            raise errors[min(errors)]

    def _started(self, threads: int) -> ThreadPoolExecutor:
        if self._pool is None or self._process != os.getpid():
            self._process = os.getpid()
            self._pool = ThreadPoolExecutor(threads, thread_name_prefix="mmvoxceleb-decode")
        return self._pool
