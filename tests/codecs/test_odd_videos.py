"""Videos that nobody expects as clips: refused before they need memory, or read to the frame."""

from io import BytesIO
from typing import Any

import av
import numpy as np
import pytest

from mmvoxceleb.codecs.video import VideoFrames
from mmvoxceleb.errors import CorruptSourceError, UnsafeArchiveError
from tests.support.videos import number_of, numbered


def made(codec: str, frames: list[np.ndarray], form: str = "mp4", **options: str) -> bytes:
    buffer = BytesIO()
    with av.open(buffer, "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", options
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


def test_a_side_that_is_too_long_is_refused() -> None:
    with pytest.raises(UnsafeArchiveError, match=r"clip c: its video: 8400 x 16 px; refused"):
        VideoFrames(made("libx264", [np.zeros((16, 8400, 3), np.uint8)], preset="ultrafast"), clip_id="c")


def test_a_video_without_frames_is_one_error() -> None:
    data = made("libx264", [numbered(0)])
    with pytest.raises(CorruptSourceError, match="clip c: its video is damaged"):
        VideoFrames(data.replace(b"stsz", b"free").replace(b"stts", b"free"), clip_id="c")


def test_a_size_that_changes_on_the_way_is_one_error() -> None:
    small, large = ([numbered(number, *size) for number in range(6)] for size in ((96, 64), (128, 96)))
    parts = [made("mpeg2video", frames, "mpegts", g="3") for frames in (small, large)]
    video = VideoFrames(b"".join(parts), clip_id="c")
    with pytest.raises(CorruptSourceError, match=r"clip c: frames .* cannot be decoded"):
        video.decode(range(len(video)))


@pytest.mark.parametrize(
    ("codec", "form"), [("mpeg4", "mp4"), ("libvpx-vp9", "webm"), ("libsvtav1", "mp4"), ("mpeg2video", "mp4")]
)
def test_other_codecs_under_the_same_name_are_read(codec: str, form: str) -> None:
    video = VideoFrames(made(codec, [numbered(number) for number in range(20)], form, g="6"))
    assert video.indices.tolist() == list(range(20))
    assert [number_of(frame) for frame in video.decode([3, 17, 4])] == [3, 17, 4]
