"""The number of the epoch, shared with the workers of a ``DataLoader``."""

import torch

__all__ = ["Epoch"]


class Epoch:
    """A number in shared memory: what the main process sets, persistent workers see, forked or spawned."""

    def __init__(self) -> None:
        self._cell = torch.zeros(1, dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]

    @property
    def value(self) -> int:
        """The epoch, from 0."""
        return int(self._cell.item())

    @value.setter
    def value(self, epoch: int) -> None:
        self._cell[0] = int(epoch)
