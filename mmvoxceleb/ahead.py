"""Read, decode or encode some things ahead of the one that is out."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

__all__ = ["GrowingAhead", "results_ahead"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def results_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int, threads: int | None = None
) -> Iterator[tuple[Item, Callable[[], Result]]]:
    """Call ``function`` on each item in threads, at most ``ahead`` items beyond the one that is out.

    Args:
        function: What to call; must be safe to call from threads.
        items: Its arguments.
        ahead: Items in the making; 0 calls it in this thread, and no sooner than asked.
        threads: By default one for each of them.

    Yields:
        Each item, in order, with a callable that returns its result or raises what ``function`` raised.
    """
    if ahead < 1:
        for item in items:
            yield item, partial(function, item)
        return
    yield from _results(function, items, lambda: ahead, threads or ahead)


def _results(
    function: Callable[[Item], Result], items: Iterable[Item], ahead: Callable[[], int], threads: int
) -> Iterator[tuple[Item, Callable[[], Result]]]:
    pending: deque[tuple[Item, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="read-ahead")
    try:
        for item in items:
            pending.append((item, pool.submit(function, item)))
            while len(pending) > ahead():
                first, future = pending.popleft()
                yield first, future.result
        for first, future in pending:
            yield first, future.result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class GrowingAhead(Generic[Result]):
    """Reads ahead of who reads from afar: the more is taken, the more is on its way, also over several calls.

    Whoever looks at one thing makes this read no other; whoever takes all soon waits for little. All things are taken
    to be as large as the largest so far, and what is ahead stays under ``most_bytes`` with it.

    Args:
        most: Things in the making at most.
        most_bytes: What they may have together.
        size_of: Tells the bytes of a result.
    """

    def __init__(self, *, most: int, most_bytes: int, size_of: Callable[[Result], int]) -> None:
        self._most, self._most_bytes, self._size_of = most, most_bytes, size_of
        self._taken = self._largest = 0

    def results(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, least: int = 0
    ) -> Iterator[tuple[Item, Callable[[], Result]]]:
        """Do what :func:`results_ahead` does; each callable is to be called once.

        Args:
            function: What to call; must be safe to call from threads.
            items: Its arguments.
            least: Items in the making from the first on, whatever their bytes.
        """

        def ahead() -> int:
            return max(least, min(self._most, self._taken // 2, self._most_bytes // max(self._largest, 1)))

        for item, result in _results(function, items, ahead, max(self._most, least)):
            yield item, partial(self._take, result)

    def _take(self, result: Callable[[], Result]) -> Result:
        found = result()
        self._taken, self._largest = self._taken + 1, max(self._largest, self._size_of(found))
        return found
