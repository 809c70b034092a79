"""Figures of sound and picture together, by SyncNet, for the face that the landmarks track."""

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from mmvoxceleb.modalities import AUDIO, LANDMARKS
from mmvoxceleb.processing.scores.face_crops import longest_track
from mmvoxceleb.processing.scores.interface import Measured, Scorer, figures_named
from mmvoxceleb.processing.scores.lip_sync import SAMPLES_PER_FRAME, LipSync
from mmvoxceleb.processing.scores.loudness import silent_share
from mmvoxceleb.processing.scores.material import VOICE_RATE, Material

__all__ = ["SyncScorer"]

logger = logging.getLogger(__name__)

_DIGITS = 3
"""Number of digits that the original prints. Further digits depend on the machine."""


class SyncScorer(Scorer):
    """Measure with SyncNet by how many frames the sound comes too early, and with which confidence.

    Attributes:
        least_frames: Number of consecutive frames in which the face must be tracked, as in LatentSync; the original
            needs 100.
    """

    name = "sync"
    figures = figures_named("sync_offset", "sync_confidence", "sync_distance")
    reads = (AUDIO.folder(), LANDMARKS.folder())
    least_frames: ClassVar[int] = 50
    models = ("syncnet",)

    @cached_property
    def _model(self) -> LipSync:
        return LipSync(device=self.device)

    @property
    def resolved_device(self) -> str:
        return self._model.device.type

    def settings(self) -> dict[str, Any]:
        return self._model.settings()

    def computation(self) -> dict[str, Any]:
        return self._model.computation()

    def setup(self) -> None:
        if self.resolved_device == "cpu":
            logger.warning(
                "SyncNet takes far longer on a CPU than all other figures (docs/scores.md); to leave it out, name "
                "others by --figures"
            )
        self._model.setup()

    def teardown(self) -> None:
        self._model.teardown()

    def measure(self, material: Material) -> Mapping[str, Measured]:
        found = self._told(material)
        if isinstance(found, str):
            return {figure.name: found for figure in self.figures}
        return dict(zip((figure.name for figure in self.figures), found, strict=True))

    def _told(self, material: Material) -> tuple[float, float, float] | str:
        """Return offset, confidence and distance, or the reason why they cannot be measured."""
        if material.voice is None:
            return material.without_sound
        if material.without_face or material.landmarks is None:
            return material.without_face
        track = longest_track(material.landmarks)
        if track is None or len(track) < self.least_frames:
            return f"too short: a face is followed for under {self.least_frames} frames"
        place = int(np.searchsorted(material.indices, track.first))
        if not np.array_equal(material.indices[place : place + len(track)], track.first + np.arange(len(track))):
            return "frames are missing: SyncNet needs all that follow one another"
        start = track.first * SAMPLES_PER_FRAME
        voice = material.voice[start : start + len(track) * SAMPLES_PER_FRAME]
        if silent_share(voice[None], VOICE_RATE) in (None, 1.0):
            return "silent: below -60 dB all through"
        samples = np.rint(voice * 32768).clip(-32768, 32767).astype(np.int16)
        sync = self._model(material.frames[place : place + len(track)], track, samples)
        if sync is None:
            return "too short: its sound ends before"
        return float(sync.offset), round(sync.confidence, _DIGITS), round(sync.distance, _DIGITS)
