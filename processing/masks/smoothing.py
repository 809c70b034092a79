"""Steady masks: class probabilities averaged over the frames around, and a figure for how much masks flicker."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.masks.parser import MASK_SIZE_PX, NetworkParser, first_largest

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["around", "flicker", "smoothed"]


@dataclass
class _Window:
    """The weighted sum of what was seen around one frame."""

    frame: int
    total: "torch.Tensor"

    def add(self, probabilities: "torch.Tensor", weight: int) -> None:
        self.total.add_(probabilities, alpha=weight)


def flicker(ids: "NDArray[np.uint8]") -> float:
    """Compute the share of pixels whose class is another one in the next mask, averaged over a clip.

    Args:
        ids: uint8 [N, H, W], the masks of a clip in order.

    Returns:
        0 to 1; 0 for fewer than two masks. Real motion counts too, so compare it with that of the same clip only.
    """
    return float((ids[1:] != ids[:-1]).mean()) if len(ids) > 1 else 0.0


def around(frame_indices: Sequence[int], wanted: Sequence[int], radius: int) -> list[int]:
    """List the frames of a clip that are at most ``radius`` away from a wanted one, ascending.

    Raises:
        ConfigError: ``radius`` is negative.
    """
    if radius < 0:
        raise ConfigError(f"smooth must be 0 or more frames, got {radius}")
    near = {index + offset for index in wanted for offset in range(-radius, radius + 1)}
    return [index for index in frame_indices if index in near]


def smoothed(
    parser: NetworkParser, frames: "NDArray[np.uint8]", indices: Sequence[int], wanted: Sequence[int], radius: int
) -> "tuple[NDArray[np.uint8], NDArray[np.uint8]]":
    """Parse a clip with the class probabilities averaged over time before the class is chosen.

    The weight of a frame falls evenly with its distance: 1 2 1 for a radius of 1, 1 2 3 2 1 for 2. Frames that
    the clip does not have count nothing.

    Args:
        parser: Any network.
        frames: uint8 [N, H, W, 3], RGB.
        indices: Frame index of each, ascending.
        wanted: Which of them get a mask.
        radius: How many frames before and after take part.

    Returns:
        uint8 [len(wanted), 512, 512], class ids smoothed, and the same without smoothing.
    """
    steady = np.empty((len(wanted), MASK_SIZE_PX, MASK_SIZE_PX), np.uint8)
    plain = np.empty_like(steady)
    position = {frame: place for place, frame in enumerate(wanted)}
    waiting = deque(wanted)
    opened: deque[_Window] = deque()
    for index, probabilities in zip(indices, parser.probabilities(frames), strict=True):
        while opened and opened[0].frame + radius < index:
            _close(opened.popleft(), steady, position)
        while waiting and waiting[0] - radius <= index:
            opened.append(_Window(waiting.popleft(), probabilities.new_zeros(probabilities.shape)))
        for window in opened:
            window.add(probabilities, radius + 1 - abs(window.frame - index))
        if index in position:
            plain[position[index]] = _classes(probabilities)
    for window in opened:
        _close(window, steady, position)
    return steady, plain


def _close(window: _Window, steady: "NDArray[np.uint8]", position: dict[int, int]) -> None:
    steady[position[window.frame]] = _classes(window.total)


def _classes(scores: "torch.Tensor") -> "NDArray[np.uint8]":
    return first_largest(scores[None])[0].cpu().numpy()
