"""Masks as files: colour PNGs of the original to palette PNGs of class ids, and back."""

import io
import threading
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.records.png import decode_rgb
from mmvoxceleb.schema import NUM_CLASSES, PALETTE, PALETTE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["encode_palette_mask", "ids_of_colours", "read_mask_ids", "to_palette_png"]

_UNKNOWN = 255
_LEVEL = 3
"""Of zlib: as fast as level 1 on masks of faces, and a third smaller (benchmarks/results/masks_drawings.md)."""
_SCRATCH = threading.local()
"""Decoded pictures of this thread, used again for the next mask: fresh pages cost as much as the decoding."""


_COLOURS = PALETTE.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
_ID_ORDER = np.argsort(_COLOURS).astype(np.uint8)
_SORTED_COLOURS = _COLOURS[_ID_ORDER]


def ids_of_colours(picture: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Turn a picture in the original colours into class ids.

    A mask is made of long runs of one colour, so only the first pixel of each run is looked up.

    Args:
        picture: uint8 [H, W, 3], RGB, or [H, W, 4] with a channel of zeros.

    Returns:
        uint8 [H, W], 0 to 18, and 255 where the colour is none of the palette.
    """
    import cv2

    order = cv2.COLOR_RGB2BGRA if picture.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    _SCRATCH.bgra = cv2.cvtColor(picture, order, dst=getattr(_SCRATCH, "bgra", None))
    pixels = _SCRATCH.bgra.view("<u4").ravel()
    starts = np.concatenate([[0], np.flatnonzero(pixels[1:] != pixels[:-1]) + 1])
    colours = pixels[starts] & np.uint32(0xFFFFFF)
    rank = np.minimum(np.searchsorted(_SORTED_COLOURS, colours), NUM_CLASSES - 1)
    ids = np.where(_SORTED_COLOURS[rank] == colours, _ID_ORDER[rank], np.uint8(_UNKNOWN))
    return np.repeat(ids, np.diff(starts, append=len(pixels))).reshape(picture.shape[:2])


def encode_palette_mask(ids: "NDArray[np.uint8]") -> bytes:
    """Encode class ids as an 8-bit palette PNG: pixel value = class id, palette = the original colours.

    Args:
        ids: uint8 [H, W], 0 to 18.
    """
    from PIL import Image

    picture = Image.fromarray(ids, "P")
    picture.putpalette(PALETTE_BYTES)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=_LEVEL)
    return buffer.getvalue()


def to_palette_png(data: bytes, *, clip_id: str, name: str) -> bytes:
    """Return a mask as a palette PNG; one that is a palette PNG of class ids already comes back as it is.

    Args:
        data: A mask as the original wrote it (8-bit RGB), or a palette PNG.
        clip_id: The clip, for messages.
        name: The file, for messages.

    Raises:
        CorruptSourceError: It cannot be decoded, or has a colour outside the palette.
    """
    if _is_our_palette(data):
        return data
    ids = read_mask_ids(data, clip_id=clip_id, name=name)
    return encode_palette_mask(ids)


def read_mask_ids(data: bytes, *, clip_id: str, name: str) -> "NDArray[np.uint8]":
    """Decode a mask of either kind to class ids.

    Args:
        data: A colour PNG or a palette PNG.
        clip_id: The clip, for messages.
        name: The file, for messages.

    Returns:
        uint8 [H, W], 0 to 18.

    Raises:
        CorruptSourceError: It cannot be decoded, or has a colour outside the palette.
    """
    if _is_our_palette(data):
        return _decode_palette(data, clip_id, name)
    picture = decode_rgb(data, where=f"clip {clip_id}, {name}")
    ids = ids_of_colours(picture)
    if ids.max(initial=0) == _UNKNOWN:
        row, column = (int(position[0]) for position in np.nonzero(ids == _UNKNOWN))
        colour = tuple(int(value) for value in picture[row, column, :3])
        raise CorruptSourceError(
            f"clip {clip_id}, {name}: colour RGB {colour} at row {row}, column {column} is none of the 19 classes' "
            "colours; if the masks were re-encoded (JPEG?) get the originals, or pass mask_encoding='original'"
        )
    return ids


def _is_our_palette(data: bytes) -> bool:
    """Tell a palette PNG whose palette begins with the original colours, from its first chunks."""
    return data[24:26] == b"\x08\x03" and PALETTE_BYTES in data[33:1024]


def _decode_palette(data: bytes, clip_id: str, name: str) -> "NDArray[np.uint8]":
    from PIL import Image

    try:
        ids = np.asarray(Image.open(io.BytesIO(data)))
    except (OSError, SyntaxError, ValueError) as error:
        raise CorruptSourceError(
            f"clip {clip_id}, {name}: the mask cannot be decoded ({error}); get it again"
        ) from error
    if ids.max(initial=0) >= NUM_CLASSES:
        raise CorruptSourceError(f"clip {clip_id}, {name}: class id {ids.max()} is over 18; get the mask again")
    return ids
