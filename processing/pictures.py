"""Pictures from bytes to arrays and back: frames in, colour masks and grey drawings out."""

import io
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.schema import PALETTE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PICTURE_SUFFIXES", "decode_rgb", "encode_colour_mask", "encode_grey", "encode_rgb"]

PICTURE_SUFFIXES: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
"""Endings of the files that count as frames."""

MAX_SIDE_PX = 8192
_PNG = b"\x89PNG\r\n\x1a\n"


def decode_rgb(data: bytes, *, where: str) -> "NDArray[np.uint8]":
    """Decode a picture of any kind that frames come in.

    Grey and palette pictures become RGB, transparency is dropped, 16-bit samples keep their upper 8 bits.

    Args:
        data: A whole PNG, JPEG, BMP or WebP file.
        where: Clip and file, for messages.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        CorruptSourceError: The bytes are no such picture, are cut short, or the picture is over 8192 px a side.
    """
    import cv2

    if data[:8] == _PNG and len(data) >= 24:
        width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))
        _check_size(width, height, where)
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if picture is not None:
            return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    return _decode_slowly(data, where)


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
        with Image.open(io.BytesIO(data)) as image:
            _check_size(*image.size, where)
            if image.mode.startswith("I;16"):
                grey = (np.asarray(image) >> 8).astype(np.uint8)
                return np.repeat(grey[..., None], 3, axis=2)
            return np.array(image.convert("RGB"))
    except CorruptSourceError:
        raise
    except Exception as error:  # Pillow's plugins raise many kinds on bad bytes
        raise CorruptSourceError(f"{where}: cannot be decoded ({error}); get this file again") from error


def _check_size(width: int, height: int, where: str) -> None:
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX):
        raise CorruptSourceError(f"{where}: claims {width} x {height} px; at most {MAX_SIDE_PX} px a side are accepted")
