"""Clips that are cropped already."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mmvoxceleb.cli.main import app
from mmvoxceleb.cli.regenerate.crop_options import CropChoices, make_crop_stage
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.meta.removal_list import add_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.processing.crop import CropSettings, crop_tubes
from mmvoxceleb.processing.crop.sources import free_videos
from mmvoxceleb.processing.crop.utterance import Rejection
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store
from tests.support.videos import number_of, numbered, write_video

CLIPS = {"id00012/21Uxsk56VDQ/00001": 30, "id00012/21Uxsk56VDQ/00002": 12, "id00015/-abcdefghij/00001": 5}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree in the form of VoxCeleb2's mp4/."""
    root = tmp_path_factory.mktemp("voxceleb2")
    for name, count in CLIPS.items():
        write_video(root / "mp4" / f"{name}.mp4", (numbered(i, 224, 224) for i in range(count)))
    return root


def test_the_command_of_the_guide_goes_from_a_tree_to_a_dataset(tree: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "crop.md").read_text()
    (command,) = re.findall(r"^mmvoxceleb regenerate crop mp4 .*\n.*$", guide, re.MULTILINE)
    home = {"HOME": str(tree), "HF_HOME": str(tree / "hf"), "MMVOXCELEB_CACHE": str(tree / "cache")}
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", command], cwd=tree, env={**os.environ, **home, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"num_rows: 3\b", done.stdout), done.stdout
    for name, count in CLIPS.items():
        clip_id = f"{name.replace('/', '#')}.txt#000.mp4"
        entries = open_store(tree / "vox2").entries(Folder("video"), clip_id)
        assert [entry.index for entry in entries] == list(range(count))
    meta = json.loads((tree / "vox2" / "meta" / "id00012#21Uxsk56VDQ#00001.txt#000.mp4.json").read_text())["crop"]
    assert meta["crop_box_xyxy_px"] == [0, 0, 224, 224]
    assert meta["boxes_from"] == "whole picture"
    assert meta["settings"]["detector"] is None


def test_the_whole_picture_is_kept_frame_by_frame(tree: Path) -> None:
    (video,) = [each for each in free_videos(tree / "mp4") if each.utterances[0].name == "00002"]
    clips = crop_tubes(video, settings=CropSettings.for_cropped(size_px=224))
    (frames,) = [[np.array(frame) for frame in clip.frames] for clip in clips]
    assert [number_of(frame) for frame in frames] == list(range(12))
    expected = numbered(3, 224, 224).astype(int)
    assert np.abs(frames[3].astype(int) - expected).mean() < 3
    clips = crop_tubes(video, settings=CropSettings.for_cropped(size_px=112))
    assert [{frame.shape for frame in clip.frames} for clip in clips] == [{(112, 112, 3)}]


@pytest.mark.parametrize("below", ["", "id00012", "id00012/21Uxsk56VDQ", "id00012/21Uxsk56VDQ/00001.mp4"])
def test_persons_are_known_in_any_part_of_the_tree(tree: Path, below: str) -> None:
    found = {video.clip_id(video.utterances[0], 0) for video in free_videos(tree / "mp4" / below)}
    wanted = {f"{name.replace('/', '#')}.txt#000.mp4" for name in CLIPS if f"{name}.mp4".startswith(below)}
    assert found == wanted


@pytest.mark.parametrize(
    ("size", "box"), [((100, 96), [2, 0, 98, 96]), ((96, 104), [0, 4, 96, 100]), ((160, 96), None), ((96, 160), None)]
)
def test_pictures_that_are_not_square(tmp_path: Path, size: tuple[int, int], box: list[int] | None) -> None:
    write_video(tmp_path / "ann" / "a.mp4", (numbered(i, *size) for i in range(4)))
    rejected: list[Rejection] = []
    settings = CropSettings.for_cropped(size_px=96)
    (video,) = free_videos(tmp_path)
    clips = [
        clip.meta["crop_box_xyxy_px"]
        for clip in crop_tubes(video, settings=settings, rejected=rejected.append)
        if list(clip.frames)
    ]
    assert clips == ([box] if box else [])
    assert [each.code for each in rejected] == ([] if box else ["not square"])


def test_a_long_clip_is_cut_and_nothing_of_it_is_lost(tree: Path) -> None:
    (video,) = [each for each in free_videos(tree / "mp4") if each.key.endswith("VDQ#00001")]
    settings = CropSettings.for_cropped(size_px=64, max_frames=13)
    clips = [
        (clip.clip_id[-7:-4], len(list(clip.frames)), clip.meta["start"])
        for clip in crop_tubes(video, settings=settings)
    ]
    assert clips == [("000", 13, 0), ("001", 13, 13), ("002", 4, 26)]


def test_removed_people_and_twenty_four_frames_a_second(tree: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "mp4" / "id00012" / "aaaaaaaaaaa" / "1.mp4", (numbered(i) for i in range(24)), fps=24)
    write_video(
        tmp_path / "mp4" / "id00013" / "bbbbbbbbbbb" / "1.mp4", (numbered(i, 64, 64) for i in range(24)), fps=24
    )
    add_removals(tmp_path / "out", Removals(person_id=frozenset({"id00012"})))
    done = CliRunner().invoke(
        app, ["regenerate", "crop", str(tmp_path / "mp4"), str(tmp_path / "out"), "--cropped", "--size", "64"]
    )
    assert done.exit_code == 0, done.output
    store = open_store(tmp_path / "out")
    assert store.clips(Folder("video")) == ["id00013#bbbbbbbbbbb#1.txt#000.mp4"]
    data = store.read(Folder("video"), "id00013#bbbbbbbbbbb#1.txt#000.mp4")
    assert len(list(data)) == 25
    assert "id00012" not in (tmp_path / "out" / "meta" / "ledger.jsonl").read_text()


def test_frames_that_are_taken_too_late_raise(tree: Path) -> None:
    (video,) = [each for each in free_videos(tree / "mp4") if each.key.endswith("VDQ#00002")]
    (clip,) = crop_tubes(video, settings=CropSettings.for_cropped(size_px=64))
    with pytest.raises(ConfigError, match="before you ask for the next"):
        next(clip.frames)


def test_no_detector_is_loaded_and_other_rules_are_refused(tree: Path) -> None:
    assert make_crop_stage(CropChoices(raw=tree, cropped=True)).detector is None
    for change in ({"detector": "haar"}, {"annotations": tree}, {"growth": 0.1}, {"min_face": 9}, {"smooth_box": True}):
        with pytest.raises(ConfigError, match="takes the whole picture"):
            CropChoices(raw=tree, cropped=True, **change)
