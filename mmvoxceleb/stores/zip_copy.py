"""Copy entries of a zip into a new one as they are packed.

``zipfile`` unpacks and packs again what it copies, stops at the first damaged entry, and keeps an object for each
entry of both zips: 2.6 GB and 18 minutes for zips of a million clips (benchmarks/results/many_clips.md).
Structure and names: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to
4.3.16 (end records) and 4.5.3 (ZIP64 extra field).
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.files.ranges import ByteSource
from mmvoxceleb.stores.zip_content import read_entries
from mmvoxceleb.stores.zip_directory import LOCAL_HEADER_BYTES, iterate_records
from mmvoxceleb.stores.zip_end import Directory, find_directory
from mmvoxceleb.stores.zip_headers import decode_name, disagreement, parse_local_header
from mmvoxceleb.stores.zip_index import LONGEST_FRAMING, ZipEntry

__all__ = ["PackedEntry", "ZipCopy"]

_LOCAL = struct.Struct("<4s5H3L2H")
_RECORD = struct.Struct("<4s6H3L5H2L")
_ZIP64_FIELD, _ZIP64_VERSION = 1, 45
_DESCRIPTOR_FLAG, _DEFLATED = 8, 8
_MOST_32, _MOST_16 = 0xFFFFFFFF, 0xFFFF
_LOCAL_EXTRA_BYTES = 64
"""Of a local header's extra field, read along with the content; tools write up to 32."""
_PIECE_BYTES = 8 << 20


class PackedEntry(NamedTuple):
    """One entry of the zip that is copied.

    Args:
        name: Its whole name.
        offset: Where its local header starts.
        packed: Bytes in the archive.
        size: Bytes once unpacked.
        crc: CRC-32 of the content.
        method: 0 stored, 8 deflated.
        flags: General purpose bits.
        record: Its record in the central directory.
    """

    name: str
    offset: int
    packed: int
    size: int
    crc: int
    method: int
    flags: int
    record: bytes


class ZipCopy:
    """Writes a zip of entries of another one. The new zip is whole only after :meth:`finish`.

    Checksums are carried over and not checked, so a damaged entry stays damaged and is noticed by its readers.

    Args:
        source: The zip.
        target: The file to write, at its beginning.

    Raises:
        CorruptSourceError: ``source`` is not a whole zip.
        SourceUnavailableError: It cannot be read.
    """

    def __init__(self, source: ByteSource, target: BinaryIO) -> None:
        self._source, self._target = source, target
        self._directory: Directory = find_directory(source)
        self._records: list[bytes] = []
        self._count = self._at = self._copied = 0

    def __len__(self) -> int:
        """Count the entries of the source, with folders."""
        return self._directory.count

    def __iter__(self) -> Iterator[PackedEntry]:
        """Yield the entries of the source in the order of its directory.

        Raises:
            CorruptSourceError: The directory is damaged.
        """
        for block in iterate_records(self._source, self._directory):
            names, records = block.names, block.records
            columns = (block.offset, block.packed, block.size, block.crc, block.method, block.flags)
            name_at = record_at = 0
            for name_end, record_end, *values in zip(
                block.name_ends.tolist(), block.record_ends.tolist(), *(column.tolist() for column in columns),
                strict=True,
            ):  # fmt: skip
                name, record = decode_name(names[name_at:name_end]), records[record_at:record_end]
                yield PackedEntry._make([name, *values, record])
                name_at, record_at = name_end, record_end

    def read(self, entry: PackedEntry) -> bytes:
        """Return the content of an entry.

        Raises:
            CorruptSourceError: It is damaged, encrypted, or packed in another way than stored or deflated.
            UnsafeArchiveError: It is far larger than what a zip of clips has.
        """
        folder, _, name = entry.name.rpartition("/")
        end = min(entry.offset + LONGEST_FRAMING + entry.packed, self._directory.start)
        sizes = (entry.packed, entry.size, entry.crc, entry.method, entry.flags)
        return read_entries(self._source, [ZipEntry(name, entry.offset, end, *sizes, folder)])[0]

    def keep(self, entry: PackedEntry) -> None:
        """Copy an entry.

        Raises:
            CorruptSourceError: Its local header is not where it should be, or entries overlap.
        """
        limit = self._directory.start
        framed = entry.offset + LOCAL_HEADER_BYTES + _RECORD.unpack_from(entry.record)[10] + _LOCAL_EXTRA_BYTES
        span = memoryview(self._source.read(entry.offset, min(framed + min(entry.packed, _PIECE_BYTES), limit)))
        found = parse_local_header(span, 0)
        if found is None or found[0] != entry.name:
            raise CorruptSourceError(
                disagreement(self._source.location, entry.name, entry.offset, found[0] if found else None)
            )
        begin, end = entry.offset + found[1], entry.offset + found[1] + entry.packed
        self._copied += found[1] + entry.packed
        if end > limit or self._copied > limit:
            raise CorruptSourceError(
                f"{self._source.location}: entry {quoted(entry.name)} at byte {entry.offset:,} overlaps another one; "
                "the file is damaged, so get it again"
            )
        self._begin_entry(entry, entry.packed, entry.size, entry.crc)
        first = span[found[1] : found[1] + entry.packed]
        self._write(first)
        for at in range(begin + len(first), end, _PIECE_BYTES):
            self._write(self._source.read(at, min(at + _PIECE_BYTES, end)))

    def put(self, entry: PackedEntry, content: bytes) -> None:
        """Write an entry with other content, packed as it was before."""
        packed = content
        if entry.method == _DEFLATED:
            packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            packed = packer.compress(content) + packer.flush()
        self._begin_entry(entry, len(packed), len(content), zlib.crc32(content))
        self._write(packed)

    def finish(self) -> None:
        """Write the central directory and the end records."""
        start = self._at
        for record in self._records:
            self._write(record)
        end, size = self._at, self._at - start
        if self._count >= _MOST_16 or end >= _MOST_32:
            counts = (self._count, self._count, size, start)
            self._write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, _ZIP64_VERSION, _ZIP64_VERSION, 0, 0, *counts))
            self._write(struct.pack("<4sLQL", b"PK\6\7", 0, end, 1))
        short = min(self._count, _MOST_16), min(self._count, _MOST_16), min(size, _MOST_32), min(start, _MOST_32)
        self._write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *short, 0))

    def _begin_entry(self, entry: PackedEntry, packed: int, size: int, crc: int) -> None:
        """Write the local header, with the sizes that some tools put behind the content, and note the record."""
        fields = _RECORD.unpack_from(entry.record)
        made_by, needs, flags, method, time, date = fields[1:7]
        name_end = _RECORD.size + fields[10]
        extra_end = name_end + fields[11]
        name, comment = entry.record[_RECORD.size : name_end], entry.record[extra_end:]
        flags &= ~_DESCRIPTOR_FLAG
        local_large = _zip64([size, packed] if max(size, packed) >= _MOST_32 else [])
        large = _zip64([value for value in (size, packed, self._at) if value >= _MOST_32])
        extra = large + _without_zip64(entry.record[name_end:extra_end])
        if len(extra) > _MOST_16:
            extra = large
        if large:
            needs = max(needs, _ZIP64_VERSION)
        offset = min(self._at, _MOST_32)
        short = (_MOST_32, _MOST_32) if local_large else (packed, size)
        self._records.append(
            _RECORD.pack(
                b"PK\1\2", made_by, needs, flags, method, time, date, crc, min(packed, _MOST_32), min(size, _MOST_32),
                len(name), len(extra), len(comment), 0, *fields[14:16], offset,
            ) + name + extra + comment
        )  # fmt: skip
        self._count += 1
        self._write(
            _LOCAL.pack(b"PK\3\4", needs, flags, method, time, date, crc, *short, len(name), len(local_large))
            + name + local_large
        )  # fmt: skip

    def _write(self, data: bytes | memoryview) -> None:
        self._target.write(data)
        self._at += len(data)


def _zip64(values: list[int]) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", _ZIP64_FIELD, 8 * len(values), *values) if values else b""


def _without_zip64(extra: bytes) -> bytes:
    """Return an extra field without its ZIP64 part, and without what does not parse."""
    kept, at = b"", 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind != _ZIP64_FIELD:
            kept += extra[at : at + 4 + size]
        at += 4 + size
    return kept
