"""The size of batches."""

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from mmvoxceleb.errors import ConfigError, ProcessingError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["Batcher"]

logger = logging.getLogger(__name__)
Result = TypeVar("Result")


class Batcher:
    """Cuts frames into batches of one size, and into smaller ones when the device's memory does not hold them.

    The last batch is filled up by repeating its last frame: a kernel may round otherwise at another batch size,
    and a frame must give the same result wherever it stands. For the same reason a batch on the CPU is one frame,
    whatever is asked for: there the batch size never changes a bit.

    Args:
        device: Where the model is.
        batch_size: Frames in a batch; None chooses ``most``, or what fits into the free memory. Not for the CPU.
        most: Frames that are enough to keep a GPU busy.
        bytes_per_frame: Memory that the model takes for one frame.
    """

    def __init__(self, device: "torch.device", batch_size: int | None, *, most: int, bytes_per_frame: int) -> None:
        if batch_size is not None and batch_size < 1:
            raise ConfigError(f"batch size must be at least 1, got {batch_size}")
        self.size = 1 if device.type == "cpu" else batch_size or _batch_that_fits(device, most, bytes_per_frame)
        self.used: list[int] = []
        """The sizes of the batches of the last run, each once, in order: several where the memory was too small."""

    def run(
        self, frames: "NDArray[np.uint8]", function: Callable[..., Result], *beside: "NDArray[Any]"
    ) -> Iterator[tuple[int, Result]]:
        """Yield for each batch how many of its frames count, and ``function(batch, ...)``.

        Args:
            frames: [N, ...], what is cut into batches.
            function: Called with a batch of frames and with that of each of ``beside``.
            beside: [N, ...] each, what goes with the frames: cut and filled up in the same way.

        Raises:
            ProcessingError: Even one frame does not fit into memory.
        """
        import torch

        self.used = []
        start = 0
        while start < len(frames):
            size = self.size
            count = min(size, len(frames) - start)
            parts = [_filled(array[start : start + count], size) for array in (frames, *beside)]
            try:
                result = function(*parts)
            except torch.cuda.OutOfMemoryError as error:
                starved = error.with_traceback(None)  # a traceback would hold on to the memory
            else:
                if size not in self.used:
                    self.used.append(size)
                yield count, result
                start += count
                continue
            self.halve(size, starved)

    def halve(self, size: int, error: BaseException) -> None:
        """Go on with smaller batches, as the memory does not hold one of ``size`` frames.

        Raises:
            ProcessingError: It was one frame.
        """
        import torch

        if size == 1:
            raise ProcessingError(
                "the device has too little free memory for one frame; stop other programs on it, or pass --device cpu"
            ) from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if size == self.size:  # else another batch of that size was told of before
            self.size //= 2
            logger.warning("out of memory on the device; continuing with batches of %d", self.size)


def _filled(batch: "NDArray[Any]", size: int) -> "NDArray[Any]":
    missing = size - len(batch)
    return np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)]) if missing else batch


def _batch_that_fits(device: "torch.device", most: int, bytes_per_frame: int) -> int:
    import torch

    if device.type != "cuda":
        return min(most, 4)
    free, _ = torch.cuda.mem_get_info(device)
    size = most
    while size > 1 and size * bytes_per_frame > free * 0.8:
        size //= 2
    return size
