"""Where the parts of a generated face are: a head in space, turned and seen, as a list of layers from back to front.

Units of the head: x to the right of the picture, y down, z towards the viewer, 0 between the eyes. The chin is at
y = 1, the brows are near -0.33, the hairline is near -0.85, the top of the skull at -1.25; cheekbones at x = 0.72.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from generated_person import Colour, Moment, Person
from numpy.typing import NDArray

__all__ = ["Head", "Layer", "layers_of"]

Points = NDArray[np.float64]

_EYE_Y, _BROW_Y, _MOUTH_Y = -0.1, -0.32, 0.66
_DARK, _SOFT = 30, 110
"""Greys of main and of minor lines."""


@dataclass(frozen=True)
class Layer:
    """A filled shape or a line.

    Args:
        points: float64 [N, 2], pixels.
        name: Its class; empty leaves the class of what is below.
        colour: RGB; None leaves the colour.
        opacity: Of the colour, 0 to 1.
        soft_px: Blur of the colour's edge.
        ink: Grey of its line in the drawing; None for no line.
        fill: Grey that it lays over the drawing; None leaves what is below.
        closed: False for a line.
        width_px: Width of a line in the colour and in the classes.
        within: Outline that it does not leave.
    """

    points: Points
    name: str = ""
    colour: Colour | None = None
    opacity: float = 1.0
    soft_px: float = 0.0
    ink: int | None = _DARK
    fill: int | None = 255
    closed: bool = True
    width_px: float = 0.0
    within: Points | None = None


class Head:
    """A turned head, somewhere in a picture.

    Args:
        person: Whose.
        moment: How it is turned.
        x_px: Where the point between the eyes is.
        y_px: The same, downwards.
        unit_px: Pixels a unit.
    """

    def __init__(self, person: Person, moment: Moment, x_px: float, y_px: float, unit_px: float) -> None:
        self.person, self.moment = person, moment
        self.origin, self.unit_px = np.array((x_px, y_px)), unit_px
        yaw, pitch, roll = (math.radians(angle) for angle in (moment.yaw, moment.pitch, moment.roll))
        turn_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
        turn_x = np.array([[1, 0, 0], [0, math.cos(pitch), math.sin(pitch)], [0, -math.sin(pitch), math.cos(pitch)]])
        turn_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
        self.turn = turn_z @ turn_x @ turn_y
        tilt = roll * 0.3
        self._body_turn = np.array([[math.cos(tilt), -math.sin(tilt)], [math.sin(tilt), math.cos(tilt)]])

    def depth(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Depth of the face without nose and lips."""
        inside = 1 - (x / 0.86) ** 2 - ((y + 0.05) / 1.5) ** 2
        return 0.72 * np.sqrt(np.maximum(inside, 0.0))

    def on_face(self, points: Iterable[tuple[float, float]] | Points, out: float = 0.0) -> Points:
        """Project points (x, y) that lie on the face, or ``out`` units above it: float64 [N, 2], pixels."""
        points = self._dropped(np.array(points, float))
        return self.project(np.column_stack([points, self.depth(points[:, 0], points[:, 1]) + out]))

    def at_depth(self, points: Iterable[tuple[float, float, float]] | Points) -> Points:
        """Project points (x, y, z): float64 [N, 2], pixels."""
        points = np.array(points, float)
        return self.project(np.column_stack([self._dropped(points[:, :2]), points[:, 2]]))

    def project(self, points: Points) -> Points:
        """Turn and scale float64 [N, 3] to pixels."""
        return (points @ self.turn.T)[:, :2] * self.unit_px + self.origin

    def on_body(self, points: Iterable[tuple[float, float]] | Points) -> Points:
        """Place points of neck and shoulders, which follow the head little."""
        lean = np.array((math.sin(math.radians(self.moment.yaw)) * 0.1, 0.0))
        return (np.array(points, float) @ self._body_turn.T + lean) * self.unit_px + self.origin

    def _dropped(self, points: Points) -> Points:
        """Let the jaw drop with the open mouth."""
        points = points.copy()
        points[:, 1] += 0.12 * self.moment.mouth_open * np.clip((points[:, 1] - 0.6) / 0.4, 0, 1)
        return points


def layers_of(head: Head) -> list[Layer]:
    """List what is to be painted, from back to front."""
    layers = [*_back_hair(head), *_neck(head), *_body(head), *_ears(head), *_face(head), *_nose(head)]
    for side in (-1, 1):
        layers += [*_eye(head, side), *_brow(head, side)]
    return [*layers, *_mouth(head), *_glasses(head), *_front_hair(head), *_earrings(head), *_hat(head)]


def mirrored(right: Iterable[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Complete an outline: from the top middle down the right side, then up the left one."""
    points = list(right)
    return points + [(-point[0], *point[1:]) for point in reversed(points) if point[0]]


def smooth(points: Points, *, closed: bool = True, steps: int = 5) -> Points:
    """Run a Catmull-Rom curve through float64 [N, 2]."""
    if not closed:
        points = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    before, after, second = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (array[:, None, :] for array in (before, points, after, second))
    curve = p1 + t / 2 * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    if closed:
        return curve.reshape(-1, 2)
    return np.vstack([curve[1:-2].reshape(-1, 2), points[-2]])


def ellipse(x: float, y: float, rx: float, ry: float, count: int = 20) -> Points:
    """Points around (x, y): float64 [count, 2]."""
    angle = np.arange(count) * 2 * math.pi / count
    return np.column_stack([x + rx * np.cos(angle), y + ry * np.sin(angle)])


def scaled(colour: Colour, factor: float) -> Colour:
    """Make a colour lighter or darker."""
    red, green, blue = (min(255.0, value * factor) for value in colour)
    return red, green, blue


def _wave(points: Points, person: Person, unit_px: float) -> Points:
    """Push an outline of wavy hair in and out."""
    if not person.wavy:
        return points
    step = np.roll(points, -1, 0) - np.roll(points, 1, 0)
    normal = np.column_stack([step[:, 1], -step[:, 0]]) / np.maximum(np.linalg.norm(step, axis=1), 1e-6)[:, None]
    along = np.cumsum(np.linalg.norm(np.roll(points, -1, 0) - points, axis=1)) / unit_px
    return points + normal * (np.sin(along * 19 + person.seed % 7) * 0.028 * unit_px)[:, None]


def _back_hair(head: Head) -> list[Layer]:
    person = head.person
    volume, end = person.hair_volume, max(person.hair_length, 0.1)
    if end < 0.3:
        wide = person.face_width + 0.02
        right = [(0.0, -1.2, -0.2), (0.5, -1.05, -0.2), (wide + 0.06, -0.6, -0.2), (wide + 0.06, -0.3, -0.2),
                 (wide, 0.0, -0.2), (0.55, 0.5, -0.2)]  # fmt: skip
    else:
        right = [(0.0, -1.25, -0.1), (0.7, -1.0, -0.2), (0.86 + volume, -0.5, -0.35), (0.88 + volume, end * 0.6, -0.35),
                 (0.8 + volume * 1.5, end, -0.35), (0.4, end + 0.05, -0.35)]  # fmt: skip
    outline = _wave(smooth(head.at_depth(mirrored(right)), steps=12), person, head.unit_px)
    return [Layer(outline, "hair", scaled(person.hair, 0.72))]


def _neck(head: Head) -> list[Layer]:
    top = head.at_depth([(-0.45, 0.5, -0.1), (0.45, 0.5, -0.1)])
    width = 0.43
    low = head.on_body([(width, 1.25), (width + 0.1, 1.5), (0.6, 2.2), (-0.6, 2.2), (-width - 0.1, 1.5), (-width, 1.25)])
    return [Layer(np.vstack([top, low]), "neck", scaled(head.person.skin, 0.88))]


def _body(head: Head) -> list[Layer]:
    person = head.person
    colour, depth = person.cloth
    neckline = [(0.0, 1.5 + depth), (0.28, 1.46 + depth * 0.62), (0.5, 1.36)]
    right = [*neckline, (0.75, 1.47), (1.2, 1.62), (1.6, 1.85), (1.8, 2.3), (1.9, 3.5), (1.9, 6.0)]
    layers = [Layer(smooth(head.on_body(mirrored(right))), "cloth", colour)]
    if person.tie:
        knot = [(-0.1, 1.5 + depth), (0.1, 1.5 + depth), (0.07, 1.66 + depth), (0.16, 3.0), (-0.16, 3.0),
                (-0.07, 1.66 + depth)]  # fmt: skip
        layers.append(Layer(head.on_body(knot), "cloth", person.cloth_second))
    collar = smooth(head.on_body([(-x, y) for x, y in reversed(neckline)] + neckline[1:]), closed=False)
    layers.append(Layer(collar, "cloth", person.cloth_second, closed=False, width_px=0.035 * head.unit_px))
    if person.necklace is not None:
        chain = [(-0.47, 1.3), (-0.3, 1.42 + person.necklace[1] * 0.6), (0.0, 1.5 + person.necklace[1]),
                 (0.3, 1.42 + person.necklace[1] * 0.6), (0.47, 1.3)]  # fmt: skip
        line = smooth(head.on_body(chain), closed=False, steps=8)
        width = 0.055 * head.unit_px
        layers.append(Layer(line, "neck_l", person.necklace[0], closed=False, width_px=width))
    return layers


def _ears(head: Head) -> list[Layer]:
    layers = []
    for side, name in ((-1, "l_ear"), (1, "r_ear")):
        x = side * (head.person.face_width + 0.05)
        outer = head.at_depth(np.column_stack([ellipse(x, 0.02, 0.115, 0.25), np.full(20, -0.12)]))
        inner = [(x + side * dx, y, -0.12) for dx, y in ((0.0, -0.14), (0.055, -0.1), (0.05, 0.06), (0.0, 0.14))]
        layers.append(Layer(outer, name, scaled(head.person.skin, 0.93)))
        layers.append(
            Layer(
                smooth(head.at_depth(inner), closed=False), name, scaled(head.person.skin, 0.7), 0.8, closed=False,
                width_px=0.03 * head.unit_px, ink=_SOFT,
            )
        )  # fmt: skip
    return layers


def _face(head: Head) -> list[Layer]:
    person, unit = head.person, head.unit_px
    jaw, chin = person.jaw
    w = person.face_width
    right = [(0.0, -1.02, 0.2), (0.4 * w / 0.72, -0.97, 0.15), (0.86 * w, -0.72, 0.05), (0.97 * w, -0.42, 0.0),
             (w, -0.1, 0.0), (0.985 * w, 0.2, 0.0), (0.9 * w * jaw**0.5, 0.48, 0.03), (0.72 * w * jaw, 0.72, 0.12),
             (0.46 * w * jaw * chin**0.4, 0.91, 0.25), (0.2 * chin * w / 0.72, 1.0, 0.34), (0.0, 1.02, 0.36)]  # fmt: skip
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
            mirrored([(0.0, 0.79), (0.22, 0.78), (0.42, 0.6), (0.62, 0.3), (0.8, 0.0), (0.8, 0.6), (0.5, 1.1), (0.0, 1.2)])
        )
    return [
        Layer(head.on_face(shape), "", scaled(person.hair, 0.85), 0.82, soft_px=0.03 * unit, ink=None, fill=None,
              within=face)
        for shape in shapes
    ]  # fmt: skip


def _nose(head: Head) -> list[Layer]:
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
                  0.85, soft_px=0.008 * unit, ink=_DARK, fill=60)
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
    layers.append(Layer(smooth(placed(tip), closed=False), ink=_DARK, closed=False))
    layers.append(Layer(smooth(placed(bridge), closed=False), ink=_SOFT + 50, closed=False))
    return layers


def _eye(head: Head, side: int) -> list[Layer]:
    person, moment, unit = head.person, head.moment, head.unit_px
    half, height, apart, slant = person.eye
    opening = max(moment.eyes_open, 0.04)
    u = np.linspace(-1, 1, 9)
    slope = slant * u * side
    upper = np.column_stack([side * apart + half * u, _EYE_Y - height * opening * (1 - u**2) ** 0.75 + slope])
    lower = np.column_stack([side * apart + half * u, _EYE_Y + 0.62 * height * opening * (1 - u**2) + slope])
    lid, rim = (head.on_face(points, 0.01) for points in (upper, lower))
    outline = np.vstack([lid, rim[-2:0:-1]])
    crease = head.on_face(np.column_stack([upper[:, 0], upper[:, 1] - 0.045 - 0.02 * opening])[1:-1], 0.01)
    look = (side * apart + 0.05 * moment.gaze[0], _EYE_Y - 0.006 + 0.03 * moment.gaze[1])
    iris, pupil, shine = (
        head.on_face(ellipse(look[0] + dx, look[1] + dy, r, r, 14), 0.01)
        for r, dx, dy in ((0.074, 0, 0), (0.034, 0, 0), (0.016, -0.025, -0.025))
    )
    name = "l_eye" if side < 0 else "r_eye"
    return [
        Layer(outline, name, (226, 220, 214), ink=None),
        Layer(iris, "", person.iris, ink=60, fill=150, within=outline),
        Layer(pupil, "", (14, 12, 12), ink=None, fill=20, within=outline),
        Layer(shine, "", (250, 250, 250), ink=None, fill=255, within=outline),
        Layer(rim, "", scaled(person.skin, 0.5), 0.6, closed=False, width_px=0.016 * unit, ink=_SOFT, soft_px=1),
        Layer(lid, "", (28, 20, 18), 0.9, closed=False, width_px=0.036 * unit, ink=0),
        Layer(crease, "", scaled(person.skin, 0.55), 0.6, closed=False, width_px=0.016 * unit, ink=_SOFT, soft_px=1),
    ]


def _brow(head: Head, side: int) -> list[Layer]:
    thick, arch, height = head.person.brow
    u = np.linspace(0, 1, 8)
    x = side * (head.person.eye[2] - 0.19 + 0.42 * u)
    middle = _BROW_Y + height - 0.05 * head.moment.brow_raise - arch * (1 - ((u - 0.62) / 0.62) ** 2)
    half = 0.5 * thick * (1 - 0.75 * u**2) * np.minimum(1, 0.6 + 4 * u)
    upper, lower = (head.on_face(np.column_stack([x, middle + sign * half]), 0.02) for sign in (-1, 1))
    outline = smooth(np.vstack([upper, lower[::-1]]))
    colour = tuple(0.8 * hair + 0.12 * skin for hair, skin in zip(head.person.hair, head.person.skin, strict=True))
    soft = 0.012 * head.unit_px
    return [Layer(outline, "l_brow" if side < 0 else "r_brow", colour, 0.92, soft_px=soft, ink=80, fill=90)]  # type: ignore[arg-type]


def _mouth(head: Head) -> list[Layer]:
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
    inside = np.vstack([line_in, line_low[::-1]])
    layers = [
        Layer(np.vstack([line_top, line_in[::-1]]), "u_lip", scaled(person.lips, 0.88), soft_px=0.006 * unit, ink=_SOFT),
        Layer(np.vstack([line_low, line_bottom[::-1]]), "l_lip", person.lips, soft_px=0.006 * unit, ink=_SOFT),
    ]
    if moment.mouth_open > 0.03:
        teeth = np.vstack([line_in, line_in[::-1] + np.array((0, 0.075 * unit))])
        layers.append(Layer(inside, "mouth", (58, 18, 20), fill=120))
        layers.append(Layer(teeth, "", (224, 218, 206), ink=None, fill=255, within=inside))
        layers.append(Layer(line_low, ink=_DARK, closed=False))
    layers.append(
        Layer(line_in, "", scaled(person.lips, 0.45), 0.9, closed=False, width_px=0.018 * unit, ink=0, soft_px=1)
    )
    return layers


def _glasses(head: Head) -> list[Layer]:
    if head.person.glasses is None:
        return []
    colour, thick, half, height = head.person.glasses
    width = thick * head.unit_px
    layers = []
    apart = max(head.person.eye[2], half + 0.05)
    for side in (-1, 1):
        angle = np.arange(24) * 2 * math.pi / 24
        square = 0.75
        x, y = np.cos(angle), np.sin(angle)
        points = np.column_stack(
            [side * apart + half * np.sign(x) * np.abs(x) ** square, _EYE_Y + 0.03 + height * np.sign(y) * np.abs(y) ** square]
        )
        lens = head.on_face(points, 0.1)
        layers.append(Layer(lens, "eye_g", (232, 240, 248), 0.1, ink=None, fill=None))
        ring = np.vstack([lens, lens[:1]])
        layers.append(Layer(ring, "eye_g", colour, closed=False, width_px=width))
        w = head.person.face_width + 0.03
        temple = head.at_depth([(side * (apart + half), _EYE_Y, 0.28), (side * w, _EYE_Y - 0.01, -0.05)])
        layers.append(Layer(temple, "eye_g", colour, closed=False, width_px=width))
    bridge = [(-(apart - half), _EYE_Y), (0.0, _EYE_Y - 0.05), (apart - half, _EYE_Y)]
    layers.append(Layer(smooth(head.on_face(bridge, 0.12), closed=False), "eye_g", colour, closed=False, width_px=width))
    return layers


def _front_hair(head: Head) -> list[Layer]:
    person = head.person
    volume, w, end = person.hair_volume, person.face_width, person.hair_length
    long = end > 0.3
    out, crown = w + 0.1 + volume, -1.3 - volume
    side = [(out, -0.4, -0.2), (out + 0.02, end * 0.5, -0.2), (out + 0.02 + 0.06 * end, end, -0.15)] if long else [
        (out - 0.02, -0.45, -0.2), (w + 0.07, end, -0.12)]  # fmt: skip
    outer = [(0.0, crown, -0.1), (0.45, crown + 0.12, -0.1), (out - 0.12, -0.85, -0.15), *side]
    low = -0.42 if person.fringe else -0.86
    rise = 0.02 if person.fringe else -0.04
    inner_side = [(w + 0.04, end - 0.05, -0.05), (w * 0.985, 0.35, 0.0)] if long else [(w - 0.02, end + 0.02, 0.0)]
    inner = [*inner_side, (w * 0.97, -0.3, 0.06), (w * 0.9, min(low + 0.02, -0.5), 0.2), (w * 0.55, low + rise, 0.45),
             (0.0, low - 0.02 + rise, 0.55)]  # fmt: skip
    outline = _wave(smooth(head.at_depth(mirrored([*outer, *inner])), steps=8), person, head.unit_px)
    return [Layer(outline, "hair", person.hair)]


def _earrings(head: Head) -> list[Layer]:
    if head.person.earrings is None:
        return []
    colour, length = head.person.earrings
    layers = []
    for side in (-1, 1):
        if side * head.moment.yaw > 14:
            continue
        drop = np.column_stack(
            [ellipse(side * (head.person.face_width + 0.07), 0.3 + length / 2, 0.05, length / 2 + 0.035), np.full(20, -0.08)]
        )
        layers.append(Layer(head.at_depth(drop), "ear_r", colour))
    return layers


def _hat(head: Head) -> list[Layer]:
    if head.person.hat is None:
        return []
    colour, brim = head.person.hat
    wide = head.person.face_width + 0.12 + head.person.hair_volume * 0.6
    dome = mirrored([(0.0, -1.55, -0.1), (wide * 0.7, -1.42, -0.1), (wide, -1.0, -0.1), (wide + 0.02, -0.62, 0.0)])
    band = head.at_depth([(-wide, -0.74, 0.1), (0.0, -0.66, 0.6), (wide, -0.74, 0.1)])
    layers = [Layer(smooth(head.at_depth(dome)), "hat", colour)]
    layers.append(
        Layer(smooth(band, closed=False), "hat", scaled(colour, 0.6), closed=False, width_px=0.12 * head.unit_px)
    )
    edge = np.column_stack([ellipse(0.0, -0.66, brim, 0.1), np.full(20, 0.25)])
    layers.append(Layer(head.at_depth(edge), "hat", scaled(colour, 0.85)))
    return layers
