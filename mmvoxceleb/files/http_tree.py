"""Folders on web servers that show index pages. They are for reading."""

import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files.http import fetch_all, file_infos, list_page
from mmvoxceleb.files.ranges import ByteSource, RemoteSource
from mmvoxceleb.files.retry import is_missing, with_retries
from mmvoxceleb.files.tree import FileTree, Item, visible

__all__ = ["HttpTree"]


class HttpTree(FileTree):
    """A folder behind an HTTP address.

    Args:
        url: The folder.
        storage_options: Passed to the fsspec file system.
    """

    def __init__(self, url: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self.address = url.rstrip("/")
        self._options = dict(storage_options or {})

    def _url(self, path: str) -> str:
        return f"{self.address}/{urllib.parse.quote(path)}" if path else self.address

    def _system(self) -> Any:
        import fsspec

        return fsspec.core.url_to_fs(self.address, **self._options)[0]

    def items(self, path: str = "") -> list[Item]:
        url = self._url(path)
        found = with_retries(lambda: list_page(self._system(), url), url)
        return visible(Item(name, is_folder) for name, is_folder in found)

    def read_files(self, paths: Sequence[str], *, most_bytes: int) -> list[bytes]:
        urls = [self._url(path) for path in paths]
        return with_retries(lambda: fetch_all(self._system(), urls, most_bytes=most_bytes), several(urls))

    def versions(self, paths: Sequence[str]) -> list[str]:
        urls = [self._url(path) for path in paths]
        infos = with_retries(lambda: file_infos(self._system(), urls), several(urls))
        return [version for _, version in infos]

    def source(self, path: str) -> ByteSource:
        return RemoteSource(self._url(path), self._options)

    def below(self, path: str) -> FileTree:
        return HttpTree(self._url(path), self._options)

    def exists(self, path: str) -> bool:
        """Tell whether a file is there.

        Raises:
            SourceUnavailableError: The server answers neither yes nor no.
        """
        try:
            _ = self.source(path).size
        except SourceUnavailableError as error:
            if is_missing(error):
                return False
            raise
        return True


def several(urls: Sequence[str]) -> str:
    """Name files that are read together, for messages."""
    return f"{urls[0]} and {len(urls) - 1} more" if len(urls) > 1 else "".join(urls)
