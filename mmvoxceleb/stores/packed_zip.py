"""The entries of a zip of one clip, read in one go where it is as plain as those that we write.

The index of a large zip is made in bulk, with Arrow, and costs a small zip some 0.8 ms; a store has a million of those.
"""

import struct
from itertools import pairwise

from mmvoxceleb.files.ranges import ByteSource
from mmvoxceleb.stores.zip_directory import LOCAL_HEADER_BYTES
from mmvoxceleb.stores.zip_headers import check_local_header
from mmvoxceleb.stores.zip_index import LONGEST_FRAMING, ZipEntry, read_index

__all__ = ["TAIL_BYTES", "packed_entries"]

TAIL_BYTES = 32 << 10
"""Read at once; the directory of 500 pictures is in them."""
_END = struct.Struct("<4s4H2LH")
_LOCATOR_BYTES = 20
_RECORD = struct.Struct("<4s6H3L5H2L")
_LARGEST_SHORT, _LARGEST_LONG = 0xFFFF, 0xFFFFFFFF
_UNIX, _FILE_KIND, _SYMLINK = 3, 0o170000, 0o120000


def packed_entries(source: ByteSource) -> list[ZipEntry]:
    """List the files in a zip of one clip, in archive order, and check its directory.

    Raises:
        CorruptSourceError, UnsafeArchiveError, SourceUnavailableError: As of
            :func:`mmvoxceleb.stores.zip_index.read_index`.
    """
    found = _plain_entries(source)
    if found is None:
        index = read_index(source)
        return [entry for at in range(len(index.folders)) for entry in index.entries(at)]
    return found


def _plain_entries(source: ByteSource) -> list[ZipEntry] | None:
    """List the files of a zip in which nothing is out of the ordinary; None for any other, damaged ones among them.

    Plain is a zip without comment, ZIP64, folders and unusual names, whose files follow one another without holes.
    """
    tail = source.tail(TAIL_BYTES)
    size = source.size
    if size < _END.size:
        return None
    tail_start = size - len(tail)
    at = len(tail) - _END.size
    signature, disk, first_disk, count_here, count, length, start, comment = _END.unpack_from(tail, at)
    locator = tail[max(0, at - _LOCATOR_BYTES) : at][:4]
    if signature != b"PK\5\6" or locator == b"PK\6\7" or comment or disk or first_disk or count_here != count:
        return None
    if not 0 < count < _LARGEST_SHORT or start + length + _END.size != size:
        return None
    directory = tail[start - tail_start : at] if start >= tail_start else source.read(start, start + length)
    found = _records(directory, count)
    if found is None or not _follow_one_another(found, start):
        return None
    if len(found) == 1:  # its name is like no other's, so nothing else would show that a digit of it is damaged
        check_local_header(source, found[0].path, found[0].offset)
    return _with_ends(found, start)


def _records(directory: bytes, count: int) -> list[ZipEntry] | None:
    """Parse the records of a directory; each entry's ``end`` is the least that it can be."""
    found: list[ZipEntry] = []
    at = 0
    for _ in range(count):
        if at + _RECORD.size > len(directory):
            return None
        (
            signature, made_by, _, flags, method, _, _, crc, packed, size, name_bytes, extra_bytes, comment_bytes, _, _,
            external, offset,
        ) = _RECORD.unpack_from(directory, at)  # fmt: skip
        raw = directory[at + _RECORD.size : at + _RECORD.size + name_bytes]
        at += _RECORD.size + name_bytes + extra_bytes + comment_bytes
        is_link = made_by >> 8 == _UNIX and (external >> 16) & _FILE_KIND == _SYMLINK
        if signature != b"PK\1\2" or is_link or _LARGEST_LONG in (packed, size, offset) or not _is_plain(raw):
            return None
        end = offset + LOCAL_HEADER_BYTES + name_bytes + packed
        found.append(ZipEntry(raw.decode("ascii"), offset, end, packed, size, crc, method, flags, ""))
    return found if at == len(directory) else None


def _is_plain(name: bytes) -> bool:
    if not name or not name.isascii() or name.startswith(b".") or b".." in name:
        return False
    return not any(sign in name for sign in (b"/", b"\\", b":", b"\0"))


def _follow_one_another(entries: list[ZipEntry], directory_start: int) -> bool:
    """Return whether there is no overlap, and no hole that another entry would fit in."""
    spans = sorted((entry.offset, entry.end) for entry in entries)
    spans = [(0, 0), *spans, (directory_start, directory_start)]
    return all(0 <= after[0] - before[1] <= LOCAL_HEADER_BYTES for before, after in pairwise(spans))


def _with_ends(entries: list[ZipEntry], directory_start: int) -> list[ZipEntry]:
    """Let each entry end where the next one starts, as an index of a large zip has it."""
    starts = sorted(entry.offset for entry in entries)
    behind = dict(pairwise([*starts, directory_start]))
    return [
        entry._replace(end=min(behind[entry.offset], entry.offset + entry.packed + LONGEST_FRAMING))
        for entry in entries
    ]
