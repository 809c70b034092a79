"""BiSeNet, the face parser of the original masks: ResNet-18 trunk, context path, fusion and a 19-class head.

Written from the layer shapes and keys of the published checkpoint ``79999_iter.pth`` (the variant of
face-parsing.PyTorch that has no separate spatial path). Architecture: Yu et al., BiSeNet, ECCV 2018.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mmvoxceleb.schema import NUM_CLASSES

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BiSeNet"]


class BiSeNet(nn.Module):
    """Face parser. Construction downloads nothing; ``load_network`` gives it its weights.

    Args:
        num_classes: Classes of the heads; 19 in the published checkpoint.
    """

    def __init__(self, num_classes: int = NUM_CLASSES) -> None:
        super().__init__()
        self.cp = _ContextPath()
        self.ffm = _FeatureFusion()
        self.conv_out = _Head(256, 256, num_classes)
        self.conv_out16 = _Head(128, 64, num_classes)
        self.conv_out32 = _Head(128, 64, num_classes)

    def forward(self, pictures: "Tensor") -> "Tensor":
        """Compute the main head alone, at the size that it has.

        Args:
            pictures: float [N, 3, H, W], RGB, normalised by ImageNet's mean and deviation; sides multiples of 32.

        Returns:
            float [N, 19, H/8, W/8], logits. The original enlarges them bilinearly with aligned corners.
        """
        features8, context8, _ = self.cp(pictures)
        logits: Tensor = self.conv_out(self.ffm(features8, context8))
        return logits

    def forward_with_auxiliary(self, pictures: "Tensor") -> "tuple[Tensor, Tensor, Tensor]":
        """Compute the main head and the two that serve training, as the original program does for every frame.

        Returns:
            float [N, 19, H/8, W/8] twice and [N, 19, H/16, W/16], logits.
        """
        features8, context8, context16 = self.cp(pictures)
        return (
            self.conv_out(self.ffm(features8, context8)),
            self.conv_out16(context8),
            self.conv_out32(context16),
        )

    def fold(self) -> "BiSeNet":
        """Fold every batch normalisation into the convolution before it, in place. For inference only.

        The state dict then has other keys; load the weights first.
        """
        for module in list(self.modules()):
            for conv, norm in _PAIRS.get(type(module), ()):
                _fold(module, conv, norm)
        return self


class _ConvNormReLU(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: "Tensor") -> "Tensor":
        return functional.relu(self.bn(self.conv(x)), inplace=not torch.is_grad_enabled())


class _BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        else:
            self.downsample = nn.Sequential()

    def forward(self, x: "Tensor") -> "Tensor":
        residual = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(self.downsample(x) + residual)


class _ResNet18(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(_BasicBlock(64, 64, 1), _BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(_BasicBlock(64, 128, 2), _BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(_BasicBlock(128, 256, 2), _BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(_BasicBlock(256, 512, 2), _BasicBlock(512, 512, 1))

    def forward(self, x: "Tensor") -> "tuple[Tensor, Tensor, Tensor]":
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer1(functional.max_pool2d(x, 3, 2, 1))
        features8 = self.layer2(x)
        features16 = self.layer3(features8)
        return features8, features16, self.layer4(features16)


class _AttentionRefinement(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = _ConvNormReLU(inputs, 128, 3)
        self.conv_atten = nn.Conv2d(128, 128, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(128)

    def forward(self, x: "Tensor") -> "Tensor":
        x = self.conv(x)
        return x * torch.sigmoid(self.bn_atten(self.conv_atten(_global_mean(x))))


class _ContextPath(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.resnet = _ResNet18()
        self.arm16 = _AttentionRefinement(256)
        self.arm32 = _AttentionRefinement(512)
        self.conv_head32 = _ConvNormReLU(128, 128, 3)
        self.conv_head16 = _ConvNormReLU(128, 128, 3)
        self.conv_avg = _ConvNormReLU(512, 128, 1)

    def forward(self, x: "Tensor") -> "tuple[Tensor, Tensor, Tensor]":
        features8, features16, features32 = self.resnet(x)
        # a global mean enlarged by nearest neighbour is the same everywhere: broadcasting gives it
        context32 = self.arm32(features32) + self.conv_avg(_global_mean(features32))
        context16 = self.conv_head32(functional.interpolate(context32, size=features16.shape[2:]))
        context8 = functional.interpolate(self.arm16(features16) + context16, size=features8.shape[2:])
        return features8, self.conv_head16(context8), context16


class _FeatureFusion(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convblk = _ConvNormReLU(256, 256, 1)
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, features8: "Tensor", context8: "Tensor") -> "Tensor":
        if _is_folded(self.convblk):
            x = functional.relu(_pointwise(self.convblk.conv, features8, context8))
        else:
            x = self.convblk(torch.cat([features8, context8], dim=1))
        attention = torch.sigmoid(self.conv2(functional.relu(self.conv1(_global_mean(x)))))
        fused: Tensor = x + x * attention
        return fused


class _Head(nn.Module):
    def __init__(self, inputs: int, middle: int, num_classes: int) -> None:
        super().__init__()
        self.conv = _ConvNormReLU(inputs, middle, 3)
        self.conv_out = nn.Conv2d(middle, num_classes, 1, bias=False)

    def forward(self, x: "Tensor") -> "Tensor":
        if _is_folded(self.conv):
            return _pointwise(self.conv_out, *self.conv(x).split(_SUMMED_IN_ORDER, dim=1))
        logits: Tensor = self.conv_out(self.conv(x))
        return logits


_SUMMED_IN_ORDER = 128
"""Channels that oneDNN adds up in the same order whatever the number of threads; 256 it does not."""

_PAIRS: dict[type[nn.Module], tuple[tuple[str, str], ...]] = {
    _ConvNormReLU: (("conv", "bn"),),
    _BasicBlock: (("conv1", "bn1"), ("conv2", "bn2"), ("downsample.0", "downsample.1")),
    _ResNet18: (("conv1", "bn1"),),
    _AttentionRefinement: (("conv_atten", "bn_atten"),),
}
"""For each module, the convolutions and the normalisations that follow them."""


def _fold(module: nn.Module, conv_name: str, norm_name: str) -> None:
    *path, conv_name = conv_name.split(".")
    if path:
        module = module.get_submodule(".".join(path))
        norm_name = norm_name.rpartition(".")[2]
        if not len(list(module.children())):
            return  # a block without a downsampling
    conv, norm = getattr(module, conv_name), getattr(module, norm_name)
    setattr(module, conv_name, fuse_conv_bn_eval(conv.eval(), norm.eval()))
    setattr(module, norm_name, nn.Identity())


def _is_folded(block: _ConvNormReLU) -> bool:
    return isinstance(block.bn, nn.Identity)


def _pointwise(conv: nn.Conv2d, *parts: "Tensor") -> "Tensor":
    """Convolve maps that stand one behind the other in the input of a 1x1 convolution, and add the results up."""
    weights = torch.split(conv.weight, [part.shape[1] for part in parts], dim=1)
    total = functional.conv2d(parts[0], weights[0], conv.bias)
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        total = total + functional.conv2d(part, weight)
    return total


def _global_mean(x: "Tensor") -> "Tensor":
    return x.mean(dim=(2, 3), keepdim=True)
