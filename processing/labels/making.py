"""Make the stage of labels from the name of its model."""

import os
from collections.abc import Mapping
from typing import Any

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.detectors import open_detector
from mmvoxceleb.processing.labels.measured.stage import MeasuredLabelStage
from mmvoxceleb.processing.labels.predictor import AttributePredictor
from mmvoxceleb.processing.labels.stage import NUM_FRAMES, LabelingStage, LabelStage
from mmvoxceleb.processing.landmarks import FaceLandmarker
from mmvoxceleb.processing.model_names import OPEN

__all__ = ["make_label_stage"]


def make_label_stage(
    weights: str | os.PathLike[str] | None = None,
    *,
    detector: str = "yunet",
    detector_weights: str | os.PathLike[str] | None = None,
    num_frames: int = NUM_FRAMES,
    threshold: float = 0.5,
    thresholds: Mapping[str, float] | None = None,
    overwrite_manual: bool = False,
    **network: Any,
) -> LabelingStage:
    """Make the stage that labels clips; nothing is loaded yet.

    Args:
        weights: As of :class:`AttributePredictor`; or ``open``: measurements, which need no weights but MediaPipe's
            landmarks.
        detector: What finds the five points by which FaRL aligns faces. Measurements have their own.
        detector_weights: Its file, or MediaPipe's ``face_landmarker.task`` for measurements; downloaded by default.
        num_frames: Frames used.
        threshold: An attribute is 1 if its probability is above this. Measurements have their own.
        thresholds: Other thresholds for some attributes, by name.
        overwrite_manual: Whether manual labels may be replaced.
        network: Device, precision and batch size, for :class:`AttributePredictor`.

    Raises:
        ConfigError: The model does not support an option.
    """
    if weights == OPEN:
        if threshold != 0.5 or thresholds:
            raise ConfigError("measurements decide by rules with two thresholds each; leave thresholds out")
        if network.get("precision", "auto") not in ("auto", "fp32"):
            raise ConfigError("measurements compute in fp32 alone; leave --precision out")
        landmarker = FaceLandmarker(detector_weights, looks_twice=True)
        return MeasuredLabelStage(landmarker, num_frames=num_frames, overwrite_manual=overwrite_manual)
    predictor = AttributePredictor(weights, **network)
    needed = predictor.needs_landmarks
    finder = open_detector(detector, weights=detector_weights, device=predictor.device) if needed else None
    return LabelStage(
        predictor, finder, num_frames=num_frames, threshold=threshold, thresholds=thresholds,
        overwrite_manual=overwrite_manual,
    )  # fmt: skip
