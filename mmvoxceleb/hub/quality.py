"""How much a lossy video lost: PSNR and SSIM against the frames that went in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Quality", "measure_quality", "psnr", "ssim"]

_SSIM_EVERY = 8
_LOSSLESS_DB = 100.0


@dataclass(frozen=True)
class Quality:
    """The loss of one clip, or of several together.

    Args:
        frames: Frames that were compared.
        psnr_sum: Sum of the frames' PSNR in dB over RGB; an exact frame counts as 100 dB.
        psnr_min: Worst frame.
        ssim_frames: Frames that SSIM was measured on: every 8th.
        ssim_sum: Sum of their SSIM on luma.
        ssim_min: Worst of them.
    """

    frames: int = 0
    psnr_sum: float = 0.0
    psnr_min: float = _LOSSLESS_DB
    ssim_frames: int = 0
    ssim_sum: float = 0.0
    ssim_min: float = 1.0

    @property
    def psnr_mean(self) -> float:
        """Mean PSNR of the frames, dB."""
        return self.psnr_sum / max(1, self.frames)

    @property
    def ssim_mean(self) -> float:
        """Mean SSIM, 0 to 1."""
        return self.ssim_sum / max(1, self.ssim_frames)

    @property
    def is_exact(self) -> bool:
        """Whether every frame came back as it was."""
        return self.psnr_min >= _LOSSLESS_DB

    def __add__(self, other: "Quality") -> "Quality":
        return Quality(
            self.frames + other.frames,
            round(self.psnr_sum + other.psnr_sum, 3),
            min(self.psnr_min, other.psnr_min),
            self.ssim_frames + other.ssim_frames,
            round(self.ssim_sum + other.ssim_sum, 5),
            min(self.ssim_min, other.ssim_min),
        )


def psnr(first: "NDArray[np.uint8]", second: "NDArray[np.uint8]") -> float:
    """Peak signal-to-noise ratio of two pictures in dB, over all channels; 100 where they are equal.

    Args:
        first: uint8 [H, W, 3].
        second: Of the same shape.
    """
    error = float(np.mean((first.astype(np.float32) - second.astype(np.float32)) ** 2))
    return _LOSSLESS_DB if error == 0 else min(_LOSSLESS_DB, float(10 * np.log10(255.0**2 / error)))


def ssim(first: "NDArray[np.uint8]", second: "NDArray[np.uint8]") -> float:
    """Structural similarity on luma (Wang et al., 2004): Gaussian window of 11 px, sigma 1.5, K1 .01, K2 .03.

    Args:
        first: uint8 [H, W, 3], RGB.
        second: Of the same shape.
    """
    import cv2

    def blur(values: "NDArray[np.float32]") -> "NDArray[np.float32]":
        return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), np.float32)

    a, b = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).astype(np.float32) for one in (first, second))
    mean_a, mean_b = blur(a), blur(b)
    variance_a, variance_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float(np.mean(above / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))))


def measure_quality(pairs: "Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8]]]") -> Quality:
    """Compare frames, each uint8 [H, W, 3] RGB, with what came back of them."""
    total = Quality()
    for index, (before, after) in enumerate(pairs):
        level = psnr(before, after)
        similarity = ssim(before, after) if index % _SSIM_EVERY == 0 else None
        total += Quality(
            1,
            level,
            round(level, 3),
            int(similarity is not None),
            similarity or 0.0,
            1.0 if similarity is None else round(similarity, 5),
        )
    return total
