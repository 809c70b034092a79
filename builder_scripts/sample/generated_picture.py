"""What a camera sees of a generated person: the frame, the class of every pixel, and the line drawing."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from generated_face import brow, ears, eye, face, mouth, nose
from generated_head import Head, Layer
from generated_person import Moment, Person
from generated_wear import back_hair, body, earrings, front_hair, glasses, hat, neck
from numpy.typing import NDArray

from mmvoxceleb.schema import CLASSES

__all__ = ["Seen", "View", "see"]

_BITS = 5
_LINE_AT_512_PX = 2.0
_TEXTURE_PX, _MARGIN_PX = 256, 40
_FACE = ("skin", "l_brow", "r_brow", "l_eye", "r_eye", "eye_g", "nose", "mouth", "u_lip", "l_lip", "l_ear", "r_ear",
         "hair", "hat", "ear_r")  # fmt: skip
_BODY = ("neck", "neck_l", "cloth")

_HILLS = (
    (0.0, 0.05, 0.13, 0.085, 0.2), (0.0, 0.36, 0.26, 0.12, 0.1), (-0.4, 0.2, 0.07, 0.2, 0.16),
    (0.4, 0.2, 0.07, 0.2, 0.16), (0.0, -0.36, 0.05, 0.45, 0.07), (-0.33, -0.1, -0.1, 0.16, 0.1),
    (0.33, -0.1, -0.1, 0.16, 0.1), (0.0, 0.63, 0.08, 0.2, 0.09), (0.0, 0.8, -0.05, 0.16, 0.05),
    (0.0, 0.94, 0.07, 0.15, 0.1), (0.0, -0.65, 0.06, 0.4, 0.2),
)  # fmt: skip
"""Relief of a face: x, y, height and the two widths, in units of the head."""

_HOLLOWS = (
    (-0.33, -0.12, 0.42, 0.19, 0.1), (0.33, -0.12, 0.42, 0.19, 0.1), (-0.13, -0.12, 0.22, 0.06, 0.12),
    (0.13, -0.12, 0.22, 0.06, 0.12), (0.0, 0.5, 0.22, 0.16, 0.05), (0.0, 0.85, 0.2, 0.17, 0.04),
    (-0.24, 0.38, 0.15, 0.06, 0.08), (0.24, 0.38, 0.15, 0.06, 0.08), (-0.66, 0.6, 0.2, 0.14, 0.3),
    (0.66, 0.6, 0.2, 0.14, 0.3),
)  # fmt: skip
"""Where less of the light from everywhere comes: x, y, share lost and the two widths."""


_KINDS = np.array([1 if name in _FACE else 2 if name in _BODY else 0 for name in CLASSES], np.uint8)
"""Of each class, whose light falls on it: 0 the backdrop's, 1 the head's, 2 the body's."""


@dataclass(frozen=True)
class View:
    """Where a head stands in a picture.

    Args:
        x_px: The point between the eyes, in pixels; the centre of pixel i is i.
        y_px: The same, downwards.
        unit_px: Pixels a unit of the head; a face from brows to chin has 1.3.
        width_px: Of the picture.
        height_px: Of the picture.
    """

    x_px: float
    y_px: float
    unit_px: float
    width_px: int
    height_px: int

    def cropped(self, left: float, top: float, side: float, size_px: int) -> "View":
        """What is seen in a square of this view that is brought to ``size_px``."""
        zoom = size_px / side
        x, y = ((value + 0.5) * zoom - 0.5 for value in (self.x_px - left, self.y_px - top))
        return View(x, y, self.unit_px * zoom, size_px, size_px)


@dataclass(frozen=True)
class Seen:
    """What a camera sees.

    Args:
        frame: uint8 [H, W, 3], RGB.
        ids: uint8 [2 H, 2 W], class ids.
        drawing: uint8 [2 H, 2 W], 0 black to 255 white.
    """

    frame: NDArray[np.uint8]
    ids: NDArray[np.uint8]
    drawing: NDArray[np.uint8]


def see(person: Person, moment: Moment, view: View, backdrop: NDArray[np.uint8]) -> Seen:
    """Paint a person in front of a backdrop.

    Args:
        person: Who.
        moment: What they do.
        view: Where.
        backdrop: uint8 [h, w, 3], RGB, of any size; stretched to the picture.
    """
    large = replace(
        view, x_px=2 * view.x_px + 0.5, y_px=2 * view.y_px + 0.5, unit_px=2 * view.unit_px,
        width_px=2 * view.width_px, height_px=2 * view.height_px,
    )  # fmt: skip
    canvas = _Canvas(large, backdrop)
    head = Head(person, moment, large.x_px, large.y_px, large.unit_px)
    for layer in _layers_of(head):
        canvas.add(layer)
    _draw_strands(canvas, head)
    size = (view.width_px, view.height_px)
    colour = np.asarray(cv2.resize(canvas.colour, size, interpolation=cv2.INTER_AREA), np.uint8)
    frame = _lit(colour, canvas.ids[::2, ::2], Head(person, moment, view.x_px, view.y_px, view.unit_px))
    return Seen(frame, canvas.ids, canvas.drawing)


def _layers_of(head: Head) -> list[Layer]:
    """List what is to be painted, from back to front."""
    layers = [*back_hair(head), *neck(head), *body(head), *ears(head), *face(head), *nose(head)]
    for side in (-1, 1):
        layers += [*eye(head, side), *brow(head, side)]
    return [*layers, *mouth(head), *glasses(head), *front_hair(head), *earrings(head), *hat(head)]


class _Canvas:
    """Colour, class and drawing, painted together so that they fit."""

    def __init__(self, view: View, backdrop: NDArray[np.uint8]) -> None:
        size = (view.width_px, view.height_px)
        self.colour = cv2.resize(backdrop, size, interpolation=cv2.INTER_CUBIC)
        self.ids = np.zeros(size[::-1], np.uint8)
        self.drawing = np.full(size[::-1], 255, np.uint8)
        self._line_px = max(1, round(_LINE_AT_512_PX * min(size) / 512))

    def add(self, layer: Layer) -> None:
        """Paint a layer over what is there."""
        height, width = self.ids.shape
        margin = layer.width_px + 3 * layer.soft_px + 4
        left, top = np.floor(np.maximum(layer.points.min(0) - margin, 0)).astype(int)
        right, bottom = np.ceil(np.minimum(layer.points.max(0) + margin, (width, height))).astype(int)
        if left >= right or top >= bottom:
            return
        window = np.s_[top:bottom, left:right]
        shape, offset = (bottom - top, right - left), np.array((left, top))
        covered = self._cover(layer, layer.points - offset, shape, cv2.LINE_8) > 0
        inside = None
        if layer.within is not None:
            inside = np.zeros(shape, np.uint8)
            cv2.fillPoly(inside, [_fixed(layer.within - offset)], 255, cv2.LINE_8, _BITS)
            covered &= inside > 0
        if layer.name:
            self.ids[window][covered] = CLASSES.index(layer.name)
        if layer.colour is not None and layer.opacity == 1 and not layer.soft_px and inside is None:
            self._paint(layer, layer.colour)
        elif layer.colour is not None:
            alpha = self._cover(layer, layer.points - offset, shape, cv2.LINE_AA)
            if layer.soft_px:
                alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), layer.soft_px), np.uint8)
            if inside is not None:
                alpha = np.minimum(alpha, inside)
            share = (alpha.astype(np.float32) * (layer.opacity / 255))[..., None]
            below = self.colour[window]
            below[:] = np.rint(below + (np.array(layer.colour, np.float32) - below) * share).astype(np.uint8)
        self._draw(layer, window, offset, covered, inside)

    def _cover(self, layer: Layer, points: NDArray[np.float64], shape: tuple[int, int], line: int) -> NDArray[np.uint8]:
        cover = np.zeros(shape, np.uint8)
        if layer.closed:
            cv2.fillPoly(cover, [_fixed(points)], 255, line, _BITS)
        elif layer.width_px:
            cv2.polylines(cover, [_fixed(points)], False, 255, max(1, round(layer.width_px)), line, _BITS)
        return cover

    def _paint(self, layer: Layer, colour: tuple[float, float, float]) -> None:
        if layer.closed:
            cv2.fillPoly(self.colour, [_fixed(layer.points)], colour, cv2.LINE_AA, _BITS)
        elif layer.width_px:
            width_px = max(1, round(layer.width_px))
            cv2.polylines(self.colour, [_fixed(layer.points)], False, colour, width_px, cv2.LINE_AA, _BITS)

    def _draw(
        self,
        layer: Layer,
        window: tuple[slice, slice],
        offset: NDArray[np.int64],
        covered: NDArray[np.bool_],
        inside: NDArray[np.uint8] | None,
    ) -> None:
        drawing = self.drawing[window]
        if layer.closed and layer.fill is not None:
            drawing[covered] = layer.fill
        if layer.ink is None:
            return
        wide = layer.name in ("eye_g", "neck_l") and not layer.closed
        thickness = max(self._line_px, round(layer.width_px * 0.5)) if wide else self._line_px
        if inside is None:
            line = [_fixed(layer.points)]
            cv2.polylines(self.drawing, line, layer.closed, layer.ink, thickness, cv2.LINE_AA, _BITS)
            return
        ink = np.zeros(drawing.shape, np.uint8)
        line = [_fixed(layer.points - offset)]
        cv2.polylines(ink, line, layer.closed, 255 - layer.ink, thickness, cv2.LINE_AA, _BITS)
        np.minimum(drawing, 255 - np.minimum(ink, inside), out=drawing)


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.asarray(np.rint(points * 2**_BITS), np.int32)


def _draw_strands(canvas: _Canvas, head: Head) -> None:
    """Draw some strands of hair from the crown outwards."""
    hair = canvas.ids == CLASSES.index("hair")
    if not hair.any():
        return
    rng = np.random.default_rng([head.person.seed, 1])
    ink = np.zeros(canvas.ids.shape, np.uint8)
    along = np.linspace(0.25, 3.2, 28)
    for angle in np.linspace(-2.6, 2.6, 27) + rng.uniform(-0.05, 0.05, 27):
        start, end = sorted(rng.integers(0, 28, 2))
        if end - start < 6:
            continue
        bend = 0.05 * np.sin(along * 11 + rng.uniform(0, 6)) if head.person.wavy else 0.0
        x = np.sin(angle) * np.minimum(along, 1.05) + bend
        y = -0.25 - np.cos(angle) * np.minimum(along, 1.05) + np.maximum(along - 1.05, 0) * (abs(angle) > 1.2)
        points = head.at_depth(np.column_stack([x, y, np.full(28, 0.0)]))[start:end]
        cv2.polylines(ink, [_fixed(points)], False, 150, canvas._line_px, cv2.LINE_AA, _BITS)
    np.minimum(canvas.drawing, 255 - ink, out=canvas.drawing, where=hair)


def _lit(colour: NDArray[np.uint8], ids: NDArray[np.uint8], head: Head) -> NDArray[np.uint8]:
    """Put light on what was painted: relief of the face, hollows, the shadow on the neck, grain of skin and hair."""
    light, (height, width), step = head.moment.light, ids.shape, 2
    columns, rows = (width + step - 1) // step, (height + step - 1) // step
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    u = (x * step + (step - 1) / 2 - np.float32(head.origin[0])) / np.float32(head.unit_px)
    v = (y * step + (step - 1) / 2 - np.float32(head.origin[1])) / np.float32(head.unit_px)
    face, hollow = _relief(u, v, head)
    chest = 0.5 * np.sqrt(np.maximum(0.02, 1 - (u / 2.3) ** 2)) - 0.25 * np.maximum(v - 1.9, 0) ** 2
    neck = 0.36 * np.sqrt(np.maximum(0.05, 1 - (u / 0.6) ** 2))
    lower = np.clip((v - 1.15) / 0.6, 0, 1)
    body = (lower * chest + (1 - lower) * neck).astype(np.float32)
    under_chin = 1 - 0.55 * np.exp(-(((v - 0.95) / 0.35) ** 2) - (u / 0.7) ** 2)
    unit = head.unit_px / step
    face_shade = _lambert(face, unit, light.direction, light.ambient) * hollow
    body_shade = _lambert(body, unit, light.direction, light.ambient) * under_chin
    shade = np.full((height, width), 0.96, np.float32)
    for number, small in enumerate((face_shade, body_shade), 1):
        large = cv2.resize(small.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        np.copyto(shade, large, where=_KINDS[ids] == number)
    gain = (shade * _grain(head, ids))[..., None] * np.array(light.colour, np.float32)
    return np.clip(colour * gain + 0.5, 0, 255).astype(np.uint8)


def _relief(
    u: NDArray[np.floating], v: NDArray[np.floating], head: Head
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Height and share of light from everywhere of the face at (u, v), in units from the point between the eyes."""
    inside = 1 - (u / 1.0) ** 2 - ((v + 0.1) / 1.45) ** 2
    height = 0.8 * np.sqrt(np.maximum(inside, 0.03))
    hollow = np.ones_like(u)
    for table in (_HILLS, _HOLLOWS):
        spots = np.array(table)
        z = head.depth(spots[:, 0], spots[:, 1])
        middle = (head.project(np.column_stack([spots[:, :2], z])) - head.origin) / head.unit_px
        angle = math.radians(head.moment.roll)
        cos, sin = math.cos(angle), math.sin(angle)
        for (_, _, amount, wide, tall), (cx, cy) in zip(table, middle, strict=True):
            du, dv = u - np.float32(cx), v - np.float32(cy)
            a, b = (cos * du + sin * dv) / wide, (cos * dv - sin * du) / tall
            bump = np.exp(-0.5 * (a * a + b * b))
            if table is _HILLS:
                height = height + amount * bump
            else:
                hollow = hollow * (1 - amount * bump)
    return height.astype(np.float32), hollow.astype(np.float32)


def _lambert(
    height: NDArray[np.float32], unit_px: float, direction: tuple[float, float, float], ambient: float
) -> NDArray[np.float32]:
    dy, dx = np.gradient(cv2.GaussianBlur(height, (0, 0), 1.0), 1 / unit_px)
    length = np.sqrt(1 + dx * dx + dy * dy)
    facing = np.maximum(0, (-dx * direction[0] - dy * direction[1] + direction[2]) / length)
    shade = ambient + (1 - ambient) * 1.15 * facing + 0.16 * facing**12
    return np.asarray(shade, np.float32)


def _grain(head: Head, ids: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Texture that sticks to the person: strands in the hair, unevenness elsewhere. float32 [H, W], about 1."""
    even, strands = _textures(head.person.seed % 16)
    height, width = ids.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    nose, angle = head.project(np.array([[0.0, 0.0, 0.7]]))[0], math.radians(head.moment.roll)
    x, y = (x - np.float32(nose[0])) / np.float32(head.unit_px), (y - np.float32(nose[1])) / np.float32(head.unit_px)
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    u, v = cos * x + sin * y, cos * y - sin * x
    grain = cv2.remap(even, (u * 64 + 128) % 256, (v * 64 + 128) % 256, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    bend = 0.12 * np.sin(v * 9 + np.sin(u * 5)) if head.person.wavy else np.float32(0)
    turn = cv2.phase(0.6 - np.minimum(v + 0.25, 0), u) * 60 + (u + bend) * 45
    hair = cv2.remap(strands, turn % 256, cv2.magnitude(u, v) * 14, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    result = np.where(ids == CLASSES.index("hair"), 1 + 0.2 * hair, 1 + 0.02 * grain)
    return np.asarray(np.where(ids == 0, np.float32(1), result), np.float32)


@lru_cache(maxsize=16)
def _textures(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Noise of unit strength that repeats: even, and drawn out downwards. float32 [256, 256] each."""
    rng = np.random.default_rng([seed, 2])
    made = []
    for sigmas in ((1.5, 1.5), (1.0, 9.0)):
        noise = rng.normal(0, 1, (_TEXTURE_PX, _TEXTURE_PX)).astype(np.float32)
        wide = cv2.copyMakeBorder(noise, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX, cv2.BORDER_WRAP)
        soft = cv2.GaussianBlur(wide, (0, 0), sigmaX=sigmas[0], sigmaY=sigmas[1])
        soft = soft[_MARGIN_PX:-_MARGIN_PX, _MARGIN_PX:-_MARGIN_PX]
        made.append(soft / soft.std())
    return made[0], made[1]
