import importlib.util
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmvoxceleb.errors import ConfigError, CorruptSourceError, SourceUnavailableError, UnsuitableDecoderError
from mmvoxceleb.processing import CropStage, Pipeline
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.decoders import open_decoder, probe
from mmvoxceleb.processing.decoders.pyav_decoder import PyAVDecoder
from tests.support.videos import number_of, numbered, with_matrix, write_sound, write_video


def numbers(path: str | Path, decoder: str = "pyav", start: int = 0, stop: int = 10_000, **options: Any) -> list[int]:
    with open_decoder(path, decoder=decoder, **options) as opened:
        return [number_of(frame) for frame in opened.frames(start, stop)]


def test_every_frame_at_its_own_rate(tmp_path: Path, decoder: str) -> None:
    path = write_video(tmp_path / "a.mp4", map(numbered, range(60)))
    assert numbers(path, decoder) == list(range(60))
    assert numbers(path, decoder, 20, 30) == list(range(20, 30))
    assert numbers(path, decoder, 55, 70) == list(range(55, 60))
    assert numbers(path, decoder, 60, 70) == []


def test_other_rates_show_the_last_frame_that_has_begun(tmp_path: Path, decoder: str) -> None:
    slow = write_video(tmp_path / "slow.mp4", map(numbered, range(24)), fps=24)
    fast = write_video(tmp_path / "fast.mp4", map(numbered, range(60)), fps=60)
    assert numbers(slow, decoder) == [tick * 24 // 25 for tick in range(25)]
    assert numbers(fast, decoder) == [tick * 60 // 25 for tick in range(25)]


def test_a_variable_rate_is_honoured(tmp_path: Path, decoder: str) -> None:
    times = [0, 40, 100, 110, 120, 400, 410, 700]
    path = write_video(tmp_path / "vfr.mkv", map(numbered, range(8)), times_ms=times)
    wanted = [max(i for i, time in enumerate(times) if time <= tick * 40) for tick in range(700 // 40 + 1)]
    assert numbers(path, decoder)[: len(wanted)] == wanted


def test_all_decoders_give_the_same_pixels(tmp_path: Path, decoder: str) -> None:
    rng = np.random.default_rng(0)
    frames = [np.kron(rng.integers(0, 255, (9, 13, 3), np.uint8), np.ones((8, 8, 1), np.uint8)) for _ in range(30)]
    path = write_video(tmp_path / "odd.mp4", [frame[:70, :98] for frame in frames], fps=30)
    with open_decoder(path) as first, open_decoder(path, decoder=decoder) as other:
        ours, theirs = list(first.frames(0, 99)), [frame.copy() for frame in other.frames(0, 99)]
    assert len(ours) == len(theirs) == 25
    difference = np.abs(np.stack(ours).astype(int) - np.stack(theirs))
    assert difference.mean() < 0.5
    assert difference.max() <= 4


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        ((0, 1, -1, 0), lambda frame: np.rot90(frame, -1)),
        ((-1, 0, 0, -1), lambda frame: np.rot90(frame, 2)),
        ((0, -1, 1, 0), lambda frame: np.rot90(frame)),
    ],
    ids=["90", "180", "270"],
)
def test_rotation_is_applied(
    tmp_path: Path, decoder: str, matrix: tuple[int, int, int, int], turned: Callable[[np.ndarray], np.ndarray]
) -> None:
    upright = write_video(tmp_path / "upright.mp4", map(numbered, range(4)))
    path = with_matrix(upright, tmp_path / "turned.mp4", *matrix)
    with open_decoder(upright) as plain, open_decoder(path, decoder=decoder) as opened:
        wanted = [turned(frame) for frame in plain.frames(0, 4)]
        got = [frame.copy() for frame in opened.frames(0, 4)]
        assert (opened.info.height_px, opened.info.width_px) == wanted[0].shape[:2]
    assert np.abs(np.stack(got).astype(int) - np.stack(wanted)).max() <= 4


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((-1, 0, 0, 1), lambda frame: frame[:, ::-1]),
        ((1, 0, 0, -1), lambda frame: frame[::-1]),
        ((0, 1, 1, 0), lambda frame: frame.transpose(1, 0, 2)),
        ((0, -1, -1, 0), lambda frame: np.rot90(frame, 2).transpose(1, 0, 2)),
    ],
    ids=["left-right", "upside down", "transposed", "transposed the other way"],
)
def test_mirrors_are_applied(tmp_path: Path, decoder: str, matrix: tuple[int, int, int, int], shown: Any) -> None:
    upright = write_video(tmp_path / "upright.mp4", map(numbered, range(4)))
    path = with_matrix(upright, tmp_path / "mirrored.mp4", *matrix)
    with open_decoder(upright) as plain, open_decoder(path, decoder=decoder) as opened:
        for wanted, got in zip(plain.frames(0, 4), opened.frames(0, 4), strict=True):
            assert np.abs(got.astype(int) - shown(wanted)).max() <= 4


def test_jumping_about_gives_what_decoding_through_gives(tmp_path: Path, decoder: str) -> None:
    path = write_video(tmp_path / "long.mp4", map(numbered, range(256)), gop=50)
    with open_decoder(path, decoder=decoder) as opened:
        for start in (200, 10, 12, 240, 0, 130, 255):
            assert [number_of(frame) for frame in opened.frames(start, start + 5)] == list(
                range(start, min(start + 5, 256))
            )
        interrupted = opened.frames(30, 90)
        assert number_of(next(interrupted)) == 30
        assert [number_of(frame) for frame in opened.frames(100, 102)] == [100, 101]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mkv", "libx264"), ("a.mov", "libx264"), ("a.avi", "mpeg4"), ("a.ts", "libx264"), ("a.webm", "libvpx-vp9")],
)
def test_containers(tmp_path: Path, name: str, codec: str) -> None:
    path = write_video(tmp_path / name, map(numbered, range(50)), codec=codec)
    assert numbers(path) == list(range(50))
    assert numbers(path, start=33, stop=36) == [33, 34, 35]


def test_time_begins_with_the_first_frame(tmp_path: Path, decoder: str) -> None:
    path = write_video(tmp_path / "late.mkv", map(numbered, range(10)), times_ms=range(5000, 5400, 40))
    assert numbers(path, decoder) == list(range(10))
    assert numbers(path, decoder, 4, 6) == [4, 5]


@pytest.mark.parametrize("name", ["-dash.mp4", "a b%d.mp4", "http:x.mp4", "ünïcode#1.mp4"])
def test_names_are_only_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write_video(tmp_path / "plain.mp4", map(numbered, range(3))).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert numbers(name) == [0, 1, 2]


def test_no_such_video(tmp_path: Path, decoder: str) -> None:
    with pytest.raises(SourceUnavailableError, match=r"absent\.mp4: there is no such video"):
        open_decoder(tmp_path / "absent.mp4", decoder=decoder)


def test_what_is_no_video_is_refused(tmp_path: Path, decoder: str) -> None:
    text = tmp_path / "page.mp4"
    text.write_text("<html>Video unavailable</html>")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    for path in (text, empty):
        with pytest.raises(CorruptSourceError, match=f"{path.name}: FFmpeg cannot read this"):
            open_decoder(path, decoder=decoder)
    sound = write_sound(tmp_path / "sound.m4a")
    with pytest.raises(CorruptSourceError, match="no video stream"):
        open_decoder(sound, decoder=decoder)


def test_pictures_and_covers_get_their_true_reason(tmp_path: Path, decoder: str) -> None:
    for kind in ("gif", "png", "jpeg", "webp"):
        path = tmp_path / f"{kind}.mp4"
        Image.new("RGB", (64, 48)).save(path, kind, **({"save_all": True} if kind == "gif" else {}))
        with pytest.raises(CorruptSourceError, match=rf"{kind}\.mp4: it is a {kind} file, of pictures and no video"):
            open_decoder(path, decoder=decoder)
    cover = write_sound(tmp_path / "cover.mp4", cover=True)
    with pytest.raises(CorruptSourceError, match="its only video stream is a cover picture"):
        open_decoder(cover, decoder=decoder)


def test_a_turn_to_no_right_angle_is_told_and_not_made(tmp_path: Path, decoder: str) -> None:
    upright = write_video(tmp_path / "upright.mp4", (numbered(i, 160, 96) for i in range(6)))
    for degrees in (45, 50, 90.5):
        across, down = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        path = with_matrix(upright, tmp_path / f"{degrees}.mp4", across, down, -down, across)
        if decoder == "torchcodec" and degrees < 89:
            with pytest.raises(UnsuitableDecoderError, match=f"of {degrees} degrees by a right angle; choose"):
                open_decoder(path, decoder=decoder)
            continue
        with open_decoder(path, decoder=decoder) as opened:
            (first, *_) = opened.frames(0, 2)
            told = opened.info.ignored_turn_degrees
        assert (told, first.shape) == ((None, (160, 96, 3)) if degrees > 89 else (degrees, (96, 160, 3)))


@pytest.mark.parametrize("suffix", ["mp4", "ts", "mkv", "vob", "mxf"])
def test_a_list_of_other_files_is_no_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: str, suffix: str
) -> None:
    write_video(tmp_path / "other.ts", map(numbered, range(5)))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"list.{suffix}"
    for text in (
        "ffconcat version 1.0\nfile other.ts\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n",
    ):
        path.write_text(text)
        with pytest.raises(CorruptSourceError, match=f"list.{suffix}: FFmpeg cannot read this"):
            open_decoder(path, decoder=decoder)


def test_a_list_with_a_video_behind_it_shows_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: str
) -> None:
    write_video(tmp_path / "other.ts", map(numbered, range(100, 105)))
    own = write_video(tmp_path / "own.ts", map(numbered, range(40)))
    path = tmp_path / "both.ts"
    path.write_bytes(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n" + own.read_bytes())
    monkeypatch.chdir(tmp_path)
    if decoder == "pyav":
        assert numbers(path) == list(range(40))
    else:
        with pytest.raises(UnsuitableDecoderError, match="may take this file for a list of other files"):
            open_decoder(path, decoder=decoder)


def test_a_header_without_frames_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", map(numbered, range(30)))
    data = bytearray(path.read_bytes())
    begin, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[begin:end] = bytes(end - begin)
    path.write_bytes(data)
    with pytest.raises(CorruptSourceError, match="no frame of the video can be decoded"):
        open_decoder(path)


def test_an_unknown_decoder_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pyav, torchcodec, decord"):
        open_decoder(tmp_path / "x.mp4", decoder="opencv")


def test_a_cut_off_video_gives_the_frames_that_it_has(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", map(numbered, range(100)), gop=10)
    data = path.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 2 // 3])
    got = numbers(tmp_path / "cut.mkv")
    assert 30 < len(got) < 90
    assert got == list(range(len(got)))


def test_damage_in_the_middle_is_passed_over_and_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 255, (64, 96, 3), np.uint8) for _ in range(60)]
    path = write_video(tmp_path / "a.avi", noise, codec="mjpeg")
    data = bytearray(path.read_bytes())
    starts = [at for at in range(len(data)) if data[at : at + 3] == b"\xff\xd8\xff"]
    data[starts[30] : starts[31] - 16] = bytes(starts[31] - 16 - starts[30])
    path.write_bytes(data)
    decoder = PyAVDecoder(probe(path))
    assert len(list(decoder.frames(0, 100))) == 60  # the frame before stays on
    assert decoder.counts.undecodable == 1


def test_threads_change_nothing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", map(numbered, range(80)))
    with open_decoder(path, num_threads=1) as one, open_decoder(path, num_threads=0) as many:
        for a, b in zip(one.frames(0, 80), many.frames(0, 80), strict=True):
            assert np.array_equal(a, b)


def test_decord_does_not_break_png(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    if subprocess.run([sys.executable, "-c", "import decord"], capture_output=True).returncode:
        pytest.skip("decord is not installed")
    path = write_video(tmp_path / "a.mp4", map(numbered, range(5)))
    code = f"""
import io, sys
from mmvoxceleb.processing.decoders import open_decoder
assert "decord" not in sys.modules
with open_decoder({str(path)!r}, decoder="decord") as opened:
    frame = next(opened.frames(0, 1)).copy()
assert "decord" not in sys.modules  # it runs in a process of its own
import cv2, numpy as np
from PIL import Image
data = cv2.imencode(".png", frame)[1]
assert np.array_equal(cv2.imdecode(data, 1), frame)
assert np.array_equal(np.asarray(Image.open(io.BytesIO(data.tobytes())))[..., ::-1], frame)
buffer = io.BytesIO()
Image.fromarray(frame).save(buffer, "PNG")
assert np.array_equal(cv2.imdecode(np.frombuffer(buffer.getvalue(), np.uint8), 1)[..., ::-1], frame)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(importlib.util.find_spec("torchcodec") is not None, reason="torchcodec is installed here")
def test_a_run_with_a_decoder_that_is_not_installed_says_how_to_install_it(tmp_path: Path) -> None:
    write_video(tmp_path / "raw" / "a.mp4", (numbered(number, 64, 64) for number in range(5)))
    pipeline = Pipeline([CropStage(CropSettings.for_cropped(size_px=32), decoder="torchcodec")])
    with pytest.raises(ImportError, match=r"\[torchcodec\].*or choose --decoder pyav"):
        pipeline.run(tmp_path / "raw", tmp_path / "out")
