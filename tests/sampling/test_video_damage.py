"""Damaged videos in memory are one error, whatever FFmpeg says to them."""

from pathlib import Path
from random import Random

import pytest

from mmvoxceleb.codecs.video import count_frames, decode_frames
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.processing.decoders import open_decoder
from tests.fuzz.mutations.videos import boxes_of, damage_mp4
from tests.support.videos import numbered, write_video

CLIP_ID = "id10001#video#00001.txt#000.mp4"


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    return write_video(path, (numbered(index) for index in range(8))).read_bytes()


def check_refused(data: bytes) -> None:
    with pytest.raises(CorruptSourceError, match=f"clip {CLIP_ID}: "):
        count_frames(data, clip_id=CLIP_ID)
    with pytest.raises(CorruptSourceError, match=f"clip {CLIP_ID}: "):
        decode_frames(data, [0], clip_id=CLIP_ID)


def test_a_table_of_times_that_comes_twice_is_one_error(video: bytes) -> None:
    start, end, _ = next(box for box in boxes_of(video) if box[2] == b"stts")
    check_refused(video[:end] + video[start:end] + video[end:])


def test_a_track_of_no_known_codec_is_one_error(video: bytes) -> None:
    check_refused(video.replace(b"avc1", b"zzzz").replace(b"vide", b"vidx", 1))
    check_refused(video.replace(b"dinf", b"zinf").replace(b"stsd", b"ztsd"))


def test_two_hundred_damaged_videos_give_frames_or_one_error(video: bytes) -> None:
    refused = 0
    for seed in range(200):
        data, _ = damage_mp4(Random(seed), video)
        try:
            assert count_frames(data, clip_id=CLIP_ID) >= 0
            assert len(decode_frames(data, [0, 5], clip_id=CLIP_ID)) == 2
        except CorruptSourceError:
            refused += 1
    assert 50 < refused < 190


def test_the_undamaged_video_is_read(video: bytes, tmp_path: Path) -> None:
    assert count_frames(video, clip_id=CLIP_ID) == 8


def test_a_raw_video_of_no_known_codec_is_one_error(video: bytes, tmp_path: Path) -> None:
    start, _, _ = next(box for box in boxes_of(video) if box[2] == b"stsd")
    path = tmp_path / "a.mov"
    path.write_bytes(video[:start] + bytes((0, 0, 0, 1)) + video[start + 4 :])
    with pytest.raises(CorruptSourceError, match=r"a\.mov: "):
        open_decoder(path)
