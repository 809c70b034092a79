"""Decode PNG files quickly, and only whole ones.

Measured on 256 px frames of 71 kB (``benchmarks/sampling.py`` repeats it): inflating takes over half of the time in
every decoder, and a third of it with Intel's ISA-L; undoing the row filters takes the rest, and FFmpeg does that
with vector instructions. So the data is inflated here, by ``isal`` where it is installed and by :mod:`zlib`
otherwise, which checks it to the last byte; then FFmpeg (PyAV) gets it wrapped as stored blocks and undoes the
filters. Rows without filters, as Pillow writes for palette pictures, need no second step. What this does not know
(interlaced, 16 bits, JPEG), and everything where PyAV is not installed, goes to OpenCV.
"""

import functools
import io
import struct
import threading
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.records.pictures import LARGEST_SIDE_PX, check_picture

_new_inflater: Callable[[], Any]
try:
    from isal.igzip_lib import DECOMP_ZLIB, IgzipDecompressor

    _new_inflater = functools.partial(IgzipDecompressor, DECOMP_ZLIB)
except ImportError:
    _new_inflater = zlib.decompressobj

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["decode_picture", "size_of_png"]

_START = b"\x89PNG\r\n\x1a\n"
_CHUNK = struct.Struct(">I4s")
_HEADER = struct.Struct(">2I5B")
_NO_CRC = bytes(4)
_CHANNELS = {0: 1, 2: 3, 3: 1}
"""Samples a pixel by PNG colour type: grey, RGB, palette index. Those with alpha are left to OpenCV."""
_AV_FORMATS = {0: "gray", 2: "rgb24", 3: "pal8"}
_LAST_WITHIN_ROW = 1
"""Filters None (0) and Sub (1) do not refer to the row above; Up, Average and Paeth do."""
_STORED_BYTES = 65535
_LOCAL = threading.local()


def size_of_png(data: "bytes | memoryview") -> tuple[int, int] | None:
    """Return height and width in px as the header has them; None where this is no PNG, or none of a sane size."""
    if bytes(data[:8]) != _START or len(data) <= 57:
        return None
    width, height = _HEADER.unpack_from(data, 16)[:2]
    return (height, width) if min(width, height) > 0 and max(width, height) <= LARGEST_SIDE_PX else None


def decode_picture(
    data: "bytes | memoryview", *, where: str, rows: "NDArray[np.intp] | None" = None
) -> "NDArray[np.uint8]":
    """Decode a PNG or JPEG file.

    Args:
        data: The file's content.
        where: Clip and file, for messages.
        rows: Numbers of the pixel rows to return; None for all. Where their filters do not refer to the row above, as
            in masks that OpenCV wrote and in palette masks, the others cost no more than inflating.

    Returns:
        uint8 [H, W, 3] in RGB, or [H, W] for grey pictures and for palette pictures (their indices). It may be a
        view of a buffer that this thread's next call overwrites: copy what must last.

    Raises:
        CorruptSourceError: Cut short, damaged, or no picture.
    """
    if bytes(data[:8]) == _START and len(data) > 57:
        width, height, depth, colour_type, _, _, interlace = _HEADER.unpack_from(data, 16)
        is_known = depth == 8 and interlace == 0 and colour_type in _CHANNELS
        if is_known and size_of_png(data) is not None:
            inflated = _inflate(data, height * (width * _CHANNELS[colour_type] + 1), where)
            filtered = np.frombuffer(inflated, np.uint8).reshape(height, -1)
            is_cut = rows is not None and bool(filtered[rows, 0].max(initial=0) <= _LAST_WITHIN_ROW)
            if is_cut:
                filtered = filtered[rows]
            if filtered[-1, 0] or filtered[:, 0].any():
                picture = _unfilter(filtered, width, colour_type)
            else:
                picture = _as_picture(filtered[:, 1:], width, colour_type)
            if picture is not None:
                return picture if rows is None or is_cut else picture[rows]
    picture = _by_opencv(data, where)
    return picture if rows is None else picture[rows]


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


def _as_picture(pixels: "NDArray[np.uint8]", width: int, colour_type: int) -> "NDArray[np.uint8]":
    return pixels.reshape(len(pixels), width, 3) if colour_type == 2 else pixels


def _unfilter(filtered: "NDArray[np.uint8]", width: int, colour_type: int) -> "NDArray[np.uint8] | None":
    """Let FFmpeg undo the filters; None where PyAV is not installed."""
    try:
        import av  # noqa: F401
    except ImportError:
        return None
    unfilter = getattr(_LOCAL, "unfilter", None)
    if unfilter is None:
        unfilter = _LOCAL.unfilter = _Unfilter()
    picture: NDArray[np.uint8] | None = unfilter(filtered, width, colour_type)
    if picture is None:
        _LOCAL.unfilter = None
    return picture


class _Unfilter:
    """FFmpeg's PNG decoder, and a file of stored blocks for it, whose rows are overwritten for each picture.

    The rows are checked already, and FFmpeg looks at no CRC. No block says that it is the last, so that zlib never
    comes to the checksum behind them, which is left out.
    """

    def __init__(self) -> None:
        import av

        self._decoder = av.CodecContext.create("png", "r")
        self._decoder.thread_count = 1
        self._kind: tuple[int, int, int] | None = None
        self._packet = av.Packet()
        self._rooms: list[tuple[slice, memoryview]] = []
        self._frame: Any = None

    def _make_file(self, size: int, height: int, width: int, colour_type: int) -> None:
        import av

        blocks = [slice(at, min(at + _STORED_BYTES, size)) for at in range(0, size, _STORED_BYTES)]
        header = _START + _CHUNK.pack(13, b"IHDR") + _HEADER.pack(width, height, 8, colour_type, 0, 0, 0) + _NO_CRC
        if colour_type == 3:
            header += _CHUNK.pack(3, b"PLTE") + b"\0\0\0" + _NO_CRC
        header += _CHUNK.pack(2 + size + 5 * len(blocks), b"IDAT") + b"\x78\x01"
        end = _NO_CRC + _CHUNK.pack(0, b"IEND") + _NO_CRC
        self._packet = av.Packet(len(header) + size + 5 * len(blocks) + len(end))
        self._packet.is_keyframe = True  # else FFmpeg adds the picture before
        whole, at = memoryview(self._packet), len(header)
        whole[:at], whole[len(whole) - len(end) :] = header, end
        self._rooms = []
        for block in blocks:
            length = block.stop - block.start
            whole[at : at + 5] = struct.pack("<BHH", 0, length, length ^ 0xFFFF)
            self._rooms.append((block, whole[at + 5 : at + 5 + length]))
            at += 5 + length

    def __call__(self, filtered: "NDArray[np.uint8]", width: int, colour_type: int) -> "NDArray[np.uint8] | None":
        """Return the picture, a view of what the next call overwrites; None where FFmpeg makes something else of it."""
        rows = filtered.reshape(-1).data
        kind = (len(filtered), width, colour_type)
        if kind != self._kind:
            self._make_file(len(rows), *kind)
            self._kind = kind
        for block, room in self._rooms:
            room[:] = rows[block]
        frames = self._decoder.decode(self._packet)
        if len(frames) != 1 or frames[0].format.name != _AV_FORMATS[colour_type]:
            return None
        self._frame = frames[0]
        plane = self._frame.planes[0]
        table = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: len(filtered)]
        return _as_picture(table[:, : width * _CHANNELS[colour_type]], width, colour_type)


def _by_opencv(data: "bytes | memoryview", where: str) -> "NDArray[np.uint8]":
    """Decode what the quick way does not know; palettes, whose indices OpenCV does not give, by Pillow."""
    picture: NDArray[np.uint8] | None
    if bytes(data[:8]) == _START and len(data) > 25 and data[25] == 3:
        from PIL import Image

        try:
            picture = np.asarray(Image.open(io.BytesIO(data)), np.uint8)
        except (OSError, SyntaxError, ValueError) as error:
            raise CorruptSourceError(f"{where}: the picture cannot be decoded ({error}); get it again") from error
        return picture
    import cv2

    check_picture(bytes(data), clip_id=where, name="")
    is_grey = bytes(data[:8]) == _START and data[25] == 0
    flag = cv2.IMREAD_GRAYSCALE if is_grey else cv2.IMREAD_COLOR
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    if picture is None:
        raise CorruptSourceError(f"{where}: the picture cannot be decoded; get it again")
    return picture if is_grey else np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
