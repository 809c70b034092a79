"""Folders of files, on disk or behind an fsspec URL."""

import os
import urllib.parse
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files.http import fetch_all, file_infos, is_http, list_page
from mmvoxceleb.files.ranges import ByteSource, LocalSource, RemoteSource, is_url, stat_file
from mmvoxceleb.files.retry import is_missing, with_retries
from mmvoxceleb.files.stalls import within
from mmvoxceleb.files.version import version_of, version_of_stat
from mmvoxceleb.stores.interface import LARGEST_CLIP_BYTES

__all__ = ["FileTree", "Item", "LocalTree", "RemoteTree", "open_tree"]

_PATIENCE_SECONDS = 60.0
"""What is waited for S3, the Hub and others, for a file; whole listings have several requests."""


@dataclass(frozen=True)
class Item:
    """Something in a folder.

    Args:
        name: Its name without folders, as a person would write it (never percent-encoded).
        is_folder: Whether it is a folder.
        size: Bytes of a file; -1 where the source does not say.
        version: What changes when the content does; may be empty.
    """

    name: str
    is_folder: bool
    size: int = -1
    version: str = ""


class FileTree(ABC):
    """A folder with everything below it; paths are relative to it, with slashes."""

    location: str

    @abstractmethod
    def items(self, path: str = "") -> list[Item]:
        """List a folder, sorted by name, without dot-files and ``__MACOSX``.

        Raises:
            SourceUnavailableError: There is no such folder, or it cannot be listed.
        """

    @abstractmethod
    def read(self, paths: Sequence[str], *, most_bytes: int = LARGEST_CLIP_BYTES) -> list[bytes]:
        """Read whole files.

        Args:
            paths: The files.
            most_bytes: Most that a server may send for all of them; on disk, and where listings tell sizes, whoever
                asks has seen the sizes.

        Raises:
            SourceUnavailableError: A file cannot be read, also after retries, or they are larger.
        """

    @abstractmethod
    def versions(self, paths: Sequence[str]) -> list[str]:
        """Ask for the versions of files that the listing has none of; empty for those that have none at all.

        Raises:
            SourceUnavailableError: A file cannot be asked for.
        """

    @abstractmethod
    def source(self, path: str) -> ByteSource:
        """Return the byte source of a file."""

    @abstractmethod
    def below(self, path: str) -> "FileTree":
        """Return the tree of a folder below."""


def _visible(items: Sequence[Item]) -> list[Item]:
    shown = [item for item in items if not item.name.startswith(".") and item.name != "__MACOSX"]
    return sorted(shown, key=lambda item: item.name)


class LocalTree(FileTree):
    """A folder on disk.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.location = os.fspath(path)

    def items(self, path: str = "") -> list[Item]:
        folder = os.path.join(self.location, path)

        def scan() -> list[Item]:
            with os.scandir(folder) as entries:
                return [self._item(entry) for entry in entries]

        return _visible(with_retries(scan, folder))

    @staticmethod
    def _item(entry: "os.DirEntry[str]") -> Item:
        if entry.is_dir():
            return Item(entry.name, is_folder=True)
        try:
            stat = entry.stat()
        except FileNotFoundError:  # a dangling link
            return Item(entry.name, is_folder=False)
        return Item(entry.name, is_folder=False, size=stat.st_size, version=version_of_stat(stat))

    def versions(self, paths: Sequence[str]) -> list[str]:
        return [self.source(path).version for path in paths]

    def read(self, paths: Sequence[str], *, most_bytes: int = LARGEST_CLIP_BYTES) -> list[bytes]:
        return [with_retries(lambda path=path: self._read(path), os.path.join(self.location, path)) for path in paths]  # type: ignore[misc]

    def _read(self, path: str) -> bytes:
        stat_file(os.path.join(self.location, path))
        with open(os.path.join(self.location, path), "rb") as file:
            return file.read()

    def source(self, path: str) -> ByteSource:
        return LocalSource(os.path.join(self.location, path))

    def below(self, path: str) -> FileTree:
        return LocalTree(os.path.join(self.location, path))


class RemoteTree(FileTree):
    """A folder behind an fsspec URL. Over HTTP it can be listed where the server shows an index page.

    Args:
        url: The folder.
        storage_options: Passed to the fsspec file system.
    """

    def __init__(self, url: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self.location = url if url.endswith("://") else url.rstrip("/")
        self._options = dict(storage_options or {})

    @property
    def _is_http(self) -> bool:
        return is_http(self.location)

    def _url(self, path: str) -> str:
        if not path:
            return self.location
        separator = "" if self.location.endswith("://") else "/"
        return f"{self.location}{separator}{urllib.parse.quote(path) if self._is_http else path}"

    def _system(self, url: str) -> tuple[Any, str]:
        import fsspec

        system, path = fsspec.core.url_to_fs(url, **self._options)
        return system, path

    def items(self, path: str = "") -> list[Item]:
        url = self._url(path)

        def ask() -> list[Item]:
            system, remote = self._system(url)
            if self._is_http:
                return [Item(name, is_folder) for name, is_folder in list_page(system, url)]
            self._forget(system, remote)
            listed = within(_PATIENCE_SECONDS * 5, lambda: system.ls(remote, detail=True), "the listing")
            return [self._item(info) for info in listed]

        return _visible([item for item in with_retries(ask, url) if item.name])

    def forget(self, path: str) -> None:
        """Let the next read of a file not be answered from what the driver kept of an earlier listing."""
        self._forget(*self._system(self._url(path)))

    def _forget(self, system: Any, remote: str) -> None:
        """Let fsspec not answer from a listing that it kept, where a run may have written since."""
        if not self.location.startswith(("http://", "https://", "hf://")):
            system.invalidate_cache(remote)
            system.invalidate_cache(remote.rstrip("/").rpartition("/")[0])

    @staticmethod
    def _item(info: Mapping[str, Any]) -> Item:
        size = info.get("size")
        return Item(
            str(info["name"]).rstrip("/").rsplit("/", 1)[-1],
            is_folder=info.get("type") == "directory",
            size=-1 if size is None else int(size),
            version=version_of(info),
        )

    def versions(self, paths: Sequence[str]) -> list[str]:
        if not self._is_http:
            return [self.source(path).version for path in paths]
        if not paths:
            return []
        urls = [self._url(path) for path in paths]
        infos = with_retries(lambda: file_infos(self._system(urls[0])[0], urls), self._several(urls))
        return [version for _, version in infos]

    def read(self, paths: Sequence[str], *, most_bytes: int = LARGEST_CLIP_BYTES) -> list[bytes]:
        if not paths:
            return []
        urls = [self._url(path) for path in paths]

        def fetch() -> list[bytes]:
            system, _ = self._system(urls[0])
            if self._is_http:
                return fetch_all(system, urls, most_bytes=most_bytes)
            remote = [self._system(url)[1] for url in urls]
            content = within(_PATIENCE_SECONDS * len(remote) ** 0.5, lambda: system.cat(remote), f"{len(remote)} files")
            if isinstance(content, bytes):
                return [content]
            by_path = {str(name): data for name, data in content.items()}
            return [by_path[name] for name in remote]

        return with_retries(fetch, self._several(urls))

    @staticmethod
    def _several(urls: Sequence[str]) -> str:
        return urls[0] if len(urls) == 1 else f"{urls[0]} and {len(urls) - 1} more"

    def source(self, path: str) -> ByteSource:
        return RemoteSource(self._url(path), self._options)

    def below(self, path: str) -> FileTree:
        return RemoteTree(self._url(path), self._options)

    def exists(self, path: str) -> bool:
        """Tell whether a file is there.

        Raises:
            SourceUnavailableError: The server answers neither yes nor no.
        """
        system, remote = self._system(self._url(path))
        self._forget(system, remote)
        try:
            _ = self.source(path).size
        except SourceUnavailableError as error:
            if is_missing(error):
                return False
            raise
        return True


def open_tree(location: str, storage_options: Mapping[str, Any] | None = None) -> FileTree:
    """Return the tree at a path or URL; nothing is listed yet."""
    if is_url(location) and not location.startswith("file://"):
        return RemoteTree(location, storage_options)
    return LocalTree(location.removeprefix("file://"))
