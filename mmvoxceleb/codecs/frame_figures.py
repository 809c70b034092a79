"""Figures of single frames, by which clips are judged: how sharp they are, and how much they move."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["grey_of", "motion", "sharpness"]


def grey_of(frame: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Return the grey values, uint8 [H, W], of a frame, uint8 [H, W, 3] in RGB."""
    import cv2

    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


def sharpness(grey: "NDArray[np.uint8]") -> float:
    """Compute the variance of the Laplacian, uint8 [H, W]: 0 for an even picture, larger the more edges it has."""
    import cv2

    deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1]
    return float(deviation[0, 0]) ** 2


def motion(grey: "NDArray[np.uint8]", before: "NDArray[np.uint8]") -> float:
    """Compute the mean change of two grey frames, uint8 [H, W], in grey levels, 0 to 255."""
    import cv2

    return float(cv2.norm(grey, before, cv2.NORM_L1) / grey.size)
