"""Undo PNG's row filters with vector instructions, compiled by Numba.

With it a frame of 256 px is decoded in 0.42 ms, where pyspng takes 1.01, imagecodecs 1.08, OpenCV 1.63 and Pillow 1.89
(benchmarks/results/sampling.md).

Paeth's filter needs the pixels to the left, above, and above to the left, so that a row is undone one pixel after the
other, and a vector unit is left nearly empty. Here 32 rows are undone at a time, each one pixel behind the row above:
the 32 pixels made in one step need only those made in the two steps before.

Numba comes with this module: import it where it is used.
"""

from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from mmvoxceleb.cache import cache_dir

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Unfilter"]

_NUM_FILTERS = 5
"""None, Sub, Up, Average and Paeth are 0 to 4 (PNG specification, section 9)."""

_BAND = 32
"""Rows at a time. 16 and 64 are as quick for frames of 256 px, 16 is slower for grey pictures of 512 px."""


def _undo_filters(filtered: Any, picture: Any, width: int, height: int, step: int) -> None:
    """Undo the filters of all rows.

    Every step of a band reads and writes a pixel of each of its rows, also where a row has not begun or has ended, and
    the last band is as high as the others. What that reads and writes means nothing, but room for it must be there.

    Args:
        filtered: For each byte of the rows as they are in the file, the pixel that begins there: uint32 for RGB, whose
            last byte does not belong to it, or uint8 for one channel. For whole bands.
        picture: Pixels of the same type, row by row, with ``_BAND`` more before each row and at the end. For whole
            bands. Overwritten; the last byte of RGB with zero.
        width: Of the picture, in px.
        height: Of the picture, in px.
        step: Bytes from a pixel to the next in ``filtered``: 3 or 1.
    """
    lanes = filtered.itemsize
    size = lanes * _BAND
    state = np.zeros((3, lanes + size), np.int16)  # of this step and two before: the pixel above the band, then its own
    kinds = np.zeros((_NUM_FILTERS, size), np.int16)  # for each filter all bits of the lanes whose row has it
    read = np.zeros(_BAND, filtered.dtype)
    made = np.zeros(_BAND, filtered.dtype)
    above = np.zeros(1, filtered.dtype)
    read_bytes, made_bytes, above_bytes = read.view(np.uint8), made.view(np.uint8), above.view(np.uint8)
    samples = np.uint32(0xFFFFFF if step == 3 else 0xFF)  # the bits of a pixel that belong to it
    # unsigned indices, since others may count from the end, and Numba looks each time whether they do
    one, pixel = np.uint64(1), np.uint64(step)
    row, wide_row = np.uint64(1 + step * width), np.uint64(_BAND + width)
    for top in range(0, height, _BAND):
        source = np.uint64(top) * row
        kinds[:] = 0
        for number in range(min(_BAND, height - top)):
            kind = filtered[source + np.uint64(number) * row] & 255
            for lane in range(lanes):
                kinds[kind, number * lanes + lane] = -1
        sub, up, average, paeth = kinds[1], kinds[2], kinds[3], kinds[4]
        source += one
        target = np.uint64(_BAND) + np.uint64(top) * wide_row
        state[:] = 0
        now, before, long_before = state[0], state[1], state[2]
        if top > 0:
            above[0] = picture[target - wide_row]
            for lane in range(lanes):
                before[lane] = above_bytes[lane]
        for at in range(width + _BAND - 1):
            for number in range(_BAND):
                read[np.uint64(number)] = filtered[source + np.uint64(number) * (row - pixel)]
            for lane in range(size):
                a, b, c = before[lane + lanes], before[lane], long_before[lane]  # the specification's names
                least, most = (a, b) if a < b else (b, a)
                # which of the three is nearest to a + b - c, without the three distances: as in stb_image
                bound = np.int16(3 * c - a - b)
                nearest = least if most <= bound else c
                nearest = most if bound <= least else nearest
                guess = (nearest & paeth[lane]) | ((a + b >> 1) & average[lane]) | (a & sub[lane]) | (b & up[lane])
                now[lane + lanes] = np.int16((read_bytes[lane] + guess) & 255)
            if at < _BAND:  # rows that have not begun: nothing is to the left of their first pixel
                for lane in range(lanes * (at + 1), size):
                    now[lane + lanes] = 0
            for lane in range(size):
                made_bytes[lane] = np.uint8(now[lane + lanes])
            if top > 0:
                above[0] = picture[target - wide_row + one]
                for lane in range(lanes):
                    now[lane] = above_bytes[lane]
            for number in range(_BAND):
                picture[target + np.uint64(number) * (wide_row - one)] = made[np.uint64(number)] & samples
            source += pixel
            target += one
            now, before, long_before = long_before, now, before


def _compiled() -> Any:
    """Return the function for Numba to compile when it is first called; it keeps the result on disk where it can.

    It is kept in our cache, or in ``NUMBA_CACHE_DIR``: beside this module it would survive ``pip uninstall``, and the
    folder that it is in would be imported as ``mmvoxceleb`` in place of a clone.
    """
    config: Any = numba.config
    chosen = config.CACHE_DIR
    config.CACHE_DIR = chosen or str(cache_dir() / "numba")
    try:
        return numba.njit(_undo_filters, nogil=True, cache=True)
    except RuntimeError:  # neither our cache nor any other place can be written to
        return numba.njit(_undo_filters, nogil=True)
    finally:
        config.CACHE_DIR = chosen


_undo_filters_quickly = _compiled()


class Unfilter:
    """Undoes the filters of pictures of one size, in memory that is made once.

    Args:
        height: In px.
        width: In px.
        channels: 3 or 1, a byte each.
    """

    def __init__(self, height: int, width: int, channels: int) -> None:
        self._shape = width, height, channels
        row, wide_row, rows = 1 + width * channels, _BAND + width, -(-height // _BAND) * _BAND
        kind = np.dtype(np.uint32 if channels == 3 else np.uint8)
        filtered = np.zeros(rows * row - channels + kind.itemsize, np.uint8)
        self._room = filtered[: height * row]
        self._filtered = np.ndarray(rows * row - channels + 1, kind, filtered.data, strides=(1,))
        self._pixels = np.zeros(rows * wide_row + _BAND, kind)
        picture = self._pixels[_BAND:].reshape(rows, wide_row)[:height, :width]
        self._picture = picture if channels == 1 else picture[..., None].view(np.uint8)

    def __call__(self, filtered: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
        """Return the picture, a view of what the next call overwrites.

        Args:
            filtered: uint8 [H, 1 + W * channels]: rows as they are in the file, inflated: the number of the row's
                filter, which must be one of 0 to 4, then its bytes.

        Returns:
            uint8 [H, W, 4], whose fourth channel is zero, or [H, W] for one channel.
        """
        self._room[:] = filtered.reshape(-1)
        _undo_filters_quickly(self._filtered, self._pixels, *self._shape)
        return self._picture
