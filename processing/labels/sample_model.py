"""The attribute half of the sample models, see :mod:`mmvoxceleb.processing.sample_models`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.processing.device import faithful_kernels
from mmvoxceleb.processing.labels.models import AttributeModel
from mmvoxceleb.processing.resize import resized_on
from mmvoxceleb.processing.sample_models import SAMPLE_ATTRIBUTES, load_sample_network, sample_weights
from mmvoxceleb.processing.weights import sha256_of
from mmvoxceleb.schema import ATTRIBUTE_INDEX, ATTRIBUTES

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["SampleAttributes"]

_INPUT_PX = 256
_COLUMNS = [ATTRIBUTE_INDEX[name] for name in SAMPLE_ATTRIBUTES]


class SampleAttributes(AttributeModel):
    """Tells 20 attributes of generated faces, to show the pipeline; NaN for the other 20."""

    name = "sample-attributes"
    needs_landmarks = False

    def __init__(self) -> None:
        self._network: Any = None
        self._place: tuple[Any, Any] = (None, None)

    def sha256(self) -> str:
        return sha256_of(sample_weights())

    def load(self, device: "torch.device", dtype: "torch.dtype") -> None:
        self._network = load_sample_network().to(device, dtype)
        # what it measures is too fine for fewer bits
        self._network.attribute_head.float()
        self._place = (device, dtype)

    def unload(self) -> None:
        self._network = None

    def probabilities(
        self, frames: "NDArray[np.uint8]", landmarks: "NDArray[np.float32] | None" = None
    ) -> "NDArray[np.float32]":
        import torch

        device, dtype = self._place
        result = np.full((len(frames), len(ATTRIBUTES)), np.nan, np.float32)
        with torch.inference_mode(), faithful_kernels():
            pictures = resized_on(device, frames, _INPUT_PX, _INPUT_PX).to(torch.float32).div_(127.5).sub_(1)
            logits = self._network.attributes(pictures.to(dtype).permute(0, 3, 1, 2))
            result[:, _COLUMNS] = logits.float().sigmoid().cpu().numpy()
        return result

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None}
