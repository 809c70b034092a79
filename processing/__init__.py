"""Make the modalities of a dataset from any face video: clips, sound, landmarks, masks, drawings, labels and text.

Import it as ``mmvoxceleb.processing``. It needs the extra ``processing``.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmvoxceleb.processing.audio import AudioSettings, AudioStage
    from mmvoxceleb.processing.crop import CropSettings
    from mmvoxceleb.processing.crop.stage import CropStage
    from mmvoxceleb.processing.detectors import open_detector
    from mmvoxceleb.processing.drawings import DrawStage, PortraitDrawer
    from mmvoxceleb.processing.engines.outcomes import Summary
    from mmvoxceleb.processing.labels import AttributePredictor
    from mmvoxceleb.processing.labels.stage import LabelStage
    from mmvoxceleb.processing.landmarks import FaceLandmarker, LandmarkStage
    from mmvoxceleb.processing.masks import FaceParser, MaskStage
    from mmvoxceleb.processing.model_sets import ModelChoices, make_stages
    from mmvoxceleb.processing.pipeline import Pipeline
    from mmvoxceleb.processing.stage import Clip, Stage, StageOutput
    from mmvoxceleb.processing.text.stage import TextStage

__all__ = [
    "AttributePredictor",
    "AudioSettings",
    "AudioStage",
    "Clip",
    "CropSettings",
    "CropStage",
    "DrawStage",
    "FaceLandmarker",
    "FaceParser",
    "LabelStage",
    "LandmarkStage",
    "MaskStage",
    "ModelChoices",
    "Pipeline",
    "PortraitDrawer",
    "Stage",
    "StageOutput",
    "Summary",
    "TextStage",
    "make_stages",
    "open_detector",
]

_PLACES = {
    "AttributePredictor": "labels",
    "AudioSettings": "audio",
    "AudioStage": "audio",
    "Clip": "stage",
    "CropSettings": "crop",
    "CropStage": "crop.stage",
    "DrawStage": "drawings",
    "FaceLandmarker": "landmarks",
    "FaceParser": "masks",
    "LabelStage": "labels.stage",
    "LandmarkStage": "landmarks",
    "MaskStage": "masks",
    "ModelChoices": "model_sets",
    "Pipeline": "pipeline",
    "PortraitDrawer": "drawings",
    "Stage": "stage",
    "StageOutput": "stage",
    "Summary": "engines.outcomes",
    "TextStage": "text.stage",
    "make_stages": "model_sets",
    "open_detector": "detectors",
}


if not TYPE_CHECKING:  # else a type checker would take any name

    def __getattr__(name: str) -> Any:
        """Import what is asked for, and no more."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
