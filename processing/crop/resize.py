"""Cut a box out of a frame and bring it to the size of a clip.

The original calls ``skimage.transform.resize(anti_aliasing=True)``: a Gaussian whose sigma is half of what the factor
exceeds 1, cut off at four sigmas and mirrored at the border, then linear interpolation between pixel centres. OpenCV
does the same arithmetic on 32-bit floats many times faster; the results differ by one grey level here and there.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["crop_and_resize", "resize_antialiased", "shrink_to_height"]

TRUNCATE_SIGMAS = 4.0
"""Where scipy.ndimage.gaussian_filter, and so scikit-image, cuts the kernel off."""


def crop_and_resize(frame: "NDArray[np.uint8]", box_xyxy_px: Sequence[float], size_px: int) -> "NDArray[np.uint8]":
    """Cut a box out of a frame and scale it to a square, whatever its shape.

    Args:
        frame: uint8 [H, W, 3].
        box_xyxy_px: Left, top, right, bottom inside the frame. Whole pixels are cut as by slicing; fractions
            are met by interpolation.
        size_px: Side of the result.

    Returns:
        uint8 [size_px, size_px, 3].
    """
    left, top, right, bottom = box_xyxy_px
    if all(float(edge).is_integer() for edge in box_xyxy_px):
        return resize_antialiased(frame[int(top) : int(bottom), int(left) : int(right)], size_px, size_px)
    return _resample(frame, (left, top, right, bottom), size_px)


def resize_antialiased(picture: "NDArray[np.uint8]", width_px: int, height_px: int) -> "NDArray[np.uint8]":
    """Scale a picture as ``skimage.transform.resize(anti_aliasing=True)`` does.

    Args:
        picture: uint8 [H, W, 3].
        width_px: Width of the result.
        height_px: Height of the result.

    Returns:
        uint8 [height_px, width_px, 3].
    """
    import cv2

    height, width = picture.shape[:2]
    if (height, width) == (height_px, width_px):
        return np.ascontiguousarray(picture)
    values = _blurred(picture, width / width_px, height / height_px)
    return _to_bytes(cv2.resize(values, (width_px, height_px), interpolation=cv2.INTER_LINEAR))


def shrink_to_height(picture: "NDArray[np.uint8]", height_px: int) -> "NDArray[np.uint8]":
    """Scale a picture to a height for detection, keeping its shape: area averages, or linear when it grows.

    Args:
        picture: uint8 [H, W, 3].
        height_px: Height of the result.

    Returns:
        uint8 [height_px, W height_px / H, 3], the width rounded down.
    """
    import cv2

    height, width = picture.shape[:2]
    size = (max(1, width * height_px // height), height_px)
    method = cv2.INTER_AREA if height > height_px else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)


def _resample(frame: "NDArray[np.uint8]", box: tuple[float, float, float, float], size_px: int) -> "NDArray[np.uint8]":
    import cv2

    left, top, right, bottom = box
    factor_x, factor_y = (right - left) / size_px, (bottom - top) / size_px
    # the part of the frame that the kernel can reach
    margin = int(TRUNCATE_SIGMAS * max(factor_x, factor_y) + 3)
    x, y = max(0, int(left) - margin), max(0, int(top) - margin)
    part = frame[y : int(bottom) + margin + 1, x : int(right) + margin + 1]
    values = _blurred(part, factor_x, factor_y)
    # from the index of a result's pixel to the index of a pixel in `part`
    matrix = np.array(
        [[factor_x, 0, left - x + factor_x / 2 - 0.5], [0, factor_y, top - y + factor_y / 2 - 0.5]], np.float64
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return _to_bytes(cv2.warpAffine(values, matrix, (size_px, size_px), flags=flags, borderMode=cv2.BORDER_REFLECT_101))


def _blurred(picture: "NDArray[np.uint8]", factor_x: float, factor_y: float) -> "NDArray[np.float32]":
    import cv2

    values = picture.astype(np.float32)
    sigma_x, sigma_y = max(0.0, (factor_x - 1) / 2), max(0.0, (factor_y - 1) / 2)
    if sigma_x == sigma_y == 0:
        return values
    across, down = _gaussian(sigma_x), _gaussian(sigma_y)
    return np.asarray(cv2.sepFilter2D(values, cv2.CV_32F, across, down, borderType=cv2.BORDER_REFLECT_101), np.float32)


def _gaussian(sigma: float) -> "NDArray[np.float32]":
    radius = int(TRUNCATE_SIGMAS * sigma + 0.5)
    if radius == 0:
        return np.ones(1, np.float32)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _to_bytes(values: "NDArray[Any]") -> "NDArray[np.uint8]":
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
