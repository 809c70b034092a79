"""Decode pictures, PNG files quickly, and only whole ones.

Inflating and undoing the row filters take nearly all of the time in every decoder. Here the data is inflated by
``isal`` where it is installed (three times as fast) and by :mod:`zlib` otherwise, either of which checks it to the
last byte; the filters are undone by :mod:`mmvoxceleb.codecs.unfilter`. Rows without filters, as Pillow writes for
palette pictures, need no second step. What this does not know (interlaced, 16 bits), and everything where Numba is not
installed, goes to OpenCV; JPEG and other files, such as the TIFF that ``datasets.map`` makes of a mask, to Pillow.
``benchmarks/sampling.py`` measures them.
"""

import functools
import io
import logging
import struct
import threading
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.jpeg import JPEG_START
from mmvoxceleb.codecs.pictures import LARGEST_SIDE_PX, PNG_START, check_content, check_side
from mmvoxceleb.errors import CorruptSourceError, UnsafeArchiveError
from mmvoxceleb.files.quoting import shortened

_new_inflater: Callable[[], Any]
try:
    from isal.igzip_lib import DECOMP_ZLIB, IgzipDecompressor

    _new_inflater = functools.partial(IgzipDecompressor, DECOMP_ZLIB)
except ImportError:
    _new_inflater = zlib.decompressobj

if TYPE_CHECKING:
    import PIL.Image
    from numpy.typing import NDArray

__all__ = ["check_rows", "decode_picture", "decode_rgb", "is_palette", "open_other", "size_of_png"]

OTHER_FORMATS: tuple[str, ...] = ("TIFF", "BMP", "WEBP", "PPM", "GIF")
"""What else Pillow may open here; its other formats are not pictures of a dataset, and some run programs."""

_CHUNK = struct.Struct(">I4s")
_HEADER = struct.Struct(">2I5B")
_PALETTE = 3
_CHANNELS = {0: 1, 2: 3, _PALETTE: 1}
"""Samples a pixel by PNG colour type: grey, RGB, palette index. Those with alpha are left to OpenCV."""
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of each pass of an interlaced PNG, its first column and row, and the steps to the next."""
_LAST_WITHIN_ROW = 1
"""Filters None (0) and Sub (1) do not refer to the row above; Up (2), Average (3) and Paeth (4) do."""
_LAST_FILTER = 4
_SIZES_AT_A_TIME = 4
"""Kinds of pictures for which each thread keeps memory to undo filters in: a sample's frames, masks and drawings."""
_LOCAL = threading.local()
_IMPORTING = threading.Lock()
"""A thread that imports what another one is failing to import may be given the unfinished module, without an error."""

logger = logging.getLogger(__name__)


def size_of_png(data: "bytes | memoryview") -> tuple[int, int] | None:
    """Return height and width in px as the header has them; None if this is not PNG, or none of a sane size."""
    if bytes(data[:8]) != PNG_START or len(data) <= 57:
        return None
    width, height = _HEADER.unpack_from(data, 16)[:2]
    return (height, width) if min(width, height) > 0 and max(width, height) <= LARGEST_SIDE_PX else None


def decode_picture(
    data: "bytes | memoryview", *, where: str, rows: "NDArray[np.intp] | None" = None
) -> "NDArray[np.uint8]":
    """Decode a PNG or JPEG file, or one of :data:`OTHER_FORMATS`. A note that turns it is ignored.

    Args:
        data: The file's content.
        where: Clip and file, for messages.
        rows: Numbers of the pixel rows to return; None for all. Where their filters do not refer to the row above, as
            in masks that OpenCV wrote and in palette masks, the others cost no more than inflating.

    Returns:
        uint8 [H, W, 3] or [H, W, 4], RGB and perhaps a channel of zeros; or [H, W] for grey pictures and for palette
        pictures (their indices). It may be a view of a buffer that this thread's next call overwrites: copy what must
        last.

    Raises:
        CorruptSourceError: Cut short, damaged, or no picture.
        UnsafeArchiveError: A side is over 8,192 px.
    """
    if _is_png_or_jpeg(data):
        check_content(data, where=where, with_checksums=False)
        quickly = _decode_quickly(data, where, rows)
        if quickly is not None:
            return quickly
        picture = _by_opencv(data, where)
    else:
        picture = _by_pillow(data, where)
    return picture if rows is None else picture[rows]


def is_palette(data: "bytes | memoryview") -> bool:
    """Tell from the header whether this is a PNG of palette indices."""
    return len(data) > 25 and bytes(data[1:4]) == b"PNG" and data[25] == _PALETTE


def decode_rgb(data: "bytes | memoryview", *, where: str) -> "NDArray[np.uint8]":
    """Decode a PNG or JPEG file of any kind to colours.

    Args:
        data: The file's content.
        where: Clip and file, for messages.

    Returns:
        uint8 [H, W, 3] or [H, W, 4], as :func:`decode_picture`.

    Raises:
        CorruptSourceError: Cut short, damaged, or no picture.
    """
    picture = decode_picture(data, where=where)
    if is_palette(data):
        colours = _palette_of(data)
        if picture.max(initial=0) >= len(colours):
            raise CorruptSourceError(f"{where}: the PNG is damaged (a colour is not in its palette); get it again")
        return colours[picture]
    return picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)


def open_other(data: "bytes | memoryview", *, where: str) -> "PIL.Image.Image":
    """Open a picture of :data:`OTHER_FORMATS` with Pillow, and read all of it.

    Raises:
        CorruptSourceError: It is none, or damaged.
        UnsafeArchiveError: A side is over 8,192 px.
    """
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data), formats=OTHER_FORMATS)
        check_side(image.height, image.width, where=where)
        if image.getexif().get(0x0112, 1) != 1:
            raise CorruptSourceError(f"{where}: its file says that it is turned; save it upright")
        if getattr(image, "n_frames", 1) > 1:
            raise CorruptSourceError(f"{where}: it has several pictures; save one per file")
        image.load()
    except (CorruptSourceError, UnsafeArchiveError):
        raise
    except Exception as error:  # Pillow's plugins raise many kinds on bad bytes
        start = bytes(data[:8])
        raise CorruptSourceError(
            f"{where}: not a picture that can be decoded (it starts with {start!r}: {shortened(error)}); get it again, "
            "or skip the clip with on_error='skip'"
        ) from error
    return image


def _is_png_or_jpeg(data: "bytes | memoryview") -> bool:
    start = bytes(data[:8])
    return start == PNG_START or start.startswith(JPEG_START) or not start


def _palette_of(data: "bytes | memoryview") -> "NDArray[np.uint8]":
    """Return the colours of a PNG that passed the gate: uint8 [N, 3], RGB."""
    view, at = memoryview(data), 8
    while True:
        length, kind = _CHUNK.unpack_from(view, at)
        if kind == b"PLTE":
            return np.frombuffer(view[at + 8 : at + 8 + length], np.uint8).reshape(-1, 3)
        at += 12 + length


def _by_pillow(data: "bytes | memoryview", where: str) -> "NDArray[np.uint8]":
    image = open_other(data, where=where)
    if image.mode.startswith("I;16"):  # as of a PNG, the upper 8 bits
        return (np.asarray(image) >> 8).astype(np.uint8)
    if image.mode in ("I", "F"):
        raise CorruptSourceError(
            f"{where}: its samples are of type {image.mode} of unknown range; save it with 8 bits per sample"
        )
    return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"), np.uint8)


def _decode_quickly(
    data: "bytes | memoryview", where: str, rows: "NDArray[np.intp] | None"
) -> "NDArray[np.uint8] | None":
    """Return what :func:`decode_picture` returns; None for kinds of pictures that are not known here."""
    if size_of_png(data) is None:
        return None
    width, height, depth, colour_type, _, _, interlace = _HEADER.unpack_from(data, 16)
    if depth != 8 or interlace or colour_type not in _CHANNELS:
        return None
    if not _can_unfilter() and colour_type != _PALETTE:  # rows of indices need it rarely, others nearly always
        return None
    channels = _CHANNELS[colour_type]
    inflated = _inflate(data, height * (width * channels + 1), where)
    filtered = np.frombuffer(inflated, np.uint8).reshape(height, -1)
    if filtered[:, 0].max() > _LAST_FILTER:
        raise CorruptSourceError(f"{where}: the PNG is damaged (a row has an invalid filter); get the file again")
    is_cut = rows is not None and bool(filtered[rows, 0].max(initial=0) <= _LAST_WITHIN_ROW)
    if is_cut:
        filtered = filtered[rows]
    if not filtered[:, 0].any():
        picture = filtered[:, 1:]
        picture = picture.reshape(len(picture), width, channels) if channels > 1 else picture
    elif _can_unfilter():
        picture = _unfilter(filtered, width, channels)
    else:
        return None
    return picture if rows is None or is_cut else picture[rows]


def check_rows(data: "bytes | memoryview", *, where: str) -> None:
    """Inflate a PNG whose chunks are right, for Pillow takes rows that are missing for zeros.

    Raises:
        CorruptSourceError: There are fewer or more rows than its header says.
    """
    width, height, depth, colour_type, _, _, interlace = _HEADER.unpack_from(data, 16)
    bits = depth * {2: 3, 4: 2, 6: 4}.get(colour_type, 1)
    size = 0
    for left, top, across, down in _ADAM7 if interlace else ((0, 0, 1, 1),):
        columns, rows = -((left - width) // across), -((top - height) // down)
        size += rows * (1 + (columns * bits + 7) // 8) if columns > 0 else 0
    _inflate(data, size, where)


def _inflate(data: "bytes | memoryview", size: int, where: str) -> bytes:
    """Return the filtered rows, each with its filter's number in front; their number and checksum are right."""
    parts = []
    view, at = memoryview(data), 33
    while at + 12 <= len(view):
        length, kind = _CHUNK.unpack_from(view, at)
        if kind == b"IDAT":
            parts.append(view[at + 8 : at + 8 + length])
        elif kind == b"IEND":
            break
        at += 12 + length
    packed = parts[0] if len(parts) == 1 else b"".join(parts)
    inflater = _new_inflater()
    try:
        rows: bytes = inflater.decompress(packed, size + 1)  # room for one more: in one go, and on to the checksum
    except Exception as error:  # zlib.error and isal's own class
        raise CorruptSourceError(f"{where}: the PNG is damaged ({error}); get the file again") from error
    if len(rows) != size or not inflater.eof:
        raise CorruptSourceError(f"{where}: the PNG is cut short or damaged; get the file again")
    return rows


@functools.cache
def _can_unfilter() -> bool:
    """Return whether Numba is installed and works."""
    with _IMPORTING:
        try:
            import mmvoxceleb.codecs.unfilter  # noqa: F401
        except ModuleNotFoundError:
            return False
        except ImportError as error:
            logger.warning("Numba cannot be used (%s): OpenCV decodes PNGs, which takes three times as long", error)
            return False
        return True


def _unfilter(filtered: "NDArray[np.uint8]", width: int, channels: int) -> "NDArray[np.uint8]":
    undoer = getattr(_LOCAL, "undoer", None)
    if undoer is None:
        from mmvoxceleb.codecs.unfilter import Unfilter

        undoer = _LOCAL.undoer = functools.lru_cache(maxsize=_SIZES_AT_A_TIME)(Unfilter)
    picture: NDArray[np.uint8] = undoer(len(filtered), width, channels)(filtered)
    return picture


def _by_opencv(data: "bytes | memoryview", where: str) -> "NDArray[np.uint8]":
    """Decode what the quick way does not know.

    Pillow decodes palettes, whose indices OpenCV does not give, and JPEG, of which OpenCV shows damage as grey blocks.
    """
    check_content(data, where=where)
    if bytes(data[:8]) != PNG_START or is_palette(data):
        from PIL import Image

        if is_palette(data):
            check_rows(data, where=where)
        try:
            image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
            return np.asarray(image if is_palette(data) else image.convert("RGB"), np.uint8)
        except Exception as error:  # Pillow raises many kinds on bad bytes
            raise CorruptSourceError(
                f"{where}: the picture cannot be decoded ({shortened(error)}); get it again"
            ) from error
    import cv2

    is_grey = data[25] == 0
    flag = (cv2.IMREAD_GRAYSCALE if is_grey else cv2.IMREAD_COLOR) | cv2.IMREAD_IGNORE_ORIENTATION
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    if picture is None:
        raise CorruptSourceError(f"{where}: the picture cannot be decoded; get it again")
    return np.asarray(picture if is_grey else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
