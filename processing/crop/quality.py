"""Figures by which clips can be chosen later: sharpness and motion of the cropped frames."""

from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.codecs.frame_figures import grey_of, motion, sharpness

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
        grey = grey_of(frame)
        self._sharpness.append(sharpness(grey))
        if self._last is not None:
            self._motion.append(motion(grey, self._last))
        self._last = grey

    def figures(self) -> dict[str, float]:
        """Return ``sharpness`` (median variance of the Laplacian) and ``motion`` (mean change, grey levels a frame)."""
        return {
            "sharpness": round(float(np.median(self._sharpness)), 2) if self._sharpness else 0.0,
            "motion": round(float(np.mean(self._motion)), 3) if self._motion else 0.0,
        }
