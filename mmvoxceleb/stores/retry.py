"""Try again what may work the next time, and say plainly what will not."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from mmvoxceleb.errors import MMVoxCelebError, SourceUnavailableError

__all__ = ["is_missing", "redirect_problem", "with_retries"]

ATTEMPTS = 5
ATTEMPTS_AT_SILENCE = 3
"""Attempts where each ends with a wait in vain."""
FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 30.0
TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})

_ADVICE = {
    401: "it asks for a login: pass credentials by storage_options, or download the files and use data_dir",
    403: "it refuses access: check the permission, or pass credentials by storage_options",
    404: "there is no such file: check the address",
    410: "it is gone: check the address",
}

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


def with_retries(action: Callable[[], Result], location: str) -> Result:
    """Call ``action`` until it succeeds, waiting longer each time, as long as its failure may be passing.

    Passing failures are cut or refused connections, timeouts, and HTTP 408, 425, 429 and 5xx. ``Retry-After`` is
    honoured up to 30 s.

    Args:
        action: A read without side effects.
        location: The file or URL, for messages.

    Raises:
        SourceUnavailableError: The failure is final, or :data:`ATTEMPTS` attempts failed, or
            :data:`ATTEMPTS_AT_SILENCE` of them ended with a wait in vain.
    """
    silences = 0
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except MMVoxCelebError:
            raise
        except Exception as error:
            status = _status_of(error)
            if not _is_transient(error, status):
                raise SourceUnavailableError(_describe(error, status, location)) from error
            silences += any(_is_timeout(link) for link in _chain(error))
            if attempt == ATTEMPTS or silences == ATTEMPTS_AT_SILENCE:
                raise SourceUnavailableError(
                    f"{location}: gave up after {attempt} attempts ({_reason(error, status)}); "
                    "what was read so far is kept, so run again when the source answers"
                ) from error
            wait = _wait_seconds(error, attempt)
            logger.warning("%s: %s; trying again in %.1f s", location, _reason(error, status), wait)
            time.sleep(wait)
    raise AssertionError("unreachable")


def is_missing(error: SourceUnavailableError) -> bool:
    """Tell whether a source answered that there is no such file, by the status or class of what it was raised from."""
    status = _status_of(error)
    if status is not None:
        return status in (404, 410)
    return any(isinstance(link, FileNotFoundError) for link in _chain(error)) and not any(
        _is_connection_failure(link) for link in _chain(error)
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _status_of(error: BaseException) -> int | None:
    """Find the HTTP status in an error of aiohttp, httpx or requests, or in what caused it."""
    for link in _chain(error):
        for holder in (link, getattr(link, "response", None)):
            for name in ("status", "status_code"):
                status = getattr(holder, name, None)
                if isinstance(status, int):
                    return status
    return None


def _is_transient(error: BaseException, status: int | None) -> bool:
    if redirect_problem(error):
        return False
    if status is not None and status != 206 and status >= 400:
        return status in TRANSIENT_STATUS
    if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)):
        # fsspec reports an unreachable server as a missing file, with the reason as cause
        return any(_is_connection_failure(link) for link in _chain(error) if link is not error)
    return any(_is_connection_failure(link) for link in _chain(error))


def _is_connection_failure(error: BaseException) -> bool:
    if isinstance(error, (ConnectionError, TimeoutError, asyncio.TimeoutError)):
        return True
    names = {kind.__module__.split(".")[0] + "." + kind.__name__ for kind in type(error).__mro__}
    return bool(
        names
        & {
            "aiohttp.ClientConnectionError",
            "aiohttp.ClientPayloadError",
            "httpx.TransportError",
            "httpx2.TransportError",
            "requests.ConnectionError",
            "requests.Timeout",
            "fsspec.FSTimeoutError",
            "mmvoxceleb.ShortReadError",
        }
    )


def _is_timeout(error: BaseException) -> bool:
    return isinstance(error, TimeoutError | asyncio.TimeoutError) or "Timeout" in type(error).__name__


def _wait_seconds(error: BaseException, attempt: int) -> float:
    for link in _chain(error):
        headers = getattr(link, "headers", None)
        asked = headers.get("Retry-After") if headers is not None and hasattr(headers, "get") else None
        if isinstance(asked, str) and asked.isdigit():
            return min(float(asked), LONGEST_WAIT_SECONDS)
    wait = FIRST_WAIT_SECONDS * float(2 ** (attempt - 1))
    return min(wait * random.uniform(0.8, 1.2), LONGEST_WAIT_SECONDS)


def _reason(error: BaseException, status: int | None) -> str:
    if status is not None and status >= 400:
        return f"the server answered {status}"
    return f"{type(error).__name__}: {error}"


def redirect_problem(error: BaseException) -> str:
    """Say what is wrong with where a server redirects to, by the errors of aiohttp, httpx and requests; else ""."""
    for link in _chain(error):
        name = type(link).__name__
        if name == "TooManyRedirects":
            return "its server redirects in a circle, or too often: check the address"
        if name in ("NonHttpUrlRedirectClientError", "InvalidSchema", "UnsupportedProtocol") or (
            isinstance(link, ValueError) and "redirect only to http" in str(link)
        ):
            return f"its server redirects to what is no web address, which is not followed ({link})"
        if name == "InvalidUrlRedirectClientError":
            return f"its server redirects to no valid address ({link})"
    return ""


def _describe(error: BaseException, status: int | None, location: str) -> str:
    if problem := redirect_problem(error):
        return f"{location}: {problem}"
    if status is None and isinstance(error, FileNotFoundError):
        status = 404
    if status in _ADVICE:
        return f"{location}: {f'HTTP {status}, ' if '://' in location else ''}{_ADVICE[status]}"
    return f"{location}: {_reason(error, status)}"
