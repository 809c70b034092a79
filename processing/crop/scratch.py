"""Bring a video from a bucket or a server to this machine while it is worked on, and no longer."""

import contextlib
import os
import shutil
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files.opening import open_source
from mmvoxceleb.files.partial import is_left_behind, partial_prefix
from mmvoxceleb.processing.crop.fetch import LARGEST_VIDEO_BYTES
from mmvoxceleb.processing.crop.names import MOST_BYTES, part_of_name

__all__ = ["fetched"]

SPARE_BYTES = 1 << 30
"""What is left free in the scratch space, for everybody else."""

_CHUNK_BYTES = 8 << 20


@contextlib.contextmanager
def fetched(url: str, *, check: Callable[[], None] | None = None) -> Iterator[Path]:
    """Give a copy of a remote file, which is deleted afterwards.

    The scratch space is the folder for temporary files (``TMPDIR``). It holds one video for each thread that works on
    one; what killed processes left there is deleted first.

    Args:
        url: An fsspec URL.
        check: Called for every few megabytes; what it raises ends the work.

    Raises:
        SourceUnavailableError: The file cannot be had, is larger than 32 GB, or does not fit the scratch space.
    """
    scratch = Path(tempfile.gettempdir()) / f"mmvoxceleb-scratch-{os.getuid()}"
    try:
        scratch.mkdir(mode=0o700, exist_ok=True)
        for left in scratch.iterdir():
            if is_left_behind(left):
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=partial_prefix(), dir=scratch))
    except OSError as error:
        raise SourceUnavailableError(
            f"{scratch}: cannot be the scratch space for {url} ({error.strerror}); set TMPDIR to another place"
        ) from error
    try:
        name = urllib.parse.unquote(url.partition("?")[0].rstrip("/").rpartition("/")[2])
        path = folder / (name if len(name.encode()) <= 3 * MOST_BYTES else part_of_name(name))
        _copy(url, path, check or (lambda: None))
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(url: str, path: Path, check: Callable[[], None]) -> None:
    source = open_source(url)
    size = source.size
    free = shutil.disk_usage(path.parent).free - SPARE_BYTES
    if size > min(free, LARGEST_VIDEO_BYTES):
        why = (
            "videos may have 32"
            if size > LARGEST_VIDEO_BYTES
            else f"{path.parent} has {max(0, free) / 1e9:.1f} to spare"
        )
        raise SourceUnavailableError(f"{url}: has {size / 1e9:.1f} GB, and {why}; set TMPDIR to a larger place")
    try:
        with path.open("xb") as file:
            for start in range(0, size, _CHUNK_BYTES):
                check()
                file.write(source.read(start, min(size, start + _CHUNK_BYTES)))
    except SourceUnavailableError:
        raise
    except OSError as error:
        raise SourceUnavailableError(
            f"{path.parent}: {url} cannot be copied there ({error.strerror or error}); set TMPDIR to another place"
        ) from error
