"""The version of a thing: what changes when its content does, whoever keeps it."""

import logging
import os
import uuid
from collections.abc import Mapping
from typing import Any

__all__ = ["no_version", "version_of", "version_of_stat"]

logger = logging.getLogger(__name__)

_NAMES = (
    # of the content, then of the writing, then of the time
    ("etag",),
    ("generation",),
    ("blobid", "sha", "oid"),
    ("versionid",),
    ("md5hash", "contentmd5", "md5", "checksum", "digest"),
    ("lastcommit",),
    ("lastmodified", "mtime", "modified", "modify", "updated", "modificationtime", "created"),
)


def version_of(info: Mapping[str, Any]) -> str:
    """Tell the version of a file from what its server or driver says of it.

    Args:
        info: HTTP headers, or an entry of an fsspec listing; names are compared without case, dashes and underscores.

    Returns:
        Size and the best of ETag, generation (Google), blob id (the Hub), version id (S3), checksum, commit and time
        of change; empty if there is none of these, for a size alone tells nothing.
    """
    said = {name.lower().replace("-", "").replace("_", ""): value for name, value in info.items()}
    size = said.get("size", said.get("contentlength"))
    for names in _NAMES:
        for name in names:
            if said.get(name) not in (None, ""):
                return f"{size} {name} {said[name]}" if size is not None else f"{name} {said[name]}"
    return ""


def version_of_stat(status: os.stat_result) -> str:
    """Tell the version of a local file: the time of its last change, in nanoseconds."""
    return str(status.st_mtime_ns)


def no_version(location: str, files: int = 1) -> str:
    """Stand for the version of what has none: never the same twice, so nothing made of it is taken for current.

    Args:
        location: What it is, for the warning.
        files: How many files of it have none.
    """
    logger.warning(
        "%s: the server tells neither ETag nor time of change of %d of its files, so what is made of them now is "
        "redone the next time", location, files,
    )  # fmt: skip
    return uuid.uuid4().hex
