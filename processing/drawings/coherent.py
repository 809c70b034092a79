"""Coherent line drawing after Kang, Lee and Chui (NPAR 2007), on tensors: lines that follow the edges of a picture.

An edge tangent flow says at each pixel which way its edge runs; a difference of Gaussians is taken across the flow and
averaged along it, so that lines come out whole and noise, which has no direction, averages out. Contrast is measured
against that of the surroundings, so that a dark face in a dark room has the same lines as a bright one.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Flow", "blurred", "even_contrast", "flow_of", "highest", "line_response", "smeared", "spots", "walks"]

_LUMA = (0.2, 0.65, 0.15)
"""Of red, green and blue: lips and skin differ most in green."""
_FLOW_RADIUS = 4
_FLOW_ROUNDS = 3
_QUIET = 0.02
_NOISE = 10.0
"""A region counts as flat up to a local contrast, as a standard deviation of the square root of luminance, of
``_QUIET`` and so many times the noise of the picture."""


class Flow(NamedTuple):
    """The edge tangent flow: unit tangents, float [N, 1, H, W] each."""

    x: "Tensor"
    y: "Tensor"


def even_contrast(pictures: "Tensor", radius: float) -> "Tensor":
    """Take the brightness of pictures relative to the contrast around, as the eye does.

    Args:
        pictures: uint8 [N, H, W, 3], RGB.
        radius: Standard deviation of the surroundings in px.

    Returns:
        float [N, 1, H, W], 0 on average, about -2 to 2.
    """
    red, green, blue = pictures.float().unbind(-1)
    tone = (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue).div_(255.0).sqrt_()[:, None]
    mean = blurred(tone, radius)
    spread = blurred((tone - mean).square_(), radius).clamp_(min=0).sqrt_()
    return (tone - mean) / (spread + _QUIET + _NOISE * _noise_of(tone))


def spots(tone: "Tensor", widest: int) -> "Tensor":
    """Measure how much darker than all around are spots and bands of at most ``widest`` px: pupils, brows, nostrils.

    Args:
        tone: float [N, 1, H, W], sides even.
        widest: In px.

    Returns:
        float [N, 1, H, W], at least 0: the black top-hat of mathematical morphology.
    """
    from torch.nn import functional

    small = functional.avg_pool2d(blurred(tone, 1.0), 2)
    closed = -highest(-highest(small, widest // 4), widest // 4)
    return functional.interpolate(closed - small, scale_factor=2, mode="bilinear", align_corners=False)


def blurred(values: "Tensor", deviation: float) -> "Tensor":
    """Blur by a Gaussian of ``deviation`` px, with the border repeated: float [N, C, H, W].

    A wide one is taken on a smaller picture.
    """
    from torch.nn import functional

    shape = values.shape[-2:]
    factor = 1
    while deviation / factor > 6 and min(shape) // (2 * factor) >= 8:
        factor *= 2
    if factor > 1:
        values = functional.avg_pool2d(values, factor, ceil_mode=True, count_include_pad=False)
    kernel = _gaussian(deviation / factor)
    for axis in (-1, -2):
        values = _weighed(values, kernel, axis)
    if factor > 1:
        values = functional.interpolate(values, size=shape, mode="bilinear", align_corners=False)
    return values


def highest(values: "Tensor", reach: int) -> "Tensor":
    """Take the highest value within ``reach`` px to each side: float [N, C, H, W]."""
    from torch.nn import functional

    return functional.max_pool2d(values, 2 * reach + 1, stride=1, padding=reach)


def flow_of(tone: "Tensor") -> Flow:
    """Find the edge tangent flow: the tangents of strong edges spread to their weaker neighbours.

    Args:
        tone: float [N, 1, H, W], sides even.
    """
    import torch
    from torch.nn import functional

    small = blurred(functional.avg_pool2d(tone, 2), 1.0)
    padded = functional.pad(small, (1, 1, 1, 1), mode="replicate")
    smooth_y = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    smooth_x = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    across = smooth_y[..., 2:] - smooth_y[..., :-2]
    down = smooth_x[:, :, 2:] - smooth_x[:, :, :-2]
    strength = (across.square() + down.square()).sqrt_()
    x, y = -down / (strength + 1e-6), across / (strength + 1e-6)
    strength = strength / (strength.amax((-2, -1), keepdim=True) + 1e-6)
    height, width = strength.shape[-2:]
    radius = _FLOW_RADIUS
    edge = (radius,) * 4
    shifts = [
        (row, column)
        for row in range(-radius, radius + 1)
        for column in range(-radius, radius + 1)
        if row * row + column * column <= radius * radius
    ]
    rims = functional.pad(strength, edge, mode="replicate")
    weights = [
        (rims[..., radius + row : radius + row + height, radius + column : radius + column + width] - strength)
        .tanh_()
        .add_(1.0)
        for row, column in shifts
    ]
    for _ in range(_FLOW_ROUNDS):
        rim_x, rim_y = (functional.pad(part, edge, mode="replicate") for part in (x, y))
        sum_x, sum_y = torch.zeros_like(x), torch.zeros_like(y)
        for (row, column), weight in zip(shifts, weights, strict=True):
            rows, columns = slice(radius + row, radius + row + height), slice(radius + column, radius + column + width)
            other_x, other_y = rim_x[..., rows, columns], rim_y[..., rows, columns]
            agreement = (x * other_x).addcmul_(y, other_y).mul_(weight)
            sum_x.addcmul_(agreement, other_x)
            sum_y.addcmul_(agreement, other_y)
        length = (sum_x.square() + sum_y.square()).sqrt_() + 1e-6
        x, y = sum_x / length, sum_y / length
    # a tangent and its opposite are the same: only the doubled angle may be averaged
    double = torch.cat([x * x - y * y, 2 * x * y], 1)
    double = functional.interpolate(double, scale_factor=2, mode="bilinear", align_corners=False)
    angle = torch.atan2(double[:, 1:], double[:, :1]).mul_(0.5)
    return Flow(angle.cos(), angle.sin())


def line_response(tone: "Tensor", flow: Flow, width: float, paths: "Sequence[tuple[Tensor, float]]") -> "Tensor":
    """Measure how much darker each pixel is than both sides of it, and average that along the flow.

    Args:
        tone: float [N, 1, H, W].
        flow: Its flow.
        width: Standard deviation of the inner Gaussian across the flow, in px.
        paths: From :func:`walks`.

    Returns:
        float [N, 1, H, W], positive on dark lines and on the dark side of edges.
    """
    wide = 1.6 * width
    reach = math.ceil(2.2 * wide)
    inner, outer = _gaussian(width, reach), _gaussian(wide, reach)
    grid = _positions(tone)
    step = _steps(flow.y.neg(), flow.x)
    total = (outer[reach] - inner[reach]) * tone
    for distance in range(1, reach + 1):
        weight = outer[reach + distance] - inner[reach + distance]
        for sign in (1, -1):
            total += weight * _sampled(tone, grid + sign * distance * step)
    return smeared(total, paths)


def walks(flow: Flow, length: float, step: float = 2.0) -> "list[tuple[Tensor, float]]":
    """Walk along the flow from each pixel, both ways.

    Args:
        flow: The flow.
        length: Standard deviation of the Gaussian along the flow, in px.
        step: Of the walk, in px.

    Returns:
        For each step the places, in the coordinates of ``grid_sample``, and the weight.
    """
    import torch

    both = torch.cat([flow.x, flow.y], 1)
    start = _positions(flow.x)
    steps = math.ceil(2 * length / step)
    kernel = _gaussian(length / step, steps)
    paths = [(start, kernel[steps])]
    for sign in (1.0, -1.0):
        here = start
        x, y = sign * flow.x, sign * flow.y
        for number in range(1, steps + 1):
            here = here + step * _steps(x, y)
            paths.append((here, kernel[steps + number]))
            if number == steps:
                break
            there = _sampled(both, here)
            next_x, next_y = there[:, :1], there[:, 1:]
            turn = torch.where(x * next_x + y * next_y < 0, -1.0, 1.0)
            x, y = next_x * turn, next_y * turn
    return paths


def smeared(values: "Tensor", paths: "Sequence[tuple[Tensor, float]]") -> "Tensor":
    """Average along the flow: float [N, C, H, W]."""
    total = paths[0][1] * values
    for places, weight in paths[1:]:
        total += weight * _sampled(values, places)
    return total


def _noise_of(tone: "Tensor") -> "Tensor":
    """Estimate the standard deviation of the noise from what neither flat areas nor straight edges have.

    After Immerkær (1996), by the median rather than the mean: float [N, 1, 1, 1].
    """
    from torch.nn import functional

    fine = functional.avg_pool2d(tone, 2)
    across = fine[..., 2:] - 2 * fine[..., 1:-1] + fine[..., :-2]
    both = across[:, :, 2:] - 2 * across[:, :, 1:-1] + across[:, :, :-2]
    median = both.abs().flatten(1).median(dim=1).values
    return (median / (6 * 0.6745)).view(-1, 1, 1, 1)


def _sampled(values: "Tensor", places: "Tensor") -> "Tensor":
    from torch.nn import functional

    return functional.grid_sample(values, places, mode="bilinear", padding_mode="border", align_corners=False)


def _positions(values: "Tensor") -> "Tensor":
    import torch

    height, width = values.shape[-2:]
    y = (torch.arange(height, device=values.device) + 0.5) * (2.0 / height) - 1.0
    x = (torch.arange(width, device=values.device) + 0.5) * (2.0 / width) - 1.0
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    return grid.expand(len(values), height, width, 2)


def _steps(x: "Tensor", y: "Tensor") -> "Tensor":
    """Turn steps in px into those of ``grid_sample``: [N, H, W, 2]."""
    import torch

    height, width = x.shape[-2:]
    return torch.stack([x[:, 0] * (2.0 / width), y[:, 0] * (2.0 / height)], -1)


def _weighed(values: "Tensor", kernel: tuple[float, ...], axis: int) -> "Tensor":
    from torch.nn import functional

    reach = len(kernel) // 2
    size = values.shape[axis]
    edge = (reach, reach, 0, 0) if axis == -1 else (0, 0, reach, reach)
    padded = functional.pad(values, edge, mode="replicate")
    total = kernel[reach] * values
    for distance in range(1, reach + 1):
        both = padded.narrow(axis, reach - distance, size) + padded.narrow(axis, reach + distance, size)
        total.add_(both, alpha=kernel[reach + distance])
    return total


@lru_cache
def _gaussian(deviation: float, reach: int | None = None) -> tuple[float, ...]:
    reach = math.ceil(3 * deviation) if reach is None else reach
    values = [math.exp(-0.5 * (distance / deviation) ** 2) for distance in range(-reach, reach + 1)]
    return tuple(value / sum(values) for value in values)
