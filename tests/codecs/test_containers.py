"""A video is read from the given file or bytes, and from nothing else."""

import socket
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset

from mmvoxceleb import ClipSampler
from mmvoxceleb.codecs.containers import open_video_bytes, open_video_file
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.hub.mp4 import decode_mp4
from tests.support.videos import numbered, write_video

CLIP = "id10001#1zcIwhmdeo4#00001.txt#000.mp4"


def texts(folder: Path) -> dict[str, bytes]:
    """Texts that FFmpeg takes for videos, all of which lead elsewhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    other = write_video(folder / "other.ts", map(numbered, range(5)))
    return {
        "concat": f"ffconcat version 1.0\nfile {other.name}\n".encode(),
        "concat, absolute": f"ffconcat version 1.0\nfile {other}\n".encode(),
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other.name}\n#EXT-X-ENDLIST\n".encode(),
        "sdp": (
            f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
            "a=rtpmap:96 H264/90000\n"
        ).encode(),
        "dash": (
            b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
            b'<Representation id="1" bandwidth="1"><BaseURL>' + bytes(other) + b"</BaseURL></Representation>"
            b"</AdaptationSet></Period></MPD>"
        ),
    }


@pytest.mark.parametrize("kind", ["concat", "concat, absolute", "hls", "sdp", "dash"])
@pytest.mark.parametrize("suffix", ["mp4", "ts", "mkv", "vob", "mxf"])
def test_texts_that_lead_elsewhere_are_no_videos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    data = texts(tmp_path)[kind]
    path = tmp_path / f"list.{suffix}"
    path.write_bytes(data)
    begin = time.monotonic()
    for opening in (lambda: open_video_file(path), lambda: open_video_bytes(data)):
        with pytest.raises(ValueError, match=r"nvalid"):
            opening()
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.ts", "a.mpg", "a.flv", "a.webm", "a.ogv"])
def test_containers_of_video_are_read(tmp_path: Path, name: str) -> None:
    codecs = {"webm": "libvpx-vp9", "mpg": "mpeg2video", "avi": "mpeg4", "ogv": "libvpx"}
    path = write_video(tmp_path / name, map(numbered, range(6)), codec=codecs.get(name[2:], "libx264"))
    for container in (open_video_file(path), open_video_bytes(path.read_bytes())):
        with container:
            assert len(list(container.decode(video=0))) == 6


@pytest.mark.parametrize("kind", ["sdp", "concat, absolute", "hls"])
def test_a_record_whose_video_is_a_list_is_one_error_at_once(tmp_path: Path, kind: str) -> None:
    data = texts(tmp_path)[kind]
    rows = pa.table(
        {
            "clip_id": [CLIP],
            "video": pa.array([{"bytes": data, "path": None}], pa.struct({"bytes": pa.binary(), "path": pa.string()})),
            "frame_indices": pa.array([np.arange(5)], pa.list_(pa.int32())),
        }
    )
    sampler = ClipSampler(Dataset(rows), num_frames=2, frame_step=1, min_frames=0, image_size=16)
    begin = time.monotonic()
    with pytest.raises(CorruptSourceError, match="cannot be decoded"):
        sampler[0]
    with pytest.raises(ValueError, match="nvalid"):
        list(decode_mp4(data))
    assert time.monotonic() - begin < 5
