"""One clock for all decoders: videos with odd clocks, whose frame number is in the pixels."""

import contextlib
import itertools
import json
import struct
import time
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.video import VideoStream

from mmvoxceleb.errors import CorruptSourceError, UnsuitableDecoderError
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.processing.crop.cropped_videos import CroppedVideos
from mmvoxceleb.processing.crop.cropping import crop_tubes
from mmvoxceleb.processing.crop.job import CropJob
from mmvoxceleb.processing.crop.metadata import MetadataRow
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.utterance import Rejection
from mmvoxceleb.processing.crop.videos import SourceVideo, Utterance
from mmvoxceleb.processing.decoders import open_decoder, probe
from mmvoxceleb.processing.decoders.cut_off import cut_off_in
from mmvoxceleb.processing.decoders.decord_decoder import DecordDecoder
from mmvoxceleb.processing.decoders.interface import FrameCounts
from mmvoxceleb.processing.decoders.timeline_reader import read_timeline
from mmvoxceleb.processing.detectors import Detection, Detector
from mmvoxceleb.processing.engines.local import run_local
from mmvoxceleb.processing.engines.work import Work
from tests.support.videos import number_of, numbered, write_video

B_FRAMES = {"preset": "veryfast", "bf": "3", "x264-params": "b-adapt=0:b-pyramid=2:keyint=30:scenecut=0", "crf": "10"}
SETTINGS: dict[str, Any] = {"size_px": 64, "min_frames": 5, "min_face_px": 8}


def encode(
    path: Path,
    numbers: Iterable[int],
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    rate: int = 25,
    size: tuple[int, int] = (96, 64),
    start: int = 0,
    bit_rate: int | None = None,
) -> Path:
    """Encode numbered frames; the clock begins at ``start`` frames."""
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=rate))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {**(options or {})}
        if bit_rate:
            stream.bit_rate = bit_rate
        for place, number in enumerate(numbers):
            frame = av.VideoFrame.from_ndarray(numbered(number, *size), format="rgb24")
            frame.pts, frame.time_base = start + place, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def joined(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def shown(
    path: Path, decoder: str = "pyav", start: int = 0, stop: int = 1_000_000
) -> tuple[list[tuple[int, int]], list[int]]:
    """Give (number on the grid, number in the pixels) of every frame, and the grid numbers that begin a stretch."""
    with open_decoder(path, decoder=decoder) as opened:
        frames = [(frame.number, number_of(frame.picture), frame.begins_stretch) for frame in opened.shown(start, stop)]
    return [frame[:2] for frame in frames], [frame[0] for frame in frames if frame[2]]


def refused(path: Path, decoder: str, why: str) -> None:
    with pytest.raises(UnsuitableDecoderError, match=f"{decoder} {why}.*; choose --decoder pyav"):
        open_decoder(path, decoder=decoder)


class Everywhere(Detector):
    """Finds one face, in the middle of every picture."""

    name = "everywhere"

    def settings(self) -> dict[str, Any]:
        return {"name": self.name}

    def detect(self, frames: Any, *, min_face_px: float = 0) -> list[list[Detection]]:
        return [
            [Detection((width * 0.3, height * 0.3, width * 0.6, height * 0.7), 0.9)]
            for height, width in (frame.shape[:2] for frame in frames)
        ]


def free(path: Path) -> SourceVideo:
    return SourceVideo("p", "v", path, (Utterance("00000"),))


def known(path: Path, start: int, end: int, *, size: tuple[int, int] = (96, 64), rows: int = 1) -> SourceVideo:
    boxes = [(10 + place, 10, 50 + place, 50) for place in range(rows)]
    wanted = [MetadataRow("p", "v", start, end, box, 25.0, *size, chunk=place) for place, box in enumerate(boxes)]
    return SourceVideo("p", "v", path, tuple(Utterance(row.utterance, row=row) for row in wanted))


def clips_of(
    video: SourceVideo, settings: CropSettings, detector: Detector | None = None
) -> tuple[list[Any], list[Rejection]]:
    rejected: list[Rejection] = []
    clips = []
    for clip in crop_tubes(video, settings=settings, detector=detector, rejected=rejected.append):
        clips.append((clip.clip_id, len(list(clip.frames)), clip.meta))
    return clips, rejected


def with_an_empty_chunk(path: Path, target: Path) -> Path:
    """Leave a time out after the first packet, as the Xvid encoder does; an AVI file then has an empty chunk there."""
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.size):
            packet.stream = stream
            packet.dts = packet.pts = number + (number > 0)
            container.mux(packet)
    return target


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kind", ["h264", "mpeg4", "xvid"])
def test_avi_with_b_frames_shows_every_frame_once(tmp_path: Path, decoder: str, kind: str, threads: int) -> None:
    path = tmp_path / "b.avi"
    if kind == "h264":
        encode(path, range(200), options=B_FRAMES)
    else:
        encode(path, range(200), codec="mpeg4", options={"bf": "2", "g": "30", "b_strategy": "0"}, bit_rate=3_000_000)
    if kind == "xvid":
        path = with_an_empty_chunk(path, tmp_path / "xvid.avi")
    with av.open(str(path)) as container:
        kinds = [frame.pict_type for frame in container.decode(video=0)]
    assert kinds.count(av.video.frame.PictureType.B) > 80
    if decoder != "pyav":
        refused(path, decoder, "takes the order of decoding")
        return
    with open_decoder(path, num_threads=threads) as opened:
        assert [number_of(frame) for frame in opened.frames(0, 10_000)] == list(range(200))
        assert [number_of(frame) for frame in opened.frames(150, 155)] == list(range(150, 155))
        assert [number_of(frame) for frame in opened.frames(20, 25)] == list(range(20, 25))


@pytest.mark.parametrize("offset", [0, 70 * 25], ids=["starts again", "jumps ahead"])
def test_a_clock_that_is_set_anew_goes_on_with_the_next_number(tmp_path: Path, decoder: str, offset: int) -> None:
    first = encode(tmp_path / "a.ts", range(60), options=B_FRAMES)
    second = encode(tmp_path / "b.ts", range(60, 200), options=B_FRAMES, start=offset)
    path = joined(tmp_path / "both.ts", first, second)
    if decoder != "pyav":
        refused(path, decoder, "cannot follow the clock")
        return
    frames, begins = shown(path)
    assert frames == [(number, number) for number in range(200)]
    assert begins == [0, 60]
    with open_decoder(path) as opened:  # wherever one jumps to
        for start in (190, 50, 130, 0, 60):
            got = [number_of(frame) for frame in opened.frames(start, start + 8)]
            assert got == list(range(start, min(start + 8, 200)))
    assert [(part.start, part.stop) for part in open_decoder(path).timeline.stretches()] == [(0, 60), (60, 200)]


def test_clips_end_where_the_clock_starts_again(tmp_path: Path) -> None:
    path = joined(
        tmp_path / "both.ts", *(encode(tmp_path / f"{n}.ts", range(n, n + 60), options=B_FRAMES) for n in (0, 60))
    )
    clips, rejected = clips_of(free(path), CropSettings.for_free_videos(**SETTINGS, scene_cuts=False), Everywhere())
    assert [(meta["start"], meta["end"], count) for _, count, meta in clips] == [(0, 60, 60), (60, 120, 60)]
    clips, rejected = clips_of(known(path, 30, 100), CropSettings.for_metadata(**SETTINGS))
    assert [(meta["start"], meta["end"], count) for _, count, meta in clips] == [(30, 60, 30), (60, 100, 40)]
    assert not rejected


@pytest.mark.parametrize("seconds", [3, 3600])
def test_nothing_is_shown_in_a_gap(tmp_path: Path, decoder: str, seconds: int) -> None:
    times = [*range(0, 2000, 40), *range(1960 + seconds * 1000, 3960 + seconds * 1000, 40)]
    path = write_video(tmp_path / "gap.mkv", map(numbered, range(100)), times_ms=times)
    later = 49 + seconds * 25
    frames, begins = shown(path, decoder)
    assert frames == [*((n, n) for n in range(50)), *((later + n, 50 + n) for n in range(50))]
    assert begins == [0, later]
    assert shown(path, decoder, 45, later + 2)[0] == [*((n, n) for n in range(45, 50)), (later, 50), (later + 1, 51)]
    if decoder == "pyav":
        clips, _ = clips_of(free(path), CropSettings.for_free_videos(**SETTINGS, scene_cuts=False), Everywhere())
        assert [(meta["start"], meta["end"]) for _, _, meta in clips] == [(0, 50), (later, later + 50)]


def test_a_picture_that_changes_its_size_begins_a_stretch(tmp_path: Path, decoder: str) -> None:
    large = encode(tmp_path / "a.ts", range(50), options=B_FRAMES, size=(192, 128))
    # the muxer moved the first clock by two frames, so that no timestamp is negative
    small = encode(tmp_path / "b.ts", range(50, 100), options=B_FRAMES, size=(96, 64), start=52)
    path = joined(tmp_path / "sizes.ts", large, small)
    if decoder != "pyav":
        refused(path, decoder, "cannot follow the pictures")
        return
    assert shown(path) == ([(n, n) for n in range(100)], [0, 50])
    with open_decoder(path) as opened:
        parts = [(part.start, part.stop, part.width_px) for part in opened.timeline.stretches()]
    assert parts == [(0, 50, 192), (50, 100, 96)]
    for video, settings, detector in (
        (free(path), CropSettings.for_free_videos(**SETTINGS, scene_cuts=False), Everywhere()),
        (known(path, 0, 100, size=(192, 128)), CropSettings.for_metadata(**SETTINGS), None),
    ):
        clips, rejected = clips_of(video, settings, detector)
        assert not rejected
        found = [(meta["start"], meta["end"], meta["video"]["width_px"]) for _, _, meta in clips]
        assert found == [(0, 50, 192), (50, 100, 96)]
        sides = [meta["crop_box_xyxy_px"][2] - meta["crop_box_xyxy_px"][0] for _, _, meta in clips]
        assert abs(sides[0] - 2 * sides[1]) <= 2


def test_parts_of_rows_of_the_same_frames_have_keys_of_their_own(tmp_path: Path) -> None:
    path = joined(
        tmp_path / "both.ts", *(encode(tmp_path / f"{n}.ts", range(n, n + 30), options=B_FRAMES) for n in (0, 30))
    )
    clips, _ = clips_of(known(path, 0, 60, rows=2), CropSettings.for_metadata(**SETTINGS))
    assert len(clips) == 4
    assert len({clip_id for clip_id, _, _ in clips}) == 4


def test_a_header_that_is_too_short_cuts_nothing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "short.mkv", map(numbered, range(100)))
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3
    assert struct.unpack(">d", data[at : at + 8]) == (4000.0,)
    data[at : at + 8] = struct.pack(">d", 1000.0)
    path.write_bytes(data)
    assert probe(path).duration_seconds_from_header == 1
    ((_, count, meta),), rejected = clips_of(known(path, 10, 90), CropSettings.for_metadata(**SETTINGS))
    assert (count, meta["end"], rejected) == (80, 90, [])


def test_the_default_video_stream_is_shown_else_the_largest(tmp_path: Path, decoder: str) -> None:
    from av.stream import Disposition

    def write(path: Path, default: int | None) -> Path:
        with av.open(str(path), "w") as container:
            streams = []
            for place, size in enumerate([(96, 64), (192, 128)]):
                stream = container.add_stream("libx264", rate=25)
                stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
                stream.options = {"preset": "ultrafast", "crf": "10"}
                stream.disposition = Disposition.default if place == default else Disposition(0)
                streams.append((stream, size))
            for number in range(30):
                for place, (stream, size) in enumerate(streams):
                    frame = av.VideoFrame.from_ndarray(numbered(100 * place + number, *size), format="rgb24")
                    frame.pts, frame.time_base = number, Fraction(1, 25)
                    container.mux(stream.encode(frame))
            for stream, _ in streams:
                container.mux(stream.encode())
        return path

    for default, chosen in ((0, 0), (1, 1), (None, 1)):
        path = write(tmp_path / f"{default}.mkv", default)
        info = probe(path)
        assert (info.stream, info.streams, info.width_px) == (chosen, 2, 192 if chosen else 96)
        if decoder == "decord":
            refused(path, decoder, "cannot choose among the 2 video streams")
        else:
            assert shown(path, decoder)[0] == [(n, 100 * chosen + n) for n in range(30)]
    ((_, _, meta),), _ = clips_of(known(path, 0, 20, size=(192, 128)), CropSettings.for_metadata(**SETTINGS))
    assert (meta["video"]["stream"], meta["video"]["video_streams"]) == (1, 2)


def test_times_with_b_frames_are_those_of_display(tmp_path: Path, decoder: str) -> None:
    path = encode(tmp_path / "b.mp4", range(120), options=B_FRAMES)
    assert shown(path, decoder) == ([(n, n) for n in range(120)], [0])
    assert shown(path, decoder, 70, 75)[0] == [(n, n) for n in range(70, 75)]


@pytest.mark.parametrize(("rate", "dropped", "doubled"), [(25, 0, 0), (50, 49, 0), (20, 0, 10)])
def test_dropped_and_doubled_frames_are_counted(
    tmp_path: Path, decoder: str, rate: int, dropped: int, doubled: int
) -> None:
    path = write_video(tmp_path / "a.mp4", map(numbered, range(2 * rate)), fps=rate)
    with open_decoder(path, decoder=decoder) as opened:
        assert len(list(opened.frames(0, 1000))) == 50
        assert (opened.counts.dropped, opened.counts.doubled) == (dropped, doubled)


def test_counts_stand_in_meta_and_in_the_summary(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 255, (64, 96, 3), np.uint8) for _ in range(60)]
    path = write_video(tmp_path / "a.avi", frames, codec="mjpeg", fps=50)
    data = bytearray(path.read_bytes())
    starts = [at for at in range(len(data)) if data[at : at + 3] == b"\xff\xd8\xff"]
    data[starts[31] : starts[32] - 16] = bytes(starts[32] - 16 - starts[31])
    path.write_bytes(data)
    job = CropJob(tmp_path / "out", CropSettings.for_metadata(**SETTINGS))
    summary = run_local(Work(CroppedVideos([known(path, 0, 30)], job), job.writer), lanes=1)
    assert summary.done == 1
    assert summary.as_dict()["source_frames"] == {"doubled": 0, "dropped": 28, "undecodable": 1}
    (meta,) = (tmp_path / "out" / "meta").glob("p*.json")
    frames = json.loads(meta.read_text())["crop"]["frames"]
    assert frames == {"dropped": 28, "doubled": 0, "undecodable": 1}


def test_decord_is_given_up_when_it_does_not_answer(tmp_path: Path) -> None:
    pytest.importorskip("decord")
    path = write_video(tmp_path / "a.mp4", map(numbered, range(10)))
    begun = time.perf_counter()
    with pytest.raises(CorruptSourceError, match=r"took longer than 0\.001 s.*--decoder pyav"):
        DecordDecoder(probe(path), most_seconds=0.001)
    assert time.perf_counter() - begun < 20


def test_a_picture_of_a_second_stays_and_one_of_five_does_not(tmp_path: Path, decoder: str) -> None:
    path = write_video(tmp_path / "slides.mkv", map(numbered, range(4)), times_ms=[0, 1000, 2000, 7000])
    frames, begins = shown(path, decoder)
    by_picture = {place: [n for n, _ in group] for place, group in itertools.groupby(frames, key=lambda f: f[1])}
    assert by_picture[0] == list(range(25))
    assert by_picture[1] == list(range(25, 50))
    assert by_picture[2][0] == 50
    assert len(by_picture[2]) <= 25
    assert by_picture[3][0] == 175
    assert begins == [0, 175]


@pytest.mark.parametrize("first", [30, 35, 65], ids=["of a group", "inside a group", "inside the last group"])
def test_an_edit_list_begins_inside_a_group_of_pictures(tmp_path: Path, decoder: str, first: int) -> None:
    """What ``ffmpeg -ss`` and phones write: earlier frames are in the file, to decode from, and are not shown."""
    encode(tmp_path / "whole.mp4", range(80), options={**B_FRAMES, "g": "30", "keyint_min": "30", "sc_threshold": "0"})
    path = tmp_path / "cut.mp4"
    with (
        av.open(str(tmp_path / "whole.mp4")) as source,
        av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as target,
    ):
        (stream,) = source.streams.video
        copy = target.add_stream_from_template(stream)
        assert stream.time_base is not None
        earlier = round(first / 25 / stream.time_base)
        for packet in source.demux(stream):
            if packet.size:
                assert packet.pts is not None
                assert packet.dts is not None
                packet.pts, packet.dts, packet.stream = packet.pts - earlier, packet.dts - earlier, copy
                target.mux(packet)
    if decoder == "decord" and first != 30:
        refused(path, decoder, "finds")
        return
    with open_decoder(path, decoder=decoder) as opened:
        if decoder == "torchcodec" and first == 35:
            # releases 0.11 to 0.13 seek past the first frames, with FFmpeg 5.1
            with contextlib.suppress(UnsuitableDecoderError):
                assert [number_of(frame) for frame in opened.frames(0, 1000)] == list(range(first, 80))
            return
        assert [number_of(frame) for frame in opened.frames(0, 1000)] == list(range(first, 80))
        assert [number_of(frame) for frame in opened.frames(10, 15)] == list(range(first + 10, first + 15))
        assert opened.counts == FrameCounts(0, 0, 0)


FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


@pytest.mark.parametrize(
    ("form", "options", "part"),
    [
        ("mp4", FRAGMENTS, "a box (mdat)"),
        ("ts", {}, "a packet"),
        ("m2ts", {"mpegts_m2ts_mode": "1"}, "a packet"),
        ("avi", {}, "its list of frames"),
        ("mkv", {}, "its segment"),
    ],
)
def test_a_file_that_ends_in_the_middle_of_a_part_is_noticed_without_an_index(
    tmp_path: Path, form: str, options: dict[str, str], part: str
) -> None:
    whole = write_video(tmp_path / f"whole.{form}", map(numbered, range(200)), container_options=options)
    assert probe(whole).cut_off_in is None
    data = whole.read_bytes()
    cut = tmp_path / f"cut.{form}"
    cut.write_bytes(data[: len(data) * 6 // 10 // 188 * 188 + 50])
    assert probe(cut).cut_off_in == part
    job = CropJob(tmp_path / "out", CropSettings.for_metadata(**SETTINGS))
    summary = run_local(Work(CroppedVideos([known(cut, 0, 60)], job), job.writer), lanes=1)
    assert (summary.done, dict(summary.remarks)) == (1, {"its video is cut off": 1})
    (row,) = (row for row in Provenance(tmp_path / "out").rows() if row.status == "done")
    assert row.reason.startswith("its video is cut off: ")
    if form not in ("mkv", "avi"):
        assert row.reason.endswith(f"the file ends in the middle of {part}")


def test_a_fragment_without_its_data_is_noticed_and_what_follows_the_last_box_is_not(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    boxes = b"".join(len(body + kind + b"size").to_bytes(4, "big") + kind + body for kind, body in (
        (b"ftyp", b"isom0000"), (b"moov", b"0" * 30), (b"moof", b"1" * 20), (b"mdat", b"2" * 90), (b"moof", b"3" * 20)
    ))  # fmt: skip
    for data, part in (
        (boxes, "a fragment"),
        (boxes[:-3], "a box (moof)"),
        (boxes[:-28], None),
        (boxes[:-28] + b"\0" * 100, None),
        (b"\0\0\0\x08free" * (1 << 19) + b"\0\0\0\xffmdat", None),
        (boxes[:-28] + b"\0\0\0\xffnote", None),
        (boxes[:-28] + b"\0\0\0\0mdat", None),
        (boxes[:-28] + b"\0\0\0\1mdat" + (1 << 40).to_bytes(8, "big"), "a box (mdat)"),
    ):
        path.write_bytes(data)
        assert cut_off_in(path, "mov,mp4,m4a,3gp,3g2,mj2") == part


@pytest.mark.parametrize("form", ["mp4", "mkv"])
def test_what_is_missing_at_the_end_of_a_broken_download_is_told(tmp_path: Path, form: str) -> None:
    path = write_video(tmp_path / f"whole.{form}", map(numbered, range(200)))
    if form == "mp4":  # with the index in front, as it is on the web
        front = tmp_path / "front.mp4"
        with av.open(str(path)) as source, av.open(str(front), "w", options={"movflags": "faststart"}) as to:
            stream = to.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    to.mux(packet)
        path = front
    info = probe(path)
    assert info.indexed_seconds == pytest.approx(8, abs=0.05)
    assert read_timeline(info).missing_seconds(info) == 0
    held = replace(info, indexed_seconds=20.0)  # whose last frame is shown for long
    assert (read_timeline(info).missing_seconds(held) == 0) == (form == "mp4")
    cut = tmp_path / f"cut.{form}"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    job = CropJob(tmp_path / "out", CropSettings.for_metadata(**SETTINGS))
    summary = run_local(Work(CroppedVideos([known(cut, 0, 60)], job), job.writer), lanes=1)
    assert (summary.done, dict(summary.remarks)) == (1, {"its video is cut off": 1})
    (meta,) = (tmp_path / "out" / "meta").glob("p*.json")
    missing = json.loads(meta.read_text())["crop"]["video"]["missing_seconds"]
    assert 2 < missing < 5
    (row,) = (row for row in Provenance(tmp_path / "out").rows() if row.status == "done")
    assert row.reason == f"its video is cut off: {missing:g} s at its end are missing"
