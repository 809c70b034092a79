"""Figures of one face in one frame, from its points, blendshapes, colours and mask.

Lengths are in units of the distance between the eyes, colours in CIELAB (lightness 0 to 100). NaN is a figure that the
frame does not tell: the part is turned away, too small, or there is no mask.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.processing.masks.face_regions import OVAL, outline
from mmvoxceleb.schema import CLASSES
from mmvoxceleb.schema.face_points import BLENDSHAPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FIGURES", "Face", "figures_of"]

_SIDE_PX = 256
"""Frames are looked at in this size, so that texture means the same in all."""

_EYES = ((33, 133, 159, 145), (362, 263, 386, 374))
"""Corners, upper and lower edge of the eyes."""
_LIPS = (78, 308, 13, 14)
"""Inner corners and inner edges of the lips."""
_BROWS = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))
"""Upper edge of each brow, from outside to inside, or the reverse."""
_FOREHEAD = (103, 67, 109, 10, 338, 297, 332, 334, 296, 336, 107, 66, 105)
_CHEEKS = ((50, 101, 36, 203, 206, 187, 147), (280, 330, 266, 423, 426, 411, 376))
_MOUSTACHE = (203, 98, 97, 2, 326, 327, 423, 410, 270, 269, 267, 0, 37, 39, 40, 186)
"""Between nose and upper lip."""
_CHIN = (43, 106, 182, 83, 18, 313, 406, 335, 273, 369, 396, 175, 171, 140)
"""Below the lower lip."""
_JAWS = ((214, 212, 202, 204, 211, 170, 169, 135, 138), (434, 432, 422, 424, 431, 395, 394, 364, 367))
_OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
_INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
_BRIDGE = (168, 6, 197, 195)
_BELOW_EYES = ((111, 117, 118, 119, 120, 121), (340, 346, 347, 348, 349, 350))

_FEWEST_PX = 30
_LARGEST_YAW, _LARGEST_PITCH = 25.0, 25.0
"""Degrees up to which a face counts as seen from the front."""

FIGURES: dict[str, str] = {
    "smile": "mean of the blendshapes mouthSmileLeft and mouthSmileRight, 0 to 1",
    "mouth_gap": "distance of the inner edges of the lips over the mouth's width",
    "eye_opening": "height of the eyes over their width, the mean of both",
    "brow_arch": "how far the brow's upper edge rises above the line between its ends, over its length; both brows",
    "lip_redness": "a* of the lips minus that of the cheeks",
    "cheek_redness": "a* of the cheeks minus that of chin and forehead",
    "skin_lightness": "lightness of cheeks and forehead",
    "brightness": "lightness that a twentieth of the frame exceeds",
    "colour_variety": "deviation of a* and b* over the frame that lightness does not explain; near 0 without colours",
    "skin_tone": "individual typology angle of cheeks and forehead, atan2(L* - 50, b*) in degrees",
    "moustache_darkness": "lightness of the cheeks minus that of the skin between nose and upper lip",
    "chin_darkness": "lightness of the cheeks minus that of the chin",
    "jaw_darkness": "lightness of the cheeks minus that of the jaws",
    "chin_texture": "deviation of fine detail on chin and jaws over that on the cheeks",
    "sharpness": "deviation of the Laplacian on the eyes and brows, lightness",
    "glasses_edges": "largest mean gradient along a line from eye to eye across the nose, over that of the cheeks",
    "brow_area": "area of both brows in the mask over the square of the eyes' distance",
    "hair_lightness": "median lightness of the hair",
    "hair_chroma": "median chroma of the hair",
    "hair_hue": "hue of the hair's median colour in degrees, 0 red, 90 yellow",
    "hair_area": "area of the hair in the mask over that of the face",
    "bangs": "share of hair in the mask between the brows and the upper end of the face's mesh",
    "crown_skin": "share of skin in the mask right above the face's mesh",
    "glasses_area": "area of glasses in the mask over the square of the eyes' distance",
    "hat_area": "area of a hat in the mask over that of the face",
    "earring_area": "area of earrings in the mask over that of the face",
    "necklace_area": "area of a necklace in the mask over that of the face",
}  # fmt: skip
"""What each figure is."""


@dataclass(frozen=True)
class Face:
    """One frame of a clip.

    Args:
        picture: uint8 [H, W, 3], RGB.
        points: float [478, 2 or 3], px.
        blendshapes: float [52].
        head_pose: float [3], yaw, pitch and roll in degrees.
        mask: uint8 [h, w] of class ids, of the whole frame in any size; None without one.
    """

    picture: "NDArray[np.uint8]"
    points: "NDArray[np.floating[Any]]"
    blendshapes: "NDArray[np.floating[Any]]"
    head_pose: "NDArray[np.floating[Any]]"
    mask: "NDArray[np.uint8] | None" = None


def figures_of(face: Face) -> dict[str, float]:
    """Measure a frame: a value for each of :data:`FIGURES`, NaN if it is unknown."""
    import cv2

    found = dict.fromkeys(FIGURES, float("nan"))
    height, width = face.picture.shape[:2]
    points = face.points[:, :2] * (_SIDE_PX / width, _SIDE_PX / height)
    picture = cv2.resize(face.picture, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    unit = float(np.linalg.norm(points[list(_EYES[0][:2])].mean(0) - points[list(_EYES[1][:2])].mean(0)))
    is_frontal = abs(face.head_pose[0]) <= _LARGEST_YAW and abs(face.head_pose[1]) <= _LARGEST_PITCH
    found["smile"] = float(
        face.blendshapes[[BLENDSHAPES.index(f"mouthSmile{side}") for side in ("Left", "Right")]].mean()
    )
    if not is_frontal or unit < 12:
        return found
    found |= _shapes(points)
    lab = np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    found |= _colours(lab, points) | _textures(lab[..., 0], points)
    if face.mask is not None:
        mask = np.asarray(cv2.resize(face.mask, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_NEAREST), np.uint8)
        found |= _parts(lab, mask, points, unit)
    return found


def _shapes(points: "NDArray[np.floating[Any]]") -> dict[str, float]:
    openings = [
        np.linalg.norm(points[upper] - points[lower]) / np.linalg.norm(points[one] - points[other])
        for one, other, upper, lower in _EYES
    ]
    left, right, upper, lower = _LIPS
    gap = np.linalg.norm(points[upper] - points[lower]) / np.linalg.norm(points[left] - points[right])
    arches = []
    for brow in _BROWS:
        first, *between, last = points[list(brow)]
        along = (last - first) / np.linalg.norm(last - first)
        across = np.array([-along[1], along[0]])
        arches.append(max(abs(float((point - first) @ across)) for point in between) / np.linalg.norm(last - first))
    return {
        "eye_opening": float(np.mean(openings)), "mouth_gap": float(gap), "brow_arch": float(np.mean(arches)),
    }  # fmt: skip


def _region(points: "NDArray[np.floating[Any]]", *corners: tuple[int, ...]) -> "NDArray[np.bool_]":
    return np.asarray(np.any([outline(points, each, _SIDE_PX) > 0 for each in corners], axis=0), np.bool_)


def _median(lab: "NDArray[np.float32]", where: "NDArray[np.bool_]") -> "NDArray[np.float64]":
    """Return the median colour, float64 [3]; NaN of too few pixels."""
    if int(where.sum()) < _FEWEST_PX:
        return np.full(3, np.nan)
    return np.median(lab[where].astype(np.float64), axis=0)


def _colours(lab: "NDArray[np.float32]", points: "NDArray[np.floating[Any]]") -> dict[str, float]:
    cheeks = _median(lab, _region(points, *_CHEEKS))
    forehead, chin = _median(lab, _region(points, _FOREHEAD)), _median(lab, _region(points, _CHIN))
    lips = _median(lab, _region(points, _OUTER_LIPS) & ~_region(points, _INNER_LIPS))
    moustache, jaws = _median(lab, _region(points, _MOUSTACHE)), _median(lab, _region(points, *_JAWS))
    skin = np.mean([cheeks, forehead], axis=0)
    return {
        "lip_redness": float(lips[1] - cheeks[1]),
        "cheek_redness": float(cheeks[1] - np.mean([forehead[1], chin[1]])),
        "skin_lightness": float(skin[0]),
        "brightness": float(np.percentile(lab[..., 0], 95)),
        "colour_variety": _variety(lab),
        "skin_tone": float(np.degrees(np.arctan2(skin[0] - 50, skin[2]))),
        "moustache_darkness": float(cheeks[0] - moustache[0]),
        "chin_darkness": float(cheeks[0] - chin[0]),
        "jaw_darkness": float(cheeks[0] - jaws[0]),
    }


def _variety(lab: "NDArray[np.float32]") -> float:
    """Measure how much colours differ; a tint over a grey picture, such as sepia, counts for nothing."""
    light, *colours = lab.reshape(-1, 3).astype(np.float64).T
    terms = np.vander(light / 100, 4)
    rest = [colour - terms @ np.linalg.lstsq(terms, colour, rcond=None)[0] for colour in colours]
    return float(np.sqrt(np.mean(np.square(rest).sum(0))))


def _textures(light: "NDArray[np.float32]", points: "NDArray[np.floating[Any]]") -> dict[str, float]:
    import cv2

    fine = np.abs(light - cv2.GaussianBlur(light, (0, 0), 1.5))
    cheeks, lower = _region(points, *_CHEEKS), _region(points, _CHIN, *_JAWS)
    if min(int(cheeks.sum()), int(lower.sum())) < _FEWEST_PX:
        return {}
    smooth = float(fine[cheeks].mean())
    eyes = cv2.boundingRect(points[[70, 107, 300, 336, 145, 374, 33, 263]].astype(np.float32))
    x, y, width, height = eyes
    laplacian = cv2.Laplacian(light, cv2.CV_32F)[max(0, y) : y + height, max(0, x) : x + width]
    return {
        "chin_texture": float(fine[lower].mean()) / max(smooth, 0.2),
        "sharpness": float(laplacian.std()) if laplacian.size else float("nan"),
        "glasses_edges": _bridge(light, points, smooth),
    }


def _bridge(light: "NDArray[np.float32]", points: "NDArray[np.floating[Any]]", smooth: float) -> float:
    """Look for the bridge of glasses: a line from eye to eye across the nose, where skin has none."""
    import cv2

    left, right = points[133], points[362]
    along = right - left
    length = float(np.linalg.norm(along))
    if length < 8:
        return float("nan")
    down = np.array([-along[1], along[0]]) / length
    # a strip across the nose: columns from eye to eye, rows from above the eyes to below them
    columns, rows = np.linspace(0.3, 0.7, 24), np.linspace(-0.6, 0.6, 40) * length
    places = left + columns[None, :, None] * along + rows[:, None, None] * down
    strip = cv2.remap(light, places.astype(np.float32), None, cv2.INTER_LINEAR)  # type: ignore[call-overload]  # no second map
    steps = np.abs(np.diff(strip, axis=0)).mean(axis=1) / (rows[1] - rows[0])
    return float(steps.max() / max(smooth, 0.2))


def _parts(
    lab: "NDArray[np.float32]", mask: "NDArray[np.uint8]", points: "NDArray[np.floating[Any]]", unit: float
) -> dict[str, float]:
    def area(*names: str) -> float:
        return float(np.isin(mask, [CLASSES.index(name) for name in names]).sum())

    oval = outline(points, OVAL, _SIDE_PX) > 0
    face = max(float(oval.sum()), 1.0)
    is_hair, is_skin = mask == CLASSES.index("hair"), mask == CLASSES.index("skin")
    found = {
        "brow_area": area("l_brow", "r_brow") / unit**2,
        "hair_area": area("hair") / face,
        "glasses_area": area("eye_g") / unit**2,
        "hat_area": area("hat") / face,
        "earring_area": area("ear_r") / face,
        "necklace_area": area("neck_l") / face,
    }
    forehead = _region(points, _FOREHEAD)
    if int(forehead.sum()) >= _FEWEST_PX:
        found["bangs"] = float(is_hair[forehead].mean())
    up = points[10] - points[152]
    crown = np.round(points[10] + up * np.linspace(0.08, 0.25, 12)[:, None]).astype(int)
    crown = crown[((crown >= 0) & (crown < _SIDE_PX)).all(axis=1)]
    if len(crown) >= 6:
        found["crown_skin"] = float(is_skin[crown[:, 1], crown[:, 0]].mean())
    import cv2

    inner = cv2.erode(is_hair.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    lightness, a, b = _median(lab, inner)
    return found | {
        "hair_lightness": float(lightness),
        "hair_chroma": float(np.hypot(a, b)),
        "hair_hue": float(np.degrees(np.arctan2(b, a))),
    }
