"""Ends the process of a test that hangs, with the processes that it forked.

A forked process holds the pipe by which pytest-xdist talks with its worker. So if only the worker died, the run would
wait for it for ever.
"""

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["watched"]


@contextmanager
def watched(seconds: float) -> Iterator[None]:
    """End this process with exit code 1 if the block takes longer than ``seconds``."""
    timer = threading.Timer(seconds, _end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end() -> None:
    modules = [multiprocessing, sys.modules.get("multiprocess")]  # the latter is what datasets uses
    for module in filter(None, modules):
        for child in module.active_children():
            child.kill()
    os._exit(1)
