"""Share the pictures of one sample among threads: decoders let go of Python's lock."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import torch

from mmvoxceleb.cpus import usable_cpus

__all__ = ["DecodeThreads", "DecodeWork"]

_MOST_BY_DEFAULT = 4


class DecodeWork:
    """Tasks that threads see to while more are added; all are done when the ``with`` block ends.

    The thread that adds them takes its share at the end of the block. If the block raises, what has not begun is
    left undone; if tasks raise, the end of the block raises what the first added of them did.

    Args:
        pool: The other threads; None to do all in this one.
        helpers: How many of them may work at a time.
    """

    def __init__(self, pool: ThreadPoolExecutor | None = None, helpers: int = 0) -> None:
        self._pool = pool
        self._most = helpers
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._added = 0
        self._errors: dict[int, Exception] = {}
        self._helpers: list[Future[None]] = []

    def add(self, tasks: Iterable[Callable[[], None]]) -> None:
        """Add tasks; the other threads begin at once, in this order."""
        for task in tasks:
            self._waiting.append((self._added, task))
            self._added += 1
        if self._pool is not None:
            self._helpers = [helper for helper in self._helpers if not helper.done()]
            for _ in range(min(self._most - len(self._helpers), len(self._waiting))):
                self._helpers.append(self._pool.submit(self._do_waiting))
            time.sleep(0)  # lets go of Python's lock, or they would begin when this thread next does

    def _do_waiting(self) -> None:
        while True:
            try:
                number, task = self._waiting.popleft()
            except IndexError:
                return
            try:
                task()
            except Exception as error:
                self._errors[number] = error

    def __enter__(self) -> "DecodeWork":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._do_waiting()
        finally:
            self._waiting.clear()
            for helper in self._helpers:
                if not helper.cancel():
                    helper.result()
        if kind is None and self._errors:
            raise self._errors[min(self._errors)]


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

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._wanted,)

    @property
    def count(self) -> int:
        """How many threads work here and now."""
        if self._wanted is not None:
            return self._wanted
        if torch.utils.data.get_worker_info() is not None:
            return 1
        return min(usable_cpus(), _MOST_BY_DEFAULT)

    def work(self, *, only_decode: bool = False) -> DecodeWork:
        """Begin the work on one sample.

        Args:
            only_decode: Whether tasks wait for no disk, so that more of them than cores would be in each other's way.
        """
        helpers = (min(self.count, usable_cpus()) if only_decode else self.count) - 1
        if helpers < 1:
            return DecodeWork()
        if self._pool is None or self._process != os.getpid():
            self._process = os.getpid()
            self._pool = ThreadPoolExecutor(helpers, thread_name_prefix="mmvoxceleb-decode")
        return DecodeWork(self._pool, helpers)
