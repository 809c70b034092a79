"""Loudness against FFmpeg's meter, and speech against the published detector's own answers."""

import contextlib
import gc
import re
from typing import Any

import numpy as np
import pytest

from mmvoxceleb.processing.scores.loudness import integrated_loudness, silent_share
from mmvoxceleb.processing.scores.speech import SpeechDetector
from mmvoxceleb.processing.weights import PUBLISHED, sha256_of
from tests.conftest import SHARED
from tests.support.sounds import RATE, silero_weights, tones, vowels


def loudness_by_ffmpeg(samples: np.ndarray, rate: int) -> float:
    """Integrated loudness as the filter ebur128 of FFmpeg reports it, to 0.1 LU."""
    import av
    import av.logging

    layout = "mono" if len(samples) == 1 else "stereo"
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T).reshape(1, -1), format="s16", layout=layout)
    frame.sample_rate, frame.pts = rate, 0
    before = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture(local=False) as told:
            graph = av.filter.Graph()
            source: Any = graph.add_abuffer(format="s16", sample_rate=rate, layout=layout)
            meter: Any = graph.add("ebur128")
            sink: Any = graph.add("abuffersink")
            source.link_to(meter)
            meter.link_to(sink)
            graph.configure()
            source.push(frame)
            source.push(None)
            with contextlib.suppress(EOFError):
                while True:
                    sink.pull()
            del graph, source, meter, sink
            gc.collect()  # its summary comes when the filter is released
    finally:
        av.logging.set_level(before)
    (found,) = re.findall(r"I: +(\S+) LUFS\n +Threshold", "".join(line for _, _, line in told))
    return float(found)


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (44100, 2), (8000, 1)])
def test_loudness_is_that_of_ffmpeg(rate: int, channels: int) -> None:
    samples = tones(6.3, rate, channels)
    ours = integrated_loudness((samples / 32768).astype(np.float32), rate)
    assert ours == pytest.approx(loudness_by_ffmpeg(samples, rate), abs=0.06)


def test_loudness_of_a_known_sine() -> None:
    """A sine of 997 Hz at full scale has -3.01 LUFS, by the standard."""
    sine = np.sin(2 * np.pi * 997 * np.arange(5 * 48000) / 48000)[None].astype(np.float32)
    assert integrated_loudness(sine, 48000) == pytest.approx(-3.01, abs=0.01)
    quieter = integrated_loudness((sine / 10).astype(np.float32), 48000)
    assert quieter == pytest.approx(-23.01, abs=0.01)


def test_no_loudness_of_silence_and_of_little() -> None:
    assert integrated_loudness(np.zeros((1, RATE), np.float32), RATE) is None
    assert integrated_loudness(np.full((1, RATE), 1e-5, np.float32), RATE) is None
    assert integrated_loudness(np.ones((1, 6399), np.float32), RATE) is None


def test_silent_share() -> None:
    sound = np.concatenate([np.zeros(3 * RATE), np.full(RATE, 0.01)]).astype(np.float32)
    assert silent_share(sound[None], RATE) == 0.75
    assert silent_share(np.stack([np.zeros_like(sound), np.full_like(sound, 0.1)]), RATE) == 0.0
    assert silent_share(sound[None, :100], RATE) is None


@pytest.fixture(scope="module")
def detector() -> SpeechDetector:
    """The published weights, out of the package silero-vad, which is not imported."""
    path = silero_weights()
    assert sha256_of(path) == PUBLISHED["silero-vad"].sha256
    return SpeechDetector(path)


def test_probabilities_are_those_of_the_published_program(detector: SpeechDetector) -> None:
    import torch

    sound = (vowels(2.0) / 32768).astype(np.float32)[: 512 * 60 + 100]
    program: Any = torch.jit.load(str(detector.weights))
    with torch.inference_mode():
        theirs = program.audio_forward(torch.from_numpy(sound[None]), RATE)[0].numpy()
    ours = detector.probabilities(sound)
    assert ours.shape == theirs.shape == (61,)
    assert theirs.max() - theirs.min() > 0.05
    assert np.abs(ours - theirs).max() < 1e-5


def test_speech_share_of_what_is_no_speech(detector: SpeechDetector) -> None:
    rng = np.random.default_rng(0)
    for name, sound in {
        "silence": np.zeros(RATE * 3),
        "noise": rng.normal(0, 0.1, RATE * 3),
        "tones": tones(3.0)[0] / 32768,
    }.items():
        share = detector.share(sound.astype(np.float32))
        assert share < 0.05, name
    assert detector.share((vowels(3.0) / 32768).astype(np.float32)) > 0.5


@pytest.mark.skipif(not (SHARED / "data" / "raw" / "d20.mp4").is_file(), reason="the real videos are not here")
@pytest.mark.parametrize(("video", "least", "most"), [("d20", 0.7, 0.8), ("d12", 0.0, 0.1)])
def test_real_sound(detector: SpeechDetector, video: str, least: float, most: float) -> None:
    """As the published program says of them: somebody speaks in d20, and hardly anybody in d12, which is loud."""
    import av

    with av.open(str(SHARED / "data" / "raw" / f"{video}.mp4")) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        parts = [part.to_ndarray() for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    samples = np.concatenate(parts, axis=1).astype(np.int16)
    share = detector.share((samples[0] / 32768).astype(np.float32))
    assert least < share < most
    ours = integrated_loudness((samples / 32768).astype(np.float32), RATE)
    assert ours == pytest.approx(loudness_by_ffmpeg(samples, RATE), abs=0.06)
