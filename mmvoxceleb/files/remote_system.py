"""What fsspec has behind a URL: one connection a thread, made again where it was cut, and whole files on any server."""

import contextlib
import ftplib
import inspect
import os
import secrets
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from mmvoxceleb.files import http
from mmvoxceleb.files.partial import partial_prefix
from mmvoxceleb.files.ranges import UrlSource
from mmvoxceleb.files.retry import with_retries
from mmvoxceleb.files.signed import signed_reads, with_signatures
from mmvoxceleb.files.stalls import StalledError, within
from mmvoxceleb.files.tree import Item
from mmvoxceleb.files.version import version_of

__all__ = ["RemoteSource", "RemoteSystem", "answer_within", "in_one_piece", "or_none"]

OBJECT_STORES = frozenset(["s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "tos", "obs", "memory"])
"""Protocols of which an upload is seen when it is complete, and not before. Elsewhere files are renamed into place."""

LIST_BY_PREFIX = frozenset(["s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"])
"""Those whose drivers list what lies anywhere below a beginning of names, a thousand or more a request."""

_PATIENCE_SECONDS = 60.0
_LEAST_BYTES_PER_SECOND = 64 << 10
"""What is waited for S3, the Hub and others: their drivers bound the wait for a byte, and not that for all of them."""

Result = TypeVar("Result")


class RemoteSystem(threading.local):
    """The folder behind a URL, by fsspec. Each thread has a connection of its own.

    fsspec's own ``DirFileSystem`` does not do here: at the root of an FTP server its ``ls`` fails (2026.9), and up to
    2025.3 its ``invalidate_cache`` does nothing, so that listings stay stale.

    Args:
        address: The URL.
        options: Passed to the fsspec file system.
    """

    def __init__(self, address: str, options: Mapping[str, Any]) -> None:
        self.address, self._options = address, with_signatures(address, options)
        self.protocol = address.partition("://")[0].lower()
        self.is_object_store = self.protocol in OBJECT_STORES
        self.lists_by_prefix = self.protocol in LIST_BY_PREFIX
        self.signed = signed_reads(address, options)
        self._made: set[str] = set()
        self._system: Any = None
        self._file: Any = None
        self._root, self._process = "", 0

    def at(self, path: str) -> tuple[Any, str]:
        """Return this thread's file system, which does not survive a fork, and the full path in it."""
        if self._system is None or self._process != os.getpid():
            import fsspec

            self._system, self._root = fsspec.core.url_to_fs(self.address, **self._options)
            self._process, self._file = os.getpid(), None
        between = "" if not self._root or self._root.endswith("/") else "/"
        return self._system, f"{self._root}{between}{path}" if path else self._root

    def fresh(self, path: str) -> tuple[Any, str]:
        """Do what :meth:`at` does, and let the driver answer from no listing that it keeps: others write there."""
        system, full = self.at(path)
        if self.is_object_store:
            system.invalidate_cache(full)
            system.invalidate_cache(full.rstrip("/").rpartition("/")[0])
        elif self.protocol != "hf":
            system.invalidate_cache()
        return system, full

    def patiently(self, action: Callable[[], Result], where: str) -> Result:
        """Call ``action`` by :func:`with_retries`, on a new connection where the last one was cut."""

        def attempt() -> Result:
            try:
                return action()
            except FileNotFoundError:
                raise
            except (EOFError, ftplib.error_temp) as error:
                self._system = None
                raise ConnectionError(f"the connection was cut ({error})") from error
            except BaseException:
                self._system = None
                raise

        return with_retries(attempt, where)

    def file(self) -> Any:
        """Return this thread's open file, where the URL is that of a file."""
        system, full = self.at("")
        if self._file is None:
            self._file = system.open(full, "rb", cache_type="none")
        return self._file

    def find(self, path: str) -> Item:
        """Look at what is at a path."""
        system, full = self.fresh(path)
        return _item(system.info(full))

    def list(self, path: str) -> list[Item]:
        """List a folder."""
        system, full = self.fresh(path)
        listed = within(5 * _PATIENCE_SECONDS, lambda: system.ls(full, detail=True), "the listing")
        return [_item(info) for info in listed if info["name"].strip("/") != full.strip("/")]

    def list_below(self, path: str, start: str, names: Collection[str]) -> dict[str, Sequence[Item]]:
        """List those of the folders ``names`` in a folder that have files, all of which begin with ``start``."""
        system, full = self.fresh(path)
        seconds = 5 * _PATIENCE_SECONDS + len(names)
        listed = within(seconds, lambda: system.find(full, prefix=start, detail=True), "the listing")
        found: dict[str, dict[str, Item]] = {}
        for info in listed.values():
            folder, _, rest = info["name"].strip("/").removeprefix(full.strip("/")).strip("/").partition("/")
            if rest and folder in names:
                name, slash, _ = rest.partition("/")
                found.setdefault(folder, {}).setdefault(name, Item(name, True) if slash else _item(info))
        return {folder: [*items.values()] for folder, items in found.items()}

    def put(self, path: str, data: bytes) -> None:
        """Write a file that is whole as soon as it is seen."""
        system, full = self.at(path)
        if self.is_object_store:
            system.pipe_file(full, data)
            return
        folder = full.rsplit("/", 1)[0]
        self._make_folder(system, folder)
        partial = f"{folder}/{partial_prefix()}{secrets.token_hex(8)}"
        try:
            system.pipe_file(partial, data)
            try:
                system.mv(partial, full)
            except Exception:  # servers that do not replace
                if not system.exists(full):
                    raise
                system.rm_file(full)
                system.mv(partial, full)
        except BaseException:
            with contextlib.suppress(Exception):  # it was renamed, or the server is gone; the next run cleans up
                system.rm_file(partial)
            raise

    def _make_folder(self, system: Any, folder: str) -> None:
        if folder in self._made:
            return
        for is_last in (False, True):
            try:
                system.makedirs(folder, exist_ok=True)
                break
            except Exception:  # others made it, or one above it, at the same moment, perhaps
                system.invalidate_cache()
                if system.isdir(folder):
                    break
                if is_last:
                    raise
                if "/" in folder.strip("/"):
                    self._make_folder(system, folder.rsplit("/", 1)[0])
        self._made.add(folder)


class RemoteSource(UrlSource):
    """A file behind an fsspec URL other than HTTP."""

    def __init__(
        self, url: str, storage_options: Mapping[str, Any] | None = None, told: tuple[int, str] | None = None
    ) -> None:
        super().__init__(url, storage_options, told)
        self._remote = RemoteSystem(url, self._options)

    def _patiently(self, action: Callable[[], Result]) -> Result:
        return self._remote.patiently(action, self.location)

    def _ask(self) -> tuple[int | None, str]:
        system, path = self._remote.at("")
        info: dict[str, Any] = within(_PATIENCE_SECONDS, lambda: system.info(path), "the file's size")
        return info.get("size"), version_of(info)

    def _fetch(self, start: int, end: int) -> bytes:
        system, path = self._remote.at("")
        seconds, what = _PATIENCE_SECONDS + (end - start) / _LEAST_BYTES_PER_SECOND, f"{end - start:,} bytes"
        if system.async_impl:  # any thread may use it; an open file would ask for its size first

            def by_driver() -> bytes:
                data: bytes = answer_within(seconds, what, system, "cat_file", path, start=start, end=end)
                return data

            if self._remote.signed is None:
                return by_driver()
            return self._remote.signed.read(
                system, [path], lambda web, urls: http.fetch_range(web, urls[0], start, end), by_driver
            )
        file = self._remote.file()

        def read() -> bytes:
            file.seek(start)
            content: bytes = file.read(end - start)
            return content

        return within(seconds, read, what)


def answer_within(seconds: float, what: str, system: Any, method: str, *arguments: Any, **options: Any) -> Any:
    """Call a method of a driver and wait for it so long. Asynchronous drivers need no thread for that.

    Raises:
        StalledError: It took longer.
    """
    call, coroutine = getattr(system, method), getattr(system, f"_{method}", None)
    if coroutine is None or getattr(call, "__wrapped__", None) != coroutine:  # the driver's own is more than to wait
        return within(seconds, lambda: call(*arguments, **options), what)
    from fsspec.asyn import sync
    from fsspec.exceptions import FSTimeoutError

    try:
        return sync(system.loop, coroutine, *arguments, timeout=seconds, **options)
    except FSTimeoutError as error:
        raise StalledError(f"{what} did not come within {seconds:.0f} s") from error


def in_one_piece(system: Any) -> dict[str, int]:
    """Return the options with which a driver reads a whole file in one request.

    s3fs first asks for its size, to read large files in parts at the same time. Ours are small.
    """
    cat = getattr(system, "_cat_file", None) or system.cat_file
    return {"max_concurrency": 1} if "max_concurrency" in inspect.signature(cat).parameters else {}


def or_none(action: Callable[[], Result]) -> Callable[[], Result | None]:
    """Make None of what is missing. A server that is not reached, which some drivers call a missing file, is none."""

    def answer() -> Result | None:
        try:
            return action()
        except FileNotFoundError as error:
            if isinstance(error.__cause__, ConnectionError | TimeoutError | EOFError):
                raise
            return None

    return answer


def _item(info: Mapping[str, Any]) -> Item:
    size = info.get("size")
    return Item(
        str(info["name"]).rstrip("/").rsplit("/", 1)[-1],
        is_folder=info.get("type") == "directory",
        size=-1 if size is None else int(size),
        version=version_of(info),
    )
