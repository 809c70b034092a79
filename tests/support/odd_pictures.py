"""Pictures that are huge, cut or damaged, and the tools that make them."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from mmvoxceleb.codecs.masks import encode_palette_mask
from mmvoxceleb.errors import CorruptSourceError, MMVoxCelebError, UnsafeArchiveError
from tests.support.corpus import mask_ids

IDS = mask_ids(1, 3)
PICTURE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def encoded(array: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunk(png: bytes, kind: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Change the content of all chunks of a kind, and give them right checksums."""
    parts, at = [png[:8]], 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        found, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        parts.append(chunk(found, change(content) if found == kind else content))
        at += 12 + length
    return b"".join(parts)


def with_header(png: bytes, **fields: int) -> bytes:
    names = ("width", "height", "depth", "colour_type", "compression", "filters", "interlace")

    def change(content: bytes) -> bytes:
        values = dict(zip(names, struct.unpack(">2I5B", content), strict=True)) | fields
        return struct.pack(">2I5B", *(values[name] for name in names))

    return with_chunk(png, b"IHDR", change)


def with_rows(png: bytes, rows: int) -> bytes:
    """Keep so many of the rows."""
    height = int.from_bytes(png[20:24], "big")

    def cut(packed: bytes) -> bytes:
        filtered = zlib.decompress(packed)
        return zlib.compress(filtered[: len(filtered) // height * rows])

    return with_chunk(png, b"IDAT", cut)


def interlaced(png: bytes, ids: np.ndarray) -> bytes:
    """Write ids of a byte a pixel in seven passes."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    parts = [ids[top::down, left::across] for left, top, across, down in passes]
    rows = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    return with_chunk(with_header(png, interlace=1), b"IDAT", lambda _: zlib.compress(rows))


def with_jpeg_size(jpeg: bytes, width: int, height: int) -> bytes:
    at = jpeg.index(b"\xff\xc0")
    return jpeg[: at + 5] + struct.pack(">2H", height, width) + jpeg[at + 9 :]


def flipped(data: bytes) -> bytes:
    """Change one bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 64]) + data[middle + 1 :]


JPEG = encoded(PICTURE, "JPEG", quality=90)
MASK = encode_palette_mask(IDS)
FOUR_BITS = with_header(with_chunk(MASK, b"IDAT", lambda _: zlib.compress(bytes(48 * 33))), depth=4)
BAD: dict[str, tuple[bytes, type[MMVoxCelebError], str]] = {
    "jpeg of 65500 px": (with_jpeg_size(JPEG, 65500, 65500), UnsafeArchiveError, "65500 x 65500 px"),
    "png of 2^31 px": (with_header(encoded(PICTURE), width=2**31 - 1), UnsafeArchiveError, "limit is 8192"),
    "palette png of 2^31 px": (with_header(MASK, height=2**31 - 1), UnsafeArchiveError, "limit is 8192"),
    "jpeg without height": (with_jpeg_size(JPEG, 64, 0), CorruptSourceError, "64 x 0 px"),
    "jpeg cut in its scan": (JPEG[: len(JPEG) // 2], CorruptSourceError, "cut short"),
    "jpeg cut before its end": (JPEG[:-2], CorruptSourceError, "cut short"),
    "jpeg cut in its tables": (JPEG[:100], CorruptSourceError, "cut short"),
    "palette png of 3 bits": (with_header(MASK, depth=3), CorruptSourceError, "header is invalid"),
    "palette png without width": (with_header(MASK, width=0), CorruptSourceError, "0 x"),
    "png of colour type 5": (with_header(encoded(PICTURE), colour_type=5), CorruptSourceError, "header is invalid"),
    "palette png with an odd palette": (with_chunk(MASK, b"PLTE", lambda old: old[:-1]), CorruptSourceError, "palette"),
    "png with a flipped header": (MASK[:20] + b"\x07" + MASK[21:], CorruptSourceError, "IHDR"),
    "half the rows": (
        with_chunk(MASK, b"IDAT", lambda old: zlib.compress(zlib.decompress(old)[: IDS.size // 2])),
        CorruptSourceError,
        "cut short or damaged",
    ),
    "palette png of 24 of 48 whole rows": (with_rows(MASK, 24), CorruptSourceError, "cut short or damaged"),
    "4-bit palette png of 24 of 48 whole rows": (with_rows(FOUR_BITS, 24), CorruptSourceError, "cut short or damaged"),
    "png of 24 of 48 whole rows": (with_rows(encoded(PICTURE), 24), CorruptSourceError, "cut short|cannot be decoded"),
    "palette png that says it is interlaced": (with_header(MASK, interlace=1), CorruptSourceError, "cut short or dam"),
    "flipped pixel data": (with_chunk(MASK, b"IDAT", flipped), CorruptSourceError, "damaged"),
}  # fmt: skip
