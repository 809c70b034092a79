"""Read, decode or encode some things ahead of the one that is out."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

__all__ = ["results_ahead"]

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
    pending: deque[tuple[Item, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(threads or ahead, thread_name_prefix="read-ahead")
    try:
        for item in items:
            pending.append((item, pool.submit(function, item)))
            if len(pending) > ahead:
                first, future = pending.popleft()
                yield first, future.result
        for first, future in pending:
            yield first, future.result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
