"""Turned squares around a face: where they lie, what a network sees of them, and the way back."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Region", "around_box", "around_points", "letterbox"]

_ENLARGED = 1.5
"""A face's square is larger than its box by this."""


@dataclass(frozen=True)
class Region:
    """A square in a picture, turned about its middle.

    Args:
        x: Of the middle, in px from the picture's left edge.
        y: Likewise from the top.
        side: In px.
        angle: In radians, clockwise as seen.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0

    def cut(self, frame: "NDArray[np.uint8]", size: int, *, is_edge_repeated: bool) -> "NDArray[np.uint8]":
        """Show the square upright: uint8 [size, size, 3].

        Args:
            frame: uint8 [H, W, 3].
            size: In px.
            is_edge_repeated: What lies beside the picture: its edge, or black.
        """
        import cv2

        corners = self._to_picture(np.array([[0, 1], [0, 0], [1, 0]], np.float64)).astype(np.float32)
        shown = np.array([[0, size], [0, 0], [size, 0]], np.float32)
        border = cv2.BORDER_REPLICATE if is_edge_repeated else cv2.BORDER_CONSTANT
        transform = cv2.getAffineTransform(corners, shown)
        return np.asarray(cv2.warpAffine(frame, transform, (size, size), borderMode=border), np.uint8)

    def points_in_picture(self, points: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """Bring points [N, 3] out of the square, 0 to 1 and depth in sides, into the picture, in px."""
        return np.column_stack([self._to_picture(points[:, :2]), points[:, 2] * self.side])

    def _to_picture(self, points: "NDArray[np.float64]") -> "NDArray[np.float64]":
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        x, y = (points - 0.5).T * self.side
        return np.column_stack([self.x + cosine * x - sine * y, self.y + sine * x + cosine * y])


def letterbox(frame: "NDArray[np.uint8]") -> Region:
    """Return the smallest square around a whole picture."""
    height, width = frame.shape[:2]
    return Region(width / 2, height / 2, max(height, width))


def around_box(
    box: "tuple[float, float, float, float]", left: "NDArray[np.float64]", right: "NDArray[np.float64]"
) -> Region:
    """Return the square around a face in which its eyes are level.

    Args:
        box: ``(x1, y1, x2, y2)`` in px.
        left: The eye that is on the left in an upright picture, ``(x, y)`` in px.
        right: The other one.
    """
    x1, y1, x2, y2 = box
    angle = math.atan2(right[1] - left[1], right[0] - left[0])
    return Region((x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1) * _ENLARGED, angle)


def around_points(points: "NDArray[np.float64]") -> Region:
    """Return the square in which to look for a face in the next frame, from its 478 points of this one, in px."""
    (x1, y1), (x2, y2) = points[:, :2].min(axis=0).tolist(), points[:, :2].max(axis=0).tolist()
    return around_box((x1, y1, x2, y2), points[_OUTER_CORNER_RIGHT_EYE, :2], points[_OUTER_CORNER_LEFT_EYE, :2])


_OUTER_CORNER_RIGHT_EYE, _OUTER_CORNER_LEFT_EYE = 33, 263
