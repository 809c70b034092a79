"""The one-euro filter: it steadies points at rest, and delays moving ones little, but where they turn back."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["OneEuro", "kept_near"]

FRAMES_PER_SECOND = 25


@dataclass(frozen=True)
class OneEuro:
    """The one-euro filter (Casiez et al., CHI 2012) for the points of a face. The defaults are MediaPipe's.

    It is a low-pass filter with the cutoff frequency ``min_cutoff_hz + beta * speed``. The speed of each coordinate is
    measured in face sizes (the mean of width and height) per second. The filter restarts after a frame without a face.

    Args:
        min_cutoff_hz: Cutoff at rest, over 0. Lower values steady the points more.
        beta: How fast the cutoff rises with the speed, from 0. Higher values delay moving points less.
        derivative_cutoff_hz: Cutoff of the filter for the speed itself, over 0.

    Raises:
        ConfigError: A number is out of range.
    """

    min_cutoff_hz: float = 0.05
    beta: float = 80.0
    derivative_cutoff_hz: float = 1.0

    def __post_init__(self) -> None:
        if not (self.min_cutoff_hz > 0 and self.derivative_cutoff_hz > 0 and self.beta >= 0):
            raise ConfigError(f"{self}: cutoffs must be over 0 Hz, and beta at least 0")

    def __call__(self, points: "NDArray[np.float64]", indices: "NDArray[np.int64]") -> "NDArray[np.float64]":
        """Filter points.

        Args:
            points: float64 [N, K, 3], NaN in frames without a face.
            indices: int64 [N], frame indices at 25 frames per second, ascending.

        Returns:
            float64 [N, K, 3], NaN in frames without a face.
        """
        smooth = points.copy()
        speed, last = np.zeros(points.shape[1:]), -1
        for place in np.flatnonzero(~np.isnan(points[:, 0, 0])).tolist():
            if place == 0 or last != place - 1:
                speed = np.zeros(points.shape[1:])
            else:
                seconds = float(indices[place] - indices[last]) / FRAMES_PER_SECOND
                size = float(np.ptp(points[place, :, :2], axis=0).mean()) or 1.0
                moved = points[place] - smooth[last]
                speed = speed + _share(self.derivative_cutoff_hz, seconds) * (moved / size / seconds - speed)
                smooth[place] = smooth[last] + _share(self.min_cutoff_hz + self.beta * np.abs(speed), seconds) * moved
            last = place
        return smooth


def kept_near(steadied: "NDArray[np.float64]", points: "NDArray[np.float64]", *, share: float) -> "NDArray[np.float64]":
    """Limit how far a filter has moved points: it delays a head that turns back, whose speed passes through zero.

    Args:
        steadied: float64 [N, K, 3], the filtered points.
        points: float64 [N, K, 3], the points as they were found.
        share: The longest way in the picture's plane, in face sizes (the mean of width and height).

    Returns:
        float64 [N, K, 3]: ``steadied``, or the nearest point on the way to it from ``points``.
    """
    shift = steadied - points
    size = np.ptp(points[..., :2], axis=1).mean(axis=1)[:, None]
    way = np.linalg.norm(shift[..., :2], axis=2)
    kept = np.minimum(1.0, share * size / np.maximum(way, 1e-9))
    limited: NDArray[np.float64] = points + shift * kept[..., None]
    return limited


def _share(cutoff_hz: "float | NDArray[np.float64]", seconds: float) -> "float | NDArray[np.float64]":
    """Return how much of the way to a new value the filter goes."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * seconds))
