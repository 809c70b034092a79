"""Find cuts: frames that begin a new scene."""

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CutDetector"]

THUMBNAIL = (32, 18)
HISTORY_FRAMES = 12
MIN_CHANGE = 20.0
"""Mean absolute difference of the thumbnails, in grey levels (0 to 255)."""
MIN_RATIO = 4.0
"""Times the median change of the last half second."""


class CutDetector:
    """Compares each frame with the one before on small pictures, as a stream.

    A cut is a change that is large by itself and also against the changes just before it, so that a
    pan, a zoom or a gesture is none. Frames that repeat the one before, as where a video has fewer than 25 frames per
    second, and cuts themselves do not count as changes.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.int16] | None = None
        self._changes: deque[float] = deque(maxlen=HISTORY_FRAMES)

    def is_cut(self, frame: "NDArray[np.uint8]") -> bool:
        """Look at the next frame, uint8 [H, W, 3]. The first is not a cut."""
        import cv2

        small = cv2.resize(frame, THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.int16)
        last, self._last = self._last, small
        if last is None:
            return False
        change = float(np.abs(small - last).mean())
        moved = [before for before in self._changes if before]
        usual = float(np.median(moved)) if moved else 0.0
        is_cut = change >= MIN_CHANGE and change >= MIN_RATIO * usual
        self._changes.append(0.0 if is_cut else change)
        return is_cut
