"""Pictures from bytes to arrays and back: frames in, colour masks and grey drawings out."""

import io
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.codecs.jpeg import JPEG_START
from mmvoxceleb.codecs.pictures import PNG_START, check_content, check_side
from mmvoxceleb.codecs.png import check_rows
from mmvoxceleb.errors import CorruptSourceError, UnsafeArchiveError
from mmvoxceleb.files.quoting import shortened
from mmvoxceleb.schema import PALETTE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PICTURE_SUFFIXES", "decode_rgb", "encode_colour_mask", "encode_grey", "picture_size"]

PICTURE_SUFFIXES: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
"""Endings of the files that count as frames."""

_FORMATS = ("PNG", "JPEG", "BMP", "WEBP")


def decode_rgb(data: bytes, *, where: str) -> "NDArray[np.uint8]":
    """Decode a picture of any kind that frames come in.

    Grey and palette pictures become RGB, transparency is dropped, 16-bit samples keep their upper 8 bits.

    Args:
        data: A whole PNG, JPEG, BMP or WebP file.
        where: Clip and file, for messages.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        CorruptSourceError: The bytes are no such picture, cut short or damaged.
        UnsafeArchiveError: The picture is over 8,192 px a side.
    """
    import cv2

    if not data or data.startswith((PNG_START, JPEG_START)):
        check_content(data, where=where)
    if data.startswith(PNG_START):
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if picture is not None:
            return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
        check_rows(data, where=where)
    return _decode_slowly(data, where)


def picture_size(data: bytes) -> tuple[int, int]:
    """Read height and width from a picture's header; 0 and 0 where it has none, which decoding will tell."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            return image.height, image.width
    except Exception:  # Pillow's plugins raise many kinds on bad bytes
        return 0, 0


def encode_colour_mask(ids: "NDArray[np.uint8]") -> bytes:
    """Encode class ids as an 8-bit RGB PNG in the colours that the original program left on disk.

    Args:
        ids: uint8 [H, W], 0 to 18.
    """
    return encode_rgb(PALETTE[ids])


def encode_rgb(picture: "NDArray[np.uint8]") -> bytes:
    """Encode an RGB picture, uint8 [H, W, 3], as PNG."""
    return _encode(np.ascontiguousarray(picture[..., ::-1]))


def encode_grey(picture: "NDArray[np.uint8]") -> bytes:
    """Encode a grey picture, uint8 [H, W], as an 8-bit grey PNG."""
    return _encode(picture)


def _encode(picture: "NDArray[np.uint8]") -> bytes:
    import cv2

    _, data = cv2.imencode(".png", picture)
    return data.tobytes()


def _decode_slowly(data: bytes, where: str) -> "NDArray[np.uint8]":
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            check_side(image.height, image.width, where=where)
            if image.mode.startswith("I;16"):
                grey = (np.asarray(image) >> 8).astype(np.uint8)
                return np.repeat(grey[..., None], 3, axis=2)
            return np.array(image.convert("RGB"))
    except (CorruptSourceError, UnsafeArchiveError):
        raise
    except Exception as error:  # Pillow's plugins raise many kinds on bad bytes
        raise CorruptSourceError(f"{where}: cannot be decoded ({shortened(error)}); get this file again") from error
