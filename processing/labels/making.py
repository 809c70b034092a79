"""Make the stage that labels clips, by the name of its model."""

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
    """Make the stage that labels clips. This loads no model.

    Args:
        weights: Weights for :class:`AttributePredictor`; or ``open`` for measurements, which need no weights except
            those of MediaPipe's landmarks.
        detector: Name of the detector of the five points by which FaRL aligns faces. Measurements do not use it.
        detector_weights: Weights of the detector, or MediaPipe's ``face_landmarker.task`` for measurements. With None,
            they are downloaded.
        num_frames: Number of frames to use.
        threshold: An attribute is 1 if its mean probability is above this. Measurements have their own thresholds.
        thresholds: Other thresholds for some attributes, by name.
        overwrite_manual: Whether to replace manual labels.
        network: ``device``, ``precision`` and ``batch_size`` of :class:`AttributePredictor`.

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
