"""Files and folders on web servers; folders where the server shows index pages."""

import urllib.parse
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from mmvoxceleb.files import http
from mmvoxceleb.files.ranges import UrlSource
from mmvoxceleb.files.retry import with_retries
from mmvoxceleb.files.tree import FileTree, Item, several, visible

__all__ = ["HttpSource", "HttpTree"]


class HttpSource(UrlSource):
    """A file on a web server."""

    def _ask(self) -> tuple[int | None, str]:
        return http.run(self._options, lambda system: http.file_info(system, self.location))

    def _fetch(self, start: int, end: int) -> bytes:
        return http.run(self._options, lambda system: http.fetch_range(system, self.location, start, end))

    def tail(self, most: int) -> bytes:
        if self._told is not None:
            return super().tail(most)
        failures: list[Exception] = []
        try:
            found = http.run(self._options, lambda system: http.fetch_tail(system, self.location, most))
        except Exception as error:
            failures.append(error)
        else:
            if found is not None:
                data, size, version = found
                self._told = size, version
                return data

        def ask() -> tuple[int | None, str]:  # servers that know no such range may answer it with anything
            if failures:
                raise failures.pop()
            return self._ask()

        self._told = self._known_by(ask)
        return super().tail(most)


class HttpTree(FileTree):
    """A folder on a web server, to read.

    Args:
        url: The folder.
        storage_options: Passed to the fsspec file system.
    """

    reads_at_once = http.AT_ONCE

    def __init__(self, url: str, storage_options: Mapping[str, Any] | None = None) -> None:
        self.address, self._options = url.rstrip("/"), dict(storage_options or {})

    def _url(self, path: str) -> str:
        return f"{self.address}/{urllib.parse.quote(path)}" if path else self.address

    def items(self, path: str = "") -> list[Item]:
        url = self._url(path)
        found = with_retries(lambda: http.run(self._options, lambda system: http.list_page(system, url)), url)
        return visible(Item(name, is_folder) for name, is_folder in found)

    def read_files(self, paths: Sequence[str], *, most_bytes: int) -> list[bytes]:
        urls = [self._url(path) for path in paths]

        def get(system: Any) -> list[Coroutine[Any, Any, bytes]]:
            budget = http.Budget(most_bytes)
            return [http.fetch(system, url, budget) for url in urls]

        return with_retries(lambda: http.run(self._options, lambda system: http.together(get(system))), several(urls))

    def source(self, path: str, told: Item | None = None) -> HttpSource:
        return HttpSource(self._url(path), self._options)  # an index page tells nothing

    def below(self, path: str) -> "HttpTree":
        return HttpTree(self._url(path), self._options)
