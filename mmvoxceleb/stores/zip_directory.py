"""Parse the central directory of a zip in bulk.

``zipfile`` makes an object of every entry: 6.5 s and 639 MB for a million, where this takes 0.8 s and 214 MB
(benchmarks/results/loading.md). Here numpy reads all the records of a
block at once: their starts are the places of the signature, kept only if each record ends where the next starts.
Structure and names: PKWARE APPNOTE 6.3.10, sections 4.3.12 (central directory) and 4.5.3 (ZIP64 extra
field).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.files.ranges import ByteSource, LocalSource
from mmvoxceleb.stores.zip_end import Directory

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LOCAL_HEADER_BYTES", "RecordBlock", "gather_slices", "iterate_records"]

_LONGEST_FIELD, _SATURATED = 0xFFFF, 0xFFFFFFFF

_RECORD = np.dtype(
    [
        ("signature", "<u4"), ("made_by", "<u2"), ("needs", "<u2"), ("flags", "<u2"), ("method", "<u2"),
        ("time", "<u2"), ("date", "<u2"), ("crc", "<u4"), ("packed", "<u4"), ("size", "<u4"),
        ("name_length", "<u2"), ("extra_length", "<u2"), ("comment_length", "<u2"), ("disk", "<u2"),
        ("internal", "<u2"), ("external", "<u4"), ("offset", "<u4"),
    ]
)  # fmt: skip
_FIXED = _RECORD.itemsize
LOCAL_HEADER_BYTES = 30
"""Bytes of a local header without its name and extra field (section 4.3.7)."""
_BLOCK_BYTES = 4 << 20
_BLOCKS_AHEAD = 4
"""Read from a server while one is parsed."""
_LONGEST_RECORD = _FIXED + 3 * _LONGEST_FIELD
_UNIX, _FILE_KIND, _SYMLINK = 3, 0o170000, 0o120000


@dataclass(frozen=True)
class RecordBlock:
    """Some entries of a central directory; all arrays have their number as length.

    Args:
        names: The names' bytes, one after the other.
        name_ends: int64, where each name ends in ``names``.
        flags: uint16, general purpose bits.
        method: uint16, 0 stored, 8 deflated.
        crc: uint32, CRC-32 of the content.
        packed: int64, bytes in the archive.
        size: int64, bytes once unpacked.
        offset: int64, where the local header starts in the file.
        is_symlink: bool.
        records: The records as they are, one after the other.
        record_ends: int64, where each record ends in ``records``.
    """

    names: bytes
    name_ends: "NDArray[np.int64]"
    flags: "NDArray[np.uint16]"
    method: "NDArray[np.uint16]"
    crc: "NDArray[np.uint32]"
    packed: "NDArray[np.int64]"
    size: "NDArray[np.int64]"
    offset: "NDArray[np.int64]"
    is_symlink: "NDArray[np.bool_]"
    records: bytes
    record_ends: "NDArray[np.int64]"

    def __len__(self) -> int:
        return len(self.offset)


def iterate_records(source: ByteSource, directory: Directory) -> Iterator[RecordBlock]:
    """Read the central directory block by block.

    Raises:
        CorruptSourceError: The records do not chain up, are not as many as the end record says, or place an entry
            outside the file.
    """
    end, found = directory.start + directory.size, 0
    rest = b""
    firsts = range(directory.start, end, _BLOCK_BYTES)
    pieces = results_ahead(
        lambda first: source.read(first, min(first + _BLOCK_BYTES, end)), firsts,
        ahead=0 if isinstance(source, LocalSource) else _BLOCKS_AHEAD,
    )  # fmt: skip
    for first, piece in pieces:
        buffer = rest + piece()
        starts = _record_starts(buffer, source.location)
        if not len(starts):
            raise CorruptSourceError(f"{source.location}: its directory ends within an entry; get the file again")
        used = int(starts[-1])
        for row in range(0, len(starts) - 1, 1 << 16):
            block = _parse(buffer, starts[row : row + (1 << 16) + 1], directory, source.location)
            found += len(block)
            yield block
        rest = buffer[used:]
        is_last = first + _BLOCK_BYTES >= end
        if rest and is_last:
            _record_starts(rest, source.location)  # says so where it is none at all
        if rest and (is_last or (used == 0 and len(rest) > _LONGEST_RECORD)):
            raise CorruptSourceError(f"{source.location}: its directory ends within an entry; get the file again")
    if found != directory.count:
        raise CorruptSourceError(
            f"{source.location}: its directory lists {found:,} entries and should list {directory.count:,}; "
            "get the file again"
        )


def _record_starts(buffer: bytes, location: str) -> "NDArray[np.int64]":
    """Return where each whole record in ``buffer`` starts, and behind the last one where the next would start."""
    data = np.frombuffer(buffer, np.uint8)
    if len(data) < _FIXED:
        return np.zeros(1, np.int64)
    candidates = np.flatnonzero(data[: len(data) - _FIXED + 1] == 0x50)
    for step, byte in ((1, 0x4B), (2, 0x01), (3, 0x02)):
        candidates = candidates[data[candidates + step] == byte]
    if len(candidates) and candidates[0] == 0:
        ends = candidates + _FIXED + _lengths(data, candidates).sum(axis=1)
        whole = int(np.searchsorted(ends, len(data), side="right")) if np.all(ends[:-1] == candidates[1:]) else -1
        if whole >= 0:
            return np.append(candidates[:whole], ends[whole - 1] if whole else 0)
    return _walk(buffer, location)


def _walk(buffer: bytes, location: str) -> "NDArray[np.int64]":
    """Follow the records one by one, for the rare buffer in which a name or a comment holds the signature."""
    starts, position = [0], 0
    while position + _FIXED <= len(buffer):
        if buffer[position : position + 4] != b"PK\x01\x02":
            raise CorruptSourceError(f"{location}: its directory is damaged (no entry where one should be)")
        position += _FIXED + sum(struct.unpack_from("<3H", buffer, position + 28))
        if position > len(buffer):
            break
        starts.append(position)
    return np.array(starts, np.int64)


def _lengths(data: "NDArray[np.uint8]", starts: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """int64 [N, 3]: the lengths of name, extra field and comment."""
    raw = data[starts[:, None] + np.arange(28, 34)]
    return np.ascontiguousarray(raw).view("<u2").astype(np.int64)


def _parse(buffer: bytes, starts: "NDArray[np.int64]", directory: Directory, location: str) -> RecordBlock:
    data = np.frombuffer(buffer, np.uint8)
    records, record_ends = buffer[starts[0] : starts[-1]], starts[1:] - starts[0]
    starts = starts[:-1]
    fixed: Any = np.ascontiguousarray(data[starts[:, None] + np.arange(_FIXED)]).view(_RECORD)[:, 0]
    name_starts = starts + _FIXED
    lengths = fixed["name_length"].astype(np.int64)
    packed, size, offset = (fixed[field].astype(np.int64) for field in ("packed", "size", "offset"))
    _apply_zip64(data, fixed, name_starts + lengths, (size, packed, offset), location)
    names = gather_slices(data, name_starts, name_starts + lengths)
    room = directory.start - directory.shift - LOCAL_HEADER_BYTES - lengths
    outside = (size < 0) | (offset < 0) | (packed < 0) | (packed > room) | (offset > room - packed)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        name = names[int(lengths[:first].sum()) :][: int(lengths[first])].decode("utf-8", "replace")
        moved = f" (moved by {directory.shift:,}, as its end record says)" if directory.shift else ""
        raise CorruptSourceError(
            f"{location}: its directory places entry {quoted(name)} at byte {offset[first]:,} with {packed[first]:,} "
            f"bytes, outside of the {directory.start:,} bytes before the directory{moved}; get the file again"
        )
    kind = (fixed["external"] >> 16) & _FILE_KIND
    return RecordBlock(
        names=names,
        name_ends=np.cumsum(lengths),
        flags=fixed["flags"],
        method=fixed["method"],
        crc=fixed["crc"],
        packed=packed,
        size=size,
        offset=offset + directory.shift,
        is_symlink=(fixed["made_by"] >> 8 == _UNIX) & (kind == _SYMLINK),
        records=records,
        record_ends=record_ends,
    )


def gather_slices(data: "NDArray[np.uint8]", starts: "NDArray[np.int64]", ends: "NDArray[np.int64]") -> bytes:
    """Concatenate slices of ``data`` that are in order and do not overlap."""
    runs = np.empty(2 * len(starts) + 1, np.int64)
    runs[0::2] = np.append(starts, len(data)) - np.concatenate([[0], ends])
    runs[1::2] = ends - starts
    wanted = np.zeros(len(runs), np.bool_)
    wanted[1::2] = True
    return data[np.repeat(wanted, runs)].tobytes()


def _apply_zip64(
    data: "NDArray[np.uint8]",
    fixed: Any,
    extra_starts: "NDArray[np.int64]",
    values: tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.int64]"],
    location: str,
) -> None:
    """Replace saturated sizes and offsets, in place, by those of the ZIP64 extra field (id 1)."""
    saturated = [column == _SATURATED for column in values]
    pending = np.flatnonzero(saturated[0] | saturated[1] | saturated[2])
    cursor = extra_starts[pending]
    ends = cursor + fixed["extra_length"][pending]
    while len(pending):
        if np.any(cursor + 4 > ends):
            raise CorruptSourceError(f"{location}: an entry over 4 GB lacks its ZIP64 field; get the file again")
        header = np.ascontiguousarray(data[cursor[:, None] + np.arange(4)]).view("<u2").astype(np.int64)
        here = header[:, 0] == 1
        rows, at = pending[here], cursor[here] + 4
        field_ends = at + header[here, 1]
        for column, is_saturated in zip(values, saturated, strict=True):
            wanted = is_saturated[rows]
            if np.any(at[wanted] + 8 > np.minimum(field_ends, ends[here])[wanted]):
                raise CorruptSourceError(f"{location}: a ZIP64 field is too short; get the file again")
            column[rows[wanted]] = (
                np.ascontiguousarray(data[at[wanted][:, None] + np.arange(8)]).view("<i8")[:, 0] if wanted.any() else []
            )
            at = at + 8 * wanted
        cursor, ends, pending = (cursor + 4 + header[:, 1])[~here], ends[~here], pending[~here]
