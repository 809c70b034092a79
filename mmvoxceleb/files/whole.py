"""Read one small file whole, at a path or URL that the user named."""

import os
from collections.abc import Mapping
from typing import Any

from mmvoxceleb.errors import SourceUnavailableError
from mmvoxceleb.files.opening import open_source
from mmvoxceleb.files.ranges import is_http
from mmvoxceleb.files.retry import with_retries

__all__ = ["name_of", "read_whole"]


def read_whole(
    location: str | os.PathLike[str], *, most_bytes: int, storage_options: Mapping[str, Any] | None = None
) -> bytes:
    """Read a file.

    Args:
        location: Its path, or its URL: ``https://``, ``hf://``, ``s3://``, ...
        most_bytes: A larger one is refused, before it is read or, where a server does not tell, while it comes.
        storage_options: Passed to fsspec for URLs.

    Raises:
        SourceUnavailableError: It cannot be read, also after retries, or is larger.
    """
    place = os.path.expanduser(os.fspath(location))
    if is_http(place):
        from mmvoxceleb.files import http

        return with_retries(
            lambda: http.run(storage_options or {}, lambda system: http.fetch(system, place, http.Budget(most_bytes))),
            place,
        )
    source = open_source(place, storage_options)
    if source.size > most_bytes:
        raise SourceUnavailableError(
            f"{place}: has {source.size:,} bytes; refused, the limit is {most_bytes:,}. Check that it is the right file"
        )
    return source.read(0, source.size)


def name_of(location: str | os.PathLike[str]) -> str:
    """Return the last part of a path or URL, without what follows ``?``: what may be told to others of it."""
    return os.fspath(location).partition("?")[0].rstrip("/").rpartition("/")[2]
