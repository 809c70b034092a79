"""Faces from the output of BlazeFace, the detector in the weights: 896 anchors, each with a box and six points."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.processing.landmarks.regions import Region, around_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["INPUT_PX", "Face", "faces_in"]

INPUT_PX = 128

_MIN_SCORE = 0.5
_MERGED_IOU = 0.3
_LARGEST_LOGIT = 100.0
_GRIDS = ((16, 2), (8, 6))
"""Cells a side, and anchors in each cell."""


@dataclass(frozen=True)
class Face:
    """A face that was found.

    Args:
        box: ``(x1, y1, x2, y2)`` in px of the picture.
        points: float64 [6, 2] in px: the person's right eye, left eye, nose, mouth, right ear, left ear.
        score: 0 to 1.
    """

    box: tuple[float, float, float, float]
    points: "NDArray[np.float64]"
    score: float

    @property
    def region(self) -> Region:
        """Where to look for its landmarks."""
        return around_box(self.box, self.points[0], self.points[1])


def faces_in(values: "NDArray[np.float32]", logits: "NDArray[np.float32]", seen: Region) -> list[Face]:
    """Decode boxes and merge those of one face, weighted by their scores.

    Args:
        values: float32 [896, 16]: middle, width and height of the box, and six points, in px of the input.
        logits: float32 [896].
        seen: The part of the picture that the detector saw.

    Returns:
        The surest first.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -_LARGEST_LOGIT, _LARGEST_LOGIT)))
    order = np.flatnonzero(scores >= _MIN_SCORE)
    order = order[np.argsort(-scores[order], kind="stable")]
    pairs = values[order].astype(np.float64).reshape(-1, 8, 2) / INPUT_PX
    pairs[:, [0, 2, 3, 4, 5, 6, 7]] += _anchors()[order][:, None]
    corners = np.concatenate([pairs[:, 0] - pairs[:, 1] / 2, pairs[:, 0] + pairs[:, 1] / 2], axis=1)
    faces, left = [], np.arange(len(order))
    while len(left):
        is_same = _iou(corners[left[0]], corners[left]) > _MERGED_IOU
        is_same[0] = True
        same, left = left[is_same], left[~is_same]
        weights = scores[order[same]] / scores[order[same]].sum()
        box, points = weights @ corners[same], np.tensordot(weights, pairs[same, 2:], 1)
        placed = seen.points_in_picture(np.column_stack([np.vstack([box.reshape(2, 2), points]), np.zeros(8)]))[:, :2]
        (x1, y1), (x2, y2) = placed[:2].tolist()
        faces.append(Face((x1, y1, x2, y2), placed[2:], float(scores[order[same[0]]])))
    return faces


@lru_cache(maxsize=1)
def _anchors() -> "NDArray[np.float64]":
    """Return the middles of the cells, 0 to 1, once for each anchor: [896, 2], x and y."""
    grids = []
    for side, count in _GRIDS:
        middles = (np.arange(side) + 0.5) / side
        y, x = np.meshgrid(middles, middles, indexing="ij")
        grids.append(np.repeat(np.column_stack([x.ravel(), y.ravel()]), count, axis=0))
    return np.concatenate(grids)


def _iou(box: "NDArray[np.float64]", others: "NDArray[np.float64]") -> "NDArray[np.float64]":
    sides = np.clip(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0, None)
    shared = sides.prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    return np.asarray(shared / np.maximum(areas - shared, np.finfo(np.float64).tiny), np.float64)
