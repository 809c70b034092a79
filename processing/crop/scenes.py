"""Find cuts: frames that begin a new scene."""

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CutDetector"]

THUMBNAIL = (32, 18)
HISTORY_FRAMES = 12


class CutDetector:
    """Compares each frame with the one before on small pictures, as a stream.

    A cut is a change that is large by itself and also against the changes just before it, so that a
    pan, a zoom or a gesture is none.

    Args:
        min_change: Mean absolute difference of the thumbnails, in grey levels (0 to 255).
        min_ratio: Times the median change of the last half second.
    """

    def __init__(self, *, min_change: float = 20.0, min_ratio: float = 4.0) -> None:
        self.min_change = min_change
        self.min_ratio = min_ratio
        self._last: NDArray[np.int16] | None = None
        self._changes: deque[float] = deque(maxlen=HISTORY_FRAMES)

    def is_cut(self, frame: "NDArray[np.uint8]") -> bool:
        """Look at the next frame, uint8 [H, W, 3]. The first is no cut."""
        import cv2

        small = cv2.resize(frame, THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.int16)
        last, self._last = self._last, small
        if last is None:
            return False
        change = float(np.abs(small - last).mean())
        usual = float(np.median(self._changes)) if self._changes else 0.0
        self._changes.append(change)
        return change >= self.min_change and change >= self.min_ratio * usual
