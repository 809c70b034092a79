"""The stage: every frame has a row, a frame without a face is null, and the bytes are the same however it is run."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmvoxceleb.errors import ConfigError, IncompatibleOutputError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.modalities import LANDMARKS
from mmvoxceleb.processing import LandmarkStage, Pipeline
from mmvoxceleb.processing.landmarks import OneEuro
from tests.support.landmarker import BrightFace
from tests.support.trees import contents

CLIPS = [f"id10{number:03d}#AbCdEfGhIj{number}#0000{number}.txt#000.mp4" for number in range(5)]
MODES = ("RGB", "L", "RGBA", "RGB", "P")
SIZES = ((40, 24), (24, 40), (30, 30), (1, 1), (17, 9))
COUNTS = (6, 7, 8, 1, 5)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for clip, mode, size, count in zip(CLIPS, MODES, SIZES, COUNTS, strict=True):
        folder = tmp_path / "in" / "video" / clip
        folder.mkdir(parents=True)
        for index in range(count):
            picture = Image.new("RGB", size, (0, 0, 0) if index % 4 == 2 else (40, 40, 40))
            if index % 4 != 2:
                picture.putpixel((index % size[0], index % size[1]), (255, 255, 255))
            picture.convert(mode).save(folder / f"{index:07d}.png")
    return tmp_path / "in"


def test_every_frame_has_a_row_and_black_ones_are_null(store: Path, tmp_path: Path) -> None:
    stage = LandmarkStage(BrightFace())
    summary = Pipeline([stage]).run(store, tmp_path / "out")
    assert (summary.done, summary.failed) == (5, {})
    for clip, count in zip(CLIPS, COUNTS, strict=True):
        value = LANDMARKS.parse((tmp_path / "out" / "landmarks" / f"{clip}.landmarks").read_bytes(), clip_id=clip)
        assert value.indices.tolist() == list(range(count))
        assert value.has_face.tolist() == [index % 4 != 2 for index in range(count)]
        section = Provenance(tmp_path / "out").section(clip, "landmarks")
        assert section is not None
        assert section["settings"] == {"model": "bright", "size": 10.0, "smooth": None}
        assert section["frames_with_face"] == value.has_face.sum()
    assert Pipeline([stage]).run(store, tmp_path / "out").skipped == 5
    with pytest.raises(IncompatibleOutputError, match=r"landmarks.*smooth was null"):
        Pipeline([LandmarkStage(BrightFace(), smooth=OneEuro())]).run(store, tmp_path / "out")


def test_workers_lanes_and_order_change_no_byte(store: Path, tmp_path: Path) -> None:
    Pipeline([LandmarkStage(BrightFace())]).run(store, tmp_path / "one")
    Pipeline([LandmarkStage(BrightFace())]).run(store, tmp_path / "two", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_clip_that_fails_costs_no_other(store: Path, tmp_path: Path) -> None:
    first = int(np.asarray(Image.open(store / "video" / CLIPS[3] / "0000000.png").convert("RGB")).mean())
    summary = Pipeline([LandmarkStage(BrightFace(refuse=first))]).run(store, tmp_path / "out")
    assert (summary.done, list(summary.failed)) == (4, [CLIPS[3]])


def test_the_filter_steadies_what_rests_and_follows_what_moves() -> None:
    rng = np.random.default_rng(0)
    still = rng.uniform(0, 200, (1, 478, 3)) + rng.normal(0, 0.3, (50, 478, 3))
    indices = np.arange(50)
    smooth = OneEuro()(still, indices)
    assert np.abs(np.diff(smooth, axis=0)).mean() < 0.5 * np.abs(np.diff(still, axis=0)).mean()
    moving = still + np.arange(50)[:, None, None] * 8.0
    assert np.abs(OneEuro()(moving, indices) - moving)[10:].mean() < 1
    gap = still.copy()
    gap[20:25] = np.nan
    filtered = OneEuro()(gap, indices)
    assert np.array_equal(np.isnan(filtered), np.isnan(gap))
    assert np.array_equal(filtered[[0, 25]], gap[[0, 25]])
    for wrong in ({"min_cutoff_hz": 0.0}, {"beta": -1.0}, {"derivative_cutoff_hz": float("nan")}):
        with pytest.raises(ConfigError, match="cutoffs must be"):
            OneEuro(**wrong)
