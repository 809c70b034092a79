"""A tiny image classifier with random weights whose labels are the 40 attributes, and a detector for made pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmvoxceleb.processing.detectors import Detection, Detector
from mmvoxceleb.schema import ATTRIBUTES


def save_classifier(folder: Path, names: Sequence[str] = ATTRIBUTES, *, seed: int = 0, **config: Any) -> Path:
    """Save a ViT of one layer of width 16, and how its pictures are prepared, as ``save_pretrained`` does."""
    import torch
    import transformers

    torch.manual_seed(seed)
    settings = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=8,
        initializer_range=0.5, id2label=dict(enumerate(names)), label2id={n: i for i, n in enumerate(names)}, **config,
    )  # fmt: skip
    transformers.ViTForImageClassification(settings).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    transformers.ViTImageProcessorPil(size=size, image_mean=[0.4] * 3, image_std=[0.2] * 3).save_pretrained(folder)
    return folder


class BrightFaces(Detector):
    """Takes each picture that is not black for a face, with given landmarks; a smaller false face comes first.

    Args:
        landmarks: [5, 2], for every picture; None for a detector without landmarks.
    """

    name = "bright"

    def __init__(self, landmarks: Any) -> None:
        self.landmarks = None if landmarks is None else np.asarray(landmarks, np.float32)

    def settings(self) -> dict[str, Any]:
        return {"name": self.name}

    def detect(self, frames: Any, *, min_face_px: float = 0) -> list[list[Detection]]:
        points = None if self.landmarks is None else np.asarray(self.landmarks * 0 + [[1, 2]], np.float32)
        small = Detection((0.0, 0.0, 2.0, 2.0), 0.99, points)
        return [
            [small, Detection((0.0, 0.0, 20.0, 20.0), 0.7, self.landmarks)] if frame.any() else [] for frame in frames
        ]
