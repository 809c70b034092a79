"""What a store must not silently put together, or bring back through a link."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from datasets import load_dataset
from PIL import Image

import mmvoxceleb  # noqa: F401  makes load_dataset know the name
from mmvoxceleb import ClipSampler
from mmvoxceleb.errors import ConfigError, CorruptSourceError, MissingModalityError
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores import open_store

CLIP = "id00001#abcdefghijk#00001.txt#000.mp4"
OTHER = "id00002#abcdefghijl#00001.txt#000.mp4"


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def write_zip(path: Path, frames: dict[int, int], clip: str = CLIP) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for index, value in frames.items():
            archive.writestr(f"video/{clip}/{index:07d}.png", png(value))


def write_folder(root: Path, clip: str, names: list[str]) -> None:
    folder = root / "video" / clip
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(png(number))


def test_versions_of_a_clip_in_two_zips_are_not_mixed(tmp_path: Path) -> None:
    write_zip(tmp_path / "video.zip", {0: 1, 1: 2})
    write_zip(tmp_path / "video2.zip", {0: 50, 1: 51, 2: 52, 3: 53})
    with pytest.raises(CorruptSourceError, match=r"video.*zip.*some files in common and others not"):
        open_store(tmp_path).entries(Folder("video"), CLIP)


def test_parts_of_a_clip_in_two_zips_are_put_together(tmp_path: Path) -> None:
    write_zip(tmp_path / "video_part1.zip", {0: 1, 1: 2})
    write_zip(tmp_path / "video_part2.zip", {2: 3, 3: 4})
    assert [entry.index for entry in open_store(tmp_path).entries(Folder("video"), CLIP)] == [0, 1, 2, 3]


@pytest.mark.parametrize("extra", ["cover.png", "0000001 (1).png", "0000001_old.png", "0000001.jpg"])
def test_a_further_picture_in_a_clip_is_no_frame_without_a_word(tmp_path: Path, extra: str) -> None:
    write_folder(tmp_path, CLIP, ["0000000.png", "0000001.png", "0000002.png", extra])
    with pytest.raises(CorruptSourceError, match="has two files for frame"):
        list(load_dataset("mmvoxceleb", "video", data_dir=str(tmp_path), split="train", streaming=True))
    with pytest.raises(CorruptSourceError, match="has two files for frame"):
        ClipSampler(str(tmp_path), num_frames=2, frame_step=1, min_frames=1, modalities=("video",))[0]


def test_a_removed_person_does_not_come_back_through_a_link(tmp_path: Path) -> None:
    for name in ("zips", "folders"):
        (tmp_path / name / "meta").mkdir(parents=True)
        (tmp_path / name / "meta" / "removed.jsonl").write_text(json.dumps({"person_id": "id00001"}) + "\n")
    write_zip(tmp_path / "zips" / "video.zip", {0: 1, 1: 2})
    for clip in (CLIP, OTHER):
        write_folder(tmp_path / "folders", clip, ["0000000.png", "0000001.png"])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "video").symlink_to(tmp_path / "folders" / "video")
    (tmp_path / "whole").symlink_to(tmp_path / "folders")
    (tmp_path / "link.zip").symlink_to(tmp_path / "zips" / "video.zip")
    for place in ("elsewhere", "whole"):
        rows = load_dataset("mmvoxceleb", "video", data_dir=str(tmp_path / place), split="train", streaming=True)
        assert [row["clip_id"] for row in rows] == [OTHER]
    assert CLIP in read_removals(tmp_path / "link.zip")


def test_no_clip_left_is_one_error(tmp_path: Path) -> None:
    write_folder(tmp_path, CLIP, ["0000000.png", "0000001.png"])
    with pytest.raises(MissingModalityError, match="no clip is left"):
        load_dataset("mmvoxceleb", "video", data_dir=str(tmp_path), min_frames=9, cache_dir=str(tmp_path / "cache"))


def test_an_address_inside_an_archive_is_one_error(tmp_path: Path) -> None:
    write_zip(tmp_path / "video.zip", {0: 1})
    with pytest.raises(ConfigError, match="name the archive itself"):
        open_store(f"zip://video::{tmp_path}/video.zip")
