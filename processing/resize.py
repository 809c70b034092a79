"""Pillow's bilinear resize, to the bit, so that networks see what the original programs saw.

It computes in integers, which are the same on any device; compared with Pillow on the CPU alone.
"""

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.processing.devices.transfer import to_device

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["resize_bilinear", "resize_bilinear_pillow", "resized_on"]

_BITS = 22
"""Pillow holds the weights of 8-bit pictures as integers of so many fractional bits (libImaging/Resample.c)."""


def resized_on(device: "torch.device", pictures: "Tensor", height: int, width: int) -> "Tensor":
    """Bring pictures to a device in another size, by whatever is fastest there.

    Args:
        device: Where the result is wanted.
        pictures: uint8 [N, H, W, 3], in the host's memory.
        height: Of the result, in px.
        width: Of the result, in px.

    Returns:
        uint8 [N, height, width, 3], on ``device``; the same bits of a picture whatever is resized with it.
    """
    import torch

    if device.type == "cpu" and tuple(pictures.shape[1:3]) != (height, width):
        if _torch_agrees((pictures.shape[1], pictures.shape[2]), (height, width)):
            return _resize_by_torch(pictures, height, width)
        return torch.from_numpy(resize_bilinear_pillow(pictures.numpy(), height, width))
    return resize_bilinear(to_device(pictures, device), height, width)


def resize_bilinear(pictures: "Tensor", height: int, width: int) -> "Tensor":
    """Resize on the device where the pictures are; equal to Pillow's ``resize(..., BILINEAR)`` for every size.

    Pillow averages over the source pixels under each target pixel when it makes a picture smaller. It does one
    axis, rounds to 8 bits, then does the other, all in integers, and so does this. Which axis comes first depends
    on the sizes and on Pillow's version, so the Pillow that is installed is asked, once for each pair of sizes.

    Args:
        pictures: uint8 [N, H, W, C].
        height: Of the result, in px.
        width: Of the result, in px.

    Returns:
        uint8 [N, height, width, C].
    """
    import torch

    if tuple(pictures.shape[1:3]) == (height, width):
        return pictures
    order = _order((pictures.shape[1], pictures.shape[2]), (height, width))
    if order is None:
        resized = resize_bilinear_pillow(pictures.cpu().numpy(), height, width)
        return torch.from_numpy(resized).to(pictures.device)
    for axis in order:
        pictures = _resize_axis(pictures, axis, (height, width)[axis - 1])
    return pictures


def _resize_by_torch(pictures: "Tensor", height: int, width: int) -> "Tensor":
    from torch.nn import functional

    planes = pictures.permute(0, 3, 1, 2)
    resized = functional.interpolate(planes, (height, width), mode="bilinear", antialias=True, align_corners=False)
    return resized.permute(0, 2, 3, 1)


def resize_bilinear_pillow(pictures: "NDArray[np.uint8]", height: int, width: int) -> "NDArray[np.uint8]":
    """Resize on the CPU by Pillow itself, which is fastest there.

    Args:
        pictures: uint8 [N, H, W, 3].
        height: Of the result, in px.
        width: Of the result, in px.

    Returns:
        uint8 [N, height, width, 3].
    """
    from PIL import Image

    if pictures.shape[1:3] == (height, width):
        return pictures
    return np.stack(
        [
            np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
            for picture in pictures
        ]
    )


def _resize_axis(pictures: "Tensor", axis: int, size: int) -> "Tensor":
    import torch

    if pictures.shape[axis] == size:
        return pictures
    positions, weights = _taps_on(pictures.device, pictures.shape[axis], size)
    shape = [1, 1, 1, 1]
    shape[axis] = size
    total: Tensor | None = None
    for position, weight in zip(positions, weights, strict=True):
        source = pictures.index_select(axis, position).to(torch.int32)
        source *= weight.view(shape)
        total = source if total is None else total.add_(source)
    assert total is not None
    return total.add_(1 << (_BITS - 1)).bitwise_right_shift_(_BITS).clamp_(0, 255).to(torch.uint8)


@lru_cache(maxsize=64)
def _torch_agrees(source: tuple[int, int], target: tuple[int, int]) -> bool:
    """Find out whether torch's resize of 8-bit pictures, three times as fast, is Pillow's for these sizes.

    It holds the weights in 16 bits, Pillow in 22. Where 16 hold them exactly, as in every enlarging to 512 px, nothing
    differs; where not (most sizes above 512 px), hundreds of pixels of a noise picture do.
    """
    import torch

    noise = np.random.default_rng(0).integers(0, 256, (1, *source, 3), dtype=np.uint8)
    resized = _resize_by_torch(torch.from_numpy(noise), *target)
    return np.array_equal(resized.numpy(), resize_bilinear_pillow(noise, *target))


@lru_cache(maxsize=64)
def _order(source: tuple[int, int], target: tuple[int, int]) -> tuple[int, int] | None:
    """Find the order of the axes in which Pillow goes; None if it does something else."""
    import torch

    noise = np.random.default_rng(0).integers(0, 256, (1, *source, 3), dtype=np.uint8)
    expected = resize_bilinear_pillow(noise, *target)
    for first, second in ((2, 1), (1, 2)):
        result = _resize_axis(torch.from_numpy(noise), first, target[first - 1])
        if np.array_equal(_resize_axis(result, second, target[second - 1]).numpy(), expected):
            return first, second
    return None


@lru_cache(maxsize=64)
def _taps_on(device: "torch.device", source: int, target: int) -> "tuple[Tensor, Tensor]":
    """Keep :func:`_taps` on a device, for copying them there would wait until it has computed all that it was told."""
    import torch

    positions, weights = (torch.from_numpy(taps).to(device) for taps in _taps(source, target))
    return positions, weights


@lru_cache(maxsize=64)
def _taps(source: int, target: int) -> "tuple[NDArray[np.int64], NDArray[np.int32]]":
    """Give for every target pixel the source pixels that it takes, and their integer weights: [taps, target] each."""
    scale = source / target
    reach = max(scale, 1.0)
    count = math.ceil(reach) * 2 + 1
    positions = np.zeros((count, target), np.int64)
    weights = np.zeros((count, target), np.int32)
    for pixel in range(target):
        centre = (pixel + 0.5) * scale
        first = max(0, int(centre - reach + 0.5))
        last = min(source, int(centre + reach + 0.5))
        shares = [max(0.0, 1.0 - abs((position - centre + 0.5) / reach)) for position in range(first, last)]
        total = sum(shares)
        for tap, share in enumerate(shares):
            positions[tap, pixel] = first + tap
            weights[tap, pixel] = int(0.5 + share / total * (1 << _BITS))
    return positions, weights
