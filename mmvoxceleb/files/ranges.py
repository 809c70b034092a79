"""Byte ranges of one file."""

import os
import stat
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files.retry import with_retries
from mmvoxceleb.files.version import version_of_stat

__all__ = ["ByteSource", "LocalSource", "ShortReadError", "TailSource", "UrlSource", "is_http", "is_url", "stat_file"]

Result = TypeVar("Result")


class ShortReadError(ConnectionError):
    """A source gave fewer bytes than it said it had; worth another try."""


class ByteSource(ABC):
    """A file of which any range of bytes can be read, from any thread and, after pickling, any process."""

    location: str

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes of the file."""

    @property
    @abstractmethod
    def version(self) -> str:
        """What changes when the content does, see :mod:`mmvoxceleb.files.version`; empty where the source has none."""

    @abstractmethod
    def read(self, start: int, end: int) -> bytes:
        """Read the bytes from ``start`` up to, not including, ``end``; both must lie in the file.

        Raises:
            SourceUnavailableError: The file cannot be read, also after retries.
        """

    def tail(self, most: int) -> bytes:
        """Read the last ``most`` bytes, or all where there are fewer, without asking for the size first where it can.

        Raises:
            SourceUnavailableError: The file cannot be read, also after retries.
        """
        return self.read(max(0, self.size - most), self.size)


def stat_file(path: str) -> os.stat_result:
    """Return a file's status; pipes and devices, of which a read may never end, are refused.

    Raises:
        SourceUnavailableError: It is not a file, nor a link to one.
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise SourceUnavailableError(f"{path}: is a folder, where a file is expected; check the path")
    if not stat.S_ISREG(status.st_mode):
        raise SourceUnavailableError(f"{path}: is not a regular file; remove it, or replace it with the file")
    return status


class LocalSource(ByteSource):
    """A file on disk, read with ``pread``.

    Args:
        path: The file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.location = os.fspath(path)
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.location,)

    @cached_property
    def _stat(self) -> os.stat_result:
        return with_retries(lambda: stat_file(self.location), self.location)

    @property
    def size(self) -> int:
        return self._stat.st_size

    @property
    def version(self) -> str:
        return version_of_stat(self._stat)

    def read(self, start: int, end: int) -> bytes:
        descriptor = self._open()
        parts: list[bytes] = []
        position = start
        while position < end:
            part = os.pread(descriptor, end - position, position)
            if not part:
                raise SourceUnavailableError(
                    f"{self.location}: ends at byte {position:,} although it had {self.size:,} when it was opened; "
                    "it has changed, so load it again"
                )
            parts.append(part)
            position += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _open(self) -> int:
        if self._descriptor is None:
            _ = self._stat  # before a pipe is opened, which would wait
            with self._lock:
                if self._descriptor is None:
                    self._descriptor = with_retries(
                        lambda: os.open(self.location, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)), self.location
                    )
        return self._descriptor

    def __del__(self, close: Callable[[int], None] = os.close) -> None:  # at the end of Python os may be gone
        if self._descriptor is not None:
            close(self._descriptor)


class UrlSource(ByteSource):
    """A file behind a URL, read by range requests of exactly the bytes asked for.

    Args:
        url: The file.
        storage_options: Passed to the fsspec file system (credentials, endpoints).
        told: Size and version, where they are known.
    """

    def __init__(
        self, url: str, storage_options: Mapping[str, Any] | None = None, told: tuple[int, str] | None = None
    ) -> None:
        self.location, self._options = url, dict(storage_options or {})
        self._told = told

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.location, self._options, self._told)

    @abstractmethod
    def _ask(self) -> tuple[int | None, str]:
        """Ask for the size of the file, None where the server does not say, and its version."""

    @abstractmethod
    def _fetch(self, start: int, end: int) -> bytes:
        """Read a range, or what there is of it."""

    def _patiently(self, action: Callable[[], Result]) -> Result:
        return with_retries(action, self.location)

    def _known(self) -> tuple[int, str]:
        # no cached_property, which lets one source at a time ask up to Python 3.11
        if self._told is None:
            self._told = self._known_by(self._ask)
        return self._told

    def _known_by(self, ask: Callable[[], tuple[int | None, str]]) -> tuple[int, str]:
        size, version = self._patiently(ask)
        if size is None:
            raise SourceUnavailableError(
                f"{self.location}: the server does not say how large the file is, so it cannot be read by ranges; "
                "download the file and pass its folder as data_dir"
            )
        return int(size), version

    @property
    def size(self) -> int:
        return self._known()[0]

    @property
    def version(self) -> str:
        return self._known()[1]

    def read(self, start: int, end: int) -> bytes:
        def fetch() -> bytes:
            data = self._fetch(start, end)
            if len(data) != end - start:
                raise ShortReadError(f"{len(data):,} bytes of the {end - start:,} asked for at {start:,}")
            return data

        return self._patiently(fetch) if end > start else b""


class TailSource(ByteSource):
    """A file whose end is read in one go, and at once; what lies there is not asked for again.

    Args:
        source: The file.
        most: Bytes of its end.
    """

    def __init__(self, source: ByteSource, most: int) -> None:
        self.location, self._source = source.location, source
        self._end = source.tail(most)
        self._start = source.size - len(self._end)

    @property
    def size(self) -> int:
        return self._source.size

    @property
    def version(self) -> str:
        return self._source.version

    def read(self, start: int, end: int) -> bytes:
        if end <= self._start:
            return self._source.read(start, end)
        before = self._source.read(start, self._start) if start < self._start else b""
        return before + self._end[max(0, start - self._start) : end - self._start]


def is_http(url: str) -> bool:
    """Tell an HTTP address from other URLs."""
    return url.startswith(("http://", "https://"))


def is_url(location: str) -> bool:
    """Tell a URL (``https://...``, ``s3://...``) from a path."""
    return "://" in location
