"""The drawing half of the sample models, see :mod:`mmvoxceleb.processing.sample_models`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.device import Batcher, compiled, dtype_of, faithful_kernels, on_device
from mmvoxceleb.processing.drawings.drawer import Drawer
from mmvoxceleb.processing.resize import resized_on
from mmvoxceleb.processing.sample_models import load_sample_network, sample_weights
from mmvoxceleb.processing.weights import sha256_of
from mmvoxceleb.schema import DEFAULT_STYLE

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

__all__ = ["SampleDrawer"]

_INPUT_PX = 256


class SampleDrawer(Drawer):
    """Draws generated faces, to show the pipeline; poor on real ones. Arguments: see :class:`Drawer`.

    Raises:
        ConfigError: Another style than ``style1`` is asked for.
    """

    def __init__(self, styles: Iterable[str] = (DEFAULT_STYLE,), *arguments: Any, **options: Any) -> None:
        super().__init__(styles, *arguments, **options)
        if self.styles != (DEFAULT_STYLE,):
            raise ConfigError(f"the sample drawer has {DEFAULT_STYLE} alone, got {', '.join(self.styles)}")
        self._lines: Any = None

    def identity(self) -> dict[str, Any]:
        return {"model": "sample-drawing", "sha256": sha256_of(sample_weights())}

    def setup(self) -> None:
        import numpy as np
        import torch

        if self._batcher is not None:
            return
        self._lines = on_device(load_sample_network(), self.device, self.precision).drawing
        self._batcher = Batcher(self.device, self._batch_size, most=16, bytes_per_frame=50_000_000)
        if self.compile:
            example = np.zeros((self._batcher.size, _INPUT_PX, _INPUT_PX, 3), np.uint8)
            with torch.inference_mode(), faithful_kernels():
                plain = self._lines
                self._lines = compiled(plain, self._normalised(example))
                self._is_compiled = self._lines is not plain

    def teardown(self) -> None:
        super().teardown()
        self._lines = None

    def _draw(self, frames: "NDArray[np.uint8]", *masks: "NDArray[np.uint8]") -> "dict[str, torch.Tensor]":
        import torch

        with torch.inference_mode():
            lines = self._lines(self._normalised(frames))[:, 0].float()
            return {DEFAULT_STYLE: lines.mul(255).round().to(torch.uint8)}

    def _normalised(self, frames: "NDArray[np.uint8]") -> "torch.Tensor":
        """Resize as Pillow does and bring to -1 to 1: float [N, 3, 256, 256] in channels-last order."""
        import torch

        values = resized_on(self.device, frames, _INPUT_PX, _INPUT_PX).to(torch.float32).div_(127.5).sub_(1)
        return values.to(dtype_of(self.precision)).permute(0, 3, 1, 2)
