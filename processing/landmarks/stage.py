"""The stage that finds landmarks in every frame of a clip."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.landmarks import FaceLandmarks, encode_landmarks
from mmvoxceleb.modalities import LANDMARKS, Folder
from mmvoxceleb.processing.landmarks.interface import Landmarker
from mmvoxceleb.processing.landmarks.smoothing import OneEuro
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LandmarkStage"]

_BYTES_PER_FRAME = 1 << 16
"""478 points in 64 bits before and after smoothing, and what is written."""


class LandmarkStage(Stage):
    """Write landmarks, blendshapes and head pose of one face in every frame to ``landmarks/<clip_id>.landmarks``.

    The file marks frames without a face. A clip in which no frame has a face gets a file, too.

    Args:
        landmarker: The model.
        smooth: Filter for the points. With None, the points are those of the model.
    """

    name = "landmarks"

    def __init__(self, landmarker: Landmarker, *, smooth: OneEuro | None = None) -> None:
        self.landmarker = landmarker
        self.smooth = smooth

    @property
    def folders(self) -> tuple[Folder, ...]:
        return (LANDMARKS.folder(),)

    def settings(self) -> dict[str, Any]:
        return {**self.landmarker.settings(), "smooth": asdict(self.smooth) if self.smooth else None}

    def computation(self) -> dict[str, Any]:
        return self.landmarker.computation()

    def setup(self) -> None:
        self.landmarker.setup()

    def teardown(self) -> None:
        self.landmarker.teardown()

    def select(self, clip: Clip) -> Sequence[int]:
        return clip.frame_indices

    def extra_bytes(self, frames: int, height: int, width: int) -> int:
        return frames * _BYTES_PER_FRAME

    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> FaceLandmarks:
        return self.landmarker(frames, indices=np.array(clip.frame_indices, np.int64), smooth=self.smooth)

    def encode(self, clip: Clip, result: FaceLandmarks) -> StageOutput:
        count = int(result.has_face.sum())
        return StageOutput({LANDMARKS.folder(): [("", encode_landmarks(result))]}, {"frames_with_face": count})
