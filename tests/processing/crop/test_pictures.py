"""Pictures as they are to be shown: whole, in SDR, with square pixels, of videos that store them otherwise."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.filter import Graph
from av.video import VideoStream
from av.video.format import VideoFormat

from mmvoxceleb.errors import UnsuitableDecoderError
from mmvoxceleb.processing.crop.cropping import crop_tubes
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.crop.sources import free_videos
from mmvoxceleb.processing.crop.utterance import Rejection
from mmvoxceleb.processing.decoders import open_decoder, probe
from mmvoxceleb.processing.decoders.picture import Deinterlacer
from mmvoxceleb.processing.detectors import Detector
from tests.processing.crop.test_time import Everywhere
from tests.support.videos import number_of, numbered, with_matrix, write_video

PQ, HLG, SDR_10 = 16, 18, 14
COLOURS = np.array([[0, 0, 0], [255, 255, 255], [128, 128, 128], [200, 120, 90], [60, 40, 30], [40, 90, 160]], np.uint8)


def write_filtered(
    path: Path,
    frames: list[np.ndarray],
    filters: list[tuple[str, str]],
    *,
    codec: str,
    pix_fmt: str,
    options: dict[str, str],
    colours: tuple[int, int, int] | None = None,
    shape: Fraction | None = None,
) -> Path:
    """Encode what comes out of a filter graph, with the flags that the filters set on the frames."""
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=25))
        stream.pix_fmt, stream.options = pix_fmt, {**options}
        stream.height, stream.width = frames[0].shape[:2]
        if colours is not None:
            context = stream.codec_context
            context.color_trc, context.color_primaries, context.colorspace, context.color_range = (*colours, 1)
        if shape is not None:
            stream.codec_context.sample_aspect_ratio = shape
        graph = Graph()
        last = graph.add_buffer(
            width=frames[0].shape[1], height=frames[0].shape[0], format=VideoFormat("rgb24"), time_base=Fraction(1, 25)
        )
        for name, arguments in [*filters, ("format", f"pix_fmts={pix_fmt}")]:
            step = graph.add(name, arguments)
            last.link_to(step)
            last = step
        last.link_to(graph.add("buffersink"))
        graph.configure()
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            graph.push(frame)
            container.mux(stream.encode(cast(av.VideoFrame, graph.pull())))
        container.mux(stream.encode())
    return path


def moving_bar(count: int) -> Iterator[np.ndarray]:
    """A white bar that moves 6 pixels a picture, on grey."""
    for number in range(count):
        frame = np.full((96, 192, 3), 60, np.uint8)
        frame[:, 10 + 6 * number % 150 : 40 + 6 * number % 150] = 235
        yield frame


def interlaced(path: Path, count: int = 40) -> Path:
    """50 pictures a second as 25 frames of two fields."""
    options = {"qscale": "2", "b": "8000000", "flags": "+ildct+ilme"}
    pictures = list(moving_bar(2 * count))
    frames = []
    for upper, lower in zip(pictures[::2], pictures[1::2], strict=True):
        frame = upper.copy()
        frame[1::2] = lower[1::2]
        frames.append(frame)
    fields = [("setfield", "mode=tff")]
    return write_filtered(path, frames, fields, codec="mpeg2video", pix_fmt="yuv420p", options=options)


def coloured(path: Path, transfer: int, *, primaries: int = 9, matrix: int = 9) -> Path:
    """The colours as six patches, in BT.2020 and with a transfer function of H.273."""
    patches = np.kron(COLOURS[None], np.ones((64, 32, 1), np.uint8))
    source = "in_primaries=bt709:in_transfer=bt709"
    names = {PQ: "smpte2084", HLG: "arib-std-b67", SDR_10: "bt2020-10"}
    filters = [
        ("format", "pix_fmts=gbrp16le"),
        ("scale", f"{source}:out_primaries=bt2020:out_transfer={names[transfer]}:intent=relative_colorimetric"),
        ("format", "pix_fmts=gbrp16le"),
        ("scale", "out_color_matrix=bt2020nc:out_range=tv"),
    ]
    options = {"crf": "4", "preset": "ultrafast"}
    return write_filtered(
        path,
        [patches] * 3,
        filters,
        codec="libx264",
        pix_fmt="yuv444p10le",
        options=options,
        colours=(transfer, primaries, matrix),
    )


def combing(frame: np.ndarray) -> float:
    """How much lines differ from the lines two below less than from their neighbours: high where two fields differ."""
    lines = frame[..., 1].astype(int)
    return float(np.abs(lines[1:-1] * 2 - lines[:-2] - lines[2:]).mean())


def test_interlaced_video_is_deinterlaced(tmp_path: Path) -> None:
    path = interlaced(tmp_path / "interlaced.mpg")
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb24")
    with open_decoder(path) as opened:
        shown = list(opened.frames(0, 40))
    assert len(shown) == 40
    assert combing(stored) > 10
    assert max(combing(frame) for frame in shown) < 2


def test_a_deinterlaced_frame_is_the_same_wherever_decoding_began(tmp_path: Path) -> None:
    path = interlaced(tmp_path / "interlaced.ts", 260)
    with open_decoder(path) as opened:
        through = [frame.copy() for frame in opened.frames(0, 260)]
    with open_decoder(path) as opened:
        for start in (240, 130, 132, 20):
            for number, frame in enumerate(opened.frames(start, start + 4), start):
                assert np.array_equal(frame, through[number]), number


def test_a_video_that_turns_interlaced_is_deinterlaced_from_there(tmp_path: Path) -> None:
    bars = list(moving_bar(80))
    progressive = write_filtered(
        tmp_path / "a.ts",
        bars[:25],
        [],
        codec="mpeg2video",
        pix_fmt="yuv420p",
        options={"qscale": "2", "b": "8000000"},
    )
    whole = tmp_path / "both.ts"
    whole.write_bytes(progressive.read_bytes() + interlaced(tmp_path / "b.ts").read_bytes())
    with av.open(str(whole)) as container:
        frames = [(frame.interlaced_frame, frame) for frame in container.decode(video=0)]
    assert {flag for flag, _ in frames} == {False, True}
    fields, shown = Deinterlacer(), []
    for number, (_, frame) in enumerate(frames):
        shown += fields.push(number, frame)
    shown += fields.flush()
    assert [number for number, _ in shown] == list(range(len(frames)))
    assert fields.count == sum(flag for flag, _ in frames)
    for number, frame in shown:
        rgb = frame.to_ndarray(format="rgb24")
        assert combing(rgb) < 2, number
        if not frames[number][0]:
            assert np.array_equal(rgb, frames[number][1].to_ndarray(format="rgb24"))


@pytest.mark.parametrize(
    ("transfer", "primaries", "matrix"),
    [(PQ, 9, 9), (HLG, 9, 9), (SDR_10, 9, 9), (PQ, 2, 2)],
    ids=["PQ", "HLG", "BT.2020", "PQ and nothing else said"],
)
def test_hdr_comes_out_as_the_sdr_that_it_was_made_of(
    tmp_path: Path, transfer: int, primaries: int, matrix: int
) -> None:
    path = coloured(tmp_path / "hdr.mkv", transfer, primaries=primaries, matrix=matrix)
    with av.open(str(path)) as container:
        plain = next(container.decode(video=0)).to_ndarray(format="rgb24")
    with open_decoder(path) as opened:
        shown = next(opened.frames(0, 1))
    difference, before = (np.abs(frame[32, 16::32].astype(int) - COLOURS) for frame in (shown, plain))
    assert difference.max() <= 6, difference
    assert before.max() > 12


def test_sdr_is_left_as_it_is(tmp_path: Path) -> None:
    path = write_video(tmp_path / "sdr.mp4", map(numbered, range(3)))
    assert probe(path).picture.changes() == {}
    with av.open(str(path)) as container, open_decoder(path) as opened:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb24")
        assert np.array_equal(next(opened.frames(0, 1)), stored)


@pytest.mark.parametrize("decoder", ["pyav", "torchcodec", "decord"])
@pytest.mark.parametrize("is_turned", [False, True])
def test_pixels_are_made_square(tmp_path: Path, decoder: str, is_turned: bool) -> None:
    pytest.importorskip({"pyav": "av"}.get(decoder, decoder))
    path = tmp_path / "wide.mp4"
    frame = numbered(5, 96, 64)
    options = {"crf": "2", "preset": "ultrafast", "x264-params": "sar=4/3"}
    write_filtered(path, [frame] * 3, [], codec="libx264", pix_fmt="yuv420p", options=options)
    size = (64, 128)
    if is_turned:
        path, size = with_matrix(path, tmp_path / "turned.mp4", 0, 1, -1, 0), (128, 64)
    info = probe(path)
    assert (info.height_px, info.width_px) == size
    with open_decoder(path, decoder=decoder) as opened:
        shown = next(opened.frames(0, 1))
    assert shown.shape == (*size, 3)
    upright = np.rot90(shown) if is_turned else shown
    wanted = numbered(5, 128, 64)
    assert np.abs(upright.astype(int) - wanted).mean() < 6


def shaped(path: Path, numbers: range, size: tuple[int, int], shape: str, codec: str) -> Path:
    """Numbered frames whose pixels have a shape of their own: ``4/3``."""
    frames = [numbered(number, *size) for number in numbers]
    options = {"crf": "4", "preset": "ultrafast", "x264-params": f"keyint=30:sar={shape}"}
    if codec != "libx264":
        options = {"qscale": "2", "b": "8000000"}
    filters = [("setsar", shape)]
    return write_filtered(path, frames, filters, codec=codec, pix_fmt="yuv420p", options=options, shape=Fraction(shape))


SHAPES = [
    (((96, 120), (128, 120)), ("4/3", "1/1"), ((128, 120),)),
    (((96, 80), (96, 72)), ("3/4", "1/1"), ((72, 80), (96, 72))),
    (((96, 104), (96, 104)), ("16/15", "64/45"), ((102, 104), (137, 104))),
    (((96, 72), (96, 72)), ("1/1", "4/3"), ((96, 72), (128, 72))),  # a broadcast that turns from 4:3 to 16:9
]


@pytest.mark.parametrize(
    ("codec", "sizes", "shapes", "shown_sizes"),
    [*(("libx264", *case) for case in SHAPES), ("mpeg4", *SHAPES[0]), ("mpeg2video", *SHAPES[-1])],
)
def test_each_part_has_the_shape_of_its_own_pixels(
    tmp_path: Path, codec: str, sizes: tuple[Any, Any], shapes: tuple[str, str], shown_sizes: tuple[Any, ...]
) -> None:
    parts = [
        shaped(tmp_path / f"{n}.ts", range(50 * n, 50 * n + 50), *form, codec)
        for n, form in enumerate(zip(sizes, shapes, strict=True))
    ]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with open_decoder(path) as opened:
        frames = list(opened.shown(0, 1000))
        forms = [(part.width_px, part.height_px) for part in opened.timeline.stretches()]
        again = next(opened.frames(75, 76)).copy()
    assert [number_of(frame.picture) for frame in frames] == list(range(100))
    assert list(dict.fromkeys(forms)) == list(shown_sizes)
    for frame in frames:
        width, height = shown_sizes[-1] if frame.number >= 50 else shown_sizes[0]
        assert frame.picture.shape == (height, width, 3)
        assert np.abs(frame.picture.astype(int) - numbered(frame.number, width, height)).mean() < 8
    assert np.array_equal(again, frames[75].picture)
    (video,) = free_videos(path)
    settings = CropSettings.for_free_videos(size_px=64, min_frames=5, min_face_px=8, scene_cuts=False)
    clips = crop_tubes(video, settings=settings, detector=Everywhere())
    metas = [dict(clip.meta) for clip in clips if list(clip.frames)]
    shapes_told = [meta["video"].get("pixel_aspect", "1:1").replace(":", "/") for meta in metas]
    assert shapes_told == list(shapes)
    pytest.importorskip("decord")
    with pytest.raises(UnsuitableDecoderError, match=r"cannot follow the (pictures|clock).*--decoder pyav"):
        open_decoder(path, decoder="decord")


def test_colours_are_those_of_each_part(tmp_path: Path) -> None:
    plain = write_filtered(
        tmp_path / "a.ts",
        [np.kron(COLOURS[None], np.ones((64, 32, 1), np.uint8))] * 30,
        [("scale", "out_color_matrix=bt709:out_range=tv")],
        codec="libx264",
        pix_fmt="yuv420p",
        options={"crf": "2", "preset": "ultrafast"},
        colours=(1, 1, 1),
    )
    path = tmp_path / "hdr.ts"
    path.write_bytes(plain.read_bytes() + coloured(tmp_path / "b.ts", PQ).read_bytes())
    with open_decoder(path) as opened:
        shown = list(opened.shown(0, 100))
        looks = [look.picture.colours for look in opened.timeline.looks]
    assert (looks, [frame.number for frame in shown if frame.begins_stretch]) == (["SDR", "PQ"], [0, 30])
    for frame in shown:
        assert np.abs(frame.picture[32, 16::32].astype(int) - COLOURS).max() <= 6, frame.number


@pytest.mark.parametrize("decoder", ["torchcodec", "decord"])
@pytest.mark.parametrize("kind", ["interlaced", "hdr"])
def test_decoders_that_would_show_it_wrong_refuse_and_the_run_goes_on(tmp_path: Path, decoder: str, kind: str) -> None:
    pytest.importorskip(decoder)
    path = interlaced(tmp_path / "x.mpg") if kind == "interlaced" else coloured(tmp_path / "x.mkv", PQ)
    with pytest.raises(UnsuitableDecoderError, match="--decoder pyav"):
        open_decoder(path, decoder=decoder)
    rejected: list[Rejection] = []
    (video,) = free_videos(path)
    clips = crop_tubes(video, detector=cast(Detector, object()), decoder=decoder, rejected=rejected.append)
    assert list(clips) == []
    assert [rejection.code for rejection in rejected] == ["unsuitable decoder"]


def test_meta_says_what_was_done(tmp_path: Path) -> None:
    changes = probe(interlaced(tmp_path / "x.mpg")).picture.changes()
    assert changes == {"deinterlaced": "bwdif"}
    assert probe(coloured(tmp_path / "x.mkv", HLG)).picture.changes()["tone_mapped"].startswith("HLG to BT.709")
