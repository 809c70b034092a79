"""Try again what may work the next time, and say plainly what will not."""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar, cast

from mmvoxceleb.errors import MMVoxCelebError, SourceUnavailableError

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

__all__ = [
    "TRANSIENT_STATUS",
    "is_missing",
    "is_unreachable",
    "redirect_problem",
    "retrying",
    "status_of",
    "with_retries",
]

ATTEMPTS = 5
ATTEMPTS_AT_SILENCE = 3
"""Attempts where each ends with a wait in vain."""
ATTEMPTS_AT_UNKNOWN_NAME = 2
"""Attempts where no address is found for a server's name: mostly there is no network, or the name is wrong."""
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
            :data:`ATTEMPTS_AT_SILENCE` of them ended with a wait in vain, or :data:`ATTEMPTS_AT_UNKNOWN_NAME` found no
            address for the server's name.
    """
    failures: list[Exception] = []
    try:  # without the 18 us of tenacity, which are a tenth of what it takes to read a frame from a folder
        return action()
    except MMVoxCelebError:
        raise
    except Exception as error:
        if not _is_transient(error):
            raise SourceUnavailableError(_describe(error, location)) from error
        failures.append(error)

    def again() -> Result:
        if failures:
            raise failures.pop()
        return action()

    from tenacity import RetryError

    try:
        return retrying(location, _is_transient, first_wait_seconds=FIRST_WAIT_SECONDS)(again)
    except MMVoxCelebError:
        raise
    except RetryError as end:
        attempts, cause = end.last_attempt.attempt_number, end.__cause__ or end
        raise SourceUnavailableError(
            f"{location}: gave up after {attempts} attempts ({_reason(cause)}); rerun this when the server answers"
        ) from cause
    except Exception as error:
        raise SourceUnavailableError(_describe(error, location)) from error


def retrying(location: str, is_passing: Callable[[BaseException], bool], *, first_wait_seconds: float) -> "Retrying":
    """Return what calls a function until it succeeds, as :func:`with_retries`, and lets final failures through.

    Raises:
        tenacity.RetryError: By the call, from the last of the failures that were ``is_passing``.
    """
    import tenacity

    silences = unknown_names = 0
    usual_wait = tenacity.wait_exponential(first_wait_seconds) + tenacity.wait_random(0, first_wait_seconds / 2)

    def is_enough(state: "RetryCallState") -> bool:
        nonlocal silences, unknown_names
        causes = list(_chain(_failure(state)))
        silences += any(map(_is_timeout, causes))
        unknown_names += any(isinstance(cause, socket.gaierror) for cause in causes)
        is_in_vain = silences == ATTEMPTS_AT_SILENCE or unknown_names == ATTEMPTS_AT_UNKNOWN_NAME
        return state.attempt_number == ATTEMPTS or is_in_vain

    def tell(state: "RetryCallState") -> None:
        logger.warning(
            "%s: %s; retrying in %.1f s",
            location,
            _reason(_failure(state)),
            state.upcoming_sleep,
            extra={"is_repeated": state.attempt_number > 1},
        )

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_passing),
        stop=is_enough,
        wait=lambda state: _asked_wait_seconds(_failure(state)) + usual_wait(state),
        before_sleep=tell,
    )


def _failure(state: "RetryCallState") -> BaseException:
    return cast("BaseException", state.outcome and state.outcome.exception())


def is_missing(error: SourceUnavailableError) -> bool:
    """Return whether a source answered that there is no such file, by the status or class of its cause."""
    status = status_of(error)
    if status is not None:
        return status in (404, 410)
    return any(isinstance(link, FileNotFoundError) for link in _chain(error)) and not any(
        _is_connection_failure(link) for link in _chain(error)
    )


def is_unreachable(error: SourceUnavailableError) -> bool:
    """Return whether no connection to the server came about, by the causes of an error."""
    return any(isinstance(link, ConnectionRefusedError | socket.gaierror) for link in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def status_of(error: BaseException) -> int | None:
    """Find the HTTP status in an error of aiohttp, httpx or requests, or in what caused it."""
    for link in _chain(error):
        for holder in (link, getattr(link, "response", None)):
            for name in ("status", "status_code"):
                status = getattr(holder, name, None)
                if isinstance(status, int):
                    return status
    return None


def _is_transient(error: BaseException) -> bool:
    if not isinstance(error, Exception) or isinstance(error, MMVoxCelebError) or redirect_problem(error):
        return False
    status = status_of(error)
    if status is not None and status != 206 and status >= 400:
        return status in TRANSIENT_STATUS
    # fsspec reports an unreachable server as a missing file, with the reason as cause
    return any(map(_is_connection_failure, _chain(error)))


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
        }
    )


def _is_timeout(error: BaseException) -> bool:
    return isinstance(error, TimeoutError | asyncio.TimeoutError) or "Timeout" in type(error).__name__


def _asked_wait_seconds(error: BaseException) -> float:
    """Return what a server asks for by ``Retry-After``; 0 where it asks for nothing."""
    for link in _chain(error):
        headers = getattr(link, "headers", None)
        asked = headers.get("Retry-After") if headers is not None and hasattr(headers, "get") else None
        if isinstance(asked, str) and asked.isdigit():
            return min(float(asked), LONGEST_WAIT_SECONDS)
    return 0.0


def _reason(error: BaseException) -> str:
    status = status_of(error)
    if status is not None and status >= 400:
        return f"the server answered {status}"
    name = type(error).__name__
    text = str(error).replace(" ssl:default", "")  # which aiohttp says of every address
    return text if name.startswith("_") else f"{name}: {text}"


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


def _describe(error: BaseException, location: str) -> str:
    status = status_of(error)
    if problem := redirect_problem(error):
        return f"{location}: {problem}"
    if status is None and isinstance(error, FileNotFoundError):
        status = 404
    if status in _ADVICE:
        return f"{location}: {f'HTTP {status}, ' if '://' in location else ''}{_ADVICE[status]}"
    return f"{location}: {_reason(error)}"
