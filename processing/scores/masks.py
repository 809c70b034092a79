"""The flicker of masks."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from mmvoxceleb.modalities import MASKS
from mmvoxceleb.processing.scores.interface import Measured, Scorer, figures_named
from mmvoxceleb.processing.scores.material import Material

__all__ = ["MaskScorer"]


class MaskScorer(Scorer):
    """Compare each mask of a clip with the next one."""

    name = "masks"
    figures = figures_named("mask_flicker")
    reads = (MASKS.folder(),)
    reads_frames = False

    def measure(self, material: Material) -> Mapping[str, Measured]:
        masks = material.masks
        if not masks:
            return {"mask_flicker": "no masks: make them with mmvoxceleb regenerate mask"}
        if len(masks) == 1:
            return {"mask_flicker": "one mask: this needs two"}
        if len({mask.shape for mask in masks}) > 1:
            return {"mask_flicker": "masks of several sizes"}
        changes = [float((mask != after).mean()) for mask, after in pairwise(masks)]
        return {"mask_flicker": float(np.mean(changes))}
