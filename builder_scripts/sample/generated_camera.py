"""Pictures to learn from: generated people as a crop of a compressed video shows them."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from generated_person import attributes_of, make_person, random_moment
from generated_picture import View, see
from numpy.typing import NDArray

from mmvoxceleb.schema import NUM_CLASSES, SIDE_PAIRS

__all__ = ["Example", "example", "mirrored", "painted", "random_backdrop", "recorded"]

FRAME_PX = 256
_BROWS_TO_CHIN = 1.33
_MIDDLE_Y = 0.3
"""Where the middle of a detector's box is, in units of the head."""


_OTHER_SIDE = np.arange(NUM_CLASSES, dtype=np.uint8)
for _left, _right in SIDE_PAIRS:
    _OTHER_SIDE[[_left, _right]] = _right, _left


@dataclass(frozen=True)
class Example:
    """A picture and what is true of it.

    Args:
        frame: uint8 [256, 256, 3], RGB.
        ids: uint8 [512, 512], class ids.
        drawing: uint8 [512, 512], 0 black to 255 white.
        label: 40 values: 0, 1, or -1 for unknown.
    """

    frame: NDArray[np.uint8]
    ids: NDArray[np.uint8]
    drawing: NDArray[np.uint8]
    label: list[int]


def example(seed: int, persons: tuple[int, int]) -> Example:
    """Make the picture of a number, as a camera recorded it.

    Args:
        seed: Any number; the same one gives the same picture.
        persons: First person and the one after the last.
    """
    return recorded(painted(seed, persons), seed)


def painted(seed: int, persons: tuple[int, int]) -> Example:
    """Make the picture of a number, before any camera."""
    rng = np.random.default_rng([seed, 3])
    person, moment = make_person(int(rng.integers(*persons))), random_moment(rng)
    unit_px = rng.uniform(0.4, 0.95) * FRAME_PX / _BROWS_TO_CHIN
    x, y = FRAME_PX / 2 + np.clip(rng.normal(0, 13, 2), -32, 32)
    view = View(float(x), float(y - _MIDDLE_Y * unit_px), float(unit_px), FRAME_PX, FRAME_PX)
    seen = see(person, moment, view, random_backdrop(rng))
    return Example(seen.frame, seen.ids, seen.drawing, attributes_of(person, moment, seen.ids))


def mirrored(one: Example) -> Example:
    """Swap left and right, and the names of the sides."""
    frame, ids, drawing = (picture[:, ::-1] for picture in (one.frame, one.ids, one.drawing))
    return Example(frame, _OTHER_SIDE[ids], drawing, one.label)


def recorded(one: Example, seed: int) -> Example:
    """Change a frame as cameras and video compression do."""
    return replace(one, frame=_as_recorded(one.frame, np.random.default_rng([seed, 4])))


def random_backdrop(rng: np.random.Generator, size_px: int = 128) -> NDArray[np.uint8]:
    """Paint a wall with things on it, more or less out of focus: uint8 [size_px, size_px, 3], RGB."""
    corners = rng.integers(10, 245, (1, 1, 3)) + rng.integers(-50, 50, (2, 2, 3))
    small = np.clip(corners, 0, 255).astype(np.uint8)
    wall = cv2.resize(small, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    for _ in range(rng.integers(0, 14)):
        colour = [float(value) for value in rng.integers(0, 256, 3)]
        x, y = (int(value) for value in rng.integers(0, size_px, 2))
        w, h = (int(value) for value in rng.integers(4, size_px // 2, 2))
        kind = rng.integers(0, 4)
        if kind == 0:
            cv2.rectangle(wall, (x, y), (x + w, y + h), colour, -1)
        elif kind == 1:
            cv2.ellipse(wall, (x, y), (w // 2, h // 2), float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
        elif kind == 2:
            cv2.line(wall, (x, y), (x + 2 * w - size_px // 2, y + 2 * h), colour, int(rng.integers(1, 6)), cv2.LINE_AA)
        else:
            coarse = rng.integers(0, 256, (max(2, h // 6), max(2, w // 6), 3), dtype=np.uint8)
            right, bottom = min(x + w, size_px), min(y + h, size_px)
            patch = cv2.resize(coarse, (w, h), interpolation=cv2.INTER_NEAREST)[: bottom - y, : right - x]
            wall[y:bottom, x:right] = patch
    sigma = rng.uniform(0, 5)
    return np.asarray(cv2.GaussianBlur(wall, (0, 0), sigma) if sigma > 0.4 else wall, np.uint8)


def _as_recorded(frame: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change focus, size, contrast, colours, noise and blocks."""
    picture: NDArray[Any] = frame
    if rng.random() < 0.5:
        small = int(FRAME_PX * rng.uniform(0.35, 1))
        picture = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        picture = cv2.resize(picture, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.6))
    values: NDArray[Any] = picture.astype(np.float32)
    values = (values - 128) * rng.uniform(0.7, 1.25) + 128 + rng.normal(0, 14)
    grey = values.mean(axis=2, keepdims=True)
    values = grey + (values - grey) * rng.uniform(0.3, 1.4) if rng.random() < 0.6 else values
    values *= 1 + rng.normal(0, 0.05, 3)
    if rng.random() < 0.6:
        values += rng.normal(0, rng.uniform(0, 9), values.shape)
    picture = np.clip(values + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        quality = int(rng.integers(20, 96))
        data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        picture = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1]
    return np.ascontiguousarray(picture, np.uint8)
