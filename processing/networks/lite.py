"""Networks in TensorFlow Lite files, run by LiteRT."""

from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.errors import MissingExtraError
from mmvoxceleb.extras import install_hint

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LiteNetwork"]


class LiteNetwork:
    """One network: arrays in, arrays out, on one thread of the CPU, so that numbers do not depend on the load.

    Args:
        content: The ``.tflite`` file.

    Raises:
        ImportError: LiteRT is not installed.
        ValueError: It is no such file.
    """

    def __init__(self, content: bytes) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError(
                f"MediaPipe's networks need LiteRT: {install_hint('landmarks')} ({error})"
            ) from error
        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        (first, *_) = self._interpreter.get_input_details()
        self._input = first["index"]
        self.input_shape: tuple[int, ...] = tuple(int(side) for side in first["shape"])
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def __call__(self, values: "NDArray[np.float32]") -> "list[NDArray[np.float32]]":
        """Compute all outputs of an input of ``input_shape``."""
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        return [np.array(self._interpreter.get_tensor(index)) for index in self._outputs]
