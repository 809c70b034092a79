"""Notice faces that are shown upside down or on their side, of which the models that follow know nothing."""

from typing import TYPE_CHECKING, Any

from mmvoxceleb.processing.detectors import Detector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TURNED", "UprightnessMeter"]

TURNED = "face_turned_degrees"
"""In the provenance of a clip: by how much its face seems to be turned clockwise."""

_AT = (0.1, 0.5, 0.9)
"""The frames that are looked at, as shares of the clip."""
_SIDE_PX = 256
"""Larger frames are made as small before they are looked at: the face fills most of them."""
_MARGIN = 0.04
"""A turned view must be so much more certain than the upright one, in the mean over the frames. YuNet gives upright
faces of five real and two generated videos 0.93 to 0.95, and their turned views at least 0.04 less, mostly 0.1."""
_LEAST_SCORE = 0.85


class UprightnessMeter:
    """Compares how certain a detector is of a face as it is shown, and turned by quarter turns.

    Args:
        detector: The detector. Nothing is measured unless it ``knows_upright`` faces from others.
        num_frames: Frames of the clip.
    """

    def __init__(self, detector: Detector | None, num_frames: int) -> None:
        self._detector = detector if detector is not None and detector.knows_upright else None
        self._wanted = {int(share * num_frames) for share in _AT}
        self._views: list[list[NDArray[np.uint8]]] = []

    def add(self, number: int, frame: "NDArray[np.uint8]") -> None:
        """Look at a frame.

        Args:
            number: Its number in the clip, from 0.
            frame: uint8 [size, size, 3], RGB.
        """
        if self._detector is None or number not in self._wanted:
            return
        import cv2
        import numpy as np

        if len(frame) > _SIDE_PX:
            frame = np.asarray(cv2.resize(frame, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)
        self._views.append([np.ascontiguousarray(np.rot90(frame, turns)) for turns in range(4)])

    def figures(self) -> dict[str, Any]:
        """Return :data:`TURNED` with 90, 180 or 270; nothing for an upright face, or if it is not known."""
        if self._detector is None or not self._views:
            return {}
        totals = [0.0] * 4
        for views in self._views:
            for turns, faces in enumerate(self._detector.detect(views)):
                totals[turns] += faces[0].score if faces else 0.0
        scores = [total / len(self._views) for total in totals]
        best = max(range(4), key=scores.__getitem__)
        is_turned = scores[best] >= max(_LEAST_SCORE, scores[0] + _MARGIN)
        return {TURNED: 90 * best} if is_turned else {}
