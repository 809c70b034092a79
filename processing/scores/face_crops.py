"""The input of SyncNet: faces cropped from a clip by its landmarks, by the rule of the original program.

The original tracks boxes of the detector S3FD, which end at the forehead, the chin and the ears. The box around the 478
landmarks does so, too, and replaces them. Everything else is as in ``run_pipeline.py`` of joonson/syncnet_python.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.codecs.landmarks import FaceLandmarks
from mmvoxceleb.processing.crop.boxes import iou
from mmvoxceleb.processing.networks.syncnet import FACE_PX

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FaceTrack", "longest_track"]

_LARGEST_GAP, _LEAST_IOU = 25, 0.5
"""A track continues if the next face is at most this many frames later, and its box overlaps the last one by more."""

_MEDIAN = 13
_SCALE = 0.40
"""How far a crop extends beyond the box, as a share of half its size."""

_GREY = 110
"""Grey level beyond the frame."""


@dataclass(frozen=True)
class FaceTrack:
    """A face tracked through consecutive frames: a smoothed square for each frame.

    Args:
        first: Index of the first frame.
        middles: float64 [N, 2], x and y of the centre of each square, in px of the frame.
        halves: float64 [N], half the longer side of the box around the face, in px.
    """

    first: int
    middles: "NDArray[np.float64]"
    halves: "NDArray[np.float64]"

    def __len__(self) -> int:
        return len(self.halves)

    def crop(self, frame: "NDArray[np.uint8]", place: int) -> "NDArray[np.uint8]":
        """Crop the face from a frame.

        Args:
            frame: uint8 [H, W, 3].
            place: Position of the frame in the track, from 0.

        Returns:
            uint8 [224, 224, 3], in the colour order of the frame.
        """
        import cv2

        half = self.halves[place]
        border = int(half * (1 + 2 * _SCALE))
        x, y = self.middles[place] + border
        padded = cv2.copyMakeBorder(frame, border, border, border, border, cv2.BORDER_CONSTANT, value=(_GREY,) * 3)
        top, left = max(0, int(y - half)), max(0, int(x - half * (1 + _SCALE)))
        face = padded[top : int(y + half * (1 + 2 * _SCALE)), left : int(x + half * (1 + _SCALE))]
        return np.asarray(cv2.resize(face, (FACE_PX, FACE_PX)), np.uint8)


def longest_track(landmarks: FaceLandmarks) -> FaceTrack | None:
    """Find the longest track of the face in a clip; the first one of equally long tracks.

    Frames without a face between two frames with one get interpolated boxes.

    Args:
        landmarks: Landmarks of the frames of the clip.

    Returns:
        The track; None if no frame has a face.
    """
    shown = np.flatnonzero(landmarks.has_face)
    if not len(shown):
        return None
    frames = landmarks.indices[shown].astype(np.int64)
    points = landmarks.points[shown, :, :2].astype(np.float64)
    boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    is_break = (np.diff(frames) > _LARGEST_GAP) | (iou(boxes[:-1], boxes[1:]) <= _LEAST_IOU)
    edges = np.concatenate([[0], np.flatnonzero(is_break) + 1, [len(frames)]])
    lengths = frames[edges[1:] - 1] - frames[edges[:-1]]
    start, stop = edges[lengths.argmax() :][:2]
    frames, boxes = frames[start:stop], boxes[start:stop]
    wanted = np.arange(frames[0], frames[-1] + 1)
    x1, y1, x2, y2 = (np.interp(wanted, frames, boxes[:, side]) for side in range(4))
    return FaceTrack(
        int(frames[0]),
        np.stack([_smoothed((x1 + x2) / 2), _smoothed((y1 + y2) / 2)], axis=1),
        _smoothed(np.maximum(x2 - x1, y2 - y1) / 2),
    )


def _smoothed(values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Take the median of the 13 values around each value. Padding with zeros makes values near the ends smaller."""
    padded = np.pad(values, _MEDIAN // 2)
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN), axis=1), np.float64)
