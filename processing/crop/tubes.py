"""Tubes: runs of frames in which one face stays about where it was, as crop_vox.py of video-preprocessing cuts them."""

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.processing.crop.boxes import iou, union

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmvoxceleb.processing.detectors import Detection

__all__ = ["NO_FACE", "FaceFollower", "Tube", "bridge_gaps", "cut_tubes", "match_annotation"]

NO_FACE = (0.0, 0.0, 0.0, 0.0)
"""The box of a frame in which no face was found."""


@dataclass(frozen=True)
class Tube:
    """A run of frames in which a face stays in about the same place.

    Args:
        number: Number of the tube in its utterance, from 0. Rejected tubes count, too, so clip numbers have gaps.
        start: First frame, counted from the first box given.
        stop: Frame after the last one.
        box_xyxy_px: Union of the boxes of its frames; :data:`NO_FACE` if no face was found.
    """

    number: int
    start: int
    stop: int
    box_xyxy_px: tuple[float, float, float, float]

    @property
    def num_frames(self) -> int:
        """Length in frames."""
        return self.stop - self.start

    @property
    def has_face(self) -> bool:
        """Whether there is a face in it."""
        return self.box_xyxy_px != NO_FACE


def cut_tubes(
    boxes: "NDArray[np.float64]",
    *,
    min_iou_with_first: float = 0.25,
    max_frames: int = 1024,
    cuts: Collection[int] = (),
) -> list[Tube]:
    """Cut a series of boxes into tubes. Every frame belongs to one.

    A tube ends before the frame whose box has too little overlap with the tube's *first* box, or when it has
    ``max_frames``; that frame begins the next.

    Args:
        boxes: float64 [N, 4], pixels; :data:`NO_FACE` if there is none.
        min_iou_with_first: The overlap needed, by :func:`mmvoxceleb.processing.crop.boxes.iou`.
        max_frames: Longest tube.
        cuts: Frames that begin a new scene, and therefore a new tube.
    """
    tubes: list[Tube] = []
    start = 0
    cuts = frozenset(cuts)
    for frame in range(1, len(boxes) + 1):
        if (
            frame == len(boxes)
            or frame in cuts
            or frame - start >= max_frames
            or float(iou(boxes[start], boxes[frame])) < min_iou_with_first
        ):
            tubes.append(Tube(len(tubes), start, frame, union(boxes[start:frame])))
            start = frame
    return tubes


def match_annotation(detections: "Sequence[Detection]", annotated: Sequence[float]) -> "tuple[Detection | None, float]":
    """Choose the face that overlaps the annotated box best, as the original does.

    Returns:
        The face and its IoU with the annotated box; None and 0 when there is no face at all. With several faces that
        do not overlap at all, the original's tie rule holds: the one with the largest left edge.
    """
    if not detections:
        return None, 0.0
    overlaps = iou([found.box_xyxy_px for found in detections], annotated)
    best = max(range(len(detections)), key=lambda index: (overlaps[index], detections[index].box_xyxy_px))
    return detections[best], float(overlaps[best])


MIN_OVERLAP = 0.1
"""IoU with a face's last box that counts as the same face."""


class FaceFollower:
    """Follows one face through a video that nobody annotated: the largest at first, then the one that overlaps.

    Args:
        max_gap_frames: For so long it waits for a lost face before it takes the largest one again.
    """

    def __init__(self, *, max_gap_frames: int = 5) -> None:
        self.max_gap_frames = max_gap_frames
        self._last: tuple[float, float, float, float] | None = None
        self._missed = 0

    def follow(self, detections: "Sequence[Detection]", *, is_cut: bool = False) -> "Detection | None":
        """Choose among the faces of the next frame; None when the followed one is not there.

        Args:
            detections: The faces, in any order.
            is_cut: Whether a new scene begins with this frame, so that nothing before it counts.
        """
        if is_cut or self._missed > self.max_gap_frames:
            self._last = None
        chosen = self._choose(detections)
        if chosen is None:
            self._missed += 1
        else:
            self._missed = 0
            self._last = chosen.box_xyxy_px
        return chosen

    def _choose(self, detections: "Sequence[Detection]") -> "Detection | None":
        if not detections:
            return None
        if self._last is None:
            return max(detections, key=lambda found: (found.area_px, found.box_xyxy_px))
        overlaps = iou([found.box_xyxy_px for found in detections], self._last)
        best = max(range(len(detections)), key=lambda index: (overlaps[index], detections[index].box_xyxy_px))
        return detections[best] if overlaps[best] >= MIN_OVERLAP else None


def bridge_gaps(
    boxes: "NDArray[np.float64]", *, max_gap_frames: int, cuts: Collection[int] = ()
) -> "NDArray[np.float64]":
    """Fill short runs of frames without a face by interpolation between the boxes around them.

    Args:
        boxes: float64 [N, 4]; :data:`NO_FACE` if there is none.
        max_gap_frames: Longest run to fill.
        cuts: Frames that begin a new scene; no run across one is filled.

    Returns:
        A new array.
    """
    boxes = boxes.copy()
    faces = np.flatnonzero(boxes.any(1))
    for before, after in itertools.pairwise(faces):
        gap = after - before - 1
        if 0 < gap <= max_gap_frames and not any(before < cut <= after for cut in cuts):
            weight = (np.arange(1, gap + 1) / (gap + 1))[:, None]
            boxes[before + 1 : after] = (1 - weight) * boxes[before] + weight * boxes[after]
    return boxes
