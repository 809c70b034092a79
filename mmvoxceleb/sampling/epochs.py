"""Which epoch a sample is of: each pass of a ``DataLoader`` is the next one, by itself.

The counts lie in shared memory, so that persistent workers, new ones, and this process go on from one another. What is
asked for by hand (``sampler[3]``) is of the epoch that was set, and always the same.
"""

import os
import sys
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["IndexEpochs", "StreamEpochs"]

_MOST_STREAM_EPOCHS = 1 << 14


class IndexEpochs:
    """Epochs of samples that are asked for by index: that of a sample is how often a loader read its index before.

    So each pass over all indices is one epoch later than the pass before, whatever the sampler, its order, and the
    number of workers. In a distributed run, where an index comes to another rank each time, ranks take epochs in turn.
    After :meth:`set` they do not: all ranks are then in that epoch, as with a ``DistributedSampler``.

    Args:
        size: How many indices there are.
    """

    def __init__(self, size: int) -> None:
        self._readings = torch.zeros(size, dtype=torch.int32).share_memory_()
        self._start = torch.tensor([0, *_place_among_ranks()]).share_memory_()
        """The epoch set, the rank, and the number of ranks that take turns."""

    def of(self, index: int) -> int:
        """Return the epoch of this reading of an index, and count it if a loader reads."""
        epoch, rank, ranks = self._start.tolist()
        if not _is_asked_by_loader():
            return int(epoch)
        before = int(self._readings[index])
        self._readings[index] = before + 1
        return int(epoch + rank + before * ranks)

    def set(self, epoch: int) -> None:
        """Let the next reading of every index be of this epoch, and the ones after that of those that follow."""
        self._start[:] = torch.tensor([int(epoch), 0, 1])
        self._readings.zero_()

    def state_dict(self) -> dict[str, Any]:
        """Return all counts, for :meth:`load_state_dict`."""
        return {
            "start": self._start.tolist(),
            "size": len(self._readings),
            "readings": zlib.compress(self._readings.numpy().tobytes()),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from counts.

        Raises:
            ValueError: They are of another number of indices.
        """
        if state["size"] != len(self._readings):
            raise ValueError(f"the state has {state['size']} samples, and these are {len(self._readings)}")
        readings = bytearray(zlib.decompress(state["readings"]))
        self._readings.copy_(torch.frombuffer(readings, dtype=torch.int32))
        self._start.copy_(torch.tensor(state["start"]))


class StreamEpochs:
    """Epochs of a stream: each time a loader begins it, it is in the next one, in all workers alike.

    All workers that a loader starts together have one seed of the loader's, and a persistent one counts how often it
    began; both together name the pass, so the first worker of a pass that asks takes the next free place, and the
    others find it there. Two that ask at once write the same into the same place. A program that sets torch's seed to
    the same number before each pass makes the passes of its workers the same one.
    """

    def __init__(self) -> None:
        self._first = torch.zeros(1, dtype=torch.int64).share_memory_()
        self._passes = torch.zeros(_MOST_STREAM_EPOCHS, dtype=torch.int64).share_memory_()
        self._begun = 0

    def begin(self) -> int:
        """Return the epoch of the pass that begins here, and count it if a loader begins it."""
        if not _is_asked_by_loader():
            return int(self._first[0])
        self._begun += 1
        passes = self._passes.numpy().copy()  # another worker may write meanwhile: decide on one state
        name = self._name_of_pass(passes)
        place = int((passes == name).argmax()) if name in passes else int((passes == 0).argmax())
        if passes[place] not in (0, name):  # all places are taken: more epochs than anybody runs
            self.set(int(self._first[0]) + _MOST_STREAM_EPOCHS)
            place = 0
        self._passes[place] = name
        return int(self._first[0]) + place

    def set(self, epoch: int) -> None:
        """Let the next pass be of this epoch, and the ones after that of those that follow."""
        self._first[0] = int(epoch)
        self._passes.zero_()

    def _name_of_pass(self, passes: "NDArray[np.int64]") -> int:
        """A number, not 0, that is the same in all workers of a pass and in no other pass."""
        worker = torch.utils.data.get_worker_info()
        if worker is None:
            return 1 + int((passes != 0).sum())
        name = hash((worker.seed - worker.id, self._begun)) & 0x3FFF_FFFF_FFFF_FFFF
        return -1 - name


def _is_asked_by_loader() -> bool:
    """Whether a ``DataLoader`` is on the stack, through whatever datasets lie around ours."""
    if torch.utils.data.get_worker_info() is not None:
        return True
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_globals.get("__name__") == "torch.utils.data._utils.fetch":
            return True
    return False


def _place_among_ranks() -> tuple[int, int]:
    """Rank and number of ranks of a distributed run, from torch or from what ``torchrun`` sets."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    try:
        rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return 0, 1
    return (rank, ranks) if 0 <= rank < ranks else (0, 1)
