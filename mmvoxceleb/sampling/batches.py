"""Batches without a copy: the samples of a batch are made side by side, and small tensors need no shared memory.

A worker of a ``DataLoader`` otherwise copies its samples into shared memory, and opens a file and a connection for each
tensor of a batch, be it of eight numbers: a quarter of the time of a sample (benchmarks/results/sampling.md).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch.utils.data import get_worker_info
from torch.utils.data._utils.collate import collate, default_collate_fn_map

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = ["BatchRoom", "BatchedSample", "Place", "new_tensor"]

_SMALL_BYTES = 1 << 15
"""Tensors up to this are copied, and go through the pipe with the rest of the batch."""

_PLAIN = frozenset({torch.bool, torch.uint8, torch.int32, torch.int64, torch.float32, torch.float64})
"""Types of tensors that NumPy has, too."""


class BatchedSample(dict[str, Any]):
    """A sample that is one of a batch: ``default_collate``, and so a ``DataLoader``, puts them together uncopied."""


class BatchRoom:
    """Room for the pictures of the samples of a batch: for each key one tensor, of which each sample gets a part.

    In a worker of a ``DataLoader`` it is shared memory.

    Args:
        count: How many samples the batch has.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._tensors: dict[str, torch.Tensor] = {}

    def part(self, place: int, key: str, shape: Sequence[int], dtype: "DTypeLike") -> torch.Tensor:
        """Return the part of the sample at a place, not initialised.

        Where a sample is unlike the first one, as with pictures of their own sizes, the tensor is its own.
        """
        whole = self._tensors.get(key)
        if whole is None:
            is_sent = get_worker_info() is not None
            whole = self._tensors[key] = new_tensor((self._count, *shape), dtype, is_shared=is_sent)
        part = whole[place]
        return part if part.shape == tuple(shape) else new_tensor(shape, dtype)


Place: TypeAlias = tuple[BatchRoom, int]
"""Where a sample of a batch goes: the room, and which of the samples it is."""


def new_tensor(shape: Sequence[int], dtype: "DTypeLike", *, is_shared: bool = False) -> torch.Tensor:
    """Return a tensor that is not initialised, perhaps in memory that other processes can map."""
    kind = torch.from_numpy(np.empty(0, dtype)).dtype
    if not is_shared:
        return torch.empty(tuple(shape), dtype=kind)
    size = torch.Size(shape)
    storage = torch.UntypedStorage._new_shared(size.numel() * kind.itemsize)  # as default_collate does in a worker
    strides = torch.empty(size, device="meta").stride()
    return torch.empty(0, dtype=kind).set_(storage, 0, size, strides)


class _SentBatch(dict[str, Any]):
    """A batch in a worker, which arrives in the other process as a dict."""

    def __reduce__(self) -> tuple[Any, ...]:
        small = {key: value.numpy() for key, value in self.items() if _is_small(value)}
        return _arrived, (dict(self) | small, tuple(small))


def _is_small(value: Any) -> bool:
    return type(value) is torch.Tensor and value.dtype in _PLAIN and value.nbytes <= _SMALL_BYTES


def _arrived(batch: dict[str, Any], small: Sequence[str]) -> dict[str, Any]:
    return {key: torch.from_numpy(value) if key in small else value for key, value in batch.items()}


def _collated(batch: Sequence[dict[str, Any]], *, collate_fn_map: Any = None) -> dict[str, Any]:
    """Do what ``default_collate`` does to dicts; tensors that lie side by side are the batch's already."""
    made = {}
    for key in batch[0]:
        values = [sample[key] for sample in batch]
        whole = _side_by_side(values)
        made[key] = collate(values, collate_fn_map=collate_fn_map) if whole is None else whole
    return made if get_worker_info() is None else _SentBatch(made)


def _side_by_side(values: Sequence[Any]) -> torch.Tensor | None:
    """Return the tensor of which these are the parts, in order; None if they are not."""
    first = values[0]
    if type(first) is not torch.Tensor or first.nbytes <= _SMALL_BYTES:
        return None
    storage, start = first.untyped_storage().data_ptr(), first.storage_offset()
    for place, value in enumerate(values):
        if (
            type(value) is not torch.Tensor
            or (value.shape, value.dtype) != (first.shape, first.dtype)
            or not value.is_contiguous()
            or value.untyped_storage().data_ptr() != storage
            or value.storage_offset() != start + place * first.numel()
        ):
            return None
    return first.as_strided((len(values), *first.shape), (first.numel(), *first.stride()))


default_collate_fn_map[BatchedSample] = _collated
