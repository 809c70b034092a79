"""A drawn head of true classes around real landmarks, and models without weights that see it in any process."""

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from mmvoxceleb.processing.landmarks import Landmarker
from mmvoxceleb.processing.masks.face_regions import OVAL, outline
from mmvoxceleb.processing.masks.person_outline import PersonOutline
from mmvoxceleb.schema import CLASSES

CLIPS = [f"id10{number:03d}#AbCdEfGhIj{number}#0000{number}.txt#000.mp4" for number in range(3)]
SIZE = 256
_POINTS = Path(__file__).parents[1] / "processing" / "landmarks" / "mediapipe_d19.npz"
_COLOURS = {
    "background": (90, 140, 200), "skin": (205, 150, 120), "neck": (180, 125, 100), "cloth": (40, 110, 60),
    "hair": (60, 40, 30),
}  # fmt: skip


@lru_cache(maxsize=1)
def points() -> Any:
    """Landmarks of a frontal face, float64 [478, 3], in px of a picture of 256 px, a little below its middle."""
    found = np.load(_POINTS)["points"][0].astype(np.float64)
    found -= found.mean(axis=0)
    return found * (105 / np.ptp(found[:, 1])) + np.array((SIZE / 2, SIZE / 2 - 8, 0))


def drawn_head(shift: int = 0) -> tuple[Any, Any]:
    """Draw a head, ``shift`` px to the right: uint8 [256, 256, 3], and its classes, [512, 512], without features."""
    here, side = (points() + np.array((shift, 0, 0))) * 2, 2 * SIZE
    oval = outline(here, OVAL, side)
    (x1, y1), (x2, y2) = here[list(OVAL), :2].min(axis=0), here[list(OVAL), :2].max(axis=0)
    x, width = round((x1 + x2) / 2), round(x2 - x1)
    ids = np.zeros((side, side), np.uint8)
    cv2.ellipse(ids, (x, side), (round(width * 1.1), round((side - y2) * 0.75)), 0, 0, 360, CLASSES.index("cloth"), -1)
    neck = (round(x - width * 0.25), round(y2 - width * 0.3)), (round(x + width * 0.25), round(y2 + width * 0.25))
    cv2.rectangle(ids, *neck, CLASSES.index("neck"), -1)
    cv2.ellipse(
        ids, (x, round(y1 + width * 0.3)), (round(width * 0.62), round(width * 0.55)), 0, 180, 360,
        CLASSES.index("hair"), -1,
    )  # fmt: skip
    ids[oval > 0] = CLASSES.index("skin")
    colours = np.zeros((len(CLASSES), 3), np.float32)
    for name, colour in _COLOURS.items():
        colours[CLASSES.index(name)] = colour
    large = colours[ids] + np.random.default_rng(0).normal(0, 6, (side, side, 1))
    picture = cv2.resize(large.clip(0, 255).astype(np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(picture, np.uint8), ids


class FixedFace(Landmarker):
    """Finds the landmarks of :func:`drawn_head`; none in a black picture, or ever if it does not see.

    Args:
        sees: Whether it does.
        others: Whether there is another face, at the right edge.
    """

    def __init__(self, sees: bool = True, others: bool = False) -> None:
        self.sees, self.has_others = sees, others

    def settings(self) -> dict[str, Any]:
        return {"model": "fixed"}

    def find(self, frames: Any) -> Any:
        found = np.full((len(frames), 478, 3), np.nan)
        skin = np.array(_COLOURS["skin"])
        first = points()
        for place, frame in enumerate(frames):
            bright = frame * (225 / max(1, int(frame.max())))
            is_skin = (np.abs(bright - skin).max(axis=2) < 30) if frame.any() and self.sees else None
            if is_skin is not None:
                moved = np.nonzero(is_skin)[1].mean() - first[list(OVAL), 0].mean()
                found[place] = first + np.array((round(moved), 0, 0))
        return found

    def others(self, frame: Any, points: Any) -> Any:
        return [points[:, :2] + (SIZE / 2, 0)] if self.has_others else []

    def describe(self, points: Any, height: int, width: int) -> Any:
        return np.zeros(52), np.zeros(3)


class Silhouette(PersonOutline):
    """Takes for a person what has another colour than the background of :func:`drawn_head`."""

    def settings(self) -> dict[str, Any]:
        return {"model": "silhouette"}

    def __call__(self, frame: Any) -> Any:
        bright = frame * (225 / max(1, int(frame.max())))
        return (np.abs(bright - np.array(_COLOURS["background"])).max(axis=2) > 40).astype(np.float32)


def write_drawn_clips(root: Path, *, frames: int, without: Collection[int]) -> Path:
    """Write :data:`CLIPS`: a head in every frame, in all but those ``without``, in none."""
    for number, clip in enumerate(CLIPS):
        folder = root / "video" / clip
        folder.mkdir(parents=True)
        for index in range(frames):
            picture, _ = drawn_head(shift=index)
            if number == 2 or (number == 1 and index in without):
                picture[:] = 0
            Image.fromarray(picture).save(folder / f"{index:07d}.png")
    return root
