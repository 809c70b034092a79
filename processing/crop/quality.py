"""Figures by which clips can be chosen later: sharpness and motion of the cropped frames."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["QualityMeter"]


class QualityMeter:
    """Measures the frames of one clip as they pass."""

    def __init__(self) -> None:
        self._sharpness: list[float] = []
        self._motion: list[float] = []
        self._last: NDArray[np.uint8] | None = None

    def add(self, frame: "NDArray[np.uint8]") -> None:
        """Measure the next cropped frame, uint8 [S, S, 3], RGB."""
        import cv2

        grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)
        deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))[1]
        self._sharpness.append(float(deviation[0, 0]) ** 2)
        if self._last is not None:
            self._motion.append(cv2.norm(grey, self._last, cv2.NORM_L1) / grey.size)
        self._last = grey

    def figures(self) -> dict[str, float]:
        """Return ``sharpness`` (median variance of the Laplacian) and ``motion`` (mean change, grey levels a frame)."""
        return {
            "sharpness": round(float(np.median(self._sharpness)), 2) if self._sharpness else 0.0,
            "motion": round(float(np.mean(self._motion)), 3) if self._motion else 0.0,
        }
