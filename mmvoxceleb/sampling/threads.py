"""Share the pictures of one sample among threads: decoders let go of Python's lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

__all__ = ["for_each", "thread_count"]

_MOST_BY_DEFAULT = 4
_POOLS: dict[tuple[int, int], ThreadPoolExecutor] = {}
"""By process and size: after a fork, the parent's threads are not there."""


def thread_count(wanted: int | None) -> int:
    """Return how many threads to use: by default one in a ``DataLoader``'s worker, else one for each core up to 4."""
    if wanted is not None:
        return wanted
    if torch.utils.data.get_worker_info() is not None:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST_BY_DEFAULT)


def for_each(count: int, do: Callable[[int], None], threads: int) -> None:
    """Call ``do`` with 0 to ``count`` - 1, in no order; the calling thread takes its share.

    Raises:
        Exception: Whatever ``do`` raised first, once all threads are done.
    """
    shares = min(threads, count)

    def share(first: int) -> None:
        for number in range(first, count, shares):
            do(number)

    if shares <= 1:
        if count:
            share(0)
        return
    key = (os.getpid(), threads)
    if key not in _POOLS:
        _POOLS[key] = ThreadPoolExecutor(threads - 1, thread_name_prefix="mmvoxceleb-decode")
    others = [_POOLS[key].submit(share, first) for first in range(1, shares)]
    try:
        share(0)
    finally:
        errors = [other.exception() for other in others]
    for error in errors:
        if error is not None:
            raise error
