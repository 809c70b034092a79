"""What stages say that they take is what they take; a conversion and a crop hold no more than they must."""

import hashlib
import re
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing import clip as clip_module
from mmvoxceleb.processing.clip import Clip
from mmvoxceleb.processing.convert import CONVERT, ConvertStage
from mmvoxceleb.processing.frame_codec import FrameCodec
from mmvoxceleb.processing.pictures import decode_rgb, encode_rgb
from mmvoxceleb.processing.scores.picture import PictureScorer
from mmvoxceleb.processing.scores.stage import ScoreStage
from tests.support.raw_videos import CROP, make_raw_videos, small_pipeline, videos_of
from tests.support.stages import Grey
from tests.support.trees import contents

CLIP = "id10001#AbCdEfGhIj0#00000.txt#000.mp4"
FRAMES = 60


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    folder = root / "video" / CLIP
    folder.mkdir(parents=True)
    y, x = np.mgrid[:48, :64].astype(np.uint8)
    for index in range(FRAMES):
        (folder / f"{index:07d}.png").write_bytes(encode_rgb(np.stack([x, y, x * 0 + index], -1)))
    return root


@pytest.mark.parametrize("codec", ["mp4", "mp4-lossless", "png"])
def test_a_conversion_holds_a_few_frames_at_a_time(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: Any
) -> None:
    held: list[weakref.ref[Any]] = []
    most = 0
    real = decode_rgb

    def decode(data: bytes, *, where: str) -> Any:
        nonlocal most
        picture = real(data, where=where)
        held[:] = [weakref.ref(picture), *(each for each in held if each() is not None)]
        most = max(most, len(held))
        return picture

    monkeypatch.setattr(clip_module, "decode_rgb", decode)
    summary = Pipeline([ConvertStage(FrameCodec(codec))]).run(store, tmp_path / "out")
    summary.raise_if_failed()
    assert (summary.frames, most > 0, most < 12) == (FRAMES, True, True)
    section = Provenance(tmp_path / "out").section(CLIP, CONVERT)
    assert section is not None
    files = sorted((store / "video" / CLIP).iterdir())
    hashes = [hashlib.sha256(path.read_bytes()).digest() for path in files]
    assert section["input"]["sha256"] == hashlib.sha256(b"".join(hashes)).hexdigest()


def test_scores_take_what_they_say() -> None:
    stage = ScoreStage([PictureScorer()])
    frames = np.random.default_rng(0).integers(0, 255, (24, 240, 320, 3), dtype=np.uint8)
    most = {}
    for count in (1, 8, 24):
        clip = Clip(CLIP, range(count))
        tracemalloc.start()
        stage.encode(clip, stage.process(clip, frames[:count]))
        most[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most[24] - most[8] <= stage.extra_bytes(24 - 8, 240, 320)


class Emptied(Grey):
    """Notes what a clip that was cropped a moment ago still holds while it is processed."""

    def process(self, clip: Clip, frames: Any) -> Any:
        assert clip.pictures == {}
        with pytest.raises(IndexError):
            list(clip.read(clip.entries[:1]))
        return super().process(clip, frames)


def test_cropped_clips_wait_for_room_and_let_go(tmp_path: Path) -> None:
    raw = make_raw_videos(tmp_path / "raw", 1)
    small_pipeline().run(videos_of(raw), tmp_path / "plenty")
    summary = small_pipeline().run(videos_of(raw), tmp_path / "little", memory=1)
    assert contents(tmp_path / "plenty") == contents(tmp_path / "little")
    files, frames = 24 * 64 * 64 * 3, 12 * 64 * 64 * 3  # and as much again for a drawing, and its files
    label = 2 * 64 * 64 * 3
    assert (summary.memory.num_alone, summary.memory.peak) == (2, files + 3 * frames + 64 * 64 * 3 + label)
    cropped = Pipeline([CROP, Emptied()]).run(videos_of(raw), tmp_path / "emptied")
    cropped.raise_if_failed()
    assert cropped.done == 2
    alone = Pipeline([CROP]).run(videos_of(raw), tmp_path / "alone", memory=1)
    assert (alone.done, alone.memory.num_alone, alone.memory.peak) == (2, 2, files)


def test_the_command_takes_it_and_says_what_was_taken(store: Path, tmp_path: Path) -> None:
    arguments = ["convert", str(store), str(tmp_path / "out"), "--codec", "mp4", "--memory", "1M"]
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 0, told.output
    assert re.search(r"memory +clips in flight took up to 6\d\d KiB of 1\.0 MiB", told.output), told.output
    refused = CliRunner().invoke(app, [*arguments[:-1], "much"])
    assert isinstance(refused.exception, ConfigError)
    assert "memory 'much': expected a size such as 64MB or 8G" in str(refused.exception)
