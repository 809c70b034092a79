"""A model that computes frames in batches, whoever's they are, and what it is asked and answers."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.devices.batcher import Batcher

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from mmvoxceleb.processing.devices.executor import Executor

__all__ = ["BatchModel", "Computed", "Request", "check_frames"]


class BatchModel(ABC):
    """Computes batches of frames. A frame's result depends on that frame and on what goes with it alone.

    Attributes:
        device: Where it computes.
        batcher: The size of its batches. None before it is set up.
        takes_any_size: Whether pictures of several sizes may share a batch, since ``prepare`` gives all one size; it
            must then give the same bits of a frame whatever is prepared with it.
    """

    device: "torch.device"
    batcher: Batcher | None = None
    takes_any_size: ClassVar[bool] = False

    @abstractmethod
    def prepare(self, *arrays: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        """Bring frames to the device, and to what the network takes as far as that is 8 bits.

        Args:
            arrays: [n, ...] each, in the host's memory: frames, and what goes with them; n is at most the batch's size.

        Returns:
            [n, ...] each, on the device.
        """

    @abstractmethod
    def compute(self, *prepared: "torch.Tensor") -> "tuple[torch.Tensor, ...]":
        """Compute one batch.

        Args:
            prepared: [N, ...] each, what ``prepare`` gave, filled up to the batch's size.

        Returns:
            [N, ...] each, on the device, and small: class ids, not scores.
        """

    def executor(self) -> "Executor":
        """Make what takes batches through their three steps on this device."""
        from mmvoxceleb.processing.devices.executor import executor_on

        return executor_on(self.device)

    def computed(self, *arrays: "NDArray[Any]") -> "tuple[NDArray[Any], ...]":
        """Compute without an engine, and note in ``batcher.used`` in which batches. It must be set up.

        Args:
            arrays: [N, ...] each; N is at least 1.

        Raises:
            ProcessingError: Even one frame does not fit into memory.
        """
        from mmvoxceleb.processing.devices.loop import compute_alone

        answer = compute_alone(Request(self, arrays))
        assert self.batcher is not None
        self.batcher.used = list(answer.batch_sizes)
        return answer.arrays


@dataclass(frozen=True)
class Request:
    """What a model is to compute of one clip.

    Args:
        model: The model, which is set up by the time that it is asked.
        arrays: [N, ...] each, frames first; N is at least 1.
        note: What whoever asks wants to know again when it is computed.
    """

    model: BatchModel
    arrays: "tuple[NDArray[Any], ...]"
    note: Any = None

    def __len__(self) -> int:
        return len(self.arrays[0])

    @cached_property
    def key(self) -> Hashable:
        """What requests must have in common to share batches."""
        skipped = 3 if self.model.takes_any_size else 1
        first, *beside = self.arrays
        return id(self.model), first.shape[skipped:], *(array.shape[1:] for array in beside)


@dataclass
class Computed:
    """What a model made of a request.

    Args:
        request: What was asked.
        arrays: [N, ...] each.
        batch_sizes: The sizes of the batches that the frames were in, each once, in order.
        device_seconds: The request's share of the time that they had the device.
    """

    request: Request
    arrays: "tuple[NDArray[Any], ...]" = ()
    batch_sizes: list[int] = field(default_factory=list)
    device_seconds: float = 0.0


def check_frames(frames: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Check that frames are uint8 [N, H, W, 3].

    Raises:
        ConfigError: They are something else.
    """
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim != 4 or (frames.shape[3] != 3 and len(frames)):
        raise ConfigError(f"frames must be uint8 [N, H, W, 3] in RGB order, got {frames.dtype} {list(frames.shape)}")
    return frames
