"""The generator of Unpaired Portrait Drawing: one encoder, a style map, nine residual blocks, a decoder.

Written from the layer shapes and keys of the published checkpoint ``200_net_G_A.pth``.
Architecture: Yi et al., Unpaired Portrait Drawing Generation via Asymmetric Cycle Mapping, CVPR 2020.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["NUM_STYLES", "PortraitGenerator", "ResidualBlock"]

NUM_STYLES = 3
_BLOCKS = 9


class PortraitGenerator(nn.Module):
    """Draws a portrait in lines. Every normalisation is an instance normalisation without parameters.

    The style enters as constant maps beside the features. A convolution turns a constant map into a constant,
    which the normalisation after it removes, everywhere but at the border: so the zero padding of ``model.0``
    is what makes the styles differ, and must stay.
    """

    def __init__(self) -> None:
        super().__init__()
        self.model0 = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(3, 64, 7),
            *_norm_relu(64),
            nn.Conv2d(64, 128, 3, 2, 1),
            *_norm_relu(128),
            nn.Conv2d(128, 256, 3, 2, 1),
            *_norm_relu(256),
        )
        self.model = nn.Sequential(
            nn.Conv2d(256 + NUM_STYLES, 256, 3, 1, 1),
            *_norm_relu(256),
            *(ResidualBlock(256) for _ in range(_BLOCKS)),
            nn.ConvTranspose2d(256, 128, 3, 2, 1, output_padding=1),
            *_norm_relu(128),
            nn.ConvTranspose2d(128, 64, 3, 2, 1, output_padding=1),
            *_norm_relu(64),
            nn.ReflectionPad2d(3),
            nn.Conv2d(64, 1, 7),
            nn.Tanh(),
        )

    def forward(self, pictures: "Tensor", style: int) -> "Tensor":
        """Draw in one style.

        Args:
            pictures: float [N, 3, H, W], RGB, -1 to 1; sides multiples of 4.
            style: 0 to 2.

        Returns:
            float [N, 1, H, W], -1 (black) to 1 (white).
        """
        return self.decode(self.encode(pictures), style)

    def encode(self, pictures: "Tensor") -> "Tensor":
        """Compute what all styles share: float [N, 256, H/4, W/4]."""
        features: Tensor = self.model0(pictures)
        return features

    def decode(self, features: "Tensor", style: int) -> "Tensor":
        """Draw encoded pictures in one style."""
        count, _, height, width = features.shape
        style_map = features.new_zeros((count, NUM_STYLES, height, width))
        style_map[:, style] = 1
        drawing: Tensor = self.model(torch.cat([features, style_map], dim=1))
        return drawing


class ResidualBlock(nn.Module):
    """Two convolutions with mirrored borders, added to what goes in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            *_norm_relu(channels),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: "Tensor") -> "Tensor":
        refined: Tensor = x + self.conv_block(x)
        return refined


def _norm_relu(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(channels), nn.ReLU()
