"""Sound that is damaged, odd or not there: said in the provenance, and the clip is kept."""

from pathlib import Path

import av
import numpy as np
import pytest

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.audio.settings import AudioSettings
from mmvoxceleb.processing.audio.video_sound import ClipSound, VideoSound
from tests.support.talking import clicks, found_clicks, write_talking
from tests.support.videos import numbered, write_video

RATE = 16000


def sound_of(path: Path, first: int = 0, num_frames: int = 75) -> ClipSound:
    sound = VideoSound(path, AudioSettings(RATE))
    try:
        return sound.clip(first, num_frames)
    finally:
        sound.close()


def packets_of(path: Path, kind: str = "audio") -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(**{kind: 0}) if packet.size]


def remux(path: Path, target: Path, *, streams: int = 1, default: int | None = None, packets: bool = True) -> None:
    """Copy a video with its sound so many times; the copies are silent, and ``default`` is marked as that."""
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        pictures = container.add_stream_from_template(source.streams.video[0])
        voices = [container.add_stream_from_template(source.streams.audio[0]) for _ in range(streams)]
        for number, voice in enumerate(voices):
            if default is not None:
                voice.disposition = av.stream.Disposition.default if number == default else 0  # type: ignore[assignment]
        quiet = packets_of(path)[0]
        for packet in source.demux():
            if not packet.size:
                continue
            if packet.stream.type == "video":
                packet.stream = pictures
                container.mux(packet)
                continue
            for number, voice in enumerate(voices if packets else ()):
                copy = av.Packet(bytes(packet) if number == streams - 1 else quiet)
                copy.pts, copy.dts, copy.time_base, copy.stream = packet.pts, packet.dts, packet.time_base, voice
                container.mux(copy)


def test_the_default_stream_is_taken_else_the_first(tmp_path: Path) -> None:
    at = write_talking(tmp_path / "a.mkv", seconds=3.0, audio="pcm_s16le", rate=RATE)
    remux(tmp_path / "a.mkv", tmp_path / "second.mkv", streams=2, default=1)
    remux(tmp_path / "a.mkv", tmp_path / "first.mkv", streams=2, default=0)
    second, first = sound_of(tmp_path / "second.mkv"), sound_of(tmp_path / "first.mkv")
    assert (second.facts["stream"], second.facts["audio_streams"]) == (2, 2)
    assert first.facts["stream"] == 1
    assert second.samples is not None
    assert first.samples is not None
    assert np.allclose(found_clicks(second.samples[0], RATE), at, atol=0.001)
    assert found_clicks(first.samples[0], RATE) == []


def test_no_sound_no_packets_an_unknown_codec_and_nothing_but_damage(tmp_path: Path) -> None:
    write_video(tmp_path / "silent.mp4", [numbered(i, 64, 64) for i in range(10)])
    write_talking(tmp_path / "a.mkv", seconds=3.0, audio="flac", rate=RATE)
    remux(tmp_path / "a.mkv", tmp_path / "none.mkv", packets=False)
    unknown = (tmp_path / "a.mkv").read_bytes().replace(b"A_FLAC", b"A_XLAC")
    (tmp_path / "unknown.mkv").write_bytes(unknown)
    write_talking(tmp_path / "b.mkv", seconds=3.0, audio="flac", rate=RATE)
    broken = (tmp_path / "b.mkv").read_bytes()
    for packet in packets_of(tmp_path / "b.mkv"):
        broken = broken.replace(packet, bytes(len(packet)))
    (tmp_path / "broken.mkv").write_bytes(broken)
    for name, reason in (
        ("silent.mp4", "the video has no sound"),
        ("none.mkv", "its sound has no packets"),
        ("unknown.mkv", "its sound is of an unknown codec"),
        ("broken.mkv", "no packet of its sound can be decoded"),
    ):
        found = sound_of(tmp_path / name)
        assert found.samples is None, name
        assert found.facts == {"without": reason}


@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_damaged_packets_are_silence_and_what_follows_is_in_step(name: str, tmp_path: Path) -> None:
    at = write_talking(tmp_path / name, seconds=3.0, audio="flac" if name == "a.mkv" else "mp2", rate=32000)
    path = tmp_path / name
    data = path.read_bytes()
    if name == "a.mkv":
        for packet in packets_of(path)[8:12]:
            data = data.replace(packet, packet[:30] + bytes(len(packet) - 30))
    else:
        middle = len(data) // 188 // 3 * 188
        data = data[:middle] + bytes(188 * 12) + data[middle + 188 * 12 :]
    path.write_bytes(data)
    found = sound_of(path)
    assert found.samples is not None
    heard = found_clicks(found.samples[0], RATE)
    assert len(heard) >= 2
    assert all(min(abs(time - flash) for flash in at) <= 0.001 for time in heard)
    if name == "a.mkv":
        assert found.facts["damaged_packets"] == 4
        assert found.facts["silent_ms"] > 0


def test_sound_that_is_shorter_or_longer_than_the_pictures(tmp_path: Path) -> None:
    write_talking(tmp_path / "short.mkv", seconds=3.0, gap=(1.0, 9.0), audio="flac", rate=RATE)
    short = sound_of(tmp_path / "short.mkv")
    assert short.samples is not None
    assert short.samples.shape == (1, 48000)
    assert 1800 < short.facts["silent_ms"] < 2100
    assert not short.samples[0, 20000:].any()
    times = [number / 25 for number in range(75)]
    write_talking(tmp_path / "long.mkv", seconds=30.0, times=times, audio="flac", rate=RATE)
    long = sound_of(tmp_path / "long.mkv")
    assert long.samples is not None
    assert long.samples.shape == (1, 48000)
    assert "silent_ms" not in long.facts


def test_a_rate_and_channels_that_change_in_the_middle(tmp_path: Path) -> None:
    at = write_talking(tmp_path / "a.ts", seconds=3.0, audio="mp2", rate=44100)
    write_talking(tmp_path / "b.ts", seconds=3.0, audio="mp2", rate=32000, layout="stereo")
    path = tmp_path / "ab.ts"
    path.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    found = sound_of(path, 0, 150)
    assert found.samples is not None
    heard = found_clicks(found.samples[0], RATE, least=0.1)
    assert np.allclose(heard, [*at, *(time + 3.0 for time in at)], atol=0.001)


def test_impossible_settings_are_refused() -> None:
    for wrong in ({"rate": 100}, {"channels": 3}):
        with pytest.raises(ConfigError, match="audio"):
            AudioSettings(**wrong)
    assert clicks(1.0, [], RATE).shape == (16000,)
