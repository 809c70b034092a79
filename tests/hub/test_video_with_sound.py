"""From raw videos to a Hub and back in stock clients: clips as video files, their sound and landmarks."""

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from mmvoxceleb import ClipSampler, load_dataset
from mmvoxceleb.codecs.flac import FlacSound
from mmvoxceleb.codecs.video import VideoFrames
from mmvoxceleb.processing import AudioStage, Pipeline
from mmvoxceleb.processing.landmarks import LandmarkStage
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import validate_store
from tests.hub.conftest import Run
from tests.support.landmarker import BrightFace
from tests.support.raw_videos import CROP, make_raw_videos, videos_of
from tests.support.stages import Label, Text

REPO = "lab/talking"
PERSON = "id10001"
NAMES = ("video", "audio", "landmarks", "text", "label")

READ = """
import json
from datasets import Audio, Video
rows = load_dataset("lab/talking", split="train")
assert isinstance(rows.features["video"], Video) and isinstance(rows.features["audio"], Audio)
plain = rows.cast_column("video", Video(decode=False)).cast_column("audio", Audio(decode=False))
found = {
    row["clip_id"]: [row["video"]["bytes"].hex(), row["audio"]["bytes"].hex(), row["landmarks"]] for row in plain
}
try:
    import torchcodec.decoders
except (ImportError, RuntimeError, OSError):
    decoded = None
else:
    decoded = [[row["clip_id"], len(row["video"]), row["audio"].get_all_samples().data.shape[1]] for row in rows]
print(json.dumps([found, decoded]))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("talking")
    raw = make_raw_videos(root / "raw", 2, with_sound=True)
    crop = type(CROP)(CROP.settings, codec="mp4")
    stages = [crop, AudioStage(), LandmarkStage(BrightFace()), Label(), Text()]
    summary = Pipeline(stages).run(videos_of(raw), root / "store")
    assert (summary.done, summary.failed) == (4, {})
    return root / "store"


def test_they_go_to_the_hub_and_come_back(store: Path, program: Run, stock: Run, tmp_path: Path) -> None:
    for command in (
        ("export", store, tmp_path / "out", "--codec", "mp4", *(f"--modality={name}" for name in NAMES), "--no-charts"),
        ("push", tmp_path / "out", REPO),
    ):
        done = program(*command)
        assert done.returncode == 0, done.stderr[-3000:]
    card = (tmp_path / "out" / "README.md").read_text()
    assert "`datasets` decodes `video` and `audio` with torchcodec and FFmpeg's libraries" in card
    assert "`clips.decode(False)`" in card
    found, decoded = json.loads(stock(READ).stdout)
    assert sorted(found) == sorted(path.name for path in (store / "video").iterdir())
    rows = load_dataset("mmvoxceleb", "landmarks", data_dir=str(store), split="train", cache_dir=str(tmp_path))
    assert {clip: points for clip, (_, _, points) in found.items()} == dict(
        zip(rows["clip_id"], rows["landmarks"], strict=True)
    )
    for clip, (video, audio, _) in found.items():
        assert bytes.fromhex(audio) == (store / "audio" / f"{clip}.flac").read_bytes()
        ours, exported = VideoFrames((store / "video" / clip).read_bytes()), VideoFrames(bytes.fromhex(video))
        assert np.array_equal(ours.decode(range(len(ours))), exported.decode(range(len(exported))))
    for clip, num_frames, samples in decoded or ():
        assert (num_frames, samples) == (len(VideoFrames((store / "video" / clip).read_bytes())), num_frames * 640)


def test_samples_hear_what_they_show(store: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"modalities": NAMES, "split": "train", "cache_dir": str(tmp_path)}
    rows = load_dataset("mmvoxceleb", data_dir=str(store), **options)
    assert isinstance(rows.features["video"], datasets.Video)
    for data in (store, rows):
        sample = ClipSampler(data, modalities=NAMES, num_frames=3, frame_step=2)[0]
        first = int(sample["frame_indices"][0])
        sound = FlacSound((store / "audio" / f"{sample['clip_id']}.flac").read_bytes())
        assert np.array_equal(sample["audio"].numpy(), sound.samples()[:, first * 640 : (first + 5) * 640])
        assert sample["landmarks"].shape == (3, 478, 3)


def test_a_person_leaves_with_picture_and_sound(store: Path, program: Run, tmp_path: Path) -> None:
    assert validate_store(open_store(store), deep=True).problem_counts.keys() <= {"text"}
    done = program("remove", store, "--person", PERSON)
    assert done.returncode == 0, done.stderr[-3000:]
    left = [path for path in store.rglob("*") if PERSON in path.name]
    assert left == []
    assert {len(list((store / name).iterdir())) for name in ("video", "audio", "landmarks")} == {2}
