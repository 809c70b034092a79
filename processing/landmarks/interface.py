"""The interface of landmark models: points from frames, and blendshapes and head pose from the points."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.landmarks import FaceLandmarks
from mmvoxceleb.processing.landmarks.smoothing import OneEuro

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Landmarker"]


class Landmarker(ABC):
    """Find the landmarks of one face in the frames of a clip. The constructor loads nothing; ``setup`` does."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return everything that changes the results, as JSON values: the model's name, the sha256 of its weights.

        Raises:
            WeightsError: The weights cannot be found, or are not the published ones.
            SourceUnavailableError: The weights cannot be downloaded.
        """

    def computation(self) -> dict[str, Any]:
        """Return how it computes, for the provenance: see :meth:`mmvoxceleb.processing.Stage.computation`."""
        return {}

    def setup(self) -> None:  # noqa: B027  there may be nothing to load
        """Load the model, unless it is loaded. The other methods call this themselves."""

    def teardown(self) -> None:  # noqa: B027
        """Release what ``setup`` loaded."""

    @abstractmethod
    def find(self, frames: "NDArray[np.uint8]") -> "NDArray[np.float64]":
        """Find the points of one face, which is tracked through the clip. No state is kept from call to call.

        Args:
            frames: uint8 [N, H, W, 3], RGB, of one clip, in order.

        Returns:
            float64 [N, 478, 3]: x and y in px from the upper left corner, and the depth z in px, smaller is nearer; NaN
            in frames without a face.
        """

    def others(self, frame: "NDArray[np.uint8]", points: "NDArray[np.float64]") -> "list[NDArray[np.float64]]":
        """Find the other faces in a picture. By default none are found.

        Args:
            frame: uint8 [H, W, 3], RGB.
            points: float64 [478, 3], the face that is tracked.

        Returns:
            For each other face, a few of its points, float64 [K, 2], in px.
        """
        return []

    @abstractmethod
    def describe(
        self, points: "NDArray[np.float64]", height: int, width: int
    ) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
        """Compute blendshapes and head pose from the points of a face.

        Args:
            points: float64 [478, 3].
            height: Height of the picture, in px.
            width: Width of the picture, in px.

        Returns:
            Blendshapes, float64 [52], and yaw, pitch and roll in degrees, float64 [3].
        """

    def __call__(
        self, frames: "NDArray[np.uint8]", *, indices: "NDArray[np.int64] | None" = None, smooth: OneEuro | None = None
    ) -> FaceLandmarks:
        """Find landmarks, blendshapes and head pose in the frames of one clip.

        Args:
            frames: uint8 [N, H, W, 3], RGB, in order.
            indices: int64 [N], the index of each frame in the clip. The default is 0 to N - 1.
            smooth: Filter for the points. Blendshapes and head pose are computed from the filtered points.

        Returns:
            Points, blendshapes (0 to 1) and head pose (degrees) of each frame; NaN in frames without a face.
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
