"""Byte ranges of one file, local or behind any fsspec URL."""

import os
import stat
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files.http import fetch_range, file_info, is_http
from mmvoxceleb.files.retry import with_retries
from mmvoxceleb.files.stalls import within
from mmvoxceleb.files.version import version_of, version_of_stat

__all__ = [
    "ByteSource",
    "LocalSource",
    "RemoteSource",
    "ShortReadError",
    "forget_listings",
    "is_url",
    "open_source",
    "stat_file",
]


_PATIENCE_SECONDS = 60.0
_LEAST_BYTES_PER_SECOND = 64 << 10
"""What is waited for S3, the Hub and others: their drivers bound the wait for a byte, and not that for all of them."""


class ShortReadError(OSError):
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


def stat_file(path: str) -> os.stat_result:
    """Return a file's status; pipes and devices, of which a read may never end, are refused.

    Raises:
        SourceUnavailableError: It is no file, nor a link to one.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise SourceUnavailableError(f"{path}: is no regular file; remove it, or put the file in its place")
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

    def __getstate__(self) -> dict[str, Any]:
        return {"location": self.location}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["location"])  # type: ignore[misc]

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
                    "it changed meanwhile, so load it again"
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

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


class RemoteSource(ByteSource):
    """A file behind an fsspec URL, read by range requests of exactly the bytes asked for.

    Args:
        url: ``https://``, ``s3://``, ``hf://`` and whatever else fsspec knows.
        storage_options: Passed to the fsspec file system (credentials, endpoints).
    """

    def __init__(self, url: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self.location = url
        self._options = dict(storage_options or {})
        self._local = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {"url": self.location, "storage_options": self._options, "info": self.__dict__.get("_info")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["url"], state["storage_options"])  # type: ignore[misc]
        if state["info"] is not None:
            self.__dict__["_info"] = state["info"]

    @cached_property
    def _info(self) -> dict[str, Any]:
        def ask() -> tuple[int | None, str]:
            system, path = self._system()
            if is_http(self.location):
                return file_info(system, path)
            info: dict[str, Any] = within(_PATIENCE_SECONDS, lambda: system.info(path), "the file's size")
            return info.get("size"), version_of(info)

        size, version = with_retries(ask, self.location)
        if size is None:
            raise SourceUnavailableError(
                f"{self.location}: the server does not say how large the file is, so it cannot be read by ranges; "
                "download the file and pass its folder as data_dir"
            )
        return {"size": int(size), "version": version}

    @property
    def size(self) -> int:
        return int(self._info["size"])

    @property
    def version(self) -> str:
        return str(self._info["version"])

    def read(self, start: int, end: int) -> bytes:
        if end <= start:
            return b""

        def fetch() -> bytes:
            data = self._read_http(start, end) if is_http(self.location) else self._read_file(start, end)
            if len(data) != end - start:
                self._local.file = None
                raise ShortReadError(f"{len(data):,} bytes of the {end - start:,} asked for at {start:,}")
            return data

        return with_retries(fetch, self.location)

    def _read_http(self, start: int, end: int) -> bytes:
        system, path = self._system()
        return fetch_range(system, path, start, end)

    def _read_file(self, start: int, end: int) -> bytes:
        file = self._file()

        def read() -> bytes:
            file.seek(start)
            data: bytes = file.read(end - start)
            return data

        try:
            seconds = _PATIENCE_SECONDS + (end - start) / _LEAST_BYTES_PER_SECOND
            return within(seconds, read, f"{end - start:,} bytes")
        except BaseException:
            self._local.file = None
            raise

    def _system(self) -> tuple[Any, str]:
        """Return fsspec's file system for this process; instances of a parent process do not survive a fork."""
        import fsspec

        system, path = fsspec.core.url_to_fs(self.location, **self._options)
        return system, path

    def _file(self) -> Any:
        """Return this thread's open file."""
        file = getattr(self._local, "file", None)
        if file is None or self._local.pid != os.getpid():
            system, path = self._system()
            file = system.open(path, "rb", cache_type="none")
            self._local.file, self._local.pid = file, os.getpid()
        return file


def is_url(location: str) -> bool:
    """Tell a URL (``https://...``, ``s3://...``) from a path."""
    return "://" in location


def forget_listings(location: str, storage_options: Mapping[str, Any] | None = None) -> None:
    """Let fsspec answer from no listing that it kept of an earlier time; HTTP's are never kept.

    Raises:
        SourceUnavailableError: The address means nothing to fsspec, or its server does not answer.
    """
    if is_url(location) and not location.startswith("file://") and not is_http(location):
        import fsspec

        def forget() -> None:
            system, _ = fsspec.core.url_to_fs(location, **(storage_options or {}))
            system.invalidate_cache()

        with_retries(forget, location)


def open_source(location: str, storage_options: Mapping[str, Any] | None = None) -> ByteSource:
    """Return the byte source for a path or URL; nothing is opened or asked yet."""
    if is_url(location) and not location.startswith("file://"):
        return RemoteSource(location, storage_options)
    return LocalSource(location.removeprefix("file://"))
