"""Brows: what is dark where the points say that a brow is, since the mesh follows their hairs only roughly."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.processing.masks.face_regions import BROWS, is_facing, outline
from mmvoxceleb.processing.masks.parser import MASK_SIZE_PX

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["brows_of"]

_LOWER_FIRST = 5
"""The first five points of a brow are its upper edge, the others its lower one, from there back."""
_LOWERED = 0.6
"""How far below the mesh's brow a brow is looked for, in thicknesses of it."""
_RAISED = 0.3
"""How far above it."""
_FAINT, _CLEAR = 6.0, 18.0
"""Contrast of brow and skin, in units of CIELAB's lightness, up to which the mesh alone counts, and from which on what
is dark does."""
_DARK_PERCENTILE = 30
_DARK = 0.4
"""What is darker than skin by this share of the contrast is brow."""


def brows_of(frame: "NDArray[np.uint8]", points: "NDArray[np.floating[Any]]") -> "dict[str, NDArray[np.uint8]]":
    """Find the brows that are seen: uint8 [512, 512] each, 1 inside.

    Args:
        frame: uint8 [H, W, 3], RGB.
        points: float [478, 2] in px of the mask.
    """
    import cv2

    light: Any = None
    found = {}
    for name, corners in BROWS.items():
        if not is_facing(points, corners):
            continue
        mesh = outline(points, corners, MASK_SIZE_PX)
        wide_points = np.array(points[:, :2], np.float64)
        upper, lower = (list(part) for part in (corners[:_LOWER_FIRST], corners[_LOWER_FIRST:][::-1]))
        if name == "l_brow":
            upper, lower = lower, upper
        thickness = wide_points[lower] - wide_points[upper]
        wide_points[lower] += _LOWERED * thickness
        wide_points[upper] -= _RAISED * thickness
        wide = outline(wide_points, corners, MASK_SIZE_PX)
        x, y, width, height = cv2.boundingRect(wide_points[list(corners)].astype(np.float32))
        margin = max(2, height // 3)
        rows = slice(max(0, y - margin), min(MASK_SIZE_PX, y + height + margin))
        columns = slice(max(0, x - margin), min(MASK_SIZE_PX, x + width + margin))
        if rows.stop - rows.start < 3 or columns.stop - columns.start < 3:
            continue
        if light is None:
            scaled = cv2.resize(frame, (MASK_SIZE_PX, MASK_SIZE_PX), interpolation=cv2.INTER_LINEAR)
            light = cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB)[..., 0].astype(np.float32) * (100 / 255)
        here = cv2.GaussianBlur(light[rows, columns], (0, 0), max(0.8, height / 20))
        inside = wide[rows, columns] > 0
        if not (mesh[rows, columns] > 0).any() or inside.all():
            continue
        skin = float(np.median(here[~inside]))
        dark = float(np.percentile(here[mesh[rows, columns] > 0], _DARK_PERCENTILE))
        contrast = skin - dark
        trust = float(np.clip((contrast - _FAINT) / (_CLEAR - _FAINT), 0, 1))
        darkness = np.clip(0.5 + (skin - _DARK * contrast - here) / max(contrast, 1e-3), 0, 1)
        near = cv2.GaussianBlur(np.where(mesh[rows, columns] > 0, 1.0, 0.0).astype(np.float32), (0, 0), height / 8)
        score = trust * (0.75 * darkness + 0.25 * near) + (1 - trust) * near
        region = np.zeros_like(mesh)
        region[rows, columns] = (score > 0.5) & inside
        found[name] = region
    return found
