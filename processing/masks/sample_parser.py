"""The mask half of the sample models, see :mod:`mmvoxceleb.processing.sample_models`."""

from typing import TYPE_CHECKING, Any

from mmvoxceleb.processing.masks.parser import NetworkParser
from mmvoxceleb.processing.sample_models import load_sample_network, sample_weights
from mmvoxceleb.processing.weights import sha256_of

if TYPE_CHECKING:
    import torch

__all__ = ["SampleParser"]


class SampleParser(NetworkParser):
    """Parse generated faces, for demonstration; masks of real faces are poor. Arguments: see :class:`NetworkParser`."""

    input_size = (256, 256)
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)

    def identity(self) -> dict[str, Any]:
        return {"model": "sample-mask", "sha256": sha256_of(sample_weights())}

    def _load(self) -> "torch.nn.Module":
        return load_sample_network()

    def _ready(self, network: "torch.nn.Module") -> Any:
        return super()._ready(network).mask
