"""Ray for a test, and nothing of it afterwards."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["connected_ray"]


@contextmanager
def connected_ray(address: str = "local") -> Iterator[None]:
    """Connect to a cluster, or start one of two cores, and leave it. Skips the test where Ray is not installed.

    Ray's handler of SIGTERM would stay. Processes that later tests fork would have it too, and would not always end
    when their pool does.
    """
    ray = pytest.importorskip("ray", reason="needs the extra mmvoxceleb[ray]")
    before = signal.getsignal(signal.SIGTERM)
    here = {"num_cpus": 2, "include_dashboard": False} if address == "local" else {}
    ray.init(address=address, logging_level="ERROR", log_to_driver=False, **here)
    try:
        yield
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, before)
