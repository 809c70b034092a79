"""The face of a generated person: ears, skin, beard, nose, eyes, brows and mouth, as layers from back to front."""

from collections.abc import Iterable

import numpy as np
from generated_head import DARK, EYE_Y, SOFT, Head, Layer, Points, ellipse, mirrored, scaled, smooth
from numpy.typing import NDArray

__all__ = ["brow", "ears", "eye", "face", "mouth", "nose"]

_BROW_Y, _MOUTH_Y = -0.32, 0.66


def ears(head: Head) -> list[Layer]:
    """Both ears."""
    layers = []
    for side, name in ((-1, "r_ear"), (1, "l_ear")):
        x = side * (head.person.face_width + 0.05)
        outer = head.at_depth(np.column_stack([ellipse(x, 0.02, 0.115, 0.25), np.full(20, -0.12)]))
        inner = [(x + side * dx, y, -0.12) for dx, y in ((0.0, -0.14), (0.055, -0.1), (0.05, 0.06), (0.0, 0.14))]
        layers.append(Layer(outer, name, scaled(head.person.skin, 0.93)))
        layers.append(
            Layer(
                smooth(head.at_depth(inner), closed=False), name, scaled(head.person.skin, 0.7), 0.8, closed=False,
                width_px=0.03 * head.unit_px, ink=SOFT,
            )
        )  # fmt: skip
    return layers


def face(head: Head) -> list[Layer]:
    """The skin with red cheeks and beard."""
    person, unit = head.person, head.unit_px
    jaw, chin = person.jaw
    w = person.face_width
    right = [(0.0, -1.02, 0.2), (0.4 * w / 0.72, -0.97, 0.15), (0.86 * w, -0.72, 0.05), (0.97 * w, -0.42, 0.0),
             (w, -0.1, 0.0), (0.985 * w, 0.2, 0.0), (0.9 * w * jaw**0.5, 0.48, 0.03), (0.72 * w * jaw, 0.72, 0.12),
             (0.46 * w * jaw * chin**0.4, 0.91, 0.25), (0.2 * chin * w / 0.72, 1.0, 0.34),
             (0.0, 1.02, 0.36)]  # fmt: skip
    outline = smooth(head.at_depth(mirrored(right)))
    layers = [Layer(outline, "skin", person.skin)]
    if person.rosy:
        layers += [
            Layer(head.on_face(ellipse(side * 0.4, 0.27, 0.2, 0.15)), "", scaled((205, 70, 70), 1.0), 0.36,
                  soft_px=0.06 * unit, ink=None, fill=None, within=outline)
            for side in (-1, 1)
        ]  # fmt: skip
    return layers + _beard(head, outline)


def _beard(head: Head, face: Points) -> list[Layer]:
    person, unit = head.person, head.unit_px
    shapes = []
    wide = person.mouth[0] + 0.04
    if person.beard in ("mustache", "full"):
        shapes.append(mirrored([(0.0, 0.47), (0.14, 0.49), (wide * 0.9, 0.6), (wide, 0.7), (0.2, 0.59), (0.0, 0.58)]))
    if person.beard == "goatee":
        shapes.append(mirrored([(0.0, 0.79), (0.18, 0.8), (0.24, 0.95), (0.15, 1.1), (0.0, 1.12)]))
    if person.beard == "full":
        shapes.append(
            mirrored(
                [(0.0, 0.79), (0.22, 0.78), (0.42, 0.6), (0.62, 0.3), (0.8, 0.0), (0.8, 0.6), (0.5, 1.1), (0.0, 1.2)]
            )
        )
    return [
        Layer(head.on_face(shape), "", scaled(person.hair, 0.85), 0.82, soft_px=0.03 * unit, ink=None, fill=None,
              within=face)
        for shape in shapes
    ]  # fmt: skip


def nose(head: Head) -> list[Layer]:
    """The nose with wings and nostrils."""
    person, unit = head.person, head.unit_px
    wide, longer = person.nose
    end = 0.4 + longer
    right = [(0.0, -0.2, 0.04), (0.055, -0.14, 0.05), (0.07, 0.1, 0.13), (wide * 0.72, end - 0.2, 0.13),
             (wide, end - 0.06, 0.05), (wide * 0.82, end + 0.02, 0.05), (wide * 0.4, end + 0.02, 0.16),
             (0.0, end + 0.06, 0.2)]  # fmt: skip

    def placed(points: Iterable[tuple[float, ...]]) -> Points:
        array = np.array(list(points))
        return head.at_depth(np.column_stack([array[:, :2], head.depth(array[:, 0], array[:, 1]) + array[:, 2]]))

    layers = [Layer(smooth(placed(mirrored(right))), "nose", scaled(person.skin, 1.03), soft_px=0.02 * unit, ink=None)]
    for side in (-1, 1):
        nostril = ellipse(side * wide * 0.48, end + 0.005, wide * 0.25, 0.026, 10)
        layers.append(
            Layer(placed(np.column_stack([nostril, np.full(10, 0.1)]).tolist()), "nose", scaled(person.skin, 0.33),
                  0.85, soft_px=0.008 * unit, ink=DARK, fill=60)
        )  # fmt: skip
        wing = [(side * wide * 0.8, end - 0.16, 0.1), (side * wide * 1.0, end - 0.06, 0.05),
                (side * wide * 0.85, end + 0.02, 0.05)]  # fmt: skip
        layers.append(
            Layer(smooth(placed(wing), closed=False), "", scaled(person.skin, 0.6), 0.5, soft_px=0.01 * unit,
                  closed=False, width_px=0.02 * unit)
        )  # fmt: skip
    tip = [(-wide * 0.3, end + 0.03, 0.16), (0.0, end + 0.06, 0.2), (wide * 0.3, end + 0.03, 0.16)]
    shade = -1 if head.moment.yaw > 0 else 1
    bridge = [(shade * 0.06, -0.08, 0.06), (shade * 0.07, 0.1, 0.12), (shade * 0.1, 0.24 + longer, 0.14)]
    layers.append(Layer(smooth(placed(tip), closed=False), ink=DARK, closed=False))
    layers.append(Layer(smooth(placed(bridge), closed=False), ink=SOFT + 50, closed=False))
    return layers


def eye(head: Head, side: int) -> list[Layer]:
    """One eye; side is -1 for that at the left of the picture, 1 for the other."""
    person, moment, unit = head.person, head.moment, head.unit_px
    half, height, apart, slant = person.eye
    opening = max(moment.eyes_open, 0.04)
    u = np.linspace(-1, 1, 9)
    slope = slant * u * side
    upper = np.column_stack([side * apart + half * u, EYE_Y - height * opening * (1 - u**2) ** 0.75 + slope])
    lower = np.column_stack([side * apart + half * u, EYE_Y + 0.62 * height * opening * (1 - u**2) + slope])
    lid, rim = (head.on_face(points, 0.01) for points in (upper, lower))
    outline = np.vstack([lid, rim[-2:0:-1]])
    crease = head.on_face(np.column_stack([upper[:, 0], upper[:, 1] - 0.045 - 0.02 * opening])[1:-1], 0.01)
    look = (side * apart + 0.05 * moment.gaze[0], EYE_Y - 0.006 + 0.03 * moment.gaze[1])
    iris, pupil, shine = (
        head.on_face(ellipse(look[0] + dx, look[1] + dy, r, r, 14), 0.01)
        for r, dx, dy in ((0.074, 0, 0), (0.034, 0, 0), (0.016, -0.025, -0.025))
    )
    name = "r_eye" if side < 0 else "l_eye"
    return [
        Layer(outline, name, (226, 220, 214), ink=None),
        Layer(iris, "", person.iris, ink=60, fill=150, within=outline),
        Layer(pupil, "", (14, 12, 12), ink=None, fill=20, within=outline),
        Layer(shine, "", (250, 250, 250), ink=None, fill=255, within=outline),
        Layer(rim, "", scaled(person.skin, 0.5), 0.6, closed=False, width_px=0.016 * unit, ink=SOFT, soft_px=1),
        Layer(lid, "", (28, 20, 18), 0.9, closed=False, width_px=0.036 * unit, ink=0),
        Layer(crease, "", scaled(person.skin, 0.55), 0.6, closed=False, width_px=0.016 * unit, ink=SOFT, soft_px=1),
    ]


def brow(head: Head, side: int) -> list[Layer]:
    """One brow."""
    thick, arch, height = head.person.brow
    u = np.linspace(0, 1, 8)
    x = side * (head.person.eye[2] - 0.19 + 0.42 * u)
    middle = _BROW_Y + height - 0.05 * head.moment.brow_raise - arch * (1 - ((u - 0.62) / 0.62) ** 2)
    half = 0.5 * thick * (1 - 0.75 * u**2) * np.minimum(1, 0.6 + 4 * u)
    upper, lower = (head.on_face(np.column_stack([x, middle + sign * half]), 0.02) for sign in (-1, 1))
    outline = smooth(np.vstack([upper, lower[::-1]]))
    red, green, blue = (0.8 * hair + 0.12 * skin for hair, skin in zip(head.person.hair, head.person.skin, strict=True))
    soft = 0.012 * head.unit_px
    name = "r_brow" if side < 0 else "l_brow"
    return [Layer(outline, name, (red, green, blue), 0.92, soft_px=soft, ink=80, fill=90)]


def mouth(head: Head) -> list[Layer]:
    """Lips, and teeth in the open mouth."""
    person, moment, unit = head.person, head.moment, head.unit_px
    half, full_up, full_low = person.mouth
    half = half + 0.07 * moment.smile - 0.05 * moment.mouth_open
    lift = -0.07 * moment.smile
    u = np.linspace(-1, 1, 13)
    corner = _MOUTH_Y + lift * np.abs(u) ** 1.7
    opening = 0.2 * moment.mouth_open * (1 - u**2)
    bow = np.where(np.abs(u) < 0.35, 0.78 + 0.22 * np.abs(u) / 0.35, 1.0)
    top = corner - full_up * bow * (1 - np.abs(u) ** 1.8)
    inner_top, inner_low = corner - 0.15 * opening, corner + opening
    bottom = inner_low + full_low * (1 - u**2) ** 0.8

    def curve(y: NDArray[np.float64], out: float) -> Points:
        points = np.column_stack([half * u, y])
        depth = head.depth(points[:, 0], points[:, 1]) + out * (1 - u**2)
        return head.project(np.column_stack([points, depth]))

    line_top, line_in, line_low, line_bottom = (
        curve(y, out) for y, out in ((top, 0.06), (inner_top, 0.05), (inner_low, 0.04), (bottom, 0.07))
    )
    inside, upper, lower = (
        np.vstack([above, below[::-1]])
        for above, below in ((line_in, line_low), (line_top, line_in), (line_low, line_bottom))
    )
    layers = [
        Layer(upper, "u_lip", scaled(person.lips, 0.88), soft_px=0.006 * unit, ink=SOFT),
        Layer(lower, "l_lip", person.lips, soft_px=0.006 * unit, ink=SOFT),
    ]
    if moment.mouth_open > 0.03:
        teeth = np.vstack([line_in, line_in[::-1] + np.array((0, 0.075 * unit))])
        layers.append(Layer(inside, "mouth", (58, 18, 20), fill=120))
        layers.append(Layer(teeth, "", (224, 218, 206), ink=None, fill=255, within=inside))
        layers.append(Layer(line_low, ink=DARK, closed=False))
    layers.append(
        Layer(line_in, "", scaled(person.lips, 0.45), 0.9, closed=False, width_px=0.018 * unit, ink=0, soft_px=1)
    )
    return layers
