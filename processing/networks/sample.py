"""The network of the sample models: one small trunk, and heads for masks, drawings and attributes.

It is ours and was trained on generated faces (``builder_scripts/train_sample_models.py``), to show the pipeline
without a download.
"""

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from mmvoxceleb.processing.sample_models import SAMPLE_ATTRIBUTES
from mmvoxceleb.schema import NUM_CLASSES

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DRAWING_STEP", "INPUT_PX", "MASK_STEP", "SampleNetwork"]

INPUT_PX = 256
MASK_STEP, DRAWING_STEP = 2, 4
"""The decoder ends at 128 px. A cell holds 2x2 places of the mask and 4x4 of the drawing, as channels."""

_WIDTHS = (16, 32, 56, 80, 112)


class SampleNetwork(nn.Module):
    """An encoder to 1/32 of the input and a decoder back to 1/2 of it.

    Pictures are float [N, 3, 256, 256], RGB, -1 to 1.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *_WIDTHS[:-1])
        self.down = nn.ModuleList(
            nn.Sequential(_conv(before, width, stride=2), *([_conv(width, width)] if number else []))
            for number, (before, width) in enumerate(zip(inputs, _WIDTHS, strict=True))
        )
        self.context = _conv(_WIDTHS[-1], _WIDTHS[-1])
        self.lateral = nn.ModuleList(nn.Conv2d(wide, narrow, 1) for narrow, wide in pairwise(_WIDTHS))
        self.up = nn.ModuleList(_conv(width, width) for width in _WIDTHS[:-1])
        self.mask_head = nn.Conv2d(_WIDTHS[0], NUM_CLASSES * MASK_STEP**2, 1)
        self.drawing_stem = _conv(_WIDTHS[0], _WIDTHS[0])
        self.drawing_head = nn.Conv2d(_WIDTHS[0], DRAWING_STEP**2, 3, padding=1)
        self.attribute_head = nn.Sequential(
            nn.Linear(2 * _WIDTHS[-1], 64), nn.ReLU(), nn.Linear(64, len(SAMPLE_ATTRIBUTES))
        )

    def mask(self, pictures: "Tensor") -> "Tensor":
        """Compute logits of the classes: float [N, 19, 256, 256]."""
        return functional.pixel_shuffle(self.mask_head(self.decoded(self.encoded(pictures))), MASK_STEP)

    def drawing(self, pictures: "Tensor") -> "Tensor":
        """Draw: float [N, 1, 512, 512], 0 black to 1 white."""
        features = self.drawing_stem(self.decoded(self.encoded(pictures)))
        return functional.pixel_shuffle(self.drawing_head(features), DRAWING_STEP).sigmoid()

    def attributes(self, pictures: "Tensor") -> "Tensor":
        """Compute logits of :data:`SAMPLE_ATTRIBUTES`, in their order: float [N, 20]."""
        return self.attributes_from(self.encoded(pictures)[-1])

    def encoded(self, pictures: "Tensor") -> "list[Tensor]":
        """Compute the features of every size, from 1/2 to 1/32 of the input."""
        features = []
        x = pictures
        for stage in self.down:
            x = stage(x)
            features.append(x)
        features[-1] = x + self.context(x)
        return features

    def decoded(self, features: "list[Tensor]") -> "Tensor":
        """Bring them back to 1/2 of the input: float [N, 16, 128, 128]."""
        x = features[-1]
        for level in range(len(_WIDTHS) - 2, -1, -1):
            x = functional.interpolate(self.lateral[level](x), scale_factor=2.0, mode="nearest")
            x = self.up[level](x + features[level])
        return x

    def attributes_from(self, deepest: "Tensor") -> "Tensor":
        """Compute the attributes' logits from the features of 1/32."""
        pooled = torch.cat([deepest.mean((2, 3)), deepest.amax((2, 3))], dim=1)
        logits: Tensor = self.attribute_head(pooled)
        return logits


def _conv(before: int, width: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
    )
