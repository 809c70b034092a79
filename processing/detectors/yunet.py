"""YuNet, through OpenCV: a network of 233 kB that gives five landmarks and is fast on a CPU."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import WeightsError
from mmvoxceleb.processing.detectors.interface import Detection, Detector, in_order
from mmvoxceleb.processing.weights import locate, sha256_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["YuNetDetector", "parse_faces"]


class YuNetDetector(Detector):
    """Find faces with YuNet (Wu et al., MIR 2023), run by ``cv2.FaceDetectorYN`` on the CPU.

    Args:
        weights: Path of an ONNX file like ``face_detection_yunet_2023mar.onnx``. With None, the published one is used,
            and verified by its hash.
        device: Ignored; the detector runs on the CPU.
        min_score: Drop faces with a probability below this.
        nms_iou: Of two faces that overlap by more than this (intersection over union), keep the one with the higher
            score.
    """

    name = "yunet"
    knows_upright = True

    def __init__(
        self,
        *,
        weights: str | os.PathLike[str] | None = None,
        device: str = "auto",
        min_score: float = 0.6,
        nms_iou: float = 0.3,
    ) -> None:
        self.weights = weights
        self.min_score = min_score
        self.nms_iou = nms_iou

    def settings(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "weights_sha256": sha256_of(self._path),
            "min_score": self.min_score,
            "nms_iou": self.nms_iou,
        }

    def setup(self) -> None:
        if self._model is None:
            import cv2

            try:
                self._model = cv2.FaceDetectorYN.create(
                    str(self._path), "", (320, 320), score_threshold=self.min_score, nms_threshold=self.nms_iou
                )
            except cv2.error as error:
                raise WeightsError(
                    f"{self._path}: OpenCV {cv2.__version__} cannot read this as YuNet ({error}); "
                    "give the file face_detection_yunet_2023mar.onnx, or omit --weights to download it"
                ) from error

    def detect(
        self, frames: "NDArray[np.uint8] | Sequence[NDArray[np.uint8]]", *, min_face_px: float = 0
    ) -> list[list[Detection]]:
        import cv2

        self.setup()
        found = []
        for frame in frames:
            self._model.setInputSize((frame.shape[1], frame.shape[0]))
            try:
                _, faces = self._model.detect(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            except cv2.error as error:
                raise WeightsError(f"{self._path}: the network does not give YuNet's outputs ({error})") from error
            found.append(parse_faces(faces))
        return found

    @cached_property
    def _path(self) -> Path:
        return locate("yunet", self.weights)


def parse_faces(faces: "NDArray[np.float32] | None") -> list[Detection]:
    """Read the table of ``cv2.FaceDetectorYN.detect``.

    Args:
        faces: float32 [N, 15]: x, y, width, height, the points (x, y) of the person's right eye, left eye, nose tip,
            right and left corner of the mouth, the score; None when there is no face. The person's right is the
            left of the picture, so the points have our order already.
    """
    if faces is None:
        return []
    detections = []
    for row in np.asarray(faces, np.float32):
        x, y, width, height = (float(value) for value in row[:4])
        points = row[4:14].reshape(5, 2).copy()
        detections.append(Detection((x, y, x + width, y + height), float(row[14]), points))
    return in_order(detections)
