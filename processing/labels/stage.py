"""The stage that predicts the label of a clip, from the mean probabilities of some of its frames."""

import copy
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import ConfigError, CorruptSourceError
from mmvoxceleb.modalities import LABEL
from mmvoxceleb.processing.detectors import Detector
from mmvoxceleb.processing.devices import Computed, Request
from mmvoxceleb.processing.labels.alignment import left_to_right
from mmvoxceleb.processing.labels.predictor import AttributePredictor, label_of, thresholds_of
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput
from mmvoxceleb.schema import ATTRIBUTES, Folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "MANUAL",
    "NUM_FRAMES",
    "LabelStage",
    "LabelingStage",
    "format_label",
    "is_by_hand",
    "mended_source",
    "spread_evenly",
]

MANUAL = "manual"
"""``label_source`` of manual labels."""

MENDED = f"+{MANUAL}"
"""Ends the ``label_source`` of predicted labels of which somebody has set some attributes: ``predicted:m@1+manual``."""

NUM_FRAMES = 16


def is_by_hand(section: Mapping[str, Any]) -> bool:
    """Return whether somebody has set a label, or some of its attributes.

    Args:
        section: What the provenance says of the label.
    """
    return section.get("label_source") == MANUAL or bool(section.get("mended"))


def mended_source(before: object, label: Sequence[int], mended: Collection[str]) -> str:
    """Return the ``label_source`` of a label of which somebody has set some attributes.

    Args:
        before: The source that it had before.
        label: The 40 values now.
        mended: The attributes that were set.

    Returns:
        ``manual``, unless a model predicted values that nobody has set: then its name, followed by ``+manual``.
    """
    guessed = (name for name, value in zip(ATTRIBUTES, label, strict=True) if value != -1 and name not in mended)
    if not isinstance(before, str) or not before.startswith("predicted") or next(guessed, None) is None:
        return MANUAL
    return f"{before.removesuffix(MENDED)}{MENDED}"


class LabelingStage(Stage):
    """Write labels to ``label/<clip_id>.txt``, and keep manual labels.

    Args:
        num_frames: Number of frames to use, spread evenly over the clip. A shorter clip uses all its frames.
        overwrite_manual: Whether to replace manual labels.

    Raises:
        ConfigError: ``num_frames`` is less than 1.
    """

    name = "label"

    def __init__(self, *, num_frames: int = NUM_FRAMES, overwrite_manual: bool = False) -> None:
        if num_frames < 1:
            raise ConfigError(f"at least 1 frame per clip is needed, got {num_frames}")
        self.num_frames = num_frames
        self.overwrite_manual = overwrite_manual
        self.kept: set[str] = set()
        """Clips whose manual labels were kept."""

    @property
    def folders(self) -> tuple[Folder, ...]:
        return (LABEL.folder(),)

    def keeps(self, clip_id: str, section: Mapping[str, Any]) -> bool:
        if not is_by_hand(section) or self.overwrite_manual:
            return False
        self.kept.add(clip_id)
        return True


class LabelStage(LabelingStage):
    """Write the label of each clip to ``label/<clip_id>.txt``, decided by the mean probabilities of some frames.

    The provenance has the probabilities and the source of the label. A clip without a face in any of these frames fails
    at this stage and gets no label.

    Args:
        predictor: The model.
        detector: Finds faces and their five landmarks. May be None for a predictor that needs no landmarks, which
            does not use it.
        num_frames: Number of frames to use, spread evenly over the clip. A shorter clip uses all its frames.
        threshold: An attribute is 1 if its mean probability is above this, 0 to 1.
        thresholds: Other thresholds for some attributes, by name.
        overwrite_manual: Whether to replace manual labels.

    Raises:
        ConfigError: The predictor needs landmarks, but there is no detector; ``num_frames`` is less than 1; an
            attribute is unknown; or a threshold is out of range.
    """

    def __init__(
        self,
        predictor: AttributePredictor,
        detector: Detector | None = None,
        *,
        num_frames: int = NUM_FRAMES,
        threshold: float = 0.5,
        thresholds: Mapping[str, float] | None = None,
        overwrite_manual: bool = False,
    ) -> None:
        super().__init__(num_frames=num_frames, overwrite_manual=overwrite_manual)
        if predictor.needs_landmarks and detector is None:
            raise ConfigError(f"{predictor.model.name} needs a face detector that gives landmarks; choose yunet")
        self.predictor = predictor
        self.detector = detector if predictor.needs_landmarks else None
        self.thresholds = thresholds_of(threshold, thresholds)
        self._local = _PerThread()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_local": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = {**state, "_local": _PerThread()}

    @property
    def device(self) -> str:  # type: ignore[override]  # known once the model is
        return self.predictor.resolved_device

    def settings(self) -> dict[str, Any]:
        return {
            **self.predictor.settings(),
            "detector": self.detector.settings() if self.detector else None,
            "frames": self.num_frames,
            "thresholds": self.thresholds,
        }

    def computation(self) -> dict[str, Any]:
        return self.predictor.computation()

    def setup(self) -> None:
        if self.detector is not None:
            self.detector.setup()
        self.predictor.setup()

    def teardown(self) -> None:
        self.predictor.teardown()
        self._local = _PerThread()

    def select(self, clip: Clip) -> Sequence[int]:
        return spread_evenly(clip.frame_indices, self.num_frames)

    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> "tuple[list[int], NDArray[np.float64]]":
        """Return the indices of the frames with a face, and the 40 mean probabilities.

        Raises:
            CorruptSourceError: The clip has no frames, or none with a face.
            ConfigError: The detector gives no landmarks.
        """
        usable, frames, points = self._usable(clip, frames, self.detector)
        return usable, self.predictor(frames, points).astype(np.float64).mean(0)

    def request(self, clip: Clip, frames: "NDArray[np.uint8]") -> Request | None:
        if self.detector is not None and self.detector.needs_device:
            return None
        usable, frames, points = self._usable(clip, frames, self._own_detector())
        return replace(self.predictor.request(frames, points), note=usable)

    def finish(self, clip: Clip, computed: Computed) -> "tuple[list[int], NDArray[np.float64]]":
        (probabilities,) = computed.arrays
        return computed.request.note, probabilities.astype(np.float64).mean(0)

    def encode(self, clip: Clip, result: "tuple[list[int], NDArray[np.float64]]") -> StageOutput:
        indices, means = result
        # five digits are kept, and decided on, so that the last bits of another device rarely show
        probabilities = [None if np.isnan(value) else round(float(value), 5) for value in means]
        label = label_of([np.nan if value is None else value for value in probabilities], self.thresholds)
        source = self.predictor.label_source
        return StageOutput(
            {LABEL.folder(): [("", format_label(label))]},
            {
                "label_source": source,
                "frames_used": indices,
                "probabilities": dict(zip(ATTRIBUTES, probabilities, strict=True)),
            },
            {"label_source": source},
        )

    def _usable(
        self, clip: Clip, frames: "NDArray[np.uint8]", detector: Detector | None
    ) -> "tuple[list[int], NDArray[np.uint8], NDArray[np.float32] | None]":
        """Find the frames that the model can judge: their indices, pictures and landmarks, if it needs these.

        Raises:
            CorruptSourceError: The clip has no frames, or none with a face.
            ConfigError: The detector finds faces but gives no landmarks.
        """
        indices = list(self.select(clip))
        if not indices:
            raise CorruptSourceError(f"clip {clip.clip_id} has no label: it has no frames")
        if detector is None:
            return indices, frames, None
        landmarks = self._landmarks(clip, frames, detector)
        usable = [position for position, points in enumerate(landmarks) if points is not None]
        if not usable:
            raise CorruptSourceError(
                f"clip {clip.clip_id} has no label: {detector.name} found no face in any of the "
                f"{len(indices)} frames used; try another detector or more frames, or label it manually"
            )
        points = np.stack([found for found in landmarks if found is not None])
        return [indices[position] for position in usable], frames[usable], points

    def _own_detector(self) -> Detector | None:
        """Give this thread a detector of its own, for they are not made for several at once."""
        if self.detector is not None and self._local.detector is None:
            self._local.detector = copy.deepcopy(self.detector)
        return self._local.detector

    @staticmethod
    def _landmarks(clip: Clip, frames: "NDArray[np.uint8]", detector: Detector) -> "list[NDArray[np.float32] | None]":
        """Find the landmarks of the largest face of each frame; None if there is no face."""
        landmarks: list[NDArray[np.float32] | None] = []
        for detections in detector.detect(frames):
            if not detections:
                landmarks.append(None)
                continue
            largest = max(detections, key=lambda detection: detection.area_px)
            if largest.landmarks_px is None:
                raise ConfigError(
                    f"clip {clip.clip_id}: the detector {detector.name} gives no landmarks, which the attribute "
                    "model needs to crop faces; choose --detector yunet, or a transformers: model, which needs none"
                )
            usable = np.isfinite(largest.landmarks_px).all() and np.ptp(largest.landmarks_px) > 0
            landmarks.append(left_to_right(largest.landmarks_px) if usable else None)
        return landmarks


class _PerThread(threading.local):
    detector: Detector | None = None


def spread_evenly(indices: Sequence[int], count: int) -> list[int]:
    """Choose ``count`` of ``indices``: the middles of ``count`` equal parts. Choose all if there are no more."""
    if len(indices) <= count:
        return list(indices)
    return [indices[(2 * part + 1) * len(indices) // (2 * count)] for part in range(count)]


def format_label(label: Sequence[int]) -> bytes:
    """Format a label as in the original files: 40 values separated by commas, without a newline."""
    return ",".join(map(str, label)).encode()
