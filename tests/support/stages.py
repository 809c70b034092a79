"""Small stages for tests of the engines, which worker processes and Ray actors can import."""

import os
import signal
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmvoxceleb.errors import CorruptSourceError, MissingModalityError, SourceUnavailableError
from mmvoxceleb.processing.pictures import encode_grey
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput
from mmvoxceleb.schema import Folder


class Grey(Stage):
    """Draws the mean of the colours of every ``stride``-th frame, times a gain.

    It may be slow (``seconds`` for a clip), refuse a clip, or be killed by one (``deadly``).
    """

    name = "draw/grey"

    def __init__(
        self, gain: int = 1, stride: int = 2, refuse: str = "", deadly: str = "", seconds: float = 0.0,
        unreachable: bool = False,
    ) -> None:  # fmt: skip
        self.unreachable = unreachable
        self.gain, self.stride = gain, stride
        self.refuse, self.deadly, self.seconds = refuse, deadly, seconds
        self.ready = 0
        self.seen: list[int] = []

    @property
    def folders(self) -> tuple[Folder, ...]:
        return (Folder("drawing", "grey"),)

    def settings(self) -> dict[str, Any]:
        return {"gain": self.gain, "stride": self.stride}

    def setup(self) -> None:
        if self.unreachable:
            raise SourceUnavailableError("weights.pth: cannot be downloaded")
        self.ready += 1

    def teardown(self) -> None:
        self.ready -= 1

    def select(self, clip: Clip) -> Sequence[int]:
        return clip.frame_indices[:: self.stride]

    def process(self, clip: Clip, frames: Any) -> Any:
        assert self.ready == 1
        if clip.clip_id == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds)
        if clip.clip_id == self.refuse:
            raise CorruptSourceError(f"clip {clip.clip_id}: refused")
        self.seen.append(len(frames))
        return (frames.mean(axis=3) * self.gain).astype(np.uint8)

    def encode(self, clip: Clip, result: Any) -> StageOutput:
        names = [clip.name_of(index) for index in self.select(clip)]
        files = [(name, encode_grey(picture)) for name, picture in zip(names, result, strict=True)]
        return StageOutput({self.folders[0]: files}, {"mean": float(result.mean())})


class Label(Stage):
    """Says 1 for every attribute when the first frame is bright."""

    name = "label"
    folders = (Folder("label"),)

    def settings(self) -> dict[str, Any]:
        return {}

    def select(self, clip: Clip) -> Sequence[int]:
        return clip.frame_indices[:1]

    def process(self, clip: Clip, frames: Any) -> Any:
        return int(frames.mean() > 100)

    def encode(self, clip: Clip, result: Any) -> StageOutput:
        return StageOutput({self.folders[0]: [("", ",".join([str(result)] * 40).encode())]})


class Text(Stage):
    """Writes what the label is."""

    name = "text"
    uses_label = True
    reads_frames = False
    folders = (Folder("text"),)

    def settings(self) -> dict[str, Any]:
        return {}

    def process(self, clip: Clip, frames: Any) -> Any:
        assert len(frames) == 0
        return None

    def encode(self, clip: Clip, result: Any) -> StageOutput:
        if clip.label is None:
            raise MissingModalityError(f"clip {clip.clip_id} has no label")
        return StageOutput({self.folders[0]: [("", f"sum {sum(clip.label)}".encode())]})
