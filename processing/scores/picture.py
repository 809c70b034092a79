"""Figures of whole frames: sharpness, motion, cuts and traces of compression."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.processing.crop.quality import QualityMeter
from mmvoxceleb.processing.crop.scenes import CutDetector
from mmvoxceleb.processing.scores.interface import Measured, Scorer, figures_named
from mmvoxceleb.processing.scores.material import Material

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PictureScorer", "blockiness"]

_BLOCK = 8
_SMALLEST_PX = 3 * _BLOCK
_NO_FRAMES = "no frames"
_ONE_FRAME = "one frame: this needs two"


class PictureScorer(Scorer):
    """Measure whole frames."""

    name = "picture"
    figures = figures_named("sharpness", "motion", "cuts", "blockiness")

    def measure(self, material: Material) -> Mapping[str, Measured]:
        if not len(material.frames):
            return {figure.name: _NO_FRAMES for figure in self.figures}
        meter, cuts = QualityMeter(), CutDetector()
        count = 0
        for frame in material.frames:
            meter.add(frame)
            count += cuts.is_cut(frame)
        found = meter.figures()
        is_still = len(material.frames) == 1
        return {
            "sharpness": found["sharpness"],
            "motion": _ONE_FRAME if is_still else found["motion"],
            "cuts": float(count),
            "blockiness": blockiness(material.grey),
        }


def blockiness(grey: "NDArray[np.uint8]") -> Measured:
    """Compare the differences of neighbouring pixels across the borders of 8-px blocks with those inside blocks.

    Args:
        grey: uint8 [N, H, W].

    Returns:
        1 if no grid is visible, and more the stronger it is; or the reason why it cannot be measured.
    """
    if min(grey.shape[1:]) < _SMALLEST_PX:
        return f"frames under {_SMALLEST_PX} px"
    sums = [np.zeros(grey.shape[axis] - 1) for axis in (2, 1)]
    for levels in grey:
        frame = levels.astype(np.int16)
        sums[0] += np.abs(np.diff(frame, axis=1)).mean(axis=0)
        sums[1] += np.abs(np.diff(frame, axis=0)).mean(axis=1)
    ratios = [_strongest_grid(differences) for differences in sums]
    return "frames of one colour" if None in ratios else float(np.mean([ratio for ratio in ratios if ratio]))


def _strongest_grid(differences: "NDArray[np.float64]") -> float | None:
    """Return the mean of every 8th value divided by the mean of the others, for the start at which it is largest."""
    places = np.arange(len(differences)) % _BLOCK
    ratios = []
    for start in range(_BLOCK):
        inside = float(differences[places != start].mean())
        if inside == 0:
            return None
        ratios.append(float(differences[places == start].mean()) / inside)
    return max(ratios)
