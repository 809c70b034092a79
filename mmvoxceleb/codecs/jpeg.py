"""What a JPEG file says of itself, read without decoding it: its size, whether it is whole, how it is to be turned."""

from collections.abc import Iterator

__all__ = ["JPEG_START", "is_turned", "size_of_jpeg", "upright_jpeg"]

JPEG_START = b"\xff\xd8\xff"

_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15 (ITU-T T.81, table B.1); three numbers of the row mean other things."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length: TEM and the restart markers."""
_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
_ORIENTATION = 0x0112
"""Of EXIF, table 4; 1 is upright."""


def size_of_jpeg(data: "bytes | memoryview") -> tuple[int, int]:
    """Return height and width, and check that the file goes on to its end marker.

    Raises:
        ValueError: A segment reaches beyond the end, there is no size or no scan, or no end marker; it says which.
    """
    size: tuple[int, int] | None = None
    has_scan = False
    for kind, begin, end in _segments(data):
        if kind in _FRAME_HEADERS and size is None:
            if end - begin < 6:
                raise ValueError("its frame header is too short")
            size = (
                int.from_bytes(data[begin + 1 : begin + 3], "big"),
                int.from_bytes(data[begin + 3 : begin + 5], "big"),
            )
        elif kind == _SCAN:
            has_scan = True
        elif kind == _END:
            if size is None or not has_scan:
                raise ValueError("it has no picture")
            return size
    raise ValueError("it is cut short")


def is_turned(data: "bytes | memoryview", kind: str) -> bool:
    """Return whether EXIF or XMP of a file says that viewers should turn it; so it is where they cannot be read."""
    import io

    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=(kind,)) as image:
            return bool(image.getexif().get(_ORIENTATION, 1) != 1)
    except Exception:  # Pillow raises many kinds of damaged notes
        return True


def upright_jpeg(data: bytes) -> bytes:
    """Return a JPEG without the note by which viewers turn it; the pixels stay. Others come back as they are."""
    notes = [(begin - 4, end) for kind, begin, end in _segments(data) if kind == _APP1]
    if not notes or not is_turned(data, "JPEG"):
        return data
    parts, at = [], 0
    for begin, end in notes:
        parts.append(data[at:begin])
        at = end
    return b"".join([*parts, data[at:]])


def _segments(data: "bytes | memoryview") -> Iterator[tuple[int, int, int]]:
    """Yield each marker with the place of its content; the data of a scan is passed over."""
    data = data if isinstance(data, bytes) else bytes(data)
    at = 2
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return
        kind = data[at + 1]
        if kind in (0x00, 0xFF) or kind in _ALONE:  # a stuffed byte of a scan, padding, or a marker of its own
            at += 1 if kind == 0xFF else 2
            continue
        if kind == _END:
            yield kind, at + 2, at + 2
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data) or end < at + 4:
            raise ValueError("it is cut short")
        yield kind, at + 4, end
        at = end
