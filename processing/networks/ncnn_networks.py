"""The two networks as graphs for ncnn, built from the modules that hold their weights."""

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mmvoxceleb.processing.networks.ncnn_graph import NcnnGraph, NcnnNetwork
from mmvoxceleb.processing.networks.portrait import NUM_STYLES, ResidualBlock

if TYPE_CHECKING:
    from torch import Tensor

    from mmvoxceleb.processing.networks.bisenet import BiSeNet
    from mmvoxceleb.processing.networks.portrait import PortraitGenerator

__all__ = ["NcnnPortrait", "ncnn_bisenet"]


def ncnn_bisenet(network: "BiSeNet") -> NcnnNetwork:
    """Build the main head of a folded face parser: pictures [N, 3, H, W] in, logits [N, 19, H/8, W/8] out."""
    modules: Any = network
    resnet, path, fusion = modules.cp.resnet, modules.cp, modules.ffm
    graph = NcnnGraph()
    x = graph.convolution(graph.add("Input"), resnet.conv1, relu=True)
    x = graph.add("Pooling", x, _0=0, _1=3, _2=2, _3=1, _5=1)
    features = []
    for layer in (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4):
        for block in layer:
            x = _basic_block(graph, x, block)
        features.append(x)
    _, features8, features16, features32 = features
    tail = graph.convolution(graph.global_mean(features32), path.conv_avg.conv, relu=True)
    context = graph.sum(_refined(graph, features32, path.arm32), tail)
    context = graph.convolution(_doubled(graph, context), path.conv_head32.conv, relu=True)
    context = _doubled(graph, graph.sum(_refined(graph, features16, path.arm16), context))
    context = graph.convolution(context, path.conv_head16.conv, relu=True)
    x = graph.convolution(graph.add("Concat", features8, context, _0=0), fusion.convblk.conv, relu=True)
    attention = graph.convolution(graph.global_mean(x), fusion.conv1, relu=True)
    attention = graph.add("Sigmoid", graph.convolution(attention, fusion.conv2))
    x = graph.sum(x, graph.product(x, attention))
    x = graph.convolution(x, modules.conv_out.conv.conv, relu=True)
    return graph.build(graph.convolution(x, modules.conv_out.conv_out), torch.get_num_threads())


class NcnnPortrait:
    """The drawing network in two halves, as :class:`PortraitGenerator` has them."""

    def __init__(self, network: "PortraitGenerator") -> None:
        threads = torch.get_num_threads()
        graph = NcnnGraph()
        self._encoder = graph.build(_chain(graph, graph.add("Input"), network.model0), threads)
        graph = NcnnGraph()
        x = graph.add("Concat", graph.add("Input"), graph.add("Input"), _0=0)
        self._decoder = graph.build(_chain(graph, x, network.model), threads)

    def encode(self, pictures: "Tensor") -> "Tensor":
        """Compute what all styles share: float32 [N, 256, H/4, W/4]."""
        return self._encoder(pictures)

    def decode(self, features: "Tensor", style: int) -> "Tensor":
        """Draw encoded pictures in one style: float32 [N, 1, H, W], -1 to 1."""
        count, _, height, width = features.shape
        style_map = features.new_zeros((count, NUM_STYLES, height, width))
        style_map[:, style] = 1
        return self._decoder(features, style_map)


def _basic_block(graph: NcnnGraph, x: str, block: Any) -> str:
    residual = graph.convolution(graph.convolution(x, block.conv1, relu=True), block.conv2)
    shortcut = graph.convolution(x, block.downsample[0]) if len(block.downsample) else x
    return graph.add("ReLU", graph.sum(shortcut, residual))


def _refined(graph: NcnnGraph, x: str, module: Any) -> str:
    x = graph.convolution(x, module.conv.conv, relu=True)
    attention = graph.convolution(graph.global_mean(x), module.conv_atten)
    return graph.product(x, graph.add("Sigmoid", attention))


def _doubled(graph: NcnnGraph, x: str) -> str:
    return graph.add("Interp", x, _0=1, _1=2.0, _2=2.0)


def _chain(graph: NcnnGraph, x: str, modules: nn.Sequential) -> str:
    channels = 0
    for module in modules:
        if isinstance(module, nn.ReflectionPad2d):
            x = graph.reflect(x, int(module.padding[0]))
        elif isinstance(module, nn.Conv2d):
            x, channels = graph.convolution(x, module), module.out_channels
        elif isinstance(module, nn.ConvTranspose2d):
            x, channels = graph.deconvolution(x, module), module.out_channels
        elif isinstance(module, nn.InstanceNorm2d):
            x = graph.instance_norm(x, channels)
        elif isinstance(module, nn.ReLU):
            x = graph.add("ReLU", x)
        elif isinstance(module, nn.Tanh):
            x = graph.add("TanH", x)
        elif isinstance(module, ResidualBlock):
            x = graph.sum(x, _chain(graph, x, module.conv_block))
        else:
            raise TypeError(f"no ncnn layer for {type(module).__name__}")
    return x
