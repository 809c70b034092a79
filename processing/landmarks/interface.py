"""What finds landmarks: points from frames, and from the points what the face does."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.landmarks import FaceLandmarks
from mmvoxceleb.processing.landmarks.smoothing import OneEuro

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Landmarker"]


class Landmarker(ABC):
    """Finds one face in the frames of a clip. The constructor is cheap and picklable; ``setup`` loads."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Everything that changes what is found, as JSON values: name, the weights' sha256."""

    def computation(self) -> dict[str, Any]:
        """Tell how it computes, for the provenance, as :meth:`Stage.computation` does."""
        return {}

    def setup(self) -> None:  # noqa: B027  there may be nothing to load
        """Load the model. The other methods call it when nobody did. May be called again."""

    def teardown(self) -> None:  # noqa: B027
        """Release what ``setup`` loaded."""

    @abstractmethod
    def find(self, frames: "NDArray[np.uint8]") -> "NDArray[np.float64]":
        """Find the points of the face that the clip follows. Nothing is kept from one call to the next.

        Args:
            frames: uint8 [N, H, W, 3], RGB, of one clip, in order.

        Returns:
            float64 [N, 478, 3] as :class:`mmvoxceleb.codecs.landmarks.FaceLandmarks` has them; NaN without a face.
        """

    def others(self, frame: "NDArray[np.uint8]", points: "NDArray[np.float64]") -> "list[NDArray[np.float64]]":
        """Find where the other faces of a picture are; none unless a landmarker knows.

        Args:
            frame: uint8 [H, W, 3], RGB.
            points: float64 [478, 3], the face that is followed.

        Returns:
            A few points of each other face, float64 [K, 2], in px.
        """
        return []

    @abstractmethod
    def describe(
        self, points: "NDArray[np.float64]", height: int, width: int
    ) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
        """Tell from the points of a face its blendshapes, float64 [52], and yaw, pitch and roll in degrees, [3].

        Args:
            points: float64 [478, 3].
            height: Of the picture, in px.
            width: Likewise.
        """

    def __call__(
        self, frames: "NDArray[np.uint8]", *, indices: "NDArray[np.int64] | None" = None, smooth: OneEuro | None = None
    ) -> FaceLandmarks:
        """Find landmarks, blendshapes and head pose in the frames of one clip.

        Args:
            frames: uint8 [N, H, W, 3], RGB, in order.
            indices: int64 [N], the index of each in the clip; 0 to N - 1 by default.
            smooth: A filter for the points, from which the rest follows.
        """
        count, (height, width) = len(frames), frames.shape[1:3]
        indices = np.arange(count) if indices is None else np.asarray(indices)
        points = self.find(frames)
        if smooth is not None:
            points = smooth(points, indices)
        blendshapes, head_pose = np.full((count, 52), np.nan), np.full((count, 3), np.nan)
        for place in np.flatnonzero(~np.isnan(points[:, 0, 0])):
            blendshapes[place], head_pose[place] = self.describe(points[place], height, width)
        parts = (points, np.clip(blendshapes, 0, 1), head_pose)
        return FaceLandmarks(indices.astype(np.int32), *(part.astype(np.float32) for part in parts))
