"""Sound for the clips of a corpus, and clicks to be found again."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from mmvoxceleb.codecs.flac import encode_flac
from tests.support.corpus import Corpus

RATE = 16000


def samples_of(clip: int, num_frames: int, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """int16 [channels, num_frames * rate / 25]: noise, other for each clip."""
    rng = np.random.default_rng(clip)
    return rng.integers(-9000, 9000, (channels, num_frames * rate // 25)).astype(np.int16)


def add_sounds(corpus: Corpus, root: Path, channels: int = 1) -> None:
    """Write ``audio/<clip>.flac`` for all clips."""
    (root / "audio").mkdir(parents=True)
    for number, (clip, count) in enumerate(zip(corpus.clips, corpus.num_frames, strict=True)):
        data = encode_flac(samples_of(number, count, channels=channels), RATE)
        (root / "audio" / f"{clip}.flac").write_bytes(data)


def tones(seconds: float, rate: int = RATE, channels: int = 1) -> np.ndarray:
    """int16 [channels, N]: tones of many pitches, quiet and loud by turns, with pauses."""
    time = np.arange(round(seconds * rate)) / rate
    level = np.array([0.5, 0.02, 0, 0.2, 0.9])[(time * 2).astype(int) % 5]
    voices = [sum(np.sin(2 * np.pi * f * (c + 1) * time) for f in (45, 220, 1000, 3500)) / 4 for c in range(channels)]
    return np.asarray(np.stack(voices) * level * 32000, np.int16)


def vowels(seconds: float) -> np.ndarray:
    """int16 [N]: a voice of a falling pitch through the resonances of three vowels, by turns."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 130 - 20 * (time % 0.8) + 4 * np.sin(2 * np.pi * 5 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    vowel = (time / 0.18).astype(int) % 3
    formants = np.array([(730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410)], float)[vowel]
    voice = np.zeros_like(time)
    for harmonic in range(1, 30):
        near = (harmonic * pitch[:, None] - formants) / np.array([90, 110, 170])
        voice += (1 / (1 + near**2)).sum(axis=1) * np.sin(harmonic * phase) / harmonic**0.5
    swell = np.abs(np.sin(2 * np.pi * 2.7 * time)) ** 0.7
    return np.asarray(voice / np.abs(voice).max() * swell * 20000, np.int16)


def silero_weights() -> Path:
    """Find the published weights of Silero VAD in the package silero-vad, which is not imported; else skip the test."""
    found = importlib.util.find_spec("silero_vad")
    if found is None or not found.submodule_search_locations:
        pytest.skip("silero-vad is not installed")
    return Path(found.submodule_search_locations[0]) / "data" / "silero_vad.jit"
