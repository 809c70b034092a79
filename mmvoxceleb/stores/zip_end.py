"""Find the central directory of a zip by its end records.

Structure and names: PKWARE APPNOTE 6.3.10, sections 4.3.14 to 4.3.16.
"""

import struct
from dataclasses import dataclass

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.ranges import ByteSource

__all__ = ["Directory", "find_directory"]

_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64_LOCATOR_SIGNATURE = b"PK\x06\x07"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_SIGNATURE = b"PK\x06\x06"
_LONGEST_COMMENT = 0xFFFF
_SATURATED = (0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
"""What the short end record says where the ZIP64 one holds the value."""
_AGAIN = "the file is damaged, so get it again"


@dataclass(frozen=True)
class Directory:
    """Where the central directory is.

    Args:
        start: Its first byte.
        size: Its bytes.
        count: Its entries.
        shift: To be added to every offset in it; not 0 where something was put in front of the zip.
        end_record: The end-of-directory records as they are, for telling one zip from another.
    """

    start: int
    size: int
    count: int
    shift: int
    end_record: bytes


def find_directory(source: ByteSource) -> Directory:
    """Find the central directory from the end of the file.

    Raises:
        CorruptSourceError: There is no end record, so the file is cut short or no zip; or the record contradicts
            itself or the file's size.
    """
    for longest_comment in (0, _LONGEST_COMMENT):
        tail = source.tail(_END.size + longest_comment + _END64_LOCATOR.size + _END64.size)
        size = source.size
        tail_start = size - len(tail)
        at = _find_end_record(tail)
        if at >= 0:
            break
    else:
        raise CorruptSourceError(
            f"{source.location}: not a whole zip: no end-of-directory record in its {size:,} bytes, "
            "so it is cut short (or not a zip); get it again"
        )
    _, disk, first_disk, count_here, count, directory_size, directory_start, _ = _END.unpack_from(tail, at)
    if (disk, first_disk) not in ((0, 0), _SATURATED[:2]):
        raise CorruptSourceError(
            f"{source.location}: the last part of a zip split over several files, which is not supported; "
            "join the parts with `zip -s 0 SPLIT.zip --out WHOLE.zip`"
        )
    end, end_record = tail_start + at, tail[at:]
    locator_at = at - _END64_LOCATOR.size
    if locator_at >= 0 and tail[locator_at : locator_at + 4] == _END64_LOCATOR_SIGNATURE:
        _, _, end64_start, _ = _END64_LOCATOR.unpack_from(tail, locator_at)
        guess = tail_start + locator_at - _END64.size
        for candidate in (end64_start, guess):
            record = source.read(candidate, candidate + _END64.size) if 0 <= candidate <= guess else b""
            if record[:4] == _END64_SIGNATURE:
                break
        else:
            raise CorruptSourceError(f"{source.location}: its ZIP64 end record is damaged; get the file again")
        short = (count_here, count, directory_size, directory_start)
        _, _, _, _, _, _, count_here, count, directory_size, directory_start = _END64.unpack(record)
        whole = (count_here, count, directory_size, directory_start)
        if any(a not in (b, limit) for a, b, limit in zip(short, whole, _SATURATED, strict=True)):
            raise CorruptSourceError(f"{source.location}: its two end records disagree; {_AGAIN}")
        end, end_record = candidate, record + tail[locator_at:]
    if count_here != count:
        raise CorruptSourceError(
            f"{source.location}: its end record counts {count:,} entries and {count_here:,} of them here; {_AGAIN}"
        )
    start = end - directory_size
    if start < 0:
        raise CorruptSourceError(
            f"{source.location}: its directory should have {directory_size:,} bytes, more than precede its end; "
            "the beginning of the file is missing, so get it again"
        )
    if not count and end:
        raise CorruptSourceError(
            f"{source.location}: its end record counts no entries, and {end:,} bytes stand before it; {_AGAIN}"
        )
    if start < directory_start:
        raise CorruptSourceError(
            f"{source.location}: its directory should start at byte {directory_start:,} and starts at {start:,}; "
            f"{_AGAIN}"
        )
    return Directory(start, directory_size, count, start - directory_start, end_record)


def _find_end_record(tail: bytes) -> int:
    """Return where the end record starts, the last one whose comment fills the rest of the file; -1 for none."""
    at = tail.rfind(_END_SIGNATURE)
    while at >= 0:
        if at + _END.size <= len(tail) and at + _END.size + _END.unpack_from(tail, at)[7] == len(tail):
            return at
        at = tail.rfind(_END_SIGNATURE, 0, at)
    return -1
