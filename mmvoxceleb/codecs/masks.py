"""Masks as files: colour PNGs of the original to palette PNGs of class ids, and back."""

import io
import threading
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.codecs.jpeg import JPEG_START
from mmvoxceleb.codecs.pictures import PNG_START
from mmvoxceleb.codecs.png import decode_picture, decode_rgb, open_other
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.schema import NUM_CLASSES, PALETTE, PALETTE_BYTES, colours_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "encode_palette_mask",
    "has_our_palette",
    "ids_of_colours",
    "read_mask_ids",
    "stored_ids",
    "to_colour_png",
    "to_palette_png",
]

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
    ids = read_mask_ids(data, clip_id=clip_id, name=name)
    return data if has_our_palette(data) else encode_palette_mask(ids)


def read_mask_ids(data: bytes, *, clip_id: str, name: str) -> "NDArray[np.uint8]":
    """Decode a mask of any lossless kind to class ids.

    Args:
        data: A PNG in the original colours, a palette PNG or TIFF with these colours, or grey values that are class
            ids; what ``datasets.map`` writes of such a mask is one of these.
        clip_id: The clip, for messages.
        name: The file, for messages.

    Returns:
        uint8 [H, W], 0 to 18.

    Raises:
        CorruptSourceError: It cannot be decoded, or has a colour outside the palette.
    """
    where = f"clip {clip_id}, {name}"
    found = stored_ids(data, where=where)
    if found is not None:
        if found.max(initial=0) >= NUM_CLASSES:
            raise CorruptSourceError(f"{where}: class id {found.max()} is over 18; get the mask again")
        return found
    picture = decode_rgb(data, where=where)
    ids = ids_of_colours(picture)
    if ids.max(initial=0) == _UNKNOWN:
        row, column = (int(position[0]) for position in np.nonzero(ids == _UNKNOWN))
        colour = tuple(int(value) for value in picture[row, column, :3])
        raise CorruptSourceError(
            f"clip {clip_id}, {name}: colour RGB {colour} at row {row}, column {column} is none of the 19 classes' "
            "colours; if the masks were re-encoded (JPEG?) get the originals, or pass mask_encoding='original'"
        )
    return ids


def to_colour_png(data: bytes, *, clip_id: str) -> bytes:
    """Return a mask as the original had it, an 8-bit RGB PNG; one that is RGB already comes back as it is.

    Raises:
        CorruptSourceError: It cannot be decoded.
    """
    if data[24:26] == b"\x08\x02":
        return data
    import cv2

    colours = colours_of(read_mask_ids(data, clip_id=clip_id, name="a mask"))
    done, encoded = cv2.imencode(".png", cv2.cvtColor(np.ascontiguousarray(colours), cv2.COLOR_RGB2BGR))
    if not done:
        raise CorruptSourceError(f"clip {clip_id}: a mask cannot be encoded as PNG")
    return bytes(encoded.tobytes())


def has_our_palette(data: "bytes | memoryview") -> bool:
    """Tell a palette PNG whose palette begins with the original colours, from its first chunks."""
    return bytes(data[24:26]) == b"\x08\x03" and PALETTE_BYTES in bytes(data[33:1024])


def stored_ids(data: "bytes | memoryview", *, where: str) -> "NDArray[np.uint8] | None":
    """Return the values of a mask that is stored as class ids: uint8 [H, W], not looked at; None for colours.

    Raises:
        CorruptSourceError: It cannot be decoded, or the values do not fit into 8 bits.
        UnsafeArchiveError: A side is over 8,192 px.
    """
    start = bytes(data[:8])
    if start == PNG_START:
        if has_our_palette(data):
            return decode_picture(data, where=where).copy()
        if len(data) < 26 or data[25] != 0:
            return None
        if data[24] == 8:
            return decode_picture(data, where=where).copy()
        raise CorruptSourceError(f"{where}: the mask is a grey picture of {data[24]} bits; save class ids with 8 bits")
    if start.startswith(JPEG_START) or not start:
        return None
    image = open_other(data, where=where)
    if image.mode == "P":
        palette = bytes(image.getpalette("RGB") or ())
        return np.array(image, np.uint8) if palette.startswith(PALETTE_BYTES) else None
    if image.mode == "L" or image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min(initial=0) < 0 or values.max(initial=0) > _UNKNOWN:
            raise CorruptSourceError(f"{where}: the mask has values that are no class ids; get it again")
        return values.astype(np.uint8)
    return None
