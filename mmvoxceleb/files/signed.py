"""Reads from S3 by signed addresses: its driver signs them, and HTTP's connections read them.

The driver (s3fs on botocore) takes 2 to 3 ms of CPU for each request and has ten connections. An address that it has
signed takes 0.8 to 1.4 ms (benchmarks/results/remote.md), is good for any range of its file, and is used again.
"""

import re
import time
import urllib.request
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from mmvoxceleb.files import http

__all__ = ["SignedReads", "signed_reads", "with_signatures"]

_PROTOCOLS = ("s3", "s3a")
_EXPIRES_SECONDS = 3600
_USED_SECONDS = 300.0
"""How long an address is used. botocore renews what it signs with ten minutes or more before that expires."""
_MOST_KEPT = 16384
_MOST_FAILURES = 3
_BUCKET = re.compile(r"(?!.*--x-s3$)[a-z0-9][a-z0-9.-]+")
"""Not the ARNs of access points, nor directory buckets, which have signatures of their own."""
_PLAIN_OPTIONS = {"key", "secret", "token", "anon", "endpoint_url", "profile", "client_kwargs", "config_kwargs"}
_PLAIN_CLIENT_OPTIONS = {
    "endpoint_url", "region_name", "aws_access_key_id", "aws_secret_access_key", "aws_session_token",
}  # fmt: skip
_PLAIN_CONFIG_OPTIONS = {"signature_version", "region_name", "s3", "retries", "connect_timeout", "read_timeout"}

Result = TypeVar("Result")


def with_signatures(address: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the driver, with signatures that can be in an address where botocore has older ones there.

    Args:
        address: The URL of a file or folder.
        options: The user's options for the driver.
    """
    # an option of ours takes the place of the whole option in fsspec's configuration
    config = _given(options).get("config_kwargs", {})
    if not _can_sign(address, options) or "signature_version" in config:
        return dict(options)
    return {**options, "config_kwargs": {**config, "signature_version": "s3v4"}}


class SignedReads:
    """Reads of one bucket, from any thread.

    Whatever goes wrong, the driver reads instead, and says what is wrong. Where it could read three times what a signed
    address could not, addresses are no longer tried: some servers refuse them.
    """

    def __init__(self) -> None:
        self._addresses: dict[str, tuple[str, float]] = {}
        self._failures = 0

    def read(
        self,
        system: Any,
        paths: Sequence[str],
        get: Callable[[Any, list[str]], Coroutine[Any, Any, Result]],
        otherwise: Callable[[], Result],
    ) -> Result:
        """Read files by their signed addresses.

        Args:
            system: The driver.
            paths: The files.
            get: Reads them with fsspec's HTTP file system, given their addresses.
            otherwise: Reads them with the driver.
        """
        if self._failures >= _MOST_FAILURES:
            return otherwise()

        async def signed(web: Any) -> Result:
            return await get(web, [await self._address(system, path) for path in paths])

        try:
            result = http.run({"encoded": True}, signed)
        except Exception:
            result = otherwise()
            self._failures += 1
        else:
            self._failures = 0
        return result

    async def _address(self, system: Any, path: str) -> str:
        kept = self._addresses.get(path)
        if kept is not None and time.monotonic() < kept[1]:
            return kept[0]
        until = time.monotonic() + _USED_SECONDS
        address: str = await system._url(path, expires=_EXPIRES_SECONDS)
        if len(self._addresses) >= _MOST_KEPT:
            self._addresses.clear()
        self._addresses[path] = address, until
        return address


def signed_reads(address: str, options: Mapping[str, Any]) -> SignedReads | None:
    """Return what reads of a bucket share, or None where addresses cannot be signed, or cannot say all that options do.

    Args:
        address: The URL of a file or folder.
        options: The user's options for the driver.
    """
    return _shared(_bucket(address), repr(sorted(_given(options).items()))) if _can_sign(address, options) else None


@lru_cache(maxsize=32)
def _shared(bucket: str, options: str) -> SignedReads:
    return SignedReads()


def _bucket(address: str) -> str:
    return address.partition("://")[2].partition("/")[0]


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that the driver gets, with those of fsspec's configuration."""
    import fsspec

    configured = (fsspec.config.conf.get(protocol, {}) for protocol in _PROTOCOLS)
    return {name: value for each in (*configured, options) for name, value in each.items()}


def _can_sign(address: str, options: Mapping[str, Any]) -> bool:
    if address.partition("://")[0] not in _PROTOCOLS or not _BUCKET.fullmatch(_bucket(address)) or "?" in address:
        return False
    import fsspec

    given = _given(options)
    client, config = given.get("client_kwargs", {}), given.get("config_kwargs", {})
    return (
        given.keys() <= _PLAIN_OPTIONS
        and client.keys() <= _PLAIN_CLIENT_OPTIONS
        and config.keys() <= _PLAIN_CONFIG_OPTIONS
        and not urllib.request.getproxies().keys() & {"http", "https", "all"}
        and not fsspec.config.conf.keys() & {"http", "https"}  # headers, perhaps, that are not for S3
    )
