"""The sound of a clip is in step with its frames: clicks come where the flashes are, to a millisecond."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmvoxceleb.processing.audio.settings import AudioSettings
from mmvoxceleb.processing.audio.video_sound import ClipSound, VideoSound
from mmvoxceleb.processing.decoders import FPS, open_decoder
from mmvoxceleb.processing.decoders.timeline import first_number
from tests.support.talking import clicks, found_clicks, write_talking

RATE = 16000
SECONDS = 6.0

FORMS: dict[str, dict[str, Any]] = {
    "aac.mp4": {},
    "aac.mkv": {},
    "aac.ts": {},
    "opus.webm": {"video": "libvpx", "audio": "libopus", "rate": 48000},
    "vfr.mkv": {"times": [0.04 * n + 0.021 * (n // 2) for n in range(110)]},
    "30.mp4": {"fps": 30.0},
    "sound_later.mp4": {"starts": (0.0, 0.31)},
    "sound_later.ts": {"starts": (0.0, 0.31)},
    "sound_earlier.mkv": {"starts": (0.52, 0.0)},
    "sound_earlier.ts": {"starts": (0.52, 0.0)},
    "u8.avi": {"audio": "pcm_u8", "rate": 8000},
    "surround.mkv": {"audio": "pcm_s16le", "rate": 96000, "layout": "7.1"},
    "ac3.ts": {"audio": "ac3", "rate": 48000, "layout": "stereo"},
    "fast_clock.mkv": {"speed": 1.002},
    "slow_clock.ts": {"speed": 0.999},
    "gap.mp4": {"gap": (2.2, 3.0), "audio": "flac"},
}


def sound_of(path: Path, first: int = 0, num_frames: int = 150, rate: int = RATE, channels: int = 1) -> ClipSound:
    sound = VideoSound(path, AudioSettings(rate, channels))
    try:
        return sound.clip(first, num_frames)
    finally:
        sound.close()


def check(found: ClipSound, at: list[float], first: int = 0, num_frames: int = 150, rate: int = RATE) -> None:
    """Find a click for every flash of a clip, and no other."""
    assert found.samples is not None
    assert found.samples.shape[1] == num_frames * rate // FPS
    expected = [time - first / FPS for time in at if first / FPS <= time < (first + num_frames) / FPS - 0.02]
    heard = found_clicks(found.samples[0], rate, least=0.05)
    assert len(heard) == len(expected)
    assert np.abs(np.subtract(heard, expected)).max(initial=0.0) <= 0.001


@pytest.mark.parametrize("name", FORMS)
def test_clicks_are_where_the_flashes_are(name: str, tmp_path: Path) -> None:
    form = FORMS[name]
    at = write_talking(tmp_path / name, seconds=SECONDS, **form)
    with open_decoder(tmp_path / name) as decoder:
        bright = {frame.number for frame in decoder.shown(0, 150) if frame.picture.mean() > 128}
    assert {first_number(time) for time in at} <= bright
    video_start, sound_start = form.get("starts", (0.0, 0.0))
    gone = form.get("gap", (9.0, 9.0))
    heard = [time for time in at if time >= sound_start - video_start and not gone[0] <= time < gone[1]]
    sound = VideoSound(tmp_path / name, AudioSettings(RATE))
    check(sound.clip(0, 149), heard, 0, 149)
    late = sound.clip(101, 40)
    check(late, heard, 101, 40)
    check(sound.clip(3, 50), heard, 3, 50)  # back again
    sound.close()
    alone = sound_of(tmp_path / name, 101, 40)
    assert alone.samples is not None
    assert late.samples is not None
    assert np.array_equal(alone.samples, late.samples)
    assert alone.facts == late.facts


@pytest.mark.parametrize(("audio", "starts"), [("aac", (0.0, 0.0)), ("mp2", (0.0, 0.3)), ("mp2", (0.3, 0.0))])
def test_a_clock_that_starts_again(audio: str, starts: tuple[float, float], tmp_path: Path) -> None:
    at = write_talking(tmp_path / "a.ts", audio=audio, starts=starts)
    whole = (tmp_path / "a.ts").read_bytes()
    (tmp_path / "aaa.ts").write_bytes(whole * 3)
    check(sound_of(tmp_path / "aaa.ts", 0, 450), [time + SECONDS * part for part in range(3) for time in at], 0, 450)


def test_an_edit_list(tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs the ffmpeg command")
    at = write_talking(tmp_path / "a.mp4")
    cut = ["ffmpeg", "-v", "error", "-ss", "1.32", "-i", "a.mp4", "-c", "copy", "b.mp4"]
    subprocess.run(cut, cwd=tmp_path, check=True)
    check(sound_of(tmp_path / "b.mp4", 0, 110), [time - 1.32 for time in at], 0, 110)


def test_other_rates_and_channels(tmp_path: Path) -> None:
    at = write_talking(tmp_path / "a.mkv", layout="stereo", audio="flac", rate=48000)
    for rate in (8000, 22050, 44100, 48000):
        check(sound_of(tmp_path / "a.mkv", rate=rate), at, rate=rate)
    stereo = sound_of(tmp_path / "a.mkv", rate=48000, channels=2).samples
    assert stereo is not None
    assert np.array_equal(stereo[0], stereo[1])
    as_heard = np.rint(clicks(SECONDS, at, 48000) * 32768)
    gain = float(np.dot(stereo[0], as_heard) / np.dot(as_heard, as_heard))
    assert np.abs(stereo[0] - gain * as_heard).max() <= 2  # nothing is resampled that need not be


def test_seams_and_corrections_cannot_be_heard(tmp_path: Path) -> None:
    """A tone stays a tone: at no place does it step."""
    from mmvoxceleb.processing.audio.placing import Placer

    rate, pitch = 44100, 300
    for speed, jitter in ((1.0, 0.0005), (1.001, 0.0), (0.999, 0.0005)):
        rng = np.random.default_rng(3)
        placer = Placer(rate, 1)
        laid: list[np.ndarray] = []
        tone = np.sin(2 * np.pi * pitch * np.arange(5 * rate) / rate).astype(np.float32)[None]
        for first in range(0, tone.shape[1] - 1024, 1024):
            seconds = first / rate / speed + rng.uniform(-jitter, jitter)
            laid += placer.lay(max(0.0, seconds) if first else 0.0, tone[:, first : first + 1024])
        laid += placer.end()
        found = np.concatenate(laid, axis=1)[0]
        assert abs(found.size / rate - first / rate / speed) < 0.04
        largest_step = 2 * np.pi * pitch / rate
        assert np.abs(np.diff(found)).max() < 1.05 * largest_step
        assert any(event.kind == "drift" for event in placer.events) == (speed != 1.0)


def test_what_is_missing_is_silence_and_said(tmp_path: Path) -> None:
    write_talking(tmp_path / "gap.mkv", gap=(2.2, 3.0), audio="flac", rate=RATE)
    whole = sound_of(tmp_path / "gap.mkv")
    assert whole.samples is not None
    assert not whole.samples[0, int(2.5 * RATE) : int(2.9 * RATE)].any()
    assert 700 < whole.facts["silent_ms"] < 900
    assert "silent_ms" not in sound_of(tmp_path / "gap.mkv", 100, 40).facts
    write_talking(tmp_path / "late.mkv", starts=(0.0, 0.4), audio="flac", rate=RATE)
    assert sound_of(tmp_path / "late.mkv").facts["silent_ms"] == 400
    beyond = sound_of(tmp_path / "late.mkv", 140, 60)  # the video itself has 150 frames
    assert beyond.facts["silent_ms"] == 2000
    assert beyond.facts["source_rate"] == RATE
    assert beyond.facts["codec"] == "flac"
