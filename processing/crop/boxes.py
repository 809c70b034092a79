"""Boxes and the arithmetic of the original cropper on them.

A box is left, top, right, bottom in pixels. Parity with video-preprocessing's ``util.py`` wants its two habits kept:
the overlap counts pixels (``right - left + 1``), and edges become integers by cutting off the fraction.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["grow_to_square", "iou", "move_inside", "overhang_px", "smooth_boxes", "union"]

IntBox = tuple[int, int, int, int]


def iou(boxes: "ArrayLike", reference: "ArrayLike") -> "NDArray[np.float64]":
    """Intersection over union with the convention that a box includes its last pixel.

    Two equal boxes of no size have IoU 1, so frames without a face hold together.

    Args:
        boxes: float [..., 4].
        reference: float [4] or [..., 4].

    Returns:
        float64 [...], 0 to 1.
    """
    a, b = np.asarray(boxes, np.float64), np.asarray(reference, np.float64)
    inner_min, inner_max = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    inner = np.maximum(0, inner_max - inner_min + 1).prod(-1)
    area_a, area_b = (a[..., 2:] - a[..., :2] + 1).prod(-1), (b[..., 2:] - b[..., :2] + 1).prod(-1)
    result: NDArray[np.float64] = inner / (area_a + area_b - inner)
    return result


def union(boxes: "ArrayLike") -> tuple[float, float, float, float]:
    """Return the smallest box that holds all ``boxes``, float [N, 4]."""
    boxes = np.asarray(boxes, np.float64)
    left, top = boxes[:, :2].min(0)
    right, bottom = boxes[:, 2:].max(0)
    return float(left), float(top), float(right), float(bottom)


def grow_to_square(box: "Sequence[float]", growth: float) -> IntBox:
    """Grow a box by ``growth`` of its longer side at each end, and its shorter side to the same length.

    Edges lose their fraction as in the original, so the sides may differ by a pixel.

    Args:
        box: Left, top, right, bottom in pixels; not empty.
        growth: 0.1 in the original: the result is 1.2 times the longer side. 0 only makes a square.
    """
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    width_increase = max(growth, ((1 + 2 * growth) * height - width) / (2 * width))
    height_increase = max(growth, ((1 + 2 * growth) * width - height) / (2 * height))
    return (
        int(left - width_increase * width),
        int(top - height_increase * height),
        int(right + width_increase * width),
        int(bottom + height_increase * height),
    )


def overhang_px(box: "Sequence[float]", width_px: int, height_px: int) -> float:
    """Tell by how many pixels a box reaches beyond a picture at the worst edge; 0 when it lies inside."""
    left, top, right, bottom = box
    return max(0, -left, -top, right - width_px, bottom - height_px)


def move_inside(box: IntBox, width_px: int, height_px: int) -> IntBox:
    """Shift a square into a picture; one larger than the picture's shorter side shrinks to it first."""
    left, top, right, bottom = box
    longest = min(width_px, height_px)
    width, height = min(right - left, longest), min(bottom - top, longest)
    if width < right - left or height < bottom - top:
        width = height = longest
        left, top = (left + right - width) // 2, (top + bottom - height) // 2
    left = min(max(left, 0), width_px - width)
    top = min(max(top, 0), height_px - height)
    return left, top, left + width, top + height


def smooth_boxes(boxes: "NDArray[np.float64]", sigma_frames: float) -> "NDArray[np.float64]":
    """Smooth boxes over time with a Gaussian; at the ends the first and last box are taken to stay.

    Args:
        boxes: float64 [N, 4], one box a frame, N at least 1.
        sigma_frames: Standard deviation in frames; 0 changes nothing.

    Returns:
        float64 [N, 4].
    """
    if sigma_frames <= 0:
        return boxes.copy()
    radius = int(3 * sigma_frames + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_frames) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(boxes, ((radius, radius), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, edge], kernel, mode="valid") for edge in range(4)], axis=1)
