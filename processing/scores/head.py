"""Figures of the head, from landmarks: its pose, how it turns and moves, and how steadily the crop follows it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.codecs.video import FRAMES_PER_SECOND
from mmvoxceleb.modalities import LANDMARKS
from mmvoxceleb.processing.scores.interface import Measured, Scorer, figures_named
from mmvoxceleb.processing.scores.material import NO_LANDMARKS, Material

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HeadScorer", "rotations"]

_TWO = "no two frames with a face in a row"
_THREE = "no three frames with a face in a row"
_ANGLES = ("yaw", "pitch", "roll")


class HeadScorer(Scorer):
    """Measure the pose and the motion of the head."""

    name = "head"
    figures = figures_named(
        "face_share", *_ANGLES, "yaw_range", "pitch_range", "rotation_speed", "head_speed", "drift_px", "jitter_px",
        "scale_spread",
    )  # fmt: skip
    reads = (LANDMARKS.folder(),)
    reads_frames = False

    def measure(self, material: Material) -> Mapping[str, Measured]:
        landmarks = material.landmarks
        if landmarks is None or not len(landmarks):
            return dict.fromkeys([figure.name for figure in self.figures], NO_LANDMARKS)
        has_face = landmarks.has_face
        share: dict[str, Measured] = {"face_share": float(has_face.mean())}
        if not has_face.any():
            return share | dict.fromkeys([figure.name for figure in self.figures[1:]], material.without_face)
        indices = landmarks.indices[has_face].astype(np.int64)
        poses = landmarks.head_pose[has_face].astype(np.float64)
        points = landmarks.points[has_face, :, :2].astype(np.float64)
        low, high = points.min(axis=1), points.max(axis=1)
        middles, sizes = (low + high) / 2, (high - low).max(axis=1)
        medians = dict(zip(_ANGLES, np.median(poses, axis=0).tolist(), strict=True))
        spans = np.ptp(np.percentile(poses[:, :2], (5, 95), axis=0), axis=0).tolist()
        next_to = np.diff(indices) == 1
        moves = np.linalg.norm(np.diff(middles, axis=0), axis=1)
        in_a_row = next_to[1:] & next_to[:-1]
        shakes = np.linalg.norm(np.diff(middles, 2, axis=0), axis=1)
        size = float(np.median(sizes))
        return {
            **share,
            **medians,
            "yaw_range": spans[0],
            "pitch_range": spans[1],
            "rotation_speed": _mean(_turns(poses), next_to, _TWO, FRAMES_PER_SECOND),
            "head_speed": _mean(moves, next_to, _TWO, FRAMES_PER_SECOND / size) if size else "a face of no size",
            "drift_px": float(np.sqrt(((middles - middles.mean(axis=0)) ** 2).sum(axis=1).mean())),
            "jitter_px": _mean(shakes, in_a_row, _THREE, 1.0),
            "scale_spread": float(sizes.std() / sizes.mean()) if size else "a face of no size",
        }


def rotations(poses: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Convert yaw, pitch and roll in degrees, [N, 3], to matrices [N, 3, 3], ``Ry(yaw) Rx(-pitch) Rz(-roll)``."""
    yaw, pitch, roll = np.radians(poses * (1, -1, -1)).T
    zero, one = np.zeros(len(poses)), np.ones(len(poses))

    def matrices(*rows: "tuple[NDArray[np.float64], ...]") -> "NDArray[np.float64]":
        return np.array(rows).transpose(2, 0, 1)

    about_y = matrices((np.cos(yaw), zero, np.sin(yaw)), (zero, one, zero), (-np.sin(yaw), zero, np.cos(yaw)))
    about_x = matrices((one, zero, zero), (zero, np.cos(pitch), -np.sin(pitch)), (zero, np.sin(pitch), np.cos(pitch)))
    about_z = matrices((np.cos(roll), -np.sin(roll), zero), (np.sin(roll), np.cos(roll), zero), (zero, zero, one))
    return np.asarray(about_y @ about_x @ about_z)


def _turns(poses: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return the angle in degrees between each rotation and the next, [N - 1]."""
    turned = rotations(poses)
    between = np.einsum("nij,nij->n", turned[1:], turned[:-1])
    return np.asarray(np.degrees(np.arccos(np.clip((between - 1) / 2, -1, 1))))


def _mean(values: "NDArray[np.float64]", chosen: "NDArray[np.bool_]", otherwise: str, factor: float) -> Measured:
    return float(values[chosen].mean() * factor) if chosen.any() else otherwise
