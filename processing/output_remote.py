"""Write to an fsspec URL: an object store, where an upload appears whole when it ends, or a server with renames."""

import ftplib
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Literal, TypeVar

from mmvoxceleb.errors import ConfigError, OutputError, SourceUnavailableError
from mmvoxceleb.files.inside import check_inside
from mmvoxceleb.files.partial import PARTIAL, is_abandoned, partial_prefix
from mmvoxceleb.files.retry import with_retries
from mmvoxceleb.processing.output_tree import Layout, OutputTree

__all__ = ["RemoteOutput"]

OBJECT_STORES = frozenset(["s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "tos", "obs", "memory"])
"""Protocols of which an upload is seen when it is complete, and not before. Elsewhere files are renamed into place."""

READ_ONLY = frozenset(["http", "https", "hf", "github", "git", "data", "zip", "tar"])

_ATTEMPTS_TO_BE_ALONE = 5
_CHUNK = 256
"""How many small files are asked for at once."""

Kind = Literal["file", "folder"]
Result = TypeVar("Result")


class RemoteOutput(OutputTree):
    """A folder behind a URL.

    A log is one object per addition, in a hidden folder beside it, until it is rewritten: objects cannot be appended
    to. There are no locks: each clip is one worker's at a time, and one run at a time may write to a URL.

    Args:
        url: The folder.

    Raises:
        ConfigError: There is no writing to URLs of this kind, or the driver is not installed.
    """

    layouts: tuple[Layout, ...] = ("packed",)

    def __init__(self, url: str) -> None:
        self.address = url if url.endswith("://") else url.rstrip("/")
        self._protocol = url.partition("://")[0].lower()
        self.is_shared = self._protocol != "memory"
        self._made: set[str] = set()
        self._local = _PerThread()
        if self._protocol in READ_ONLY or "::" in url:
            raise ConfigError(
                f"{self.location}: results cannot be written to such a URL; name a folder, or a URL as s3://, gs://, "
                "az:// or sftp://. A finished dataset goes to the Hub with: mmvoxceleb push"
            )
        import fsspec

        try:
            fsspec.get_filesystem_class(self._protocol)
        except (ImportError, ValueError) as error:
            raise ConfigError(f"{self.location}: {error}") from error

    def __getstate__(self) -> dict[str, Any]:
        return {"address": self.address}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["address"])  # type: ignore[misc]

    @property
    def location(self) -> str:
        return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", self.address)

    def check(self) -> None:
        if self.kind("") == "file":
            raise ConfigError(f"{self.location} is a file; name a folder for the results")

    def kind(self, path: str) -> Kind | None:
        def ask() -> Kind | None:
            system, full = self._at(path)
            _forget(system, full, all_of_it=not self._is_object_store)
            try:
                return _kind_of(system.info(full))
            except FileNotFoundError as error:
                _raise_unless_missing(error)
                return None

        return self._try(ask, path)

    def read(self, path: str) -> bytes | None:
        def ask() -> bytes | None:
            system, full = self._at(path)
            try:
                content: bytes = system.cat_file(full)
            except FileNotFoundError as error:
                _raise_unless_missing(error)
                return None
            return content

        return self._try(ask, path)

    def read_many(self, paths: Sequence[str]) -> list[bytes | None]:
        """Read files together where the driver can; only what could not be read so is asked for again."""
        found: list[bytes | None] = []
        for start in range(0, len(paths), _CHUNK):
            chunk = paths[start : start + _CHUNK]
            system, _ = self._at("")
            full = [self._at(path)[1] for path in chunk]
            contents = system.cat(full, on_error="return")
            for path, name in zip(chunk, full, strict=True):
                content = contents.get(name)
                found.append(content if isinstance(content, bytes) else self.read(path))
        return found

    def names(self, path: str) -> list[str]:
        return sorted(self._items(path))

    def write(self, path: str, data: bytes) -> None:
        def put() -> None:
            system, full = self._at(path)
            if self._is_object_store:
                system.pipe_file(full, data)
                return
            folder = full.rsplit("/", 1)[0]
            self._make_folder(system, folder)
            partial = f"{folder}/{partial_prefix()}{secrets.token_hex(8)}"
            try:
                system.pipe_file(partial, data)
                _rename(system, partial, full)
            except BaseException:
                _remove_quietly(system, partial)
                raise

        self._change(put, path)

    def write_folder(self, path: str, files: Sequence[tuple[str, bytes]]) -> None:
        raise NotImplementedError("a folder behind a URL is not whole at once")

    def remove(self, path: str) -> None:
        kind = self.kind(path)
        if kind is None:
            return

        def delete() -> None:
            system, full = self._at(path)
            try:
                system.rm(full, recursive=True) if kind == "folder" else system.rm_file(full)
            except FileNotFoundError as error:
                _raise_unless_missing(error)

        self._change(delete, path)

    def append(self, path: str, data: bytes) -> None:
        self.write(f"{_parts_folder(path)}/{time.time_ns():020d}-{secrets.token_hex(4)}", data)

    def read_log(self, path: str) -> bytes:
        return self._read_log(path)[0]

    def rewrite_log(self, path: str, change: Callable[[bytes], bytes | None]) -> None:
        content, parts = self._read_log(path)
        changed = change(content)
        if changed is not None:
            self.write(path, changed)
            self._remove_files(parts)

    def lock(self, path: str) -> AbstractContextManager[None]:
        return nullcontext()

    @contextmanager
    def alone(self, purpose: str) -> Iterator[None]:
        """Announce it, and go on if nobody else has: of two who announce, at least one sees the other."""
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

        tries = Retrying(
            retry=retry_if_exception_type(OutputError), stop=stop_after_attempt(_ATTEMPTS_TO_BE_ALONE),
            wait=wait_random(0.1, 1.5), reraise=True,
        )  # fmt: skip
        mine = tries(self._announce, purpose)
        try:
            yield
        finally:
            self.remove(mine)

    def _announce(self, purpose: str) -> str:
        mine = f"meta/{partial_prefix()}{purpose}-{secrets.token_hex(8)}"
        self.write(mine, b"")
        try:
            announced = [f"meta/{name}" for name in self.names("meta") if f".{purpose}-" in name]
            others = [path for path in announced if path != mine and not self._is_abandoned(path)]
            if others:
                raise OutputError(
                    f"{self.location}: somebody else is doing a {purpose} there ({others[0]}), so nothing was changed; "
                    "run this again when it is done. That of one which was killed counts for a day, or until you "
                    "delete it"
                )
        except BaseException:
            self.remove(mine)
            raise
        return mine

    def size(self, path: str) -> int:
        def ask() -> int:
            system, full = self._at(path)
            try:
                return int(system.info(full).get("size") or 0)
            except FileNotFoundError as error:
                _raise_unless_missing(error)
                return 0

        return self._try(ask, path)

    def clean_partial(self, folders: Iterable[str]) -> int:
        count = 0
        for folder in () if self._is_object_store else folders:
            for name in self.names(folder):
                path = f"{folder}/{name}"
                if name.startswith(PARTIAL) and self._is_abandoned(path):
                    self.remove(path)
                    count += 1
        return count

    def snapshot(self) -> OutputTree:
        return _Snapshot(self.address)

    @property
    def _is_object_store(self) -> bool:
        return self._protocol in OBJECT_STORES

    def _at(self, path: str) -> tuple[Any, str]:
        """Return this thread's file system and the full path in it.

        Raises:
            UnsafeArchiveError: The path leaves this folder.
        """
        if path:
            check_inside(path, self.location)
        local = self._local
        if local.system is None:
            import fsspec

            local.system, local.root = fsspec.core.url_to_fs(self.address)
        return local.system, f"{local.root.rstrip('/')}/{path}" if path else local.root

    def _try(self, action: Callable[[], Result], path: str) -> Result:
        """Try something, with a new connection where the last one was cut."""

        def attempt() -> Result:
            try:
                return action()
            except FileNotFoundError:
                raise
            except (EOFError, ftplib.error_temp) as error:
                self._local.system = None
                raise ConnectionError(f"the connection was cut ({error})") from error
            except Exception:
                self._local.system = None
                raise

        return with_retries(attempt, self.where(path))

    def _items(self, path: str) -> dict[str, Kind]:
        def ask() -> dict[str, Kind]:
            system, full = self._at(path)
            _forget(system, full, all_of_it=not self._is_object_store)
            try:
                listed = system.ls(full, detail=True)
            except FileNotFoundError as error:
                _raise_unless_missing(error)
                return {}
            below = [info for info in listed if info["name"].strip("/") != full.strip("/")]
            return {info["name"].rstrip("/").rsplit("/", 1)[-1]: _kind_of(info) for info in below}

        return self._try(ask, path)

    def _change(self, action: Callable[[], None], path: str) -> None:
        try:
            self._try(action, path)
        except SourceUnavailableError as error:
            cause = error.__cause__ or error
            raise OSError(f"{self.where(path)}: {type(cause).__name__}: {cause}") from error

    def _read_log(self, path: str) -> tuple[bytes, list[str]]:
        folder = _parts_folder(path)
        parts = [f"{folder}/{name}" for name in self.names(folder) if not name.startswith(PARTIAL)]
        contents = self.read_many([path, *parts])
        # what was cut must not swallow what follows
        ended = (content if content.endswith(b"\n") else content + b"\n" for content in contents if content)
        return b"".join(ended), parts

    def _remove_files(self, paths: Sequence[str]) -> None:
        for start in range(0, len(paths), _CHUNK):
            system, _ = self._at("")
            full = [self._at(path)[1] for path in paths[start : start + _CHUNK]]
            self._change(lambda full=full, system=system: system.rm(full), paths[start])  # type: ignore[misc]

    def _make_folder(self, system: Any, folder: str) -> None:
        if folder in self._made:
            return
        if not _try_to_make(system, folder):  # others made it, or one above it, at the same moment, perhaps
            if "/" in folder.strip("/"):
                self._make_folder(system, folder.rsplit("/", 1)[0])
            try:
                system.makedirs(folder, exist_ok=True)
            except Exception:
                if not _is_folder(system, folder):
                    raise
        self._made.add(folder)

    def _is_abandoned(self, path: str) -> bool:
        return is_abandoned(path.rpartition("/")[2], lambda: self._modified(path))

    def _modified(self, path: str) -> float:
        system, full = self._at(path)
        try:
            return float(system.modified(full).timestamp())
        except NotImplementedError:
            return time.time()


class _Snapshot(RemoteOutput):
    """Lists each folder once, and reads the files of a folder together with those that follow them by name."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._listings: dict[str, dict[str, Kind]] = {}
        self._contents: dict[str, dict[str, bytes | None]] = {}

    def kind(self, path: str) -> Kind | None:
        folder, _, name = path.rpartition("/")
        return self._items(folder).get(name)

    def read(self, path: str) -> bytes | None:
        folder, _, name = path.rpartition("/")
        items = self._items(folder)
        if name not in items:
            return None
        if name not in self._contents.get(folder, ()):
            names = [each for each in sorted(items) if each >= name and items[each] == "file"][:_CHUNK]
            # not super().read_many, which would come back here for what is missing
            contents = RemoteOutput(self.address).read_many([f"{folder}/{each}" for each in names])
            self._contents[folder] = dict(zip(names, contents, strict=True))
        return self._contents[folder].get(name)

    def read_many(self, paths: Sequence[str]) -> list[bytes | None]:
        return RemoteOutput(self.address).read_many(paths)

    def write(self, path: str, data: bytes) -> None:
        raise NotImplementedError("a snapshot is for reading")

    def remove(self, path: str) -> None:
        raise NotImplementedError("a snapshot is for reading")

    def _items(self, path: str) -> dict[str, Kind]:
        if path not in self._listings:
            self._listings[path] = super()._items(path)
        return self._listings[path]


class _PerThread(threading.local):
    system: Any = None
    root: str = ""


def _parts_folder(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name.partition('.')[0]}"


def _kind_of(info: dict[str, Any]) -> Kind:
    return "folder" if info["type"] == "directory" else "file"


def _try_to_make(system: Any, folder: str) -> bool:
    """Make a folder and those above it; tell whether it is there now."""
    try:
        system.makedirs(folder, exist_ok=True)
    except Exception:
        return _is_folder(system, folder)
    return True


def _is_folder(system: Any, path: str) -> bool:
    _forget(system, path, all_of_it=True)
    return bool(system.isdir(path))


def _forget(system: Any, path: str, *, all_of_it: bool) -> None:
    """Let a driver not answer from a listing that it keeps: others write there."""
    if all_of_it:
        system.invalidate_cache()
        return
    system.invalidate_cache(path)
    system.invalidate_cache(path.rstrip("/").rpartition("/")[0])


def _raise_unless_missing(error: FileNotFoundError) -> None:
    """Let a server that is not reached, which some drivers call a missing file, be tried again."""
    if isinstance(error.__cause__, ConnectionError | TimeoutError | EOFError):
        raise error


def _rename(system: Any, source: str, target: str) -> None:
    try:
        system.mv(source, target)
    except Exception:  # servers that do not replace
        if not system.exists(target):
            raise
        system.rm_file(target)
        system.mv(source, target)


def _remove_quietly(system: Any, path: str) -> None:
    try:
        system.rm_file(path)
    except Exception:  # it was renamed, or the server is gone; the next run cleans up
        return
