"""Networks for ncnn, whose Winograd convolutions are faster on a CPU than torch's: a graph, and what runs it.

Layer names and parameter numbers: ncnn's ``docs/developer-guide/operators.md``.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NcnnGraph", "NcnnNetwork"]

_MAGIC = 7767517
_RELU = 1


class NcnnGraph:
    """Collects layers and weights. Every method but the last takes names of blobs and returns the name of a new one."""

    def __init__(self) -> None:
        self._layers: list[tuple[str, list[str], str, str]] = []
        self._weights: list[NDArray[Any]] = []

    def add(self, kind: str, *inputs: str, **parameters: float) -> str:
        """Add a layer without weights; parameters are named ``_<number>``."""
        output = f"b{len(self._layers)}"
        text = " ".join(f"{key[1:]}={value}" for key, value in parameters.items())
        self._layers.append((kind, list(inputs), output, text))
        return output

    def convolution(self, x: str, conv: torch.nn.Conv2d, *, relu: bool = False) -> str:
        """Add a square convolution with zero padding, and a ReLU inside it if ``relu``."""
        output = self.add("Convolution", x, **_shape_of(conv), _9=_RELU if relu else 0)
        self._weigh(conv.weight, conv.bias)
        return output

    def deconvolution(self, x: str, conv: torch.nn.ConvTranspose2d) -> str:
        """Add a square transposed convolution."""
        extra = int(conv.output_padding[0])
        output = self.add("Deconvolution", x, **_shape_of(conv), _18=extra, _19=extra)
        self._weigh(conv.weight.transpose(0, 1), conv.bias)
        return output

    def reflect(self, x: str, width: int) -> str:
        """Add a mirrored border that does not repeat the edge."""
        return self.add("Padding", x, _0=width, _1=width, _2=width, _3=width, _4=2)

    def instance_norm(self, x: str, channels: int) -> str:
        """Add an instance normalisation without parameters."""
        return self.add("InstanceNorm", x, _0=channels, _1=1e-5, _2=0)

    def sum(self, x: str, y: str) -> str:
        """Add two blobs; sides of 1 are broadcast."""
        return self.add("BinaryOp", x, y, _0=0)

    def product(self, x: str, y: str) -> str:
        """Multiply two blobs; sides of 1 are broadcast."""
        return self.add("BinaryOp", x, y, _0=2)

    def global_mean(self, x: str) -> str:
        """Average a blob [C, H, W] to [C, 1, 1]."""
        return self.add("Reshape", self.add("Pooling", x, _0=1, _4=1), _0=1, _1=1, _2=-1)

    def build(self, output: str, threads: int) -> "NcnnNetwork":
        """Load the graph into ncnn, for fp32 alone.

        Args:
            output: The blob to compute.
            threads: Threads to compute with.
        """
        import ncnn

        network = ncnn.Net()
        network.opt.num_threads = threads
        for option in dir(network.opt):
            if option.startswith(("use_fp16", "use_bf16", "use_int8", "use_vulkan")):
                setattr(network.opt, option, False)
        # the binding reads weights from files alone
        with tempfile.TemporaryDirectory(prefix="mmvoxceleb-ncnn-") as folder:
            path = Path(folder) / "weights.bin"
            with path.open("wb") as file:
                for array in self._weights:
                    file.write(array.tobytes())
            self._weights.clear()
            if network.load_param_mem(self._text()) or network.load_model(str(path)):
                raise RuntimeError("ncnn does not support the network; use the torch backend")
        inputs = [name for kind, _, name, _ in self._layers if kind == "Input"]
        return NcnnNetwork(network, inputs, output)

    def _weigh(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self._weights.append(np.zeros(1, np.uint32))  # what follows is float32
        for values in (weight, bias):
            if values is not None:
                self._weights.append(values.detach().float().contiguous().numpy())

    def _text(self) -> str:
        """Write the layers down; a blob that several layers read is split first, as ncnn wants it."""
        readers: dict[str, int] = {}
        for _, inputs, _, _ in self._layers:
            for name in inputs:
                readers[name] = readers.get(name, 0) + 1
        lines, blobs, taken = [], 0, dict.fromkeys(readers, 0)
        for number, (kind, inputs, output, text) in enumerate(self._layers):
            names = []
            for name in inputs:
                names.append(f"{name}_{taken[name]}" if readers[name] > 1 else name)
                taken[name] += 1
            lines.append(f"{kind} l{number} {len(names)} 1 {' '.join([*names, output])} {text}")
            blobs += 1
            copies = readers.get(output, 0)
            if copies > 1:
                split = " ".join(f"{output}_{copy}" for copy in range(copies))
                lines.append(f"Split s{number} 1 {copies} {output} {split}")
                blobs += copies
        return "\n".join([str(_MAGIC), f"{len(lines)} {blobs}", *lines]) + "\n"


class NcnnNetwork:
    """A loaded network: float32 [N, C, H, W] in and out, one picture after the other."""

    def __init__(self, network: Any, inputs: list[str], output: str) -> None:
        self._network = network
        self._inputs = inputs
        self._output = output

    def __call__(self, *batches: torch.Tensor) -> torch.Tensor:
        """Compute the output for each picture of the batches, which are in the order of the graph's inputs."""
        import ncnn

        results = []
        for pictures in zip(*batches, strict=True):
            arrays = [np.ascontiguousarray(picture.numpy(), np.float32) for picture in pictures]
            extractor = self._network.create_extractor()
            for name, array in zip(self._inputs, arrays, strict=True):
                extractor.input(name, ncnn.Mat(array))
            failed, result = extractor.extract(self._output)
            if failed:
                raise RuntimeError(f"ncnn failed with code {failed}; use the torch backend")
            results.append(torch.from_numpy(np.array(result)))
        return torch.stack(results)


def _shape_of(conv: torch.nn.Conv2d | torch.nn.ConvTranspose2d) -> dict[str, int]:
    return {
        "_0": conv.out_channels,
        "_1": conv.kernel_size[0],
        "_3": conv.stride[0],
        "_4": int(conv.padding[0]),
        "_5": int(conv.bias is not None),
        "_6": conv.weight.numel(),
    }
