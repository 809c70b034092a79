"""The content of entries of a zip: read, unpacked within bounds, and checked."""

import zlib
from collections.abc import Sequence

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.errors import CorruptSourceError, UnsafeArchiveError
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.files.ranges import ByteSource, LocalSource
from mmvoxceleb.modalities.base import LARGEST_FILE_BYTES
from mmvoxceleb.stores.interface import LARGEST_CLIP_BYTES, Entry, frame_entries
from mmvoxceleb.stores.numbering import doubtful_positions
from mmvoxceleb.stores.zip_headers import check_local_header, disagreement, parse_local_header
from mmvoxceleb.stores.zip_index import ZipEntry

try:
    from isal.isal_zlib import crc32  # of the extra "train"; five times as fast
except ImportError:
    from zlib import crc32

__all__ = ["list_pictures", "read_entries"]

LARGEST_RATIO = 1000
LARGEST_CLIP_RATIO = 100
"""Most times its size that a read may unpack to, once that is over :data:`_FREE_BYTES`; pictures do not shrink so."""
_FREE_BYTES = 64 << 20
_GAP_BYTES = 64 << 10
"""Bytes between two wanted entries that are cheaper to read along than to ask for again."""
_LARGEST_RANGE_BYTES = 32 << 20
_MOST_DOUBTFUL = 64
"""Headers that are read one by one from a server; whatever is read of a clip is checked in any case."""
_HEADERS_AT_ONCE = 8
_STORED, _DEFLATED, _FLAG_ENCRYPTED = 0, 8, 1


def read_entries(source: ByteSource, entries: Sequence[ZipEntry]) -> list[bytes]:
    """Read the content of entries of a zip, in the order given; neighbours are read in one go.

    Raises:
        CorruptSourceError: A header or checksum is wrong, or the compression is unknown.
        UnsafeArchiveError: An entry unpacks to over 256 MB or over 1,000 times its size, or all of them to over 1 GB
            or, from 64 MB on, over 100 times their size.
        SourceUnavailableError: The archive cannot be read.
    """
    _refuse_bombs(source.location, entries)
    content: dict[int, bytes] = {}
    order = sorted(range(len(entries)), key=lambda position: entries[position].offset)
    first = 0
    while first < len(order):
        start, end, last = entries[order[first]].offset, entries[order[first]].end, first + 1
        while last < len(order):
            entry = entries[order[last]]
            if entry.offset - end > _GAP_BYTES or entry.end - start > _LARGEST_RANGE_BYTES:
                break
            end, last = max(end, entry.end), last + 1
        span = memoryview(source.read(start, end))
        for position in order[first:last]:
            content[position] = _unpack(source.location, entries[position], span, start)
        first = last
    return [content[position] for position in range(len(entries))]


def _refuse_bombs(location: str, entries: Sequence[ZipEntry]) -> None:
    packed = total = 0
    for entry in entries:
        if entry.size > LARGEST_FILE_BYTES or entry.size > LARGEST_RATIO * max(entry.packed, 1):
            raise UnsafeArchiveError(
                f"{location}: entry {quoted(entry.name)} unpacks from {entry.packed:,} to {entry.size:,} bytes; "
                f"refused, the limits are {LARGEST_FILE_BYTES >> 20} MB and {LARGEST_RATIO:,} times its size. "
                "Get the archive from another source"
            )
        packed, total = packed + entry.packed, total + entry.size
    if total > LARGEST_CLIP_BYTES or total > max(_FREE_BYTES, LARGEST_CLIP_RATIO * packed):
        raise UnsafeArchiveError(
            f"{location}: {len(entries):,} entries from {quoted(entries[0].name)} on unpack from {packed:,} to "
            f"{total:,} bytes; refused, the limits are {LARGEST_CLIP_BYTES >> 20} MB and, over {_FREE_BYTES >> 20} MB, "
            f"{LARGEST_CLIP_RATIO} times their size. Get the archive from another source, or fewer frames of the clip"
        )


def _unpack(location: str, entry: ZipEntry, span: memoryview, span_start: int) -> bytes:
    at = entry.offset - span_start
    found = parse_local_header(span, at)
    if found is None or found[0] != entry.path:
        raise CorruptSourceError(disagreement(location, entry.path, entry.offset, found[0] if found else None))
    if entry.flags & _FLAG_ENCRYPTED:
        raise _corrupt(location, entry, "it is encrypted, which is not supported", "unpack it with its password first")
    begin = found[1]
    packed = span[begin : begin + entry.packed]
    if len(packed) != entry.packed or entry.offset + (begin - at) + entry.packed > entry.end:
        raise _corrupt(location, entry, "it overlaps the entry behind it")
    if entry.method == _STORED:
        content = bytes(packed)
    elif entry.method == _DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflater.decompress(packed, entry.size + 1)
        except zlib.error as error:
            raise _corrupt(location, entry, f"it cannot be inflated ({error})") from error
    else:
        raise _corrupt(
            location, entry, f"its compression method {entry.method} is not supported", "pack it stored or deflated"
        )
    if len(content) != entry.size:
        raise _corrupt(location, entry, f"it does not unpack to the {entry.size:,} bytes that the directory says")
    if crc32(content) != entry.crc:
        raise _corrupt(location, entry, "its checksum is wrong")
    return content


def _corrupt(location: str, entry: ZipEntry, what: str, advice: str = "get the archive again") -> CorruptSourceError:
    return CorruptSourceError(f"{location}: entry {quoted(entry.name)} at byte {entry.offset:,}: {what}; {advice}")


def list_pictures(source: ByteSource, entries: Sequence[ZipEntry]) -> list[Entry]:
    """List the pictures of a clip by frame index, and check local headers where the numbers give a reason to doubt.

    A damaged digit in a name makes another frame of it, which whoever reads every fourth frame would never read.

    Raises:
        CorruptSourceError: A name is there twice or names no possible frame, or a header is of another entry.
        SourceUnavailableError: The archive cannot be read.
    """
    found = frame_entries((entry.name, entry.size, "") for entry in entries)
    positions = doubtful_positions([entry.index for entry in found])
    if len(positions) <= _MOST_DOUBTFUL or isinstance(source, LocalSource):
        by_name = {entry.name: entry for entry in entries}
        doubtful = [by_name[found[position].name] for position in positions]
        checks = results_ahead(
            lambda entry: check_local_header(source, entry.path, entry.offset), doubtful,
            ahead=0 if isinstance(source, LocalSource) else _HEADERS_AT_ONCE,
        )  # fmt: skip
        for _, check in checks:
            check()
    return found
