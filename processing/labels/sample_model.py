"""The attribute half of the sample models, see :mod:`mmvoxceleb.processing.sample_models`."""

from typing import TYPE_CHECKING, Any

from mmvoxceleb.processing.labels.models import AttributeModel
from mmvoxceleb.processing.resize import resized_on
from mmvoxceleb.processing.sample_models import SAMPLE_ATTRIBUTES, load_sample_network, sample_weights
from mmvoxceleb.processing.weights import sha256_of
from mmvoxceleb.schema import ATTRIBUTE_INDEX, ATTRIBUTES

if TYPE_CHECKING:
    import torch

__all__ = ["SampleAttributes"]

_INPUT_PX = 256
_COLUMNS = [ATTRIBUTE_INDEX[name] for name in SAMPLE_ATTRIBUTES]


class SampleAttributes(AttributeModel):
    """Tells 20 attributes of generated faces, to show the pipeline; NaN for the other 20."""

    name = "sample-attributes"
    needs_landmarks = False
    takes_any_size = True

    def __init__(self) -> None:
        self._network: Any = None
        self._dtype: Any = None

    def sha256(self) -> str:
        return sha256_of(sample_weights())

    def load(self, device: "torch.device", dtype: "torch.dtype") -> None:
        self._network = load_sample_network().to(device, dtype)
        # what it measures is too fine for fewer bits
        self._network.attribute_head.float()
        self.device, self._dtype = device, dtype

    def unload(self) -> None:
        self._network = None

    def prepare(self, *arrays: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        (frames,) = arrays
        return (resized_on(self.device, frames, _INPUT_PX, _INPUT_PX),)

    def compute(self, *prepared: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        import torch

        (resized,) = prepared
        pictures = resized.to(torch.float32).div_(127.5).sub_(1)
        known = self._network.attributes(pictures.to(self._dtype).permute(0, 3, 1, 2)).float().sigmoid()
        result = known.new_full((len(known), len(ATTRIBUTES)), float("nan"))
        result[:, _COLUMNS] = known
        return (result,)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None, "batcher": None}
