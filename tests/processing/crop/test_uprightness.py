"""Faces that are shown upside down, or on their side, are noticed; upright ones are not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources import free_videos
from mmvoxceleb.processing.crop.stage import CropStage
from mmvoxceleb.processing.crop.uprightness import TURNED, UprightnessMeter
from mmvoxceleb.processing.detectors import Detection, Detector, YuNetDetector
from tests.conftest import SHARED
from tests.support.videos import portrait_frames, write_video

YUNET = SHARED / "weights" / "face_detection_yunet_2023mar.onnx"


class Bright(Detector):
    """Is more certain the brighter the upper half is."""

    name = "bright"
    knows_upright = True

    def settings(self) -> dict[str, Any]:
        return {}

    def detect(
        self, frames: "np.ndarray[Any, np.dtype[np.uint8]] | Sequence[np.ndarray[Any, np.dtype[np.uint8]]]",
        *, min_face_px: float = 0,
    ) -> list[list[Detection]]:  # fmt: skip
        halves = [float(frame[: len(frame) // 2].mean()) / 255 for frame in frames]
        return [[Detection((0, 0, 9, 9), score)] if score else [] for score in halves]


@pytest.mark.parametrize(("turns", "level", "found"), [(0, 240, {}), (2, 240, {TURNED: 180}), (1, 240, {TURNED: 270}),
                                                       (3, 240, {TURNED: 90}), (2, 200, {})])  # fmt: skip
def test_the_most_certain_view_is_the_upright_one(turns: int, level: int, found: dict[str, int]) -> None:
    frame = np.zeros((300, 300, 3), np.uint8)
    frame[:150] = level
    meter = UprightnessMeter(Bright(), 20)
    for number in range(20):
        meter.add(number, np.rot90(frame, turns))
    assert meter.figures() == found
    assert UprightnessMeter(Bright(), 20).figures() == {}


@pytest.mark.skipif(not YUNET.is_file(), reason="YuNet is not here")
@pytest.mark.parametrize(("turns", "remarks"), [(0, {}), (2, {"its face seems turned by 180 degrees": 1})])
def test_a_run_says_which_faces_are_turned(tmp_path: Path, turns: int, remarks: dict[str, int]) -> None:
    frames = portrait_frames([(60.0 + number % 5, 30.0) for number in range(30)])
    write_video(tmp_path / "in" / "a.mp4", (np.rot90(frame, turns) for frame in frames))
    settings = CropSettings.for_free_videos(size_px=128, min_frames=10, min_face_px=60)
    crop = CropStage(settings, detector=YuNetDetector(weights=YUNET))
    summary = Pipeline([crop]).run(free_videos(tmp_path / "in"), tmp_path / "out")
    assert (summary.clips, dict(summary.remarks)) == (1, remarks)
    (row,) = (row for row in Provenance(tmp_path / "out").rows() if row.status == "done")
    assert (TURNED in Provenance(tmp_path / "out").read(row.clip_id)["crop"]) == bool(remarks)
    assert row.reason.startswith(next(iter(remarks), ""))
    assert bool(row.reason) == bool(remarks)
