"""A video is read from the given file or bytes, and from nothing else."""

import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset

from mmvoxceleb import ClipSampler
from mmvoxceleb.codecs.containers import open_video_bytes, open_video_file
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.hub.mp4 import decode_mp4
from mmvoxceleb.processing.crop.cropping import Rejection, crop_tubes
from mmvoxceleb.processing.crop.sources import free_videos
from mmvoxceleb.processing.decoders import open_decoder
from tests.support.videos import number_of, numbered, write_video

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
    openings: list[Callable[[], object]] = [lambda: open_video_file(path), lambda: open_video_bytes(data)]
    for opening in openings:
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


@pytest.mark.parametrize("decoder", ["pyav", "torchcodec", "decord"])
def test_no_clip_is_made_of_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: str) -> None:
    pytest.importorskip({"pyav": "av"}.get(decoder, decoder))
    monkeypatch.chdir(tmp_path)
    for suffix in ("mp4", "ts", "mkv", "vob", "mxf"):
        path = tmp_path / f"list.{suffix}"
        path.write_bytes(texts(tmp_path)["concat"])
        with pytest.raises(CorruptSourceError, match=rf"list.{suffix}: FFmpeg cannot read this as a video"):
            open_decoder(path, decoder=decoder)
        rejected: list[Rejection] = []
        (video,) = free_videos(path)
        assert list(crop_tubes(video, detector=cast(Any, object()), decoder=decoder, rejected=rejected.append)) == []
        assert [rejection.code for rejection in rejected] == ["broken video"]


def test_a_quicktime_file_does_not_lead_to_another(tmp_path: Path) -> None:
    """A reference movie: its sample table speaks of the bytes of another file."""
    other = write_video(tmp_path / "other.mov", (numbered(200) for _ in range(6)), lossless=True)
    own = tmp_path / "own.mov"
    own.write_bytes(with_external_track(other.read_bytes(), other.name))
    try:
        with open_decoder(own) as opened:
            shown = list(opened.frames(0, 6))
    except CorruptSourceError:
        return
    assert all(number_of(frame) != 200 for frame in shown)


def with_external_track(data: bytes, name: str) -> bytes:
    """Take the media out of a QuickTime file, and let its data reference name another file in the same folder."""
    alias = bytearray(150 + 4 + len(name) + len(name) % 2 + 4)
    alias[10] = len("disk")
    alias[11:15] = b"disk"
    alias[50] = len(name)
    alias[51 : 51 + len(name)] = name.encode()
    struct.pack_into(">2H", alias, 130, 1, 1)  # one folder up from the alias, one down to the file
    struct.pack_into(">2H", alias, 150, 2, len(name))
    alias[154 : 154 + len(name)] = name.encode()
    alias[-4:-2] = b"\xff\xff"
    entry = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + bytes(alias)
    at = data.index(b"dref") + 12
    (size,) = struct.unpack_from(">I", data, at)
    grown = len(entry) - size
    changed = bytearray(data[:at] + entry + data[at + size :])
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        place = data.index(box) - 4
        assert place < at
        struct.pack_into(">I", changed, place, struct.unpack_from(">I", changed, place)[0] + grown)
    media = data.index(b"mdat") + 4
    end = media - 8 + struct.unpack_from(">I", data, media - 8)[0]
    assert end <= data.index(b"moov")
    changed[media:end] = bytes(end - media)
    return bytes(changed)
