"""Videos in which a white frame and a click come together, and the search for the clicks."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

CLICK_SECONDS = 0.01
"""The middle of a click lies so much after its flash."""

_TICKS = 90_000


def clicks(seconds: float, times: Sequence[float], rate: int, *, start: float = 0.0) -> np.ndarray:
    """float32 [N]: a soft hiss, and short tones whose middles are ``CLICK_SECONDS`` after ``times``.

    Args:
        seconds: Until when.
        times: Of the flashes.
        rate: Samples a second.
        start: When the first sample is heard.
    """
    moments = start + np.arange(round((seconds - start) * rate)) / rate
    sound = np.random.default_rng(1).normal(0, 0.003, len(moments))
    for time in times:
        away = moments - time - CLICK_SECONDS
        near = np.abs(away) < 0.01
        sound[near] += 0.7 * np.exp(-0.5 * (away[near] / 0.0015) ** 2) * np.cos(2 * np.pi * 1500 * away[near])
    return sound.astype(np.float32)


def found_clicks(samples: np.ndarray, rate: int, least: float = 0.25) -> list[float]:
    """Find the flashes' times that the clicks of int16 [N] tell, in seconds after its first sample."""
    reach = round(0.006 * rate)
    away = np.arange(-reach, reach + 1) / rate
    wave = np.exp(-0.5 * (away / 0.0015) ** 2) * np.exp(2j * np.pi * 1500 * away)
    loud = np.abs(np.convolve(samples / 32768.0, wave, "same"))
    found = []
    while loud.max(initial=0.0) > least * 0.7 * np.abs(wave).sum() / 2:
        peak = int(loud.argmax())
        found.append(peak / rate - CLICK_SECONDS)
        loud[max(0, peak - round(0.02 * rate)) : peak + round(0.02 * rate)] = 0
    return sorted(found)


def write_talking(
    path: Path,
    *,
    seconds: float = 6.0,
    fps: float = 25.0,
    times: Sequence[float] | None = None,
    flashes: Sequence[int] = (10, 37, 61, 90, 112, 140),
    video: str = "libx264",
    audio: str = "aac",
    rate: int = 44100,
    layout: str = "mono",
    sample_format: str = "",
    starts: tuple[float, float] = (0.0, 0.0),
    speed: float = 1.0,
    gap: tuple[float, float] | None = None,
    options: dict[str, str] | None = None,
) -> list[float]:
    """Write a video; return the times of its flashes, in seconds after its first frame.

    Args:
        path: The file; its ending says the container.
        seconds: Length, of what is after the start of the pictures.
        fps: Frames a second.
        times: Those of the frames, in place of ``fps``.
        flashes: Numbers of the frames that are white.
        video: The encoder of the pictures.
        audio: The encoder of the sound.
        rate: Its samples a second.
        layout: Its channels.
        sample_format: Its samples; the encoder's own by default.
        starts: When the pictures and the sound begin.
        speed: Of the sound's clock beside that of the pictures.
        gap: From when to when the sound is not there.
        options: Of the muxer.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = list(times) if times is not None else [number / fps for number in range(round(seconds * fps))]
    at = [shown[number] for number in flashes if number < len(shown)]
    picture_start, sound_start = starts
    sound = clicks(seconds + picture_start, [time + picture_start for time in at], rate, start=sound_start)
    if speed != 1.0:  # recorded by a clock that is too fast or slow: more or fewer samples for the same time
        wanted = np.arange(int(len(sound) * speed)) / speed
        sound = np.interp(wanted, np.arange(len(sound)), sound).astype(np.float32)
    with av.open(str(path), "w", options=options or {}) as container:
        pictures: Any = container.add_stream(video, rate=round(fps))
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        pictures.time_base = pictures.codec_context.time_base = Fraction(1, _TICKS)
        if video == "libx264":
            pictures.options = {"preset": "veryfast", "g": "25", "bf": "0" if path.suffix == ".avi" else "2"}
        voice: Any = container.add_stream(audio, rate=rate, layout=layout)
        if sample_format:
            voice.format = sample_format
        packets = []
        resampler = av.AudioResampler(format=voice.format, layout=layout, rate=rate)
        block = 1024
        for first in range(0, len(sound), block):
            part = sound[None, first : first + block]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout="mono")
            moment = sound_start + first / rate / speed
            frame.sample_rate = rate
            for made in resampler.resample(frame):
                made.pts = round((sound_start + first / rate) * rate)
                made.time_base = Fraction(1, rate)
                packets += [(moment, packet) for packet in voice.encode(made)]
        packets += [(seconds + picture_start, packet) for packet in voice.encode(None)]
        for _, packet in packets:
            if speed != 1.0:
                moved = round((sound_start + (packet.pts / rate - sound_start) / speed) * rate)
                packet.pts = packet.dts = moved
        packets = [
            (moment, packet)
            for moment, packet in packets
            if gap is None or not gap[0] <= moment - picture_start < gap[1]
        ]
        for number, time in enumerate(shown):
            level = 235 if number in flashes else 20
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), level, np.uint8), format="rgb24")
            picture.pts = round((picture_start + time) * _TICKS)
            picture.time_base = Fraction(1, _TICKS)
            packets += [(picture_start + time, packet) for packet in pictures.encode(picture)]
        packets += [(seconds + picture_start, packet) for packet in pictures.encode(None)]
        for _, packet in sorted(packets, key=lambda each: each[0]):
            container.mux(packet)
    return at


def add_sound(path: Path, rate: int = 32000, codec: str = "aac") -> Path:
    """Add clicks to a video without sound, one for every half second; its pictures stay as they are."""
    silent = path.with_name(f"silent-{path.name}")
    path.rename(silent)
    with av.open(str(silent)) as source, av.open(str(path), "w") as container:
        stream: Any = source.streams.video[0]
        pictures = container.add_stream_from_template(stream)
        voice: Any = container.add_stream(codec, rate=rate, layout="mono")
        seconds = float(stream.duration * stream.time_base)
        sound = clicks(seconds, np.arange(0.2, seconds, 0.5).tolist(), rate)
        resampler = av.AudioResampler(format=voice.format, layout="mono", rate=rate)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = pictures
                container.mux(packet)
        for first in range(0, len(sound), 1024):
            frame = av.AudioFrame.from_ndarray(sound[None, first : first + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, first
            for made in resampler.resample(frame):
                container.mux(voice.encode(made))
        container.mux(voice.encode(None))
    silent.unlink()
    return path
