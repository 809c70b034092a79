"""What a sample shows of a picture: from its bytes to an array of the wanted size, cut and mirrored.

Pictures stay uint8 until the last step. Shrinking by up to two uses bilinear interpolation, which reads every source
pixel there and at two is the mean of four; shrinking by more uses area means; growing is bilinear. Masks take the
nearest pixel (centred, so that they stay in place beside the frames), before their colours are looked up.
"""

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.codecs.masks import has_our_palette, ids_of_colours, stored_ids
from mmvoxceleb.codecs.png import decode_picture, decode_rgb, is_palette, size_of_png
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.schema.classes import NUM_CLASSES, SIDE_PAIRS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WHOLE", "View", "grey_of", "mask_of", "rgb_of"]

_BITS, _GREY, _RGB = 8, 0, 2
"""Of a PNG's header."""

_MIRRORED_IDS = np.arange(256, dtype=np.uint8)
for _left, _right in SIDE_PAIRS:
    _MIRRORED_IDS[[_left, _right]] = _right, _left


@dataclass(frozen=True)
class View:
    """A cut and a mirroring, for pictures of any size.

    Args:
        area: Part of the largest possible cut's area that is kept, over 0 to 1.
        left: Where the cut lies between the left (0) and the right (1) end of its leeway.
        top: Likewise from top to bottom.
        mirrored: Whether left and right trade places after the cut.
    """

    area: float = 1.0
    left: float = 0.5
    top: float = 0.5
    mirrored: bool = False

    @functools.lru_cache(maxsize=256)  # noqa: B019  views are small, and few at a time
    def box(self, height: int, width: int, aspect: float | None) -> tuple[int, int, int, int]:
        """Return the cut of a picture as ``(x1, y1, x2, y2)`` in px, the far corner not included.

        Sides are rounded to half of the smallest size at which 256 px frames and their 512 px masks agree, so that
        the cut of a mask is exactly twice that of its frame.

        Args:
            height: Of the picture, in px.
            width: Of the picture, in px.
            aspect: Width over height of the cut; None for the whole picture.
        """
        if aspect is None:
            return 0, 0, width, height
        full_width = min(width, height * aspect)
        factor = math.sqrt(self.area)
        unit = _unit(height, width)
        cut_width = max(unit, round(full_width * factor / unit) * unit)
        cut_height = max(unit, round(full_width / aspect * factor / unit) * unit)
        cut_width, cut_height = min(cut_width, width), min(cut_height, height)
        x1 = round((width - cut_width) * self.left / unit) * unit
        y1 = round((height - cut_height) * self.top / unit) * unit
        x1, y1 = min(x1, width - cut_width), min(y1, height - cut_height)
        return x1, y1, x1 + cut_width, y1 + cut_height


WHOLE = View()


def _unit(height: int, width: int) -> int:
    """Return the px by which a picture's cut moves: 2 in a mask of 512 where it is 1 in a frame of 256."""
    return max(1, min(height, width) // 256) if min(height, width) % 256 == 0 else 1


def rgb_of(
    data: "bytes | memoryview | NDArray[np.uint8]", view: View, size: tuple[int, int] | None, *, where: str
) -> "NDArray[np.uint8]":
    """Return a picture in colours, cut, resized and mirrored.

    Args:
        data: A PNG or JPEG, or uint8 [H, W, 3] in RGB.
        view: The cut and the mirroring.
        size: Height and width in px; None for the picture's own.
        where: Clip and file, for messages.

    Returns:
        uint8 [H, W, 3] or [H, W, 4], RGB and perhaps a channel of zeros. It may share memory with ``data``, or with
        what this thread decodes next.

    Raises:
        CorruptSourceError: It cannot be decoded.
    """
    picture = data if isinstance(data, np.ndarray) else decode_rgb(data, where=where)
    return _seen(picture, view, size)


def grey_of(data: "bytes | memoryview", view: View, size: tuple[int, int] | None, *, where: str) -> "NDArray[np.uint8]":
    """Return a grey picture, cut, resized and mirrored: uint8 [H, W], 0 black to 255 white. See :func:`rgb_of`."""
    picture = decode_rgb(data, where=where) if is_palette(data) else decode_picture(data, where=where)
    if picture.ndim == 3:
        import cv2

        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    return _seen(picture, view, size)


def mask_of(data: "bytes | memoryview", view: View, size: tuple[int, int] | None, *, where: str) -> "NDArray[np.uint8]":
    """Return a mask, cut, resized and mirrored, left and right classes changed over: uint8 [H, W], 0 to 18.

    Args:
        data: A palette PNG of class ids, a PNG in the original colours, or what ``datasets.map`` made of them.
        view: The cut and the mirroring.
        size: Height and width in px; None for the picture's own.
        where: Clip and file, for messages.

    Raises:
        CorruptSourceError: It cannot be decoded, or the result has a colour that no class has.
    """
    ids = picture = _mask_pixels(data, view, size, where)
    if ids.ndim == 3:
        ids = ids_of_colours(ids)
    if ids.max(initial=0) >= NUM_CLASSES:
        raise CorruptSourceError(
            f"{where}: the mask has a {'colour' if picture.ndim == 3 else 'value'} that is none of the 19 classes'; "
            "if the masks were re-encoded (JPEG?) get the originals"
        )
    return _MIRRORED_IDS[ids] if view.mirrored else ids


def _mask_pixels(
    data: "bytes | memoryview", view: View, size: tuple[int, int] | None, where: str
) -> "NDArray[np.uint8]":
    """Return ids [H, W] or colours [H, W, 3 or 4], cut, resized, mirrored. Of a PNG, only rows shown are decoded."""
    import cv2

    picture: NDArray[np.uint8] | None = None
    height_width = size_of_png(data)
    if height_width is None or not _has_rows_of_masks(data):
        picture = stored_ids(data, where=where)
        picture = decode_rgb(data, where=where) if picture is None else picture
        height_width = picture.shape[:2]
    elif size is None:
        picture = decode_picture(data, where=where)
    if size is not None:
        height, width = height_width
        x1, y1, x2, y2 = view.box(height, width, size[1] / size[0])
        rows = y1 + _nearest_rows(y2 - y1, size[0])
        picture = decode_picture(data, where=where, rows=rows) if picture is None else picture[rows]
        how = cv2.INTER_NEAREST_EXACT
        picture = np.asarray(cv2.resize(picture[:, x1:x2], (size[1], size[0]), interpolation=how), np.uint8)
    assert picture is not None
    return np.asarray(cv2.flip(picture, 1), np.uint8) if view.mirrored else picture


def _has_rows_of_masks(data: "bytes | memoryview") -> bool:
    """Whether a PNG's samples are colours, or class ids, in 8 bits: of such some rows can be decoded alone."""
    return data[24] == _BITS and (data[25] in (_GREY, _RGB) or has_our_palette(data))


@functools.lru_cache(maxsize=1024)
def _nearest_rows(height: int, wanted: int) -> "NDArray[np.intp]":
    """Return the rows that OpenCV takes when it resizes to the nearest pixel; of itself, to be sure."""
    import cv2

    numbers = np.arange(height, dtype=np.int32)[:, None]
    nearest = cv2.resize(numbers, (1, wanted), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(nearest.reshape(-1), np.intp)


def _seen(picture: "NDArray[np.uint8]", view: View, size: tuple[int, int] | None) -> "NDArray[np.uint8]":
    import cv2

    height, width = picture.shape[:2]
    if size is not None:
        x1, y1, x2, y2 = view.box(height, width, size[1] / size[0])
        picture = picture[y1:y2, x1:x2]
        if picture.shape[:2] != size:
            how = cv2.INTER_AREA if max((y2 - y1) / size[0], (x2 - x1) / size[1]) > 2 else cv2.INTER_LINEAR
            picture = np.asarray(cv2.resize(picture, (size[1], size[0]), interpolation=how), np.uint8)
    return np.asarray(cv2.flip(picture, 1), np.uint8) if view.mirrored else picture
