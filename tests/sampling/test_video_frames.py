"""Chosen frames of a video are those that decoding all of it gives, to the bit."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from datasets import Dataset, Features, List, Value, Video

from mmvoxceleb import ClipSampler
from mmvoxceleb.codecs.video import decode_frames
from mmvoxceleb.errors import CorruptSourceError
from tests.sampling.conftest import planes

COUNT = 60


def make_video(times: list[int], **options: str) -> bytes:
    buffer = io.BytesIO()
    rng = np.random.default_rng(1)
    backdrop = np.kron(rng.integers(0, 256, (10, 30, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.options = {"g": "12", "bf": "3", "preset": "veryfast", **options}
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(backdrop[:64, index : index + 96]), "rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


def all_frames(data: bytes) -> list[np.ndarray]:
    with av.open(io.BytesIO(data), "r") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


EVEN = make_video([40 * index for index in range(COUNT)])
UNEVEN = make_video(np.cumsum(np.random.default_rng(0).integers(20, 90, COUNT)).tolist())
OPEN_GROUPS = make_video([40 * index for index in range(COUNT)], **{"x264-params": "open-gop=1:keyint=12:bframes=3"})


@pytest.mark.parametrize("data", [EVEN, UNEVEN, OPEN_GROUPS], ids=["even", "uneven", "open groups"])
def test_any_choice_of_frames_is_exact(data: bytes) -> None:
    theirs = all_frames(data)
    assert len(theirs) == COUNT
    rng = np.random.default_rng(0)
    for positions in ([0], [59], [5, 3, 5], range(COUNT), range(2, 60, 8), *rng.integers(0, COUNT, (8, 4)).tolist()):
        ours = decode_frames(data, list(positions))
        assert all(np.array_equal(ours[at], theirs[place]) for at, place in enumerate(positions))


def test_a_dataset_with_a_video_column_is_sampled() -> None:
    features = Features(
        clip_id=Value("string"), num_frames=Value("int32"), video=Video(), frame_indices=List(Value("int32"))
    )
    row = {"clip_id": "a#b#c.txt#000.mp4", "num_frames": COUNT, "frame_indices": list(range(COUNT))}
    rows = Dataset.from_list([{**row, "video": {"bytes": EVEN, "path": None}}], features=features)
    theirs = all_frames(EVEN)
    for data in (rows, rows.to_iterable_dataset(), rows.remove_columns("frame_indices")):
        sample = next(iter(ClipSampler(data, image_size=None)))
        assert sample["frames"].shape == (8, 3, 64, 96)
        for place, index in enumerate(sample["frame_indices"].tolist()):
            assert np.array_equal(planes(sample["frames"][place]), theirs[index])


def test_a_damaged_video_names_its_clip() -> None:
    for data in (b"no video at all", EVEN[: len(EVEN) // 2]):
        rows = Dataset.from_list(
            [{"clip_id": "a#b#c.txt#000.mp4", "video": {"bytes": data, "path": None}, "frame_indices": list(range(60))}]
        )
        with pytest.raises(CorruptSourceError, match=r"clip a#b#c.txt#000.mp4"):
            ClipSampler(rows)[0]
