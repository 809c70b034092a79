"""Stages on clips that are video files: cropped so in the same run, in an earlier one, on any engine."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mmvoxceleb.codecs.video import VideoFrames
from mmvoxceleb.errors import IncompatibleOutputError
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.removal import remove_from_store
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import validate_store
from tests.support.raw_videos import CROP, make_raw_videos, videos_of
from tests.support.ray_cluster import connected_ray
from tests.support.stages import Grey, Label, Text
from tests.support.video_clips import CLIPS, make_video_store
from tests.support.videos import numbered

CROP_MP4 = replace(CROP, codec="mp4")
STAGES: Any = [Grey(), Label(), Text()]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_raw_videos(tmp_path_factory.mktemp("raw"), 2)


@pytest.fixture(scope="module")
def made(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    assert Pipeline([CROP_MP4, *STAGES]).run(videos_of(raw), out).done == 4
    return out


def content(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and "runs" not in path.parts)
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_one_run_equals_two(raw: Path, made: Path, tmp_path: Path) -> None:
    Pipeline([CROP_MP4]).run(videos_of(raw), tmp_path)
    assert Pipeline(STAGES).run(str(tmp_path), tmp_path).done == 4
    assert content(tmp_path).keys() == content(made).keys()
    for name, data in content(made).items():
        assert name.startswith("meta/") or content(tmp_path)[name] == data, name
    for again in (Pipeline(STAGES).run(str(made), made), Pipeline([CROP_MP4, *STAGES]).run(videos_of(raw), made)):
        assert (again.done, again.skipped, again.failed) == (0, 4, {})


@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_engines_give_the_same_bytes(raw: Path, made: Path, tmp_path: Path, engine: str) -> None:
    options: Any = {"engine": "ray", "workers": 2} if engine == "ray" else {"workers": 2}
    with connected_ray() if engine == "ray" else contextlib.nullcontext():
        assert Pipeline([CROP_MP4, *STAGES]).run(videos_of(raw), tmp_path, **options).done == 4
    assert content(tmp_path) == content(made)


def test_a_stage_sees_the_frames_of_the_file(tmp_path: Path) -> None:
    store = make_video_store(tmp_path / "store", [*range(5), *range(8, 20)])
    assert Pipeline([Grey(stride=3)]).run(str(store), tmp_path / "out").done == 2
    drawn = sorted((tmp_path / "out" / "draw" / "grey" / CLIPS[0]).iterdir())
    assert [path.name for path in drawn] == [f"{index:07d}.png" for index in (0, 3, 9, 12, 15, 18)]
    for path in drawn:
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        expected = numbered(int(path.stem)).mean(2)
        assert grey is not None
        assert np.abs(grey.astype(int) - expected).mean() < 6, path.name


def test_another_file_is_seen(tmp_path: Path) -> None:
    store = make_video_store(tmp_path / "store", range(12))
    Pipeline([Grey()]).run(str(store), tmp_path / "out")
    make_video_store(tmp_path / "store", [0, *range(12, 23)])
    for clip in CLIPS:
        video = VideoFrames((store / "video" / clip).read_bytes())
        assert len(video) == 12
    summary = Pipeline([Grey()]).run(str(store), tmp_path / "out")
    assert len(summary.failed) == 2
    assert "--overwrite" in next(iter(summary.failed.values()))
    with pytest.raises(IncompatibleOutputError):
        Pipeline([Grey(gain=2)]).run(str(store), tmp_path / "out")


def test_a_person_is_removed_with_their_files(made: Path, tmp_path: Path) -> None:
    import shutil

    store = tmp_path / "store"
    shutil.copytree(made, store)
    report = remove_from_store(store, Removals(person_id=frozenset({"id10001"})))
    assert len(report.clips) == 2
    assert not [name for name in content(store) if "id10001" in name]
    assert validate_store(open_store(store), deep=True).problem_counts.keys() <= {"text", "leak"}
