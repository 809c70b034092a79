"""Decode pictures as where Numba is not installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mmvoxceleb.codecs import png


@contextmanager
def without_numba() -> Iterator[None]:
    """Hide what needs Numba, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "mmvoxceleb.codecs.unfilter", None)
        png._can_unfilter.cache_clear()
        try:
            yield
        finally:
            png._can_unfilter.cache_clear()
