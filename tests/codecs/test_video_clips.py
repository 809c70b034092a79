"""Clips that are video files, read everywhere: numbers in the pixels tell which frame is which."""

import shutil
import zipfile
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import av
import datasets
import fsspec
import numpy as np
import pytest
from PIL import Image

from mmvoxceleb import ClipSampler, embed, load_dataset
from mmvoxceleb.codecs.flac import encode_flac
from mmvoxceleb.codecs.video import VideoFrames
from mmvoxceleb.errors import ConfigError, CorruptSourceError, MissingModalityError
from mmvoxceleb.hub.card import CardFacts
from mmvoxceleb.hub.export import export_store
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.modalities import VIDEO
from mmvoxceleb.preview.clip_view import view_clip
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.stores import open_store
from mmvoxceleb.validation import validate_store
from tests.support.http_server import FileServer
from tests.support.sounds import RATE, samples_of
from tests.support.video_clips import CLIPS, make_video_store, video_bytes
from tests.support.videos import number_of, numbered, with_matrix

HOLES = [*range(7), *range(9, 24)]
BOTH = {"modalities": ("video", "mask")}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video_store(tmp_path_factory.mktemp("videos") / "store", HOLES)


def contents(data: Any) -> list[bytes]:
    """What the files of the column are, by whatever way a record holds them."""
    files = [row["video"] for row in data.cast_column("video", datasets.Video(decode=False))]
    return [fsspec.open(file["path"]).open().read() if file["bytes"] is None else file["bytes"] for file in files]


def load(place: object, cache: Path, **options: Any) -> Any:
    options = {**BOTH, "split": "train", **options}
    return load_dataset("mmvoxceleb", data_dir=str(place), cache_dir=str(cache), **options)


def numbers(pictures: Any) -> list[int]:
    return [number_of(np.asarray(picture)) for picture in pictures]


def test_the_column_is_a_video_and_holds_the_file(store: Path, tmp_path: Path) -> None:
    data = load(store, tmp_path)
    assert isinstance(data.features["video"], datasets.Video)
    assert not {"frames", "frame_indices"} & set(data.features)
    row = data.cast_column("video", datasets.Video(decode=False))[0]
    assert row["video"]["bytes"] is None  # it is read in place
    copied = load(store, tmp_path, in_place=False)
    assert contents(data) == contents(copied) == [(store / "video" / CLIPS[0]).read_bytes()]
    assert copied.cast_column("video", datasets.Video(decode=False))[0]["video"]["path"] is None
    assert contents(embed(data)) == contents(copied)
    assert (row["num_frames"], row["mask_indices"]) == (len(HOLES), [0, 4, 12, 16, 20])
    again = load(store, tmp_path)  # from the cache
    assert again.features == data.features


def test_torchcodec_decodes_the_column(store: Path, tmp_path: Path) -> None:
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, RuntimeError, OSError) as error:
        pytest.skip(f"torchcodec does not load here: {str(error)[:80]}")
    video = load(store, tmp_path)[0]["video"]
    assert [number_of(video[place].permute(1, 2, 0).numpy()) for place in range(len(HOLES))] == HOLES


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("options", "frames", "masks"),
    [
        ({"frames_as": "images"}, HOLES, [0, 4, 12, 16, 20]),
        ({"frame_stride": 3}, [n for n in HOLES if n % 3 == 0], [0, 12]),
        ({"max_frames": 9}, HOLES[:9], [0, 4]),
        ({"aligned": True}, [0, 4, 12, 16, 20], [0, 4, 12, 16, 20]),
    ],
)
def test_pictures_keep_their_indices(
    store: Path, tmp_path: Path, streaming: bool, options: dict[str, Any], frames: list[int], masks: list[int]
) -> None:
    data = load(store, tmp_path, streaming=streaming, **options)
    row = next(iter(data))
    assert numbers(row["frames"]) == row["frame_indices"] == frames
    assert row["mask_indices"] == masks
    assert [int(np.asarray(mask).max()) for mask in row["masks"]] == [number % 19 for number in masks]


def zipped(store: Path, target: Path, compression: int) -> Path:
    target.mkdir()
    for name in ("video", "mask"):
        with zipfile.ZipFile(target / f"{name}.zip", "w", compression) as archive:
            for path in sorted((store / name).rglob("*")):
                if path.is_file():
                    archive.write(path, f"mmvoxceleb/{path.relative_to(store)}")
    return target


def renamed(store: Path, target: Path) -> Path:
    shutil.copytree(store, target)
    for clip in CLIPS:
        (target / "video" / clip).rename(target / "video" / f"{clip}.mp4")
    return target


@pytest.mark.parametrize("form", ["stored", "deflated", "renamed", "http"])
def test_every_kind_of_store_reads_them(
    store: Path, tmp_path: Path, form: str, serve: Callable[..., FileServer]
) -> None:
    place: Any = tmp_path / "place"
    if form == "renamed":
        renamed(store, place)
    else:
        zipped(store, place, zipfile.ZIP_DEFLATED if form == "deflated" else zipfile.ZIP_STORED)
    if form == "http":
        place = serve(place).url
    assert contents(load(place, tmp_path / "b")) == [(store / "video" / CLIPS[0]).read_bytes()]
    streamed = next(iter(load(place, tmp_path / "b", frames_as="images", streaming=True)))
    assert numbers(streamed["frames"]) == streamed["frame_indices"] == HOLES
    if form != "http":
        assert validate_store(open_store(place), deep=True).pictures_decoded == 2 * (len(HOLES) + 5)
    assert open_store(place).strangers() == []


def with_pictures(store: Path, target: Path) -> Path:
    """The same store, of which the first clip's frames are pictures."""
    shutil.copytree(store, target)
    path = target / "video" / CLIPS[0]
    video = VideoFrames(path.read_bytes())
    path.unlink()
    StoreWriter(target).write(
        VIDEO.folder(),
        CLIPS[0],
        [
            (f"{index:07d}.png", png(picture))
            for index, picture in zip(video.indices, video.decode(range(len(video))), strict=True)
        ],
    )
    return target


def png(picture: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_mixture_is_given_as_pictures(store: Path, tmp_path: Path) -> None:
    mixed = with_pictures(store, tmp_path / "mixed")
    for split in ("train", "test"):
        (row,) = load(mixed, tmp_path, split=split)
        assert numbers(row["frames"]) == row["frame_indices"] == HOLES
    with pytest.raises(MissingModalityError, match=rf"clip {CLIPS[0]} has pictures .*frames_as='images'.*convert"):
        load(mixed, tmp_path, frames_as="video")
    with pytest.raises(ConfigError, match=r"max_frames.*need frames_as='images'"):
        load(store, tmp_path, frames_as="video", max_frames=3)


def test_samples_equal_those_of_pictures(store: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {**BOTH, "num_frames": 4, "frame_step": 2, "image_size": None, "mask_at": "same"}
    places = [
        store,
        with_pictures(store, tmp_path / "pictures"),
        load(store, tmp_path),
        load(store, tmp_path, frames_as="images"),
    ]
    samples = [ClipSampler(place, **options)[0] for place in places]
    for sample in samples:
        shown = [number_of((frame * 255).permute(1, 2, 0).numpy()) for frame in sample["frames"]]
        assert shown == sample["frame_indices"].tolist()
        assert sample["mask"].unique().tolist() == [sample["mask_index"] % 19]
        assert sample["frames"].equal(samples[0]["frames"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "damaged"),
        (lambda data: b"", "damaged"),
        (lambda data: b"not a video", "damaged"),
        (lambda data: data[:200] + bytes(1500) + data[1700:], "cannot be decoded|damaged"),
    ],
)
def test_a_damaged_file_is_named(store: Path, tmp_path: Path, damage: Callable[[bytes], bytes], message: str) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(store, broken)
    path = broken / "video" / CLIPS[0]
    path.write_bytes(damage(path.read_bytes()))
    report = validate_store(open_store(broken), deep=True)
    assert CLIPS[0] in {problem.clip_id for problem in report.problems if problem.file == "video"}
    with pytest.raises(CorruptSourceError, match=rf"clip {CLIPS[0]}.*({message})"):
        load(broken, tmp_path, frames_as="images")


def test_validate_compares_the_provenance(store: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    shutil.copytree(store, told)
    (told / "meta").mkdir()
    (told / "meta" / f"{CLIPS[0]}.json").write_text('{"crop": {"num_frames": 24}}')
    problems = [problem.message for problem in validate_store(open_store(told)).problems]
    assert f"has {len(HOLES)} frames; its provenance says 24" in problems


def test_preview_and_export(store: Path, tmp_path: Path) -> None:
    view = view_clip(open_store(store), CLIPS[0], count=6)
    shown = {index: picture for index, picture in view.pictures[VIDEO].items() if picture is not None}
    assert [number_of(picture) for picture in shown.values()] == list(shown)
    forms: tuple[Literal["png", "mp4"], ...] = ("png", "mp4")
    for video in forms:
        settings = ExportSettings(modalities=("video", "mask"), video=video)
        export_store(store, tmp_path / video, settings, facts=CardFacts(charts=False))
        (rows,) = datasets.load_dataset(str(tmp_path / video), cache_dir=str(tmp_path / "c"), split=["train"])
        row = rows.cast_column("video", datasets.Video(decode=False))[0] if video == "mp4" else rows[0]
        if video == "png":
            assert numbers(row["frames"]) == HOLES
        else:
            assert row["video"]["bytes"] == (store / "video" / CLIPS[0]).read_bytes()


def test_an_export_puts_sound_beside_the_pictures_of_the_file(store: Path, tmp_path: Path) -> None:
    with_audio = tmp_path / "with_audio"
    shutil.copytree(store, with_audio)
    (with_audio / "audio").mkdir()
    for clip in CLIPS:
        (with_audio / "audio" / f"{clip}.flac").write_bytes(encode_flac(samples_of(0, 24), RATE))
    settings = ExportSettings(modalities=("video", "audio"), video="mp4")
    export_store(with_audio, tmp_path / "out", settings, facts=CardFacts(charts=False))
    rows = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "c"), split="train")
    data = rows.select_columns("video").cast_column("video", datasets.Video(decode=False))[0]["video"]["bytes"]
    ours, before = VideoFrames(data), VideoFrames((store / "video" / CLIPS[0]).read_bytes())
    assert ours.indices.tolist() == HOLES
    every = range(len(HOLES))
    assert np.array_equal(ours.decode(every), before.decode(every))
    with av.open(BytesIO(data), "r") as container:
        (heard,) = container.streams.audio
        samples = sum(frame.samples for frame in container.decode(heard))
    assert abs(samples - 24 * RATE // 25) < 2048


def test_a_video_of_another_rate_counts_its_frames() -> None:
    ours = VideoFrames(video_bytes([3, 4, 8]))
    assert ours.indices.tolist() == [3, 4, 8]
    assert numbers(ours.decode([2, 0])) == [8, 3]


def test_a_clock_that_begins_late_moves_no_frame() -> None:
    """As of a fragmented file with B-frames, which has no edit list."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as target, av.open(BytesIO(video_bytes(range(12))), "r") as source:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and packet.pts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts + 1024, packet.dts + 1024, stream
                target.mux(packet)
    late = VideoFrames(buffer.getvalue())
    assert late.indices.tolist() == list(range(12))
    assert numbers(late.decode(range(12))) == list(range(12))


def test_a_damaged_file_ends_no_preview_and_a_double_is_named(
    store: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = tmp_path / "odd"
    shutil.copytree(store, odd)
    (odd / "video" / CLIPS[0]).write_bytes(b"")
    shutil.copy(store / "video" / CLIPS[1], odd / "video" / f"{CLIPS[1]}.mp4")
    view = view_clip(open_store(odd), CLIPS[0])
    assert not view.pictures[VIDEO]
    assert "the file is empty" in caplog.text
    assert f"clip {CLIPS[1]}, video: exists twice, as video/{CLIPS[1]}" in caplog.text


def test_what_players_show_otherwise_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(video_bytes(range(4)))
    turned = with_matrix(tmp_path / "clip.mp4", tmp_path / "turned.mp4", 0, 1, -1, 0).read_bytes()
    with pytest.raises(CorruptSourceError, match=r"clip x: .* turned or mirrored .*regenerate crop --cropped"):
        VideoFrames(turned, clip_id="x").decode([0])
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(1), format="rgb24")))
        container.mux(stream.encode())
    with pytest.raises(CorruptSourceError, match=r"clip x: .* not square; .*regenerate crop --cropped"):
        VideoFrames(buffer.getvalue(), clip_id="x")
