"""Files over HTTP within bounds: no body is read beyond the bytes asked for, and nobody is waited for without end.

The connections are those of fsspec's HTTP file system, with the user's ``storage_options``.
"""

import asyncio
import contextlib
import html.parser
import urllib.parse
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files import stalls
from mmvoxceleb.files.version import version_of

__all__ = ["AT_ONCE", "Budget", "fetch", "fetch_range", "fetch_tail", "file_info", "list_page", "run", "together"]

LARGEST_PAGE_BYTES = 64 << 20
"""Most bytes of an index page; one of a million names has about as many."""
AT_ONCE = 32
"""Requests to a server at a time."""

Result = TypeVar("Result")


class Budget:
    """Bytes that several answers may have together."""

    def __init__(self, most: int) -> None:
        self.most, self.left = most, most

    def take(self, count: int, url: str) -> None:
        self.left -= count
        if self.left < 0:
            raise SourceUnavailableError(
                f"{url}: sends more than the {self.most:,} bytes that are allowed here; refused, get the data from "
                "another source"
            )


def run(options: Mapping[str, Any], get: Callable[[Any], Coroutine[Any, Any, Result]]) -> Result:
    """Run one of the coroutines of this module, each of which takes fsspec's HTTP file system.

    Raises:
        SourceUnavailableError: The server sends more than is allowed, or what was not asked for.
        Exception: What aiohttp raises, for :func:`mmvoxceleb.files.retry.with_retries`.
    """
    import fsspec

    system = fsspec.filesystem("https", **options)
    result: Result = fsspec.asyn.sync(system.loop, get, system)
    return result


async def together(coroutines: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Wait for several, some at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(coroutine: Coroutine[Any, Any, Result]) -> Result:
        async with gate:
            return await coroutine

    tasks = [asyncio.ensure_future(one(coroutine)) for coroutine in coroutines]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for coroutine in coroutines:
            coroutine.close()


@contextlib.asynccontextmanager
async def _request(system: Any, method: str, url: str, **headers: str) -> AsyncIterator[Any]:
    """Send a request and give the answer once its headers are there."""
    import aiohttp

    session = await system.set_session()
    options = dict(system.kwargs)
    options["headers"] = {**options.get("headers", {}), **headers}
    if "timeout" not in options and "timeout" not in system.client_kwargs:
        wait = stalls.SILENT_SECONDS
        options["timeout"] = aiohttp.ClientTimeout(total=None, sock_connect=wait, sock_read=wait)
    options.setdefault("allow_redirects", True)
    whole_wait = 2 * stalls.SILENT_SECONDS
    try:
        answer = await asyncio.wait_for(session.request(method, system.encode_url(url), **options), whole_wait)
    except asyncio.TimeoutError as error:
        raise stalls.StalledError(str(error) or f"no answer began within {whole_wait:.0f} s") from error
    async with answer:
        yield answer


async def _body(answer: Any, url: str, *, stop: int | None = None, budget: Budget | None = None) -> bytes:
    """Read a body up to ``stop`` bytes, or as far as ``budget`` goes."""
    parts: list[bytes] = []
    came, pace = 0, stalls.Pace()
    async for part in answer.content.iter_any():
        parts.append(part)
        came += len(part)
        pace.add(len(part))
        if budget is not None:
            budget.take(len(part), url)
        if stop is not None and came >= stop:
            break
    content = parts[0] if len(parts) == 1 else b"".join(parts)
    return content if stop is None else content[:stop]


def _refuse_failed(answer: Any, url: str, *, is_part: bool = False) -> None:
    """Refuse an answer that is not the file, or not a part of it where one was asked for."""
    answer.raise_for_status()
    if answer.status != 200 and not (is_part and answer.status == 206):  # a redirect to nowhere, say
        raise SourceUnavailableError(
            f"{url}: the server answers with status {answer.status} and no file; check the address, or download the "
            "files and pass their folder as data_dir"
        )


def _refuse_compressed(answer: Any, url: str) -> None:
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise SourceUnavailableError(
            f"{url}: the server sends it compressed ({encoding}) although it was asked not to, so its bytes cannot be "
            "told; turn that off for these files, or download them and pass their folder as data_dir"
        )


async def fetch_range(system: Any, url: str, start: int, end: int) -> bytes:
    """Read the bytes from ``start`` up to ``end``, whatever the server goes on to send; fewer where the file ends."""
    asked = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
    async with _request(system, "GET", url, **asked) as answer:
        _refuse_failed(answer, url, is_part=True)
        _refuse_compressed(answer, url)
        if answer.status == 206:
            given = answer.headers.get("Content-Range", "")
            if given and not given.replace(" ", "").lower().startswith(f"bytes{start}-"):
                raise SourceUnavailableError(
                    f"{url}: the server was asked for the bytes from {start:,} on and sent {given!r}; download the "
                    "file and pass its folder as data_dir"
                )
        elif start:
            raise SourceUnavailableError(
                f"{url}: this server does not answer range requests, so the file cannot be read in parts; download it "
                "and pass its folder as data_dir, or serve it from one that does (nginx, Apache, caddy, S3, the Hub)"
            )
        return await _body(answer, url, stop=end - start)


async def fetch_tail(system: Any, url: str, most: int) -> tuple[bytes, int, str] | None:
    """Read the last bytes of a file, and what is said of its size and version; None where the server cannot do it.

    Such servers answer with the whole file, of which nothing is read, or with an error of their own.
    """
    asked = {"Range": f"bytes=-{most}", "Accept-Encoding": "identity"}
    async with _request(system, "GET", url, **asked) as answer:
        if answer.status in (400, 405, 416, 501):
            return None
        _refuse_failed(answer, url, is_part=True)
        size, version = _told(answer.headers)
        if answer.status != 206 or size is None:
            return None
        start = max(0, size - most)
        if answer.headers["Content-Range"].replace(" ", "").lower() != f"bytes{start}-{size - 1}/{size}":
            return None
        data = await _body(answer, url, stop=size - start)
    return (data, size, version) if len(data) == size - start else None


async def fetch(system: Any, url: str, budget: Budget) -> bytes:
    """Read a whole file."""
    async with _request(system, "GET", url, **{"Accept-Encoding": "identity"}) as answer:
        _refuse_failed(answer, url)
        _refuse_compressed(answer, url)
        return await _body(answer, url, budget=budget)


async def file_info(system: Any, url: str) -> tuple[int | None, str]:
    """Ask for the size of a file, None where the server does not say, and its version, empty if there is none."""
    identity = {"Accept-Encoding": "identity"}
    async with _request(system, "HEAD", url, **identity) as answer:
        if answer.status == 200 and (told := _told(answer.headers))[0] is not None:
            return told
    # servers that know no HEAD, or sign addresses for GET alone
    async with _request(system, "GET", url, **identity, Range="bytes=0-0") as answer:
        _refuse_failed(answer, url, is_part=True)
        return _told(answer.headers)


def _told(headers: Mapping[str, str]) -> tuple[int | None, str]:
    text = headers.get("Content-Range", "").rpartition("/")[2] or headers.get("Content-Length", "")
    packed = headers.get("Content-Encoding", "").strip().lower() not in ("", "identity")
    size = int(text) if text.isdigit() and len(text) < 19 and not packed else None
    version = version_of({name: value for name, value in headers.items() if name.lower() != "content-length"})
    return size, version if version and size is None else f"{size} {version}" if version else ""


class _Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


async def list_page(system: Any, url: str) -> list[tuple[str, bool]]:
    """List what an index page links to directly below it: names, decoded, and whether each is a folder."""
    url = url.rstrip("/") + "/"
    async with _request(system, "GET", url) as answer:
        _refuse_failed(answer, url)
        kind = answer.headers.get("Content-Type", "text/html").partition(";")[0].strip().lower()
        if kind not in ("text/html", "application/xhtml+xml"):
            return []
        page = await _body(answer, url, budget=Budget(LARGEST_PAGE_BYTES))
        base = str(answer.url)
    parser = _Links()
    parser.feed(page.decode("utf-8", "replace"))
    roots = {_place(url), _place(base)}
    found: dict[str, bool] = {}
    for link in parser.found:
        try:
            host, path = _place(urllib.parse.urljoin(base, link))
        except ValueError:  # no address at all
            continue
        for root_host, root in roots:
            name = path.removeprefix(root).removesuffix("/")
            if host == root_host and path.startswith(root) and name and "/" not in name:
                found[urllib.parse.unquote(name)] = path.endswith("/")
    return [(name, is_folder) for name, is_folder in found.items() if "/" not in name and name not in (".", "..")]


def _place(url: str) -> tuple[str, str]:
    """Return the host, and the path in one spelling."""
    parts = urllib.parse.urlsplit(url)
    return parts.netloc.lower(), urllib.parse.quote(urllib.parse.unquote(parts.path), safe="/") or "/"
