"""The detector in MediaPipe's face landmarker, with five landmarks derived from its 478 points."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.processing.detectors.interface import Detection, Detector, in_order
from mmvoxceleb.schema.face_points import five_of_478

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FaceLandmarkerDetector"]


class FaceLandmarkerDetector(Detector):
    """Find faces of at least about a tenth of the picture's longer side with BlazeFace (short range), on the CPU.

    Args:
        weights: Path of ``face_landmarker.task``. With None, the published one is found or downloaded.
        device: Ignored; the detector runs on the CPU.
    """

    name = "mediapipe"

    def __init__(self, *, weights: str | os.PathLike[str] | None = None, device: str = "auto") -> None:
        from mmvoxceleb.processing.landmarks.face_landmarker import FaceLandmarker

        self._landmarker = FaceLandmarker(weights)

    def settings(self) -> dict[str, Any]:
        return {"name": self.name, "weights_sha256": self._landmarker.settings()["weights_sha256"]}

    def computation(self) -> dict[str, Any]:
        return self._landmarker.computation()

    def setup(self) -> None:
        self._landmarker.setup()

    def detect(
        self, frames: "NDArray[np.uint8] | Sequence[NDArray[np.uint8]]", *, min_face_px: float = 0
    ) -> list[list[Detection]]:
        return [self._faces(frame) for frame in frames]

    def _faces(self, frame: "NDArray[np.uint8]") -> list[Detection]:
        found = []
        for face in self._landmarker.faces(frame):
            points = self._landmarker.points_in(frame, face.region)
            if points is not None:
                found.append(Detection(face.box, face.score, five_of_478(points)))
        return in_order(found)
