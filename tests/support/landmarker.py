"""A landmarker without weights, which worker processes and Ray actors can import."""

from typing import Any

import numpy as np

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.processing.landmarks.interface import Landmarker

_TEMPLATE = np.random.default_rng(7).uniform(0, 1, (478, 3))


class BrightFace(Landmarker):
    """A face of fixed form where the picture is brightest; none in a dark one.

    Args:
        refuse: Mean brightness, as a whole number, of first frames that it refuses.
    """

    def __init__(self, size: float = 10.0, refuse: int = -1) -> None:
        self.size, self.refuse = size, refuse
        self.ready = 0

    def settings(self) -> dict[str, Any]:
        return {"model": "bright", "size": self.size}

    def computation(self) -> dict[str, Any]:
        return {"device": "cpu"}

    def setup(self) -> None:
        self.ready += 1

    def teardown(self) -> None:
        self.ready -= 1

    def find(self, frames: Any) -> Any:
        if len(frames) and int(frames[0].mean()) == self.refuse:
            raise CorruptSourceError("refused")
        found = np.full((len(frames), 478, 3), np.nan)
        for place, frame in enumerate(frames):
            grey = frame.sum(axis=2)
            if grey.max() > 30:
                y, x = np.unravel_index(int(grey.argmax()), grey.shape)
                found[place] = _TEMPLATE * self.size + np.array((x, y, 0))
        return found

    def describe(self, points: Any, height: int, width: int) -> Any:
        return np.full(52, points[0, 0] / width % 1), np.array([points[:, 0].mean(), points[:, 1].mean(), 0]) / 10
