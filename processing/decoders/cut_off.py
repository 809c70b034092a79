"""Tell whether a file ends before its container says so, where no index tells how long the video is."""

import os
import struct
from pathlib import Path
from typing import BinaryIO

__all__ = ["cut_off_in"]

_BOXES = {
    b"emsg", b"free", b"ftyp", b"mdat", b"meta", b"mfra", b"moof", b"moov", b"prft", b"sidx", b"skip", b"ssix", b"styp",
    b"udta", b"uuid", b"wide",
}  # fmt: skip
"""Of the top level of MP4 and MOV: ISO/IEC 14496-12 and QuickTime. What else follows is not taken for a box."""

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_MOST_BOXES = 1 << 18
"""Of a file whose boxes are more, nothing is said: three days of fragments of a second have as many."""
_SYNC = 0x47
_PACKETS = ((188, 0), (192, 4), (204, 0))
"""Size of an MPEG-TS packet and place of its sync byte in it: plain, M2TS, with error correction."""
_PACKETS_AT_END = 8


def cut_off_in(path: Path, format_name: str) -> str | None:
    """Name the part of a container in which a file ends, if it ends in the middle of one; None if it does not.

    A file that is cut off exactly between two parts cannot be told from a whole one, nor can one whose writer left the
    sizes open, as for a pipe.

    Args:
        path: The file.
        format_name: As FFmpeg names its container, such as ``mov,mp4,m4a,3gp,3g2,mj2``.

    Raises:
        OSError: The file cannot be read.
    """
    names = set(format_name.split(","))
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if "mp4" in names:
            return _box(file, size)
        if "avi" in names:
            return _list(file, size)
        if "matroska" in names:
            return _segment(file, size)
        if "mpegts" in names:
            return _packet(file, size)
    return None


def _box(file: BinaryIO, size: int) -> str | None:
    """Walk the boxes of the top level; a fragment without its data is cut off, too."""
    place, count, kind = 0, 0, b""
    while place + 8 <= size:
        count += 1
        file.seek(place)
        header = file.read(16)
        length, kind = int.from_bytes(header[:4], "big"), header[4:8]
        if kind not in _BOXES or length == 0 or count > _MOST_BOXES:  # 0: up to the end of the file
            return None
        if length == 1 and len(header) == 16:
            length = int.from_bytes(header[8:], "big")
        if length < 8:
            return None
        place += length
    return f"a box ({kind.decode()})" if place > size else "a fragment" if kind == b"moof" else None


def _list(file: BinaryIO, size: int) -> str | None:
    """Walk the RIFF lists of AVI, of which large files have several."""
    place = 0
    while place + 8 <= size:
        file.seek(place)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind != b"RIFF" or length in (0, 0xFFFFFFFF):
            return None
        place += 8 + length + length % 2
        if place - length % 2 > size:
            return "its list of frames"
    return None


def _segment(file: BinaryIO, size: int) -> str | None:
    """Compare the size of Matroska's segment, RFC 8794."""
    if file.read(4) != _EBML or (length := _number(file)) is None:
        return None
    file.seek(length, os.SEEK_CUR)
    if file.read(4) != _SEGMENT or (length := _number(file)) is None:
        return None
    return "its segment" if file.tell() + length > size else None


def _number(file: BinaryIO) -> int | None:
    """Read a size of EBML; None for one that is unknown or damaged."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    bits = 7 * (more + 1)
    number = int.from_bytes(first + file.read(more), "big") & ((1 << bits) - 1)
    return None if number == (1 << bits) - 1 else number


def _packet(file: BinaryIO, size: int) -> str | None:
    """Look for the last packets of MPEG-TS, each with its sync byte."""
    for length, sync in _PACKETS:
        file.seek(max(0, size - _PACKETS_AT_END * length))
        data = file.read()
        for begin in range(length):
            places = range(begin + sync, len(data), length)
            if len(places) >= _PACKETS_AT_END - 1 and all(data[place] == _SYNC for place in places):
                return "a packet" if (len(data) - begin) % length else None
    return None
