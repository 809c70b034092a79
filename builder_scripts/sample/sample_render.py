"""What a moving camera sees of the portrait: small frames, class maps and line drawings that fit one another."""

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sample_portrait import class_map

from mmvoxceleb.schema import CLASSES, colours_of

__all__ = ["Camera", "Portrait", "load_portrait"]

FRAME_PX, MAP_PX = 256, 512
_USED_XYXY = (95, 0, 360, 240)
"""The part of the portrait that a camera may show, left, top, right and bottom in pixels of the portrait."""

_BACKDROP_COLOURS, _SUBJECT_COLOURS = 12, 32
_LINE_SCALE = 4
_FACE = ("skin", "l_brow", "r_brow", "l_eye", "r_eye", "nose", "mouth", "u_lip", "l_lip", "neck", "l_ear", "r_ear")


def load_portrait() -> NDArray[np.uint8]:
    """Read the portrait from an installed scikit-image, without importing it.

    Returns:
        uint8 [512, 512, 3], RGB.

    Raises:
        ImportError: scikit-image is not installed.
    """
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise ImportError("the portrait comes with scikit-image: python -m pip install --no-deps scikit-image")
    with Image.open(Path(spec.origin).parent / "data" / "astronaut.png") as image:
        return np.asarray(image.convert("RGB"))


@dataclass(frozen=True)
class Camera:
    """A square view of the portrait.

    Args:
        x_px: Middle of the view, in pixels of the portrait.
        y_px: The same, downwards.
        side_px: Side of the view.
        turn_degrees: Turn of the head, clockwise.
        mirrored: Whether left and right change places.
    """

    x_px: float
    y_px: float
    side_px: float
    turn_degrees: float = 0.0
    mirrored: bool = False

    def matrix(self, size_px: int) -> NDArray[np.float64]:
        """float64 [2, 3] that takes (x, y) in the portrait to (x, y) in a picture of ``size_px``."""
        zoom, angle = size_px / self.side_px, math.radians(self.turn_degrees)
        linear = zoom * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        if self.mirrored:
            linear[0] *= -1
        offset = (size_px - 1) / 2 - linear @ (self.x_px, self.y_px)
        return np.column_stack([linear, offset])


class Portrait:
    """The portrait, made ready to be looked at by cameras."""

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        still = np.eye(2, 3)
        ids = class_map(still, MAP_PX, mirrored=False)
        self._picture = _smooth_picture(picture, ids)
        self._colours = _choose_colours(self._picture, ids)
        self._lines = _draw_lines(picture)

    def frame(self, camera: Camera) -> NDArray[np.uint8]:
        """uint8 [256, 256, 3], RGB, of few colours."""
        matrix = camera.matrix(FRAME_PX)
        seen = cv2.warpAffine(
            self._picture, matrix, (FRAME_PX, FRAME_PX), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        distance = ((_lab(np.asarray(seen, np.uint8))[:, None] - _lab(self._colours)[None]) ** 2).sum(axis=2)
        return np.asarray(self._colours[distance.argmin(axis=1)].reshape(FRAME_PX, FRAME_PX, 3))

    def mask(self, camera: Camera) -> NDArray[np.uint8]:
        """uint8 [512, 512, 3], RGB, in the original colours."""
        return colours_of(class_map(camera.matrix(MAP_PX), MAP_PX, mirrored=camera.mirrored))

    def drawing(self, camera: Camera) -> NDArray[np.uint8]:
        """uint8 [512, 512], dark lines on white, of 18 greys."""
        matrix = camera.matrix(MAP_PX)
        left, top = _USED_XYXY[:2]
        matrix[:, 2] += matrix[:, :2] @ (left, top)
        matrix[:, :2] /= _LINE_SCALE
        matrix[:, 2] -= matrix[:, :2] @ np.full(2, (_LINE_SCALE - 1) / 2)
        seen = cv2.warpAffine(
            self._lines, matrix, (MAP_PX, MAP_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=1
        )
        return (np.rint(np.clip(seen, 0, 1) * 17) * 15).astype(np.uint8)


def _smooth_picture(picture: NDArray[np.uint8], ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Take the grain away, and the clouds of the backdrop; what is on the person keeps its edges."""
    person = cv2.dilate((ids > 0).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    backdrop = 1 - person
    total = cv2.GaussianBlur(picture * backdrop[..., None], (0, 0), 7)
    weight = cv2.GaussianBlur(backdrop, (0, 0), 7)[..., None]
    edge = cv2.GaussianBlur(person, (0, 0), 1)[..., None]
    smooth = cv2.bilateralFilter(picture, 7, 22, 3)
    return np.clip(smooth * edge + total / np.maximum(weight, 1e-3) * (1 - edge), 0, 255).astype(np.uint8)


def _choose_colours(picture: NDArray[np.uint8], ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Choose one set of colours for all frames, so that nothing flickers. Returns uint8 [76, 3], RGB."""
    left, top, right, bottom = _USED_XYXY
    picture, ids = picture[top:bottom, left:right], ids[top:bottom, left:right]
    face = np.isin(ids, [CLASSES.index(name) for name in _FACE])
    parts = ((ids == 0, _BACKDROP_COLOURS), (face, _SUBJECT_COLOURS), ((ids > 0) & ~face, _SUBJECT_COLOURS))
    chosen = []
    for where, count in parts:
        image = Image.fromarray(picture[where][None])
        palette = image.quantize(count, method=Image.Quantize.MEDIANCUT, kmeans=4).getpalette() or []
        chosen.append(np.array(palette[: 3 * count], np.uint8).reshape(-1, 3))
    return np.concatenate(chosen)


def _lab(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(colours.reshape(1, -1, 3).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0])


def _draw_lines(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Draw the lines of the used part at 4 times its size: differences of Gaussians, run along the edges.

    The method is that of coherent line drawing (Kang, Lee and Chui, NPAR 2007), with a threshold for each region:
    the face has faint lines that count, the hair and the suit strong ones that do not.

    Returns:
        float32 [960, 1060], 1 is paper and 0 is ink.
    """
    left, top, right, bottom = _USED_XYXY
    scale, size_px = _LINE_SCALE, _LINE_SCALE * MAP_PX
    part = np.s_[top * scale : bottom * scale, left * scale : right * scale]
    to_large = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]])
    ids = class_map(to_large, size_px, mirrored=False)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, (size_px, size_px), interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255
    person = cv2.GaussianBlur((ids > 0).astype(np.float32), (0, 0), scale / 2)
    grey, ids = (grey * person + 0.86 * (1 - person))[part], ids[part]
    tone = np.sqrt(cv2.bilateralFilter(grey, 9, 0.06, 6))

    face = np.isin(ids, [CLASSES.index(name) for name in _FACE]).astype(np.uint8)
    inside = cv2.erode(face, np.ones((5, 5), np.uint8)) > 0
    steps = np.where(inside, 0.0018, np.where(ids == CLASSES.index("hair"), 0.007, 0.012)).astype(np.float32)
    threshold = cv2.GaussianBlur(steps, (0, 0), 3)
    fine = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 3)
    valley = fine * _difference(tone, 1.5) + (1 - fine) * _difference(tone, 1.9)
    valley = _blur_along(valley, *_tangents(tone))
    return np.asarray(1 - np.tanh(110 * np.maximum(valley - threshold, 0)), np.float32)


def _difference(tone: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(tone, (0, 0), 1.6 * sigma_px) - cv2.GaussianBlur(tone, (0, 0), sigma_px))


def _tangents(tone: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The direction along the edges at each pixel, from the smoothed structure tensor, as unit vectors x and y."""
    soft = cv2.GaussianBlur(tone, (0, 0), 2)
    dx, dy = (cv2.Sobel(soft, cv2.CV_32F, *order, ksize=5) for order in ((1, 0), (0, 1)))
    xx, xy, yy = (cv2.GaussianBlur(product, (0, 0), 6) for product in (dx * dx, dx * dy, dy * dy))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


def _blur_along(
    values: NDArray[np.float32], along_x: NDArray[np.float32], along_y: NDArray[np.float32], steps: int = 14
) -> NDArray[np.float32]:
    """Blur ``values`` with a Gaussian of 6 pixels along the tangents, in both directions."""
    height, width = values.shape
    start_x, start_y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    total, weights = values.copy(), 1.0
    for sign in (1, -1):
        x, y, move_x, move_y = start_x, start_y, sign * along_x, sign * along_y
        for step in range(1, steps + 1):
            x, y = x + move_x, y + move_y
            weight = math.exp(-(step**2) / (2 * 6**2))
            total += weight * cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
            weights += weight
            next_x, next_y = (
                cv2.remap(field, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT) for field in (along_x, along_y)
            )
            same_way = np.where(next_x * move_x + next_y * move_y < 0, np.float32(-1), np.float32(1))
            move_x, move_y = (np.asarray(same_way * field, np.float32) for field in (next_x, next_y))
    return total / np.float32(weights)
