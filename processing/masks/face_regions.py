"""Regions of a face that its 478 points give exactly: brows, eyes, nose, lips, mouth and the oval.

The numbers of the points are those of MediaPipe's face mesh: ``face_mesh_connections.py`` and the picture of its
canonical face, ``canonical_face_model_uv_visualization.png``, both in google/mediapipe (Apache-2.0). Those of the nose,
for which it names no contour, were read off that mesh drawn over faces.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.schema.face_points import MIRRORED_POINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BROWS", "OVAL", "REGIONS", "is_facing", "outline", "painted"]

OVAL: tuple[int, ...] = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Outline of the face from the forehead over the person's left side and the chin, clockwise as seen."""

_RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
_RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
_RIGHT_HALVES: dict[str, tuple[int, ...]] = {
    "nose": (168, 6, 197, 195, 5, 4, 1, 2, 97, 98, 64, 129, 49, 209, 126, 217, 174, 122, 193),
    "mouth": (78, 191, 80, 81, 82, 13, 14, 87, 178, 88, 95),
    "u_lip": (61, 185, 40, 39, 37, 0, 13, 82, 81, 80, 191, 78),
    "l_lip": (78, 95, 88, 178, 87, 14, 17, 84, 181, 91, 146, 61),
}
"""Up to the middle of the face, since of a head in profile one half is seen."""


def _mirrored(points: tuple[int, ...]) -> tuple[int, ...]:
    """The same on the other side, in the order that keeps the sense of rotation."""
    return tuple(MIRRORED_POINTS[point] for point in reversed(points))


BROWS: dict[str, tuple[int, ...]] = {"r_brow": _RIGHT_BROW, "l_brow": _mirrored(_RIGHT_BROW)}
"""Where to look for brows: what is dark there is one."""

REGIONS: dict[str, tuple[tuple[int, ...], ...]] = {
    "nose": (_RIGHT_HALVES["nose"], _mirrored(_RIGHT_HALVES["nose"])),
    "r_eye": (_RIGHT_EYE,),
    "l_eye": (_mirrored(_RIGHT_EYE),),
    **{name: (_RIGHT_HALVES[name], _mirrored(_RIGHT_HALVES[name])) for name in ("mouth", "u_lip", "l_lip")},
}
"""Class names and the outlines of their regions, in the order in which they are painted over each other."""

_SHIFT = 4
_LIDS = 0.03
"""In widths of an eye: what is painted beyond the mesh, which runs inside of lashes and lids' edges."""


def outline(points: "NDArray[np.floating[Any]]", corners: tuple[int, ...], size: int) -> "NDArray[np.uint8]":
    """Fill a region: uint8 [size, size], 1 inside.

    Args:
        points: float [478, 2 or 3] in px of the mask, 0 at the upper left corner of its first pixel.
        corners: Of the region, in order.
        size: Side of the mask.
    """
    import cv2

    filled = np.zeros((size, size), np.uint8)
    placed = np.round((points[list(corners), :2] - 0.5) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(filled, [placed], 1, lineType=cv2.LINE_8, shift=_SHIFT)
    return filled


def is_facing(points: "NDArray[np.floating[Any]]", corners: tuple[int, ...]) -> bool:
    """Return whether a region is seen from the front, so that it is not hidden behind the face's own edge."""
    x, y = points[list(corners), :2].T
    return bool((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() > 0)


def painted(points: "NDArray[np.floating[Any]]", size: int) -> "dict[str, NDArray[np.uint8]]":
    """Fill what is seen of :data:`REGIONS`: uint8 [size, size] each, 1 inside."""
    placed = np.array(points[:, :2], np.float64)
    for name in ("r_eye", "l_eye"):
        corners = list(REGIONS[name][0])
        away = placed[corners] - placed[corners].mean(axis=0)
        far = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
        placed[corners] += away / far * (_LIDS * float(np.ptp(placed[corners], axis=0).max()))
    found: dict[str, NDArray[np.uint8]] = {}
    for name, parts in REGIONS.items():
        for corners_of_part in parts:
            if is_facing(points, corners_of_part):
                filled = outline(placed, corners_of_part, size)
                found[name] = found[name] | filled if name in found else filled
    return found
