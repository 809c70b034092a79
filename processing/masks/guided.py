"""The guided filter with a colour guide (He, Sun and Tang, ECCV 2010): smooth, but not across the guide's edges.

As in the fast version (He and Sun, 2015), the local linear models are fitted to pictures of half the size.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GuidedFilter"]


class GuidedFilter:
    """Filters planes along the edges of one picture.

    Args:
        picture: uint8 [H, W, 3]; H and W are even.
        radius: Of the windows, in px; even.
        epsilon: Variance, of colours from 0 to 1, from which on an edge counts.
    """

    def __init__(self, picture: "NDArray[np.uint8]", radius: int, epsilon: float) -> None:
        guide = picture.astype(np.float32) / np.float32(255)
        self._guide = [np.ascontiguousarray(guide[..., channel]) for channel in range(3)]
        self._side = (radius + 1, radius + 1)
        self._small = [_halved(channel) for channel in self._guide]
        self._mean = [self._box(channel) for channel in self._small]
        (a, b, c), (_, d, e), (_, _, f) = (
            [
                self._box(one * other) - mean * mean_of_other
                for other, mean_of_other in zip(self._small, self._mean, strict=True)
            ]
            for one, mean in zip(self._small, self._mean, strict=True)
        )
        a, d, f = a + epsilon, d + epsilon, f + epsilon
        # the inverse of the symmetric matrix [[a, b, c], [b, d, e], [c, e, f]]
        aa, ab, ac = d * f - e * e, c * e - b * f, b * e - c * d
        bb, bc, cc = a * f - c * c, b * c - a * e, a * d - b * b
        scale = 1 / (a * aa + b * ab + c * ac)
        rows = ((aa, ab, ac), (ab, bb, bc), (ac, bc, cc))
        self._inverse = [[part * scale for part in row] for row in rows]

    def __call__(self, plane: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Filter a plane, float32 [H, W]."""
        import cv2

        small = _halved(plane)
        offset = mean = self._box(small)
        shared = [
            self._box(one * small) - of_guide * mean for one, of_guide in zip(self._small, self._mean, strict=True)
        ]
        smooth = 0
        for row, channel, of_guide in zip(self._inverse, self._guide, self._mean, strict=True):
            slope = row[0] * shared[0] + row[1] * shared[1] + row[2] * shared[2]
            offset = offset - slope * of_guide
            smooth = smooth + cv2.resize(self._box(slope), plane.shape[::-1]) * channel
        return np.asarray(smooth + cv2.resize(self._box(offset), plane.shape[::-1]), np.float32)

    def _box(self, values: Any) -> Any:
        import cv2

        return cv2.blur(values, self._side, borderType=cv2.BORDER_REFLECT)


def _halved(plane: Any) -> Any:
    import cv2

    return cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA)
