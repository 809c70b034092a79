"""Two modalities from outside, registered where they are defined: pictures of frames, and a file for each clip."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mmvoxceleb.modalities import FileModality, FrameModality, register_modality


class Motion(FrameModality):
    """``motion/<clip>/0000002.png``, RGB."""

    name = "motion"
    pictures, indices = "motions", "motion_indices"


class Gaze(FileModality):
    """``gaze/<clip>.json``: an angle, and a tilt."""

    name = "gaze"
    suffix = ".json"

    def columns(self, styles: Sequence[str] = ("",)) -> tuple[str, ...]:
        return ("gaze_angle", "gaze_tilt")

    def features(self, styles: Sequence[str]) -> dict[str, Any]:
        from datasets import Value

        return dict.fromkeys(self.columns(), Value("float32"))

    def parse(self, data: bytes, *, clip_id: str) -> list[float]:
        return [float(value) for value in json.loads(data)]

    def fields(self, value: Any, options: Any, *, meta: Any) -> dict[str, Any]:
        return dict(zip(self.columns(), value, strict=True))

    def to_file(self, record: Mapping[str, Any]) -> bytes:
        return json.dumps([record[name] for name in self.columns()]).encode()


MOTION = register_modality(Motion)
GAZE = register_modality(Gaze)
