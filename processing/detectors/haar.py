"""OpenCV's Haar cascade: nothing to download, frontal faces only."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.detectors.interface import Detection, Detector, in_order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["HaarDetector"]

CASCADE = "haarcascade_frontalface_alt2.xml"
"""Of the cascades that OpenCV ships, the one that found most faces at the least time in our trials."""


class HaarDetector(Detector):
    """The offline fallback (Lienhart and Maydt, ICIP 2002). Boxes are squares from the brows to the chin.

    Args:
        weights: Must be None: the cascade comes with OpenCV.
        device: Ignored; it runs on the CPU.
        scale_factor: Step between the sizes that are tried.
        min_neighbours: Overlapping hits that make a face.
        min_size_px: Smallest face looked for, in pixels of the picture given.
    """

    name = "haar"

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
            raise ConfigError(f"the haar detector takes no weights, got {os.fspath(weights)}; its cascade is OpenCV's")
        self.scale_factor = scale_factor
        self.min_neighbours = min_neighbours
        self.min_size_px = min_size_px
        self._cascade: Any = None

    def settings(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "cascade": CASCADE,
            "scale_factor": self.scale_factor,
            "min_neighbours": self.min_neighbours,
            "min_size_px": self.min_size_px,
        }

    def setup(self) -> None:
        if self._cascade is None:
            import cv2
            import cv2.data

            self._cascade = cv2.CascadeClassifier(os.path.join(cv2.data.haarcascades, CASCADE))

    def detect(
        self, frames: "NDArray[np.uint8] | Sequence[NDArray[np.uint8]]", *, min_face_px: float = 0
    ) -> list[list[Detection]]:
        import cv2

        self.setup()
        side = (max(self.min_size_px, int(min_face_px)),) * 2
        found = []
        for frame in frames:
            boxes, _, weights = self._cascade.detectMultiScale3(
                cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY),
                scaleFactor=self.scale_factor,
                minNeighbors=self.min_neighbours,
                minSize=side,
                outputRejectLevels=True,
            )
            found.append(
                in_order(
                    [
                        Detection((float(x), float(y), float(x + w), float(y + h)), float(weight))
                        for (x, y, w, h), weight in zip(boxes, weights, strict=True)
                    ]
                )
            )
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cascade": None}
