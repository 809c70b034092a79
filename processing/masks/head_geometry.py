"""Where a head's parts may be, told by its landmarks alone: hair, ears, neck, clothes and forehead beside the face."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.processing.masks.face_regions import OVAL, outline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PARTS", "Head", "head_of", "nearer_to"]

PARTS: tuple[str, ...] = ("skin", "hair", "neck", "cloth", "l_ear", "r_ear", "other")
"""What a pixel of the person may be; ``other`` is a hand, a chair, another person: not of this head."""

_FOREHEAD, _CHIN, _SIDE_RIGHT, _SIDE_LEFT = 10, 152, 234, 454
_EAR_ANCHORS = {"r_ear": (234, 93), "l_ear": (454, 323)}
_JAW_CORNERS = (172, 397)
_FAR = 10.0
"""Heights of the face from which on distances are all the same."""
_OTHERS_REACH = 1.3
"""How much farther from another face its hair and shoulders reach than the middle between the faces."""


@dataclass(frozen=True)
class Head:
    """A head in a picture.

    Args:
        inside: bool [S, S], the face's oval.
        distance: float32 [S, S], to the oval's edge in heights of the face; negative inside.
        across: float32 [S, S], from the face's middle along its eyes' line, to the right in an upright picture.
        down: float32 [S, S], from the face's middle towards the chin; the chin of a face seen from the front is at 0.5.
        low: float32 [S, S], 1 where only long hair reaches, below the jaw, 0 further up.
        top: float32 [S, S], 1 where a bald head would be seen above the forehead, 0 farther away.
        beside_jaw: uint8 [S, S], 1 and 2 at places beside the cheeks and beside the jaw, which only long hair reaches;
            0 elsewhere.
        prior: float32 [len(PARTS), S, S], sums to 1 over the parts.
    """

    inside: "NDArray[np.bool_]"
    distance: "NDArray[np.float32]"
    across: "NDArray[np.float32]"
    down: "NDArray[np.float32]"
    low: "NDArray[np.float32]"
    top: "NDArray[np.float32]"
    beside_jaw: "NDArray[np.uint8]"
    prior: "NDArray[np.float32]"


def head_of(points: "NDArray[np.floating[Any]]", scale: tuple[float, float], size: int) -> Head:
    """Compute a head's geometry.

    Args:
        points: float [478, 3] in px of the frame.
        scale: Px of the map for a px of the frame, x and y.
        size: Side of the maps.
    """
    import cv2

    right = points[_SIDE_LEFT] - points[_SIDE_RIGHT]
    downward = points[_CHIN] - points[_FOREHEAD]
    height = float(np.linalg.norm(downward))
    right /= np.linalg.norm(right)
    downward = downward / height
    back = np.cross(right, downward)
    middle = points[list(OVAL), :2].mean(axis=0)
    along = downward[:2] / max(1e-6, float(np.linalg.norm(downward[:2])))

    x = (np.arange(size, dtype=np.float32) + 0.5) / scale[0] - middle[0]
    y = (np.arange(size, dtype=np.float32) + 0.5) / scale[1] - middle[1]
    down = ((x[None] * along[0] + y[:, None] * along[1]) / height).astype(np.float32)
    across = ((x[None] * along[1] - y[:, None] * along[0]) / height).astype(np.float32)

    placed = points[:, :2] * scale
    oval = outline(placed, OVAL, size)
    unit = height * float(np.sqrt(scale[0] * scale[1]))
    away = cv2.distanceTransform(1 - oval, cv2.DIST_L2, 5) - cv2.distanceTransform(oval, cv2.DIST_L2, 5)
    distance = np.clip(away / unit, -_FAR, _FAR)

    def ellipse(centre: Any, first: Any, second: Any) -> Any:
        """Return the squared distance from a flat ellipse's middle, 1 at its edge."""
        basis = np.array([first[:2], second[:2]], np.float64).T
        # an ellipse seen from its edge is still as thick as an ear
        left, singular, rest = np.linalg.svd(basis)
        singular = np.maximum(singular, 0.05 * height)
        inverse = np.linalg.inv(left @ np.diag(singular) @ rest)
        off_x, off_y = x[None] + middle[0] - centre[0], y[:, None] + middle[1] - centre[1]
        u = inverse[0, 0] * off_x + inverse[0, 1] * off_y
        v = inverse[1, 0] * off_x + inverse[1, 1] * off_y
        return u * u + v * v

    weights: dict[str, Any] = {}
    above = _rising(-down, 0.05, 0.15)
    for name, anchors in _EAR_ANCHORS.items():
        side = right if name == "l_ear" else -right
        outward = (0.6 * side + 0.8 * back) * height
        centre = points[list(anchors)].mean(axis=0) + 0.07 * outward
        # the farther a head is turned, the more of the ear on the far side is behind it
        shown = float(outward[0] * along[1] - outward[1] * along[0]) / height * (1 if name == "l_ear" else -1)
        ear = _rising(-ellipse(centre, 0.11 * outward, 0.21 * downward * height), -1.8, -0.6)
        weights[name] = 1.2 * ear * _rising(shown, 0.22, 0.45) * (0.6 + 0.4 * _rising(distance, 0.0, 0.04))
    jaw = points[list(_JAW_CORNERS)].mean(axis=0) + 0.15 * back * height
    lateral = ((x + middle[0] - jaw[0]) / height)[None]
    lower = ((y + middle[1] - jaw[1]) / height)[:, None]
    width = 0.34 + 0.5 * np.clip(lower - 0.45, 0, 1)
    neck = _rising(-np.abs(lateral) / width, -1.2, -0.85) * _rising(lower, -0.25, 0.0)
    deep = np.clip(distance, 0, None)
    weights["neck"] = neck * (1.0 - 0.75 * _rising(lower, 0.25, 0.7))
    weights["cloth"] = (
        _rising(down, 0.22, 0.5)
        * (0.25 + 0.75 * _rising(deep, 0.05, 0.35))
        * (1.1 - neck * (1 - _rising(lower, 0.2, 0.6)))
    )
    weights["hair"] = np.where(
        distance < 0,
        0.25 * _rising(-down, 0.2, 0.45) + 0.02 + 0.1 * _rising(distance, -0.06, 0.0),
        (0.25 + 0.75 * _rising(-down, -0.5, 0.1)) * _rising(-deep, -1.1, -0.45) + 0.05,
    )
    weights["skin"] = np.where(
        distance < 0, 1.0, 0.5 * above * np.exp(-((deep / 0.10) ** 2)) + 0.25 * np.exp(-((deep / 0.025) ** 2))
    )
    weights["other"] = 0.01 + 0.25 * _rising(deep, 0.6, 1.2)
    for name in ("neck", "cloth", "l_ear", "r_ear", "other"):
        weights[name] = np.where(distance < 0, 0.003, weights[name])
    prior = np.stack([np.broadcast_to(weights[name], (size, size)) for name in PARTS]).astype(np.float32) + 1e-4
    beside_jaw = (distance > 0.03) & (distance < 0.22) & (np.abs(lateral) > 0.3) & (down > 0.12) & (down < 0.5)
    return Head(
        oval > 0,
        distance.astype(np.float32),
        across,
        down,
        _rising(down, 0.12, 0.4).astype(np.float32),
        (above * _rising(-deep, -0.5, -0.3)).astype(np.float32),
        beside_jaw * np.where(down < 0.28, 1, 2).astype(np.uint8),
        prior / prior.sum(axis=0),
    )


def nearer_to(
    others: "Sequence[NDArray[np.floating[Any]]]",
    points: "NDArray[np.floating[Any]]",
    scale: tuple[float, float],
    size: int,
) -> "NDArray[np.bool_]":
    """Tell which places are nearer to other faces than to that of ``points``, each by its size: bool [S, S].

    Args:
        others: Points of each other face, float [K, 2], in px of the frame.
        points: float [478, 3], likewise.
        scale: Px of the map for a px of the frame, x and y.
        size: Side of the map.
    """
    x, y = ((np.arange(size, dtype=np.float32) + 0.5) / factor for factor in scale)

    def distance(face: "NDArray[np.floating[Any]]") -> Any:
        low, high = face[:, :2].min(axis=0), face[:, :2].max(axis=0)
        middle, extent = (low + high) / 2, max(1.0, float(np.linalg.norm(high - low)))
        return np.hypot(x[None] - middle[0], y[:, None] - middle[1]) / extent

    nearer = np.zeros((size, size), bool)
    if others:
        own = distance(points)
        for other in others:
            nearer |= distance(other) < _OTHERS_REACH * own
    return nearer


def _rising(values: Any, low: float, high: float) -> Any:
    """Go from 0 at ``low`` to 1 at ``high``, smoothly."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)
