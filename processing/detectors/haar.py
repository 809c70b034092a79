"""OpenCV's Haar cascade, which needs no download and only finds frontal faces."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.detectors.interface import Box, Detection, Detector, in_order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["HaarDetector"]

CASCADE = "haarcascade_frontalface_alt2.xml"
"""Of the cascades that OpenCV ships, the one that found most faces at the least time in our trials."""


FACE_INSET = 0.05
"""How much narrower a face is than the cascade's square at each side, as a share of the square's side.

The cascade was trained on squares that take in some background beside the cheeks and much forehead and cut the chin.
Faces as VoxCeleb and S3FD box them reach from cheek to cheek and from the forehead to the chin. This and
:data:`FACE_DROP` were fitted to ten faces marked by hand and checked on twelve marked later, see docs/crop.md.
"""

FACE_DROP = 0.05
"""How much lower than the cascade's square a face begins and ends, as a share of the square's side."""

NEAR_MARGIN = 0.5
"""A face is looked for again within its last square and so much of its side around it."""

NEAR_SIZES = 1.3
"""A face that is looked for again is at most so many times larger or smaller."""

NEAR_SCALE_FACTOR = 1.03
"""Step between the sizes tried then. With few sizes left a finer step costs little, and the box trembles less."""

NEAR_NEIGHBOURS = 2
"""So many times the overlapping hits must make a face then, as three times as many sizes are tried."""


class HaarDetector(Detector):
    """Find frontal faces with OpenCV's Haar cascade (Lienhart and Maydt, ICIP 2002), without a download.

    Boxes are as high as the square of the cascade, but narrower.

    Args:
        weights: Must be None, because the cascade is part of OpenCV.
        device: Ignored; the detector runs on the CPU.
        scale_factor: Factor between the face sizes that are tried.
        min_neighbours: Number of overlapping hits that make a face.
        min_size_px: Smallest face to find, in px of the given picture.

    Raises:
        ConfigError: ``weights`` is not None.
    """

    name = "haar"
    looks_near = True

    def __init__(
        self,
        *,
        weights: str | os.PathLike[str] | None = None,
        device: str = "auto",
        scale_factor: float = 1.1,
        min_neighbours: int = 5,
        min_size_px: int = 36,
    ) -> None:
        if weights is not None:
            raise ConfigError(f"the haar detector takes no weights, got {os.fspath(weights)}; it uses OpenCV's cascade")
        self.scale_factor = scale_factor
        self.min_neighbours = min_neighbours
        self.min_size_px = min_size_px

    def settings(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "cascade": CASCADE,
            "scale_factor": self.scale_factor,
            "min_neighbours": self.min_neighbours,
            "min_size_px": self.min_size_px,
            "face_inset": FACE_INSET,
            "face_drop": FACE_DROP,
            "near_margin": NEAR_MARGIN,
            "near_sizes": NEAR_SIZES,
            "near_scale_factor": NEAR_SCALE_FACTOR,
            "near_neighbours": NEAR_NEIGHBOURS,
        }

    def setup(self) -> None:
        if self._model is None:
            import cv2
            import cv2.data

            self._model = cv2.CascadeClassifier(os.path.join(cv2.data.haarcascades, CASCADE))

    def detect(
        self, frames: "NDArray[np.uint8] | Sequence[NDArray[np.uint8]]", *, min_face_px: float = 0
    ) -> list[list[Detection]]:
        smallest = max(self.min_size_px, int(min_face_px))
        return [self._search(frame, smallest) for frame in frames]

    def detect_near(self, frame: "NDArray[np.uint8]", box_xyxy_px: Box, *, min_face_px: float = 0) -> list[Detection]:
        left, top, right, _ = box_xyxy_px
        side = (right - left) / (1 - 2 * FACE_INSET)
        reach = (0.5 + NEAR_MARGIN) * side
        x, y = (left + right) / 2, top + (0.5 - FACE_DROP) * side
        window = (
            max(0, int(x - reach)),
            max(0, int(y - reach)),
            min(frame.shape[1], int(x + reach) + 1),
            min(frame.shape[0], int(y + reach) + 1),
        )
        if window[0] >= window[2] or window[1] >= window[3]:
            return []
        smallest = max(self.min_size_px, int(min_face_px), int(side / NEAR_SIZES))
        return self._search(frame, smallest, int(side * NEAR_SIZES) + 1, window)

    def _search(
        self,
        frame: "NDArray[np.uint8]",
        smallest_px: int,
        largest_px: int = 0,
        window: tuple[int, int, int, int] | None = None,
    ) -> list[Detection]:
        """Run the cascade on a picture, or within a window of it for a known face; a largest size of 0 is none."""
        import cv2

        self.setup()
        from_x, from_y, to_x, to_y = window or (0, 0, frame.shape[1], frame.shape[0])
        boxes, _, weights = self._model.detectMultiScale3(
            cv2.cvtColor(frame[from_y:to_y, from_x:to_x], cv2.COLOR_RGB2GRAY),
            scaleFactor=min(self.scale_factor, NEAR_SCALE_FACTOR) if window else self.scale_factor,
            minNeighbors=self.min_neighbours * (NEAR_NEIGHBOURS if window else 1),
            minSize=(smallest_px, smallest_px),
            maxSize=(largest_px, largest_px),
            outputRejectLevels=True,
        )
        found = []
        for (x, y, side, _), weight in zip(boxes, weights, strict=True):
            left, top = from_x + x + FACE_INSET * side, from_y + y + FACE_DROP * side
            right, bottom = left + (1 - 2 * FACE_INSET) * side, top + side
            found.append(Detection((float(left), float(top), float(right), float(bottom)), float(weight)))
        return in_order(found)
