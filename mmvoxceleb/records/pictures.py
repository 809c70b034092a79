"""Checks on encoded pictures that need no decoding."""

import struct

from mmvoxceleb.errors import CorruptSourceError, UnsafeArchiveError

__all__ = ["LARGEST_SIDE_PX", "check_content", "check_picture", "png_size"]

LARGEST_SIDE_PX = 8192

_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB\x60\x82"
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


def png_size(data: bytes) -> tuple[int, int]:
    """Read width and height in pixels from a PNG's header."""
    width, height = struct.unpack_from(">2I", data, 16)
    return width, height


def check_picture(data: bytes, *, clip_id: str, name: str) -> None:
    """Check that ``data`` is a whole PNG or JPEG file of a sane size, by its beginning and end.

    Args:
        data: The file's content.
        clip_id: The clip, for messages.
        name: The file, for messages.

    Raises:
        CorruptSourceError: Empty, cut short, or no picture.
        UnsafeArchiveError: A side is over 8,192 px.
    """
    check_content(data, where=f"clip {clip_id}, {name}")


def check_content(data: bytes, *, where: str) -> None:
    """Do what :func:`check_picture` does; ``where`` are clip and file, for messages."""
    if not data:
        raise CorruptSourceError(f"{where}: the file is empty; get it again, or leave the clip out by on_error='skip'")
    if data.startswith(_PNG_START) and len(data) >= 24:
        if data.endswith(_PNG_END) or _PNG_END in data[-64:]:
            if max(png_size(data)) > LARGEST_SIDE_PX:
                width, height = png_size(data)
                raise UnsafeArchiveError(f"{where}: {width} x {height} px; refused, the limit is {LARGEST_SIDE_PX} px")
            return
    elif data.startswith(_JPEG_START):
        if _JPEG_END in data[-64:]:
            return
    else:
        raise CorruptSourceError(
            f"{where}: neither PNG nor JPEG (it starts with {data[:8]!r}); get it again, or leave the clip out "
            "by on_error='skip'"
        )
    raise CorruptSourceError(
        f"{where}: cut short at {len(data):,} bytes; get it again, or leave the clip out by on_error='skip'"
    )
