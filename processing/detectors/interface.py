"""What a face detector takes and gives.

Coordinates are continuous pixels: the picture covers [0, W] x [0, H] and the centre of pixel i is i + 0.5, so a box
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

    Args:
        box_xyxy_px: Left, top, right, bottom in continuous pixels; may reach beyond the picture.
        score: Higher is surer. Each detector has its own scale: probabilities (0 to 1) for S3FD and YuNet, the
            cascade's unbounded last-stage sum for Haar.
        landmarks_px: float32 [5, 2], (x, y) in continuous pixels: left eye, right eye, nose tip, left and right
            corner of the mouth, where left is the smaller x of an upright face. None where the detector gives none.
    """

    box_xyxy_px: tuple[float, float, float, float]
    score: float
    landmarks_px: "NDArray[np.float32] | None" = None

    @property
    def area_px(self) -> float:
        """The area of the box."""
        left, top, right, bottom = self.box_xyxy_px
        return max(0.0, right - left) * max(0.0, bottom - top)

    def scaled(self, factor_x: float, factor_y: float) -> "Detection":
        """Return the same face in a picture whose sides are ``factor_x`` and ``factor_y`` times as long."""
        left, top, right, bottom = self.box_xyxy_px
        box = (left * factor_x, top * factor_y, right * factor_x, bottom * factor_y)
        points = self.landmarks_px
        if points is not None:
            points = (points * (factor_x, factor_y)).astype(points.dtype)
        return Detection(box, self.score, points)


class Detector(ABC):
    """Finds faces in pictures. The constructor is cheap and picklable; ``setup`` loads what it needs."""

    name: ClassVar[str]
    looks_near: ClassVar[bool] = False
    """Whether ``detect_near`` is much quicker than ``detect``, so that a known face is better followed with it."""

    needs_device: ClassVar[bool] = False
    """Whether it computes on the device of the models, where it must take turns with them."""

    _model: Any = None
    """What ``setup`` loads; it is not pickled."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None}

    @property
    def resolved_device(self) -> str:
        """The device in force, once ``auto`` is settled for this machine."""
        return "cpu"

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Everything that changes what is found, as JSON values: name, weights' sha256, thresholds.

        Raises:
            WeightsError: The weights cannot be found, or are not what was published.
            SourceUnavailableError: The weights cannot be downloaded.
        """

    def computation(self) -> dict[str, Any]:
        """Tell how it computes, for the provenance, as :meth:`Stage.computation` does. Nothing on the CPU alone."""
        return {}

    def setup(self) -> None:  # noqa: B027  a detector may have nothing to load
        """Load the model. ``detect`` calls it when nobody did. May be called again."""

    @abstractmethod
    def detect(
        self, frames: "NDArray[np.uint8] | Sequence[NDArray[np.uint8]]", *, min_face_px: float = 0
    ) -> list[list[Detection]]:
        """Find all faces in a batch of pictures.

        Args:
            frames: uint8 [N, H, W, 3], RGB, or a sequence of N pictures [H, W, 3] of one size.
            min_face_px: Smaller faces need not be found, which saves some detectors most of their time.

        Returns:
            N lists, the surest face first; an empty list if there is none. What is found in a picture does not
            depend on its neighbours in the batch.
        """

    def detect_near(self, frame: "NDArray[np.uint8]", box_xyxy_px: Box, *, min_face_px: float = 0) -> list[Detection]:
        """Find the face that was at ``box_xyxy_px`` a frame ago.

        Detectors whose time goes with the area searched look only around the box and for faces of about its size;
        the others search the whole picture.

        Args:
            frame: uint8 [H, W, 3], RGB.
            box_xyxy_px: A box that this detector gave for a picture of the same size.
            min_face_px: As for ``detect``.

        Returns:
            The surest face first; an empty list when the face is not near.
        """
        return self.detect([frame], min_face_px=min_face_px)[0]


def in_order(detections: list[Detection]) -> list[Detection]:
    """Sort by score, the highest first, and then by box, so that the order never depends on threads."""
    return sorted(detections, key=lambda found: (-found.score, found.box_xyxy_px))
