"""What colours the parts of one person have in one clip: a smooth histogram for each, learnt from the clip itself."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BINS", "ColourModel", "features_of"]

BINS = (20, 16, 16, 6)
"""Of lightness, a and b of CIELAB, and of roughness."""

_ANY = 0.005
"""Share of the pixels that stand beside each part's own for any colour at all."""
_FLOOR = 0.02
"""Share of each part that may have any colour, however many pixels it has."""


def features_of(picture: "NDArray[np.uint8]") -> "NDArray[np.int32]":
    """Give every pixel the number of its bin: int32 [H, W].

    Args:
        picture: uint8 [H, W, 3], RGB.
    """
    import cv2

    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), 0.8)
    light = lab[..., 0]
    spread = np.sqrt(np.maximum(cv2.blur(light * light, (5, 5)) - cv2.blur(light, (5, 5)) ** 2, 0))
    values = (
        light * (BINS[0] / 100),
        (lab[..., 1] + 24) * (BINS[1] / 72),
        (lab[..., 2] + 24) * (BINS[2] / 72),
        np.log2(1 + spread) * (BINS[3] / 4),
    )
    number = np.zeros(light.shape, np.int32)
    for value, count in zip(values, BINS, strict=True):
        number = number * count + np.clip(value, 0, count - 1).astype(np.int32)
    return number


class ColourModel:
    """Probabilities of bins for each part."""

    def __init__(self, table: "NDArray[np.float32]") -> None:
        self.table = table

    @classmethod
    def fitted(cls, bins: "NDArray[np.int32]", weights: "NDArray[np.float32]") -> "ColourModel":
        """Count pixels.

        Args:
            bins: int32 [N], from :func:`features_of`.
            weights: float32 [parts, N], how much each belongs to each part. A part that has few may have any colour.
        """
        total = int(np.prod(BINS))
        any_colour = _ANY * len(bins)
        table = np.empty((len(weights), total), np.float32)
        for row, weight in zip(table, weights, strict=True):
            counts: NDArray[np.float64] = np.bincount(bins, weights=weight, minlength=total).astype(np.float64)
            smooth = counts.reshape(BINS)
            for axis in range(len(BINS)):
                smooth = _blurred(smooth, axis)
            count = float(counts.sum())
            row[:] = (1 - _FLOOR) * (smooth.ravel() + any_colour / total) / (count + any_colour) + _FLOOR / total
        return cls(table)

    def __call__(self, bins: "NDArray[np.int32]") -> "NDArray[np.float32]":
        return self.table[:, bins]


def _blurred(counts: "NDArray[np.float64]", axis: int) -> "NDArray[np.float64]":
    padded = np.concatenate([counts.take([0], axis), counts, counts.take([-1], axis)], axis)
    length = counts.shape[axis]
    parts = [padded.take(range(start, start + length), axis) for start in (0, 1, 2)]
    return 0.25 * parts[0] + 0.5 * parts[1] + 0.25 * parts[2]
