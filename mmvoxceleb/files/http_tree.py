"""Files and folders on web servers; folders where the server shows index pages."""

import urllib.parse
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from mmvoxceleb.files import http
from mmvoxceleb.files.ranges import UrlSource
from mmvoxceleb.files.retry import with_retries
from mmvoxceleb.files.tree import FileTree, Item, several, visible

__all__ = ["HttpSource", "HttpTree"]

Result = TypeVar("Result")


class HttpSource(UrlSource):
    """A file on a web server."""

    def _ask(self) -> tuple[int | None, str]:
        return http.run(self._options, lambda system: http.file_info(system, self.location))

    def _fetch(self, start: int, end: int) -> bytes:
        return http.run(self._options, lambda system: http.fetch_range(system, self.location, start, end))


class HttpTree(FileTree):
    """A folder on a web server, to read.

    Args:
        url: The folder.
        storage_options: Passed to the fsspec file system.
    """

    def __init__(self, url: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self.address, self._options = url.rstrip("/"), dict(storage_options or {})

    def _url(self, path: str) -> str:
        return f"{self.address}/{urllib.parse.quote(path)}" if path else self.address

    def _all(self, get: Callable[[Any], Sequence[Coroutine[Any, Any, Result]]], urls: Sequence[str]) -> list[Result]:
        return with_retries(lambda: http.run(self._options, lambda system: http.together(get(system))), several(urls))

    def items(self, path: str = "") -> list[Item]:
        url = self._url(path)
        found = with_retries(lambda: http.run(self._options, lambda system: http.list_page(system, url)), url)
        return visible(Item(name, is_folder) for name, is_folder in found)

    def read_files(self, paths: Sequence[str], *, most_bytes: int) -> list[bytes]:
        urls = [self._url(path) for path in paths]

        def get(system: Any) -> list[Coroutine[Any, Any, bytes]]:
            budget = http.Budget(most_bytes)
            return [http.fetch(system, url, budget) for url in urls]

        return self._all(get, urls)

    def versions(self, paths: Sequence[str]) -> list[str]:
        urls = [self._url(path) for path in paths]
        infos = self._all(lambda system: [http.file_info(system, url) for url in urls], urls)
        return [version for _, version in infos]

    def source(self, path: str) -> HttpSource:
        return HttpSource(self._url(path), self._options)

    def below(self, path: str) -> "HttpTree":
        return HttpTree(self._url(path), self._options)
