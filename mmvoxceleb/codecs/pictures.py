"""The gate that every picture passes before anything decodes it: kind, size, whole and undamaged as far as can be told.

One rule for turned pictures: pixels count as they are stored, for frames, masks and drawings alike. A note by which
viewers would turn a picture (EXIF, XMP) is ignored where we decode, and taken out of records, since ``datasets``
obeys it.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mmvoxceleb.codecs.jpeg import JPEG_START, is_turned, size_of_jpeg, upright_jpeg
from mmvoxceleb.errors import CorruptSourceError, UnsafeArchiveError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_crc32: Callable[..., int]
try:
    from isal.isal_zlib import crc32 as _crc32  # four times as fast
except ImportError:
    _crc32 = zlib.crc32

__all__ = ["LARGEST_SIDE_PX", "PNG_START", "check_content", "check_picture", "check_side", "encode_frame", "upright"]

LARGEST_SIDE_PX = 8192

PNG_START = b"\x89PNG\r\n\x1a\n"
_CHUNK = struct.Struct(">I4s")
_HEADER = struct.Struct(">2I5B")
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits a sample by colour type (PNG specification, table 11.1)."""


def check_picture(data: bytes, *, clip_id: str, name: str) -> None:
    """Check a file's content: see :func:`check_content`.

    Args:
        data: The file's content.
        clip_id: The clip, for messages.
        name: The file, for messages.

    Raises:
        CorruptSourceError: Empty, cut short, damaged, or no picture.
        UnsafeArchiveError: A side is over 8,192 px.
    """
    check_content(data, where=f"clip {clip_id}, {name}")


def check_content(data: "bytes | memoryview", *, where: str, with_checksums: bool = True) -> None:
    """Check that ``data`` is a whole PNG or JPEG file of a sane size, without decoding it.

    Of a PNG every chunk is looked at; of a JPEG the segments and that it goes on to its end.

    Args:
        data: The file's content.
        where: Clip and file, for messages.
        with_checksums: Compare the checksums of a PNG's pixel data, too. Who inflates it learns the same.

    Raises:
        CorruptSourceError: Empty, cut short, damaged, or no picture.
        UnsafeArchiveError: A side is over 8,192 px.
    """
    if len(data) == 0:
        raise CorruptSourceError(f"{where}: the file is empty; {_WAY_ON}")
    start = bytes(data[:8])
    if start == PNG_START:
        check_side(*_check_png(data, where, with_checksums), where=where)
    elif start.startswith(JPEG_START):
        try:
            check_side(*size_of_jpeg(data), where=where)
        except ValueError as error:
            if isinstance(error, CorruptSourceError | UnsafeArchiveError):
                raise
            raise CorruptSourceError(
                f"{where}: the JPEG is damaged ({error}, {len(data):,} bytes); {_WAY_ON}"
            ) from None
    else:
        raise CorruptSourceError(f"{where}: neither PNG nor JPEG (it starts with {start!r}); {_WAY_ON}")


def check_side(height: int, width: int, *, where: str) -> None:
    """Check the sides of a picture before its pixels need memory.

    Raises:
        CorruptSourceError: A side is 0.
        UnsafeArchiveError: A side is over 8,192 px.
    """
    if min(height, width) < 1:
        raise CorruptSourceError(f"{where}: the picture says that it is {width} x {height} px; {_WAY_ON}")
    if max(height, width) > LARGEST_SIDE_PX:
        raise UnsafeArchiveError(f"{where}: {width} x {height} px; refused, the limit is {LARGEST_SIDE_PX} px")


def upright(data: bytes) -> bytes:
    """Return a picture without a note by which viewers would turn it; see the rule above."""
    if data.startswith(JPEG_START):
        return upright_jpeg(data)
    if any(note in data for note in _PNG_NOTES):
        return _upright_png(data)
    return data


_PNG_NOTES = (b"eXIf", b"XML:com.adobe.xmp")


def _upright_png(data: bytes) -> bytes:
    if not is_turned(data, "PNG"):
        return data
    parts = [PNG_START]
    for kind, content, checksum in _chunks(memoryview(data), "a picture"):
        if kind != b"eXIf" and not (kind in (b"iTXt", b"tEXt", b"zTXt") and bytes(content[:17]) == _PNG_NOTES[1]):
            parts.append(_CHUNK.pack(len(content), kind) + bytes(content) + checksum.to_bytes(4, "big"))
    return b"".join(parts)


_WAY_ON = "get it again, or skip the clip (load_dataset: on_error='skip')"


def _check_png(data: "bytes | memoryview", where: str, with_checksums: bool) -> tuple[int, int]:
    """Check the chunks, and return height and width."""
    view = memoryview(data)
    kinds: list[bytes] = []
    palette_bytes = 0
    for kind, content, checksum in _chunks(view, where):
        is_pixels = kind == b"IDAT"
        if (with_checksums or not is_pixels) and _crc32(content, zlib.crc32(kind)) != checksum:
            raise CorruptSourceError(f"{where}: the PNG is damaged (its chunk {kind!r}); {_WAY_ON}")
        if not kinds:
            if kind != b"IHDR" or len(content) != _HEADER.size:
                raise CorruptSourceError(f"{where}: the PNG is damaged (it has no header); {_WAY_ON}")
            width, height, depth, colour_type, compression, filters, interlace = _HEADER.unpack(content)
            if depth not in _DEPTHS.get(colour_type, ()) or compression or filters or interlace > 1:
                raise CorruptSourceError(f"{where}: the PNG is damaged (its header is invalid); {_WAY_ON}")
        elif kind == b"PLTE":
            palette_bytes = len(content)
        kinds.append(kind)
    if b"IDAT" not in kinds or kinds.count(b"IHDR") != 1:
        raise CorruptSourceError(f"{where}: the PNG is damaged (it has no pixels); {_WAY_ON}")
    if colour_type == 3 and not (0 < palette_bytes <= 768 and palette_bytes % 3 == 0):
        raise CorruptSourceError(f"{where}: the PNG is damaged (it has no palette); {_WAY_ON}")
    return height, width


def _chunks(view: memoryview, where: str) -> Iterator[tuple[bytes, memoryview, int]]:
    at = 8
    while True:
        if at + 12 > len(view):
            raise CorruptSourceError(f"{where}: cut short at {len(view):,} bytes; {_WAY_ON}")
        length, kind = _CHUNK.unpack_from(view, at)
        end = at + 12 + length
        if end > len(view):
            raise CorruptSourceError(f"{where}: cut short at {len(view):,} bytes; {_WAY_ON}")
        yield kind, view[at + 8 : end - 4], int.from_bytes(view[end - 4 : end], "big")
        if kind == b"IEND":
            return
        at = end


def encode_frame(frame: "NDArray[np.uint8]") -> bytes:
    """Encode a frame, uint8 [H, W, 3], RGB, as PNG: quickly rather than small."""
    import cv2

    # run-length matching: measured as the smallest of the quick settings on faces, 65 kB a frame
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    done, data = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), options)
    assert done
    return data.tobytes()
