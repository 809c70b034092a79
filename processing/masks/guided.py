"""The guided filter with a colour guide (He, Sun and Tang, ECCV 2010): smooth, but not across the guide's edges."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GuidedFilter"]


class GuidedFilter:
    """Filters planes along the edges of one picture.

    Args:
        picture: uint8 [H, W, 3].
        radius: Of the windows, in px.
        epsilon: Variance, of colours from 0 to 1, from which on an edge counts.
    """

    def __init__(self, picture: "NDArray[np.uint8]", radius: int, epsilon: float) -> None:
        self._guide = picture.astype(np.float32) / np.float32(255)
        self._side = (2 * radius + 1, 2 * radius + 1)
        self._mean = self._box(self._guide)
        red, green, blue = (self._guide[..., [channel]] * self._guide for channel in range(3))
        products = [self._box(part) - self._mean[..., [i]] * self._mean for i, part in enumerate((red, green, blue))]
        a, b, c = (products[0][..., i] for i in range(3))
        d, e, f = products[1][..., 1], products[1][..., 2], products[2][..., 2]
        a, d, f = a + epsilon, d + epsilon, f + epsilon
        # the inverse of the symmetric matrix [[a, b, c], [b, d, e], [c, e, f]]
        aa, ab, ac = d * f - e * e, c * e - b * f, b * e - c * d
        bb, bc, cc = a * f - c * c, b * c - a * e, a * d - b * b
        scale = 1 / (a * aa + b * ab + c * ac)
        rows = ((aa, ab, ac), (ab, bb, bc), (ac, bc, cc))
        self._inverse = [np.stack(row, axis=-1) * scale[..., None] for row in rows]

    def __call__(self, plane: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Filter a plane, float32 [H, W]."""
        mean = self._box(plane)
        shared = self._box(self._guide * plane[..., None]) - self._mean * mean[..., None]
        slopes = np.stack([np.einsum("hwc,hwc->hw", row, shared) for row in self._inverse], axis=-1)
        offset = mean - np.einsum("hwc,hwc->hw", slopes, self._mean)
        slopes, offset = self._box(slopes), self._box(offset)
        return np.asarray(np.einsum("hwc,hwc->hw", slopes, self._guide) + offset, np.float32)

    def _box(self, values: "NDArray[np.float32]") -> Any:
        import cv2

        return cv2.blur(values, self._side, borderType=cv2.BORDER_REFLECT)
