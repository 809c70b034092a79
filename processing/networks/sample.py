"""The network of the sample models: one small trunk, and heads for masks, drawings and attributes.

It is ours and was trained on generated faces (``builder_scripts/sample/train_sample_models.py``), to show the pipeline
without a download.
"""

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from mmvoxceleb.schema import CLASSES, NUM_CLASSES, SIDE_PAIRS

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DRAWING_STEP", "MASK_STEP", "SampleNetwork"]

INPUT_PX = 256
MASK_STEP, DRAWING_STEP = 2, 4
"""The decoder ends at 128 px. A cell holds 2x2 places of the mask and 4x4 of the drawing, as channels."""

NUM_ATTRIBUTES = 20
"""As many as :data:`mmvoxceleb.processing.sample_models.SAMPLE_ATTRIBUTES`."""

_DECODED_PX = INPUT_PX // 2
_LEAST_PIXELS = 30.0
"""Nose and mouth must have so many of 256 x 256 pixels to tell the sides."""

_NEVER = -30.0
"""Logit of a class that cannot be."""

_WIDTHS = (16, 32, 56, 80, 112)


_MEASURES = 2 * _WIDTHS[-1] + NUM_CLASSES * (1 + 5 + 3 + _WIDTHS[0])
"""Of a picture, for its attributes: the deepest features, and of each class its share, place, shape and look."""

_NOSE, _LIPS = CLASSES.index("nose"), [CLASSES.index(name) for name in ("u_lip", "l_lip", "mouth")]


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
            nn.BatchNorm1d(_MEASURES, eps=1e-8, affine=False),
            nn.Linear(_MEASURES, 64),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(64, NUM_ATTRIBUTES),
        )

    def mask(self, pictures: "Tensor") -> "Tensor":
        """Compute logits of the classes: float32 [N, 19, 256, 256]."""
        return self._mask_from(self.decoded(self.encoded(pictures)))

    def drawing(self, pictures: "Tensor") -> "Tensor":
        """Draw: float [N, 1, 512, 512], 0 black to 1 white."""
        features = self.drawing_stem(self.decoded(self.encoded(pictures)))
        return functional.pixel_shuffle(self.drawing_head(features), DRAWING_STEP).sigmoid()

    def attributes(self, pictures: "Tensor") -> "Tensor":
        """Compute logits of the attributes: float32 [N, :data:`NUM_ATTRIBUTES`]. The head for them must be fp32."""
        logits: Tensor = self.attribute_head(self.measures(pictures))
        return logits

    def measures(self, pictures: "Tensor") -> "Tensor":
        """Measure what tells the attributes: float32 [N, :data:`_MEASURES`]."""
        features = self.encoded(pictures)
        decoded = self.decoded(features)
        classes = functional.avg_pool2d(self._mask_from(decoded).softmax(1), MASK_STEP).flatten(2)
        looks = torch.cat([decoded, functional.avg_pool2d(pictures, 2)], dim=1).flatten(2).float()
        weights = classes / (classes.sum(2, keepdim=True) + 1)
        # the last one is how a shape bends: smiles and arched brows
        across, down = (axis.flatten().to(classes) for axis in _axes(_DECODED_PX))
        x, y = (weights * across).sum(2, keepdim=True), (weights * down).sum(2, keepdim=True)
        dx, dy = across - x, down - y
        shapes = [x, y, *((weights * part).sum(2, keepdim=True) for part in (dx * dx, dy * dy, dx * dx * dy))]
        look = weights @ looks.transpose(1, 2)
        parts = [torch.cat([classes.mean(2, keepdim=True), *shapes, look], dim=2).flatten(1)]
        deepest = features[-1].float()
        return torch.cat([deepest.mean((2, 3)), deepest.amax((2, 3)), *parts], dim=1)

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

    def _mask_from(self, decoded: "Tensor") -> "Tensor":
        return _with_sides(functional.pixel_shuffle(self.mask_head(decoded), MASK_STEP).float())


def _with_sides(logits: "Tensor") -> "Tensor":
    """Tell left from right brows, eyes and ears by the line from the mouth to the nose, which is surer than looks.

    The person's left is what lies clockwise of that line: at the right of an upright picture.
    """
    classes = logits.softmax(1)
    across, down = (axis.to(logits) for axis in _axes(logits.shape[-1]))

    def middle(chosen: "Tensor") -> "tuple[Tensor, Tensor, Tensor]":
        total = chosen.sum((1, 2), keepdim=True)
        x, y = ((chosen * axis).sum((1, 2), keepdim=True) / (total + 1e-3) for axis in (across, down))
        return x, y, total

    nose_x, nose_y, nose = middle(classes[:, _NOSE])
    lips_x, lips_y, lips = middle(classes[:, _LIPS].sum(1))
    up_x, up_y = nose_x - lips_x, nose_y - lips_y
    is_left = up_x * (down - nose_y) - up_y * (across - nose_x) > 0
    is_sure = (nose > _LEAST_PIXELS) & (lips > _LEAST_PIXELS)
    result = logits.clone()
    for left, right in SIDE_PAIRS:
        either = torch.logsumexp(logits[:, [left, right]], dim=1)
        result[:, left] = torch.where(is_sure, torch.where(is_left, either, _NEVER), logits[:, left])
        result[:, right] = torch.where(is_sure, torch.where(is_left, _NEVER, either), logits[:, right])
    return result


def _axes(size_px: int) -> "tuple[Tensor, Tensor]":
    """Give -1 to 1 to the right, and down: float [size, size] each."""
    axis = torch.linspace(-1, 1, size_px)
    across, down = axis[None].expand(size_px, size_px), axis[:, None].expand(size_px, size_px)
    return across, down


def _conv(before: int, width: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
    )
