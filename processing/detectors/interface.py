"""The interface of face detectors.

Coordinates are continuous pixels: the picture covers [0, W] x [0, H], and the centre of pixel i is at i + 0.5. A box
that covers exactly the first pixel is (0, 0, 1, 1).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Box", "Detection", "Detector"]

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True, eq=False)
class Detection:
    """One face in one picture.

    Coordinates are continuous pixels: the picture covers 0 to width and 0 to height, and the centre of pixel i is at
    i + 0.5.

    Args:
        box_xyxy_px: Left, top, right and bottom, in continuous pixels. The box may extend beyond the picture.
        score: How certain the detector is. Higher is more certain, on a scale of the detector: 0 to 1 for S3FD, YuNet
            and MediaPipe, and the unbounded sum of the last stage of the cascade for Haar.
        landmarks_px: float32 [5, 2]: (x, y), in continuous pixels, of the left eye, the right eye, the tip of the nose,
            and the left and right corners of the mouth. Left is the smaller x in an upright face. None if the detector
            gives no landmarks.
    """

    box_xyxy_px: tuple[float, float, float, float]
    score: float
    landmarks_px: "NDArray[np.float32] | None" = None

    @property
    def area_px(self) -> float:
        """Area of the box in square px; 0 for an empty box."""
        left, top, right, bottom = self.box_xyxy_px
        return max(0.0, right - left) * max(0.0, bottom - top)

    def scaled(self, factor_x: float, factor_y: float) -> "Detection":
        """Return the same face in a picture that is ``factor_x`` times as wide and ``factor_y`` times as high."""
        left, top, right, bottom = self.box_xyxy_px
        box = (left * factor_x, top * factor_y, right * factor_x, bottom * factor_y)
        points = self.landmarks_px
        if points is not None:
            points = (points * (factor_x, factor_y)).astype(points.dtype)
        return Detection(box, self.score, points)


class Detector(ABC):
    """Find faces in pictures. The constructor is cheap, and the object picklable; ``setup`` loads the model."""

    name: ClassVar[str]
    looks_near: ClassVar[bool] = False
    """Whether ``detect_near`` is much faster than ``detect``, and should be used to track a known face."""

    knows_upright: ClassVar[bool] = False
    """Whether its scores tell an upright face from a turned one, and it is fast enough to ask it so."""

    needs_device: ClassVar[bool] = False
    """Whether the detector computes on the device of the models, and so must take turns with them."""

    _model: Any = None
    """The model that ``setup`` loads. It is not pickled."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None}

    @property
    def resolved_device(self) -> str:
        """The device that is used on this machine, such as ``cuda`` for ``auto``."""
        return "cpu"

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return everything that changes the results, as JSON values: name, sha256 of the weights, thresholds.

        Raises:
            WeightsError: The weights cannot be found, or are not the published ones.
            SourceUnavailableError: The weights cannot be downloaded.
        """

    def computation(self) -> dict[str, Any]:
        """Return how it computes, for the provenance: see :meth:`mmvoxceleb.processing.Stage.computation`.

        The default, for detectors that only run on the CPU, is an empty dict.
        """
        return {}

    def setup(self) -> None:  # noqa: B027  a detector may have nothing to load
        """Load the model, unless it is loaded. ``detect`` calls this itself."""

    @abstractmethod
    def detect(
        self, frames: "NDArray[np.uint8] | Sequence[NDArray[np.uint8]]", *, min_face_px: float = 0
    ) -> list[list[Detection]]:
        """Find all faces in a batch of pictures.

        Args:
            frames: uint8 [N, H, W, 3], RGB, or a sequence of N pictures [H, W, 3] of one size.
            min_face_px: The detector may skip smaller faces, which makes some detectors much faster.

        Returns:
            A list for each picture, with the highest score first; empty if there is no face. The faces found in a
            picture do not depend on the other pictures of the batch.
        """

    def detect_near(self, frame: "NDArray[np.uint8]", box_xyxy_px: Box, *, min_face_px: float = 0) -> list[Detection]:
        """Find the face that was at ``box_xyxy_px`` in the frame before.

        A detector that :attr:`looks_near` only searches around the box, for faces of about its size. Other detectors
        search the whole picture.

        Args:
            frame: uint8 [H, W, 3], RGB.
            box_xyxy_px: A box that this detector returned for a picture of the same size.
            min_face_px: As in ``detect``.

        Returns:
            The faces, with the highest score first; empty if no face is near.
        """
        return self.detect([frame], min_face_px=min_face_px)[0]


def in_order(detections: list[Detection]) -> list[Detection]:
    """Sort faces by score, the highest first, and then by box, so that the order never depends on threads."""
    return sorted(detections, key=lambda found: (-found.score, found.box_xyxy_px))
