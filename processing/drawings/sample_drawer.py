"""The drawing half of the sample models, see :mod:`mmvoxceleb.processing.sample_models`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.devices import Batcher, compiled, dtype_of, faithful_kernels, on_device
from mmvoxceleb.processing.drawings.drawer import Drawer
from mmvoxceleb.processing.resize import resized_on
from mmvoxceleb.processing.sample_models import load_sample_network, sample_weights
from mmvoxceleb.processing.weights import sha256_of
from mmvoxceleb.schema import DEFAULT_STYLE

if TYPE_CHECKING:
    import torch

__all__ = ["SampleDrawer"]

_INPUT_PX = 256


class SampleDrawer(Drawer):
    """Draw generated faces, for demonstration; drawings of real faces are poor. Arguments: see :class:`Drawer`.

    Raises:
        ConfigError: ``styles`` has another style than ``style1``.
    """

    takes_any_size = True

    def __init__(self, styles: Iterable[str] = (DEFAULT_STYLE,), *arguments: Any, **options: Any) -> None:
        super().__init__(styles, *arguments, **options)
        if self.styles != (DEFAULT_STYLE,):
            raise ConfigError(f"the sample drawer has {DEFAULT_STYLE} alone, got {', '.join(self.styles)}")
        self._lines: Any = None

    def identity(self) -> dict[str, Any]:
        return {"model": "sample-drawing", "sha256": sha256_of(sample_weights())}

    def setup(self) -> None:
        import torch

        if self.batcher is not None:
            return
        self._lines = on_device(load_sample_network(), self.device, self.precision).drawing
        self.batcher = Batcher(self.device, self._batch_size, most=16, bytes_per_frame=50_000_000)
        if self.compile:
            shape = (self.batcher.size, _INPUT_PX, _INPUT_PX, 3)
            example = torch.zeros(shape, dtype=torch.uint8, device=self.device)
            with torch.inference_mode(), faithful_kernels():
                plain = self._lines
                self._lines = compiled(plain, self._normalised(example))
                self._is_compiled = self._lines is not plain

    def teardown(self) -> None:
        super().teardown()
        self._lines = None

    def prepare(self, *arrays: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        """Resize as Pillow does: uint8 [N, H, W, 3] to uint8 [N, 256, 256, 3]."""
        (frames,) = arrays
        return (resized_on(self.device, frames, _INPUT_PX, _INPUT_PX),)

    def compute(self, *prepared: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        import torch

        (pictures,) = prepared
        lines = self._lines(self._normalised(pictures))[:, 0].float()
        return (lines.mul(255).round().to(torch.uint8),)

    def _normalised(self, pictures: "torch.Tensor") -> "torch.Tensor":
        """Bring to -1 to 1: float [N, 3, 256, 256] in channels-last order."""
        import torch

        values = pictures.to(torch.float32).div_(127.5).sub_(1)
        return values.to(dtype_of(self.precision)).permute(0, 3, 1, 2)
