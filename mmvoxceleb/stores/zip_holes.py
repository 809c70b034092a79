"""Entries that lie in a zip and are not in its directory: what damage, or a tool that deletes by halves, leaves."""

import logging
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.files.ranges import ByteSource
from mmvoxceleb.stores.zip_directory import LOCAL_HEADER_BYTES
from mmvoxceleb.stores.zip_headers import parse_local_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["tell_unlisted"]

_MOST_LOOKED_INTO = 8
"""Holes of which one is read each; over HTTP each costs a request."""
_LONGEST_FRAMING = 0xFFFF + 24
"""Most bytes of extra field and data descriptor between an entry's content and the next one."""

logger = logging.getLogger(__name__)


def tell_unlisted(source: ByteSource, starts: "NDArray[np.int64]", ends: "NDArray[np.int64]", directory: int) -> None:
    """Warn of entries that the directory does not list, where the bytes between the listed ones are more than usual.

    Args:
        source: The zip.
        starts: Where the listed entries start; at least one.
        ends: The least byte behind each: without extra field and data descriptor.
        directory: Where the directory starts.
    """
    order = np.argsort(starts, kind="stable")
    holes_at = np.concatenate([[0], ends[order]])
    behind = np.append(starts[order], directory)
    sizes = behind - holes_at
    usual = int(np.partition(sizes[1:], (len(sizes) - 2) // 2)[(len(sizes) - 2) // 2])  # extra fields and descriptors
    sizes[1:] -= min(usual, _LONGEST_FRAMING) if len(starts) > 1 else 0
    largest = np.argsort(-sizes, kind="stable")[:_MOST_LOOKED_INTO]
    doubtful = [(int(holes_at[hole]), int(behind[hole])) for hole in largest if sizes[hole] > LOCAL_HEADER_BYTES]
    names = [name for start, end in doubtful if (name := _first_name(source, start, end)) is not None]
    if names:
        logger.warning(
            "%s: entries lie in it that its directory does not list, such as %s, and are left out: the directory is "
            "damaged, or they were only deleted from it; get the file again, or repack it",
            source.location, quoted(names[0]),
        )  # fmt: skip


def _first_name(source: ByteSource, start: int, end: int) -> str | None:
    """Return the name of the first entry in a hole; None if there is none."""
    span = source.read(start, min(end, start + 2 * _LONGEST_FRAMING))
    at = span.find(b"PK\3\4")
    found = parse_local_header(memoryview(span), at) if at >= 0 else None
    return found[0] if found else None
