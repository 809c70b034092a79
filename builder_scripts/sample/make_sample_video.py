"""Make the bundled sample videos again: two generated persons who talk and move, for the crop and all that follows.

    python builder_scripts/sample/make_sample_video.py

It writes mmvoxceleb/sample/raw/<person>#<video>.mp4, H.264, 25 frames a second. No training picture of the sample
models shows these persons.
"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from generated_person import Light, Moment, Person, make_person
from generated_picture import Seen, View, see
from numpy.typing import NDArray

from mmvoxceleb.codecs.h264 import encode_h264
from mmvoxceleb.sample import sample_path

__all__ = ["VIDEOS", "SampleVideo", "main"]

FPS = 25
_CRF = 21
_SYLLABLES_HZ = 3.4


@dataclass(frozen=True)
class SampleVideo:
    """A video of one person.

    Args:
        name: ``<person>#<video>``; the person stands for nobody.
        person_seed: The generated person; not one of the training.
        width_px: Of the picture.
        height_px: Of the picture.
        unit_px: Size of the head, see :class:`View`.
        num_frames: Frames.
        walls: Three colours of the room: the wall, what hangs on it, what stands before it.
        phase: Shifts all movements.
        light: The light.
    """

    name: str
    person_seed: int
    width_px: int
    height_px: int
    unit_px: float
    num_frames: int
    walls: tuple[tuple[int, int, int], ...]
    phase: float
    light: Light

    @property
    def person(self) -> Person:
        """Who talks."""
        return make_person(self.person_seed)

    def moment(self, index: int) -> Moment:
        """What the person does in a frame: nods, turns, talks in bursts, smiles in between, blinks."""
        t = index / FPS + self.phase

        def sway(seconds: float, shift: float = 0.0) -> float:
            return math.sin(2 * math.pi * (t / seconds + shift))

        talking = min(1.0, max(0.0, 0.6 + 1.2 * sway(3.1)))
        syllable = max(0.0, 0.55 + 0.45 * math.sin(2 * math.pi * _SYLLABLES_HZ * t + 1.3 * sway(0.9)))
        blink = min(abs((t + shift) % 2.6 - 1.3) for shift in (0.0, 0.9))
        return Moment(
            yaw=11 * sway(4.3) + 3 * sway(1.7, 0.2),
            pitch=3.5 * sway(2.3, 0.1),
            roll=3.5 * sway(3.7, 0.4),
            mouth_open=0.75 * talking * syllable,
            smile=0.35 + 0.5 * (1 - talking),
            eyes_open=float(np.clip(blink / 0.12, 0.06, 1.0)),
            gaze=(-0.5 * sway(4.3), 0.15 * sway(2.9)),
            brow_raise=0.6 * max(0.0, sway(2.1, 0.3)),
            light=self.light,
        )

    def view(self, index: int) -> View:
        """Where the head is in a frame."""
        t = index / FPS + self.phase
        x = self.width_px * (0.5 + 0.018 * math.sin(2 * math.pi * t / 3.9))
        y = self.height_px * (0.44 + 0.012 * math.sin(2 * math.pi * t / 1.9))
        return View(x, y, self.unit_px * (1 + 0.02 * math.sin(2 * math.pi * t / 5.1)), self.width_px, self.height_px)

    def seen(self, index: int, crop: tuple[float, float, float] | None = None, size_px: int = 256) -> Seen:
        """Paint a frame, or what is true of a square crop of it.

        Args:
            index: The frame.
            crop: Left, top and side of the square, in pixels of the video.
            size_px: Side of the square in the result.
        """
        view = self.view(index)
        if crop is not None:
            view = view.cropped(*crop, size_px)
        return see(self.person, self.moment(index), view, self._room())

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Paint all frames: uint8 [H, W, 3], RGB."""
        for index in range(self.num_frames):
            yield self.seen(index).frame

    def _room(self) -> NDArray[np.uint8]:
        """Paint a wall with a picture, a lamp and a shelf, out of focus."""
        wall, hung, stands = ([float(value) for value in colour] for colour in self.walls)
        width, height = 240, 240 * self.height_px // self.width_px
        room = np.empty((height, width, 3), np.float32)
        room[:] = np.array(wall) * np.linspace(1.08, 0.8, height)[:, None, None]
        cv2.rectangle(room, (20, 18), (70, 62), hung, -1)
        cv2.rectangle(room, (25, 23), (65, 57), [0.6 * value + 90 for value in wall], -1)
        cv2.rectangle(room, (178, height - 66), (width, height), stands, -1)
        cv2.line(room, (178, height - 66), (width, height - 66), [1.4 * value for value in stands], 3)
        cv2.ellipse(room, (208, height - 84), (10, 18), 0, 0, 360, hung, -1)
        return np.clip(cv2.GaussianBlur(room, (0, 0), 2.2), 0, 255).astype(np.uint8)


VIDEOS: tuple[SampleVideo, ...] = (
    SampleVideo(
        "id00001#generated-1", 100_011, 960, 540, 172, 125, ((196, 186, 168), (120, 74, 60), (92, 70, 54)), 0.35,
        Light((-0.4, -0.5, 0.77), 0.5, (1.0, 0.97, 0.93)),
    ),
    SampleVideo(
        "id10271#generated-2", 100_009, 720, 576, 180, 100, ((126, 152, 166), (214, 178, 96), (60, 66, 78)), 2.1,
        Light((0.45, -0.45, 0.77), 0.55, (0.97, 1.0, 1.04)),
    ),
)  # fmt: skip
"""One of each split; the names have the form of VoxCeleb's and stand for nobody."""


def main() -> None:
    """Write the videos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(sample_path()) / "raw"
    parser.add_argument("--out", type=Path, default=default, help="folder to write to (default: the package's)")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for video in VIDEOS:
        path = folder / f"{video.name}.mp4"
        path.write_bytes(encode_h264(video.frames(), fps=FPS, crf=_CRF, key_frame_every=12))
        print(f"{path.stat().st_size:>9,} {path}")


if __name__ == "__main__":
    main()
