"""Frames as pictures or a video file: what is kept of pixels and indices, and which settings count."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mmvoxceleb.codecs.video import VideoFrames
from mmvoxceleb.errors import ConfigError, IncompatibleOutputError
from mmvoxceleb.processing import Pipeline
from mmvoxceleb.processing.frame_codec import FrameCodec
from mmvoxceleb.processing.pictures import decode_rgb
from tests.support.raw_videos import CROP, make_raw_videos, videos_of
from tests.support.trees import contents
from tests.support.videos import number_of, numbered

CLIP = "id1#v#1.txt#000.mp4"
HOLES = [2, 3, 4, 7, 8, 20, 21]


def noisy(number: int) -> np.ndarray:
    noise = np.random.default_rng(number).integers(0, 20, (64, 96, 3))
    return np.asarray(numbered(number) + noise, np.uint8)


@pytest.mark.parametrize("codec", ["png", "mp4", "mp4-lossless"])
def test_pixels_and_indices_come_back(codec: Any) -> None:
    frames = [noisy(number) for number in HOLES]
    files = FrameCodec(codec, keyframe_every=3).encode(CLIP, frames, HOLES)
    if codec == "png":
        assert [name for name, _ in files] == [f"{number:07d}.png" for number in HOLES]
        back = [decode_rgb(data, where="here") for _, data in files]
    else:
        ((name, data),) = files
        assert name == CLIP
        video = VideoFrames(data)
        assert video.indices.tolist() == HOLES
        back = video.decode(range(len(HOLES)))
        with av.open(BytesIO(data), "r") as container:
            keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
        assert keys.count(True) >= 3
    assert [number_of(frame) for frame in back] == HOLES
    assert all(map(np.array_equal, frames, back)) == (codec != "mp4")


@pytest.mark.parametrize("codec", ["mp4", "mp4-lossless"])
def test_settings_change_the_file_and_usual_indices_do_not(codec: Any) -> None:
    frames = [noisy(number) for number in range(9)]
    usual = FrameCodec(codec)
    data = usual.encode(CLIP, frames)
    assert usual.encode(CLIP, iter(frames), range(9)) == data
    assert usual.encode(CLIP, []) == []
    assert replace(usual, keyframe_every=2).encode(CLIP, frames) != data
    assert (replace(usual, crf=30).encode(CLIP, frames) != data) == (codec == "mp4")
    assert ("crf" in usual.settings()) == (codec == "mp4")


@pytest.mark.parametrize(
    ("values", "match"), [({"codec": "gif"}, "mp4-lossless"), ({"crf": 52}, "0 .best."), ({"keyframe_every": 0}, "1")]
)
def test_impossible_settings(values: Any, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        FrameCodec(**values)


def test_a_crop_goes_on_with_the_same_settings_only(tmp_path: Path) -> None:
    videos = videos_of(make_raw_videos(tmp_path, 1))
    usual, out = replace(CROP, codec="mp4", crf=20, keyframe_every=2), tmp_path / "out"
    assert Pipeline([usual]).run(videos, out).done == 2
    assert Pipeline([usual]).run(videos, out).skipped == 2
    for other, match in (
        (replace(usual, crf=21), "crf was 20 and is 21"),
        (replace(usual, keyframe_every=3), "keyframe_every was 2 and is 3"),
        (replace(usual, codec="mp4-lossless"), 'codec was "mp4" and is "mp4-lossless"'),
    ):
        with pytest.raises(IncompatibleOutputError, match=match):
            Pipeline([other]).run(videos, out)
        Pipeline([other]).run(videos, tmp_path / other.codec, overwrite=True).raise_if_failed()
    assert Pipeline([CROP]).run(videos, tmp_path / "png").done == 2
    assert Pipeline([CROP]).run(videos, out, overwrite=True).done == 2
    assert contents(out) == contents(tmp_path / "png")
    assert Pipeline([usual]).run(videos, tmp_path / "packed", layout="packed").done == 2
    assert Pipeline([CROP]).run(videos, tmp_path / "packed", layout="packed", overwrite=True).done == 2
    assert Pipeline([usual]).run(videos, tmp_path / "packed", layout="packed", overwrite=True).done == 2
    assert len(list((tmp_path / "packed" / "video").iterdir())) == 2
