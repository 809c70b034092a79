"""Figures of the sound: loudness, and the shares that are clipped, silent or speech."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from mmvoxceleb.modalities import AUDIO
from mmvoxceleb.modalities.audio import clipped_samples
from mmvoxceleb.processing.scores.interface import Measured, Scorer, figures_named
from mmvoxceleb.processing.scores.loudness import integrated_loudness, silent_share
from mmvoxceleb.processing.scores.material import Material
from mmvoxceleb.processing.scores.speech import SpeechDetector

__all__ = ["SoundScorer", "SpeechScorer"]

_SHORT = "too short: sound of under 0.4 s"
_QUIET = "silent: nowhere louder than -70 LUFS"


class SoundScorer(Scorer):
    """Measure the level of the sound."""

    name = "sound"
    figures = figures_named("loudness", "clipped_share", "silent_share")
    reads = (AUDIO.folder(),)
    reads_frames = False

    def measure(self, material: Material) -> Mapping[str, Measured]:
        sound = material.sound
        if sound is None:
            return {figure.name: material.without_sound for figure in self.figures}
        samples = sound.checked()
        loudness = integrated_loudness(samples, sound.rate)
        silent = silent_share(samples, sound.rate)
        is_short = samples.shape[1] < 0.4 * sound.rate
        return {
            "loudness": (_SHORT if is_short else _QUIET) if loudness is None else loudness,
            "clipped_share": clipped_samples(samples) / samples.size,
            "silent_share": _SHORT if silent is None else silent,
        }


class SpeechScorer(Scorer):
    """Measure the share of speech with Silero VAD."""

    name = "speech"
    figures = figures_named("speech_share")
    models = ("silero-vad",)
    reads = (AUDIO.folder(),)
    reads_frames = False

    @cached_property
    def _detector(self) -> SpeechDetector:
        return SpeechDetector()

    def settings(self) -> dict[str, Any]:
        return self._detector.settings()

    def computation(self) -> dict[str, Any]:
        return self._detector.computation()

    def setup(self) -> None:
        self._detector.setup()

    def teardown(self) -> None:
        self._detector.teardown()

    def measure(self, material: Material) -> Mapping[str, Measured]:
        voice = material.voice
        return {"speech_share": material.without_sound if voice is None else self._detector.share(voice)}
