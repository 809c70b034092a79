"""Arrays to a device and back, over pinned memory where it is CUDA, so that copies do not wait for computing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["host_tensor", "to_device", "to_host"]


def host_tensor(parts: "Sequence[NDArray[Any]]", device: "torch.device") -> "torch.Tensor":
    """Join arrays to one tensor in the host's memory, pinned for CUDA; without a copy where it can be.

    Args:
        parts: [N, ...] each, of one type and of the same shape from the second axis on.
        device: Where it will go.
    """
    import torch

    if device.type == "cuda":
        first = parts[0]
        shape = (sum(len(part) for part in parts), *first.shape[1:])
        pinned = torch.empty(shape, dtype=torch.from_numpy(first[:0].copy()).dtype, pin_memory=True)
        np.concatenate(parts, out=pinned.numpy())
        return pinned
    joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
    # torch wants memory that it might write to
    return torch.from_numpy(np.require(joined, requirements=["C", "W"]))


def to_device(tensor: "torch.Tensor", device: "torch.device") -> "torch.Tensor":
    """Copy to a device, on the current stream, without waiting where the memory is pinned.

    The caller may let go of ``tensor`` at once: torch gives pinned memory away again only when it was copied.
    """
    return tensor.to(device, non_blocking=tensor.is_pinned() if device.type == "cuda" else False)


def to_host(tensors: "Sequence[torch.Tensor]") -> "list[NDArray[Any]]":
    """Copy to the host's memory, and wait until that and what the current stream did before is done."""
    import torch

    if not tensors or tensors[0].device.type != "cuda":
        return [tensor.cpu().numpy() for tensor in tensors]
    copies = [torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True) for tensor in tensors]
    for copy, tensor in zip(copies, tensors, strict=True):
        copy.copy_(tensor, non_blocking=True)
    torch.cuda.current_stream(tensors[0].device).synchronize()
    return [copy.numpy() for copy in copies]
