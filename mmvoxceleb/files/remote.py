"""A folder behind an fsspec URL, to read and to write: an object store, or a server with renames."""

import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from mmvoxceleb.errors import ConfigError, SourceUnavailableError
from mmvoxceleb.files import http
from mmvoxceleb.files.announced import announced
from mmvoxceleb.files.inside import check_inside
from mmvoxceleb.files.partial import PARTIAL, is_abandoned
from mmvoxceleb.files.remote_system import RemoteSource, RemoteSystem, answer_within, in_one_piece, or_none
from mmvoxceleb.files.tree import Content, Item, Kind, OutputTree, several, visible

__all__ = ["RemoteTree"]

READ_ONLY = frozenset(["http", "https", "hf", "github", "git", "data", "zip", "tar"])

_FILE_SECONDS = 60.0
"""What is waited for a file of a store."""
_AT_ONCE = {"memory": 1, "ftp": 4, "sftp": 4, "ssh": 4, "smb": 4, "hf": 8}
"""Reads at a time. To a server of sessions each is a login; the Hub counts requests."""
_USUALLY_AT_ONCE = 32
_CHUNK = 256
"""How many small files are asked for at once."""


class RemoteTree(OutputTree):
    """A folder behind a URL.

    A log is one object per addition, in a hidden folder beside it, until it is rewritten: objects cannot be appended
    to. There are no locks: each clip is one worker's at a time, and one run at a time may write to a URL.

    Args:
        url: The folder.
        storage_options: Passed to the fsspec file system.
    """

    def __init__(self, url: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self.address = url if url.endswith("://") else url.rstrip("/")
        self._options = dict(storage_options or {})
        self._remote = RemoteSystem(self.address, self._options)
        self.is_shared = self._remote.protocol != "memory"
        self.reads_at_once = _AT_ONCE.get(self._remote.protocol, _USUALLY_AT_ONCE)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.address, self._options)

    @property
    def location(self) -> str:
        return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", self.address)

    def where(self, path: str) -> str:
        return _joined(self.location, path)

    def check_writable(self) -> None:
        """Find out, without a request, whether anything can be written there.

        Raises:
            ConfigError: URLs of this kind cannot be written to, or the driver is not installed.
        """
        if self._remote.protocol in READ_ONLY or "::" in self.address:
            raise ConfigError(
                f"{self.location}: results cannot be written to such a URL; pass a folder, or a URL such as s3://, "
                "gs://, az:// or sftp://. To send a finished dataset to the Hub: mmvoxceleb push"
            )
        import fsspec

        try:
            fsspec.get_filesystem_class(self._remote.protocol)
        except (ImportError, ValueError) as error:
            raise ConfigError(f"{self.location}: {error}") from error

    def items(self, path: str = "") -> list[Item]:
        return visible(self._remote.patiently(lambda: self._remote.list(path), self.where(path)))

    def folders_in(self, base: str, names: Mapping[str, Sequence[str]]) -> dict[str, list[Item]]:
        """List by prefix in object stores, which tell a thousand files of any folders at a time."""
        found: dict[str, list[Item]] = {}
        if self._remote.lists_by_prefix:
            shared = {start: group for start, group in names.items() if len(group) > 1}

            def below(start: str) -> dict[str, Sequence[Item]]:
                full = self.where(f"{base}/{start}")
                return self._remote.patiently(lambda: self._remote.list_below(base, start, set(shared[start])), full)

            for _, listed in self._at_once(below, shared):
                found |= {name: visible(items) for name, items in listed().items()}
        lacking = [name for group in names.values() for name in group if name not in found]
        return found | super().folders_in(base, {name: [name] for name in lacking})

    def read_files(self, paths: Sequence[str], *, most_bytes: int) -> list[bytes]:
        def fetch() -> list[bytes]:
            system, _ = self._remote.fresh(paths[0])
            full = [self._remote.at(path)[1] for path in paths]
            seconds, what = _FILE_SECONDS * len(full) ** 0.5, f"{len(full)} files"

            def by_driver() -> list[bytes]:
                content = answer_within(seconds, what, system, "cat", full, **in_one_piece(system))
                if isinstance(content, bytes):
                    return [content]
                by_path = {str(name): data for name, data in content.items()}
                return [by_path[name] for name in full]

            if self._remote.signed is None:
                return by_driver()
            budget = http.Budget(most_bytes)
            return self._remote.signed.read(
                system, full, lambda web, urls: http.together([http.fetch(web, url, budget) for url in urls]), by_driver
            )

        return self._remote.patiently(fetch, self.where(several(paths))) if paths else []

    def source(self, path: str, told: Item | None = None) -> RemoteSource:
        known = (told.size, told.version) if told is not None and told.size >= 0 and told.version else None
        return RemoteSource(_joined(self.address, path), self._options, known)

    def below(self, path: str) -> "RemoteTree":
        return RemoteTree(_joined(self.address, path), self._options)

    def kind(self, path: str) -> Kind | None:
        item = self._find(path)
        return None if item is None else "folder" if item.is_folder else "file"

    def size(self, path: str) -> int:
        item = self._find(path)
        return 0 if item is None else max(item.size, 0)

    def names(self, path: str) -> list[str]:
        return sorted(self._items(path))

    def read(self, path: str) -> bytes | None:
        def ask() -> bytes:
            system, full = self._own(path)
            content: bytes = system.cat_file(full, **in_one_piece(system))
            return content

        return self._remote.patiently(or_none(ask), self.where(path))

    def read_many(self, paths: Sequence[str]) -> list[bytes | None]:
        """Read files together where the driver can; only what could not be read so is asked for again."""
        found: list[bytes | None] = []
        for start in range(0, len(paths), _CHUNK):
            chunk = paths[start : start + _CHUNK]
            full = [self._own(path)[1] for path in chunk]
            system = self._remote.at("")[0]
            contents = system.cat(full, on_error="return", **in_one_piece(system))
            for path, name in zip(chunk, full, strict=True):
                content = contents.get(name)
                found.append(content if isinstance(content, bytes) else self.read(path))
        return found

    def write(self, path: str, content: Content) -> None:
        data = content if isinstance(content, bytes) else content.read_bytes()
        self._change(lambda: self._remote.put(check_inside(path, self.location), data), path)

    def remove(self, path: str) -> None:
        kind = self.kind(path)
        if kind is None:
            return

        def delete() -> None:
            system, full = self._own(path)
            system.rm(full, recursive=True) if kind == "folder" else system.rm_file(full)

        self._change(or_none(delete), path)

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

    def alone(self, folder: str, purpose: str) -> AbstractContextManager[None]:
        return announced(self, folder, purpose, self._is_abandoned)

    def clean_partial(self, folders: Iterable[str]) -> int:
        count = 0
        for folder in () if self._remote.is_object_store else folders:
            for name in self.names(folder):
                path = f"{folder}/{name}"
                if name.startswith(PARTIAL) and self._is_abandoned(path):
                    self.remove(path)
                    count += 1
        return count

    def snapshot(self) -> OutputTree:
        return _Snapshot(self.address, self._options)

    def _own(self, path: str) -> tuple[Any, str]:
        """Return this thread's file system and the full path in it, of a path that records of others may have made.

        Raises:
            UnsafeArchiveError: The path leaves this folder.
        """
        return self._remote.at(check_inside(path, self.location) if path else path)

    def _find(self, path: str) -> Item | None:
        self._own(path)
        return self._remote.patiently(or_none(lambda: self._remote.find(path)), self.where(path))

    def _items(self, path: str) -> dict[str, Item]:
        self._own(path)
        found = self._remote.patiently(or_none(lambda: self._remote.list(path)), self.where(path))
        return {item.name: item for item in found or ()}

    def _change(self, action: Callable[[], None], path: str) -> None:
        try:
            self._remote.patiently(action, self.where(path))
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
            full = [self._own(path)[1] for path in paths[start : start + _CHUNK]]
            self._change(partial(lambda full: self._remote.at("")[0].rm(full), full), paths[start])

    def _is_abandoned(self, path: str) -> bool:
        def modified() -> float:
            system, full = self._own(path)
            try:
                return float(system.modified(full).timestamp())
            except NotImplementedError:
                return time.time()

        return is_abandoned(path.rpartition("/")[2], modified)


class _Snapshot(RemoteTree):
    """Lists each folder once, and reads the files of a folder together with those that follow them by name."""

    def __init__(self, url: str, storage_options: Mapping[str, Any] | None = None) -> None:
        super().__init__(url, storage_options)
        self._tree = RemoteTree(url, storage_options)
        self._listings: dict[str, dict[str, Item]] = {}
        self._contents: dict[str, dict[str, bytes | None]] = {}

    def read(self, path: str) -> bytes | None:
        folder, _, name = path.rpartition("/")
        items = self._items(folder)
        if name not in items:
            return None
        if name not in self._contents.get(folder, ()):
            names = [each for each in sorted(items) if each >= name and not items[each].is_folder][:_CHUNK]
            contents = self.read_many([f"{folder}/{each}" for each in names])
            self._contents[folder] = dict(zip(names, contents, strict=True))
        return self._contents[folder].get(name)

    def read_many(self, paths: Sequence[str]) -> list[bytes | None]:
        return self._tree.read_many(paths)

    def write(self, path: str, content: Content) -> None:
        raise NotImplementedError("a snapshot is for reading")

    def remove(self, path: str) -> None:
        raise NotImplementedError("a snapshot is for reading")

    def _find(self, path: str) -> Item | None:
        folder, _, name = path.rpartition("/")
        return self._items(folder).get(name)

    def _items(self, path: str) -> dict[str, Item]:
        if path not in self._listings:
            self._listings[path] = super()._items(path)
        return self._listings[path]


def _joined(url: str, path: str) -> str:
    return f"{url}{'' if url.endswith('://') or not path else '/'}{path}"


def _parts_folder(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.{name.partition('.')[0]}"
