"""Mel-frequency cepstra of a sound, as in SyncNet's training: those of python_speech_features with its defaults."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RATE", "cepstra"]

RATE = 16_000

_WINDOW, _STEP, _FFT = 400, 160, 512
"""In samples: windows of 25 ms, every 10 ms, and the size to which a window is padded with zeros."""

_FILTERS, _KEPT, _LIFTER = 26, 13, 22
_PREEMPHASIS = 0.97

_AT_ONCE = 4096
"""Number of windows whose spectra are in memory at once, about 20 MB."""


def cepstra(sound: "NDArray[np.int16]") -> "NDArray[np.float32]":
    """Compute 13 coefficients for every 10 ms: the logarithm of the energy, then cepstra 1 to 12, liftered.

    Args:
        sound: int16 [N], 16 kHz, at least one sample. The scale matters: SyncNet was trained with integers.

    Returns:
        float32 [T, 13], where T is 1 + ceil((N - 400) / 160), or 1 for less than 400 samples.
    """
    heard = sound.astype(np.float64)
    heard[1:] -= _PREEMPHASIS * heard[:-1].copy()
    count = 1 + max(0, -(-(len(heard) - _WINDOW) // _STEP))
    padded = np.pad(heard, (0, (count - 1) * _STEP + _WINDOW - len(heard)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_STEP]
    parts = []
    for first in range(0, count, _AT_ONCE):
        power = np.abs(np.fft.rfft(windows[first : first + _AT_ONCE], _FFT)) ** 2 / _FFT
        coefficients = _logarithm(power @ _filters().T) @ _cosines().T
        coefficients[:, 0] = _logarithm(power.sum(axis=1))
        parts.append(coefficients.astype(np.float32))
    return np.concatenate(parts)


def _logarithm(values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Take the logarithm; for a silent window, that of the smallest difference from 1."""
    return np.asarray(np.log(np.where(values == 0, np.finfo(np.float64).eps, values)), np.float64)


@lru_cache(maxsize=1)
def _filters() -> "NDArray[np.float64]":
    """Build triangular filters of equal width in mel from 0 to 8 kHz, [26, 257], with corners on whole bins."""
    mel = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), _FILTERS + 2)
    corners = np.floor((_FFT + 1) * 700 * (10 ** (mel / 2595) - 1) / RATE)
    bins = np.arange(_FFT // 2 + 1)
    low, middle, high = (corners[shift : shift + _FILTERS, None] for shift in range(3))
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.asarray(np.where(bins < middle, rising, falling).clip(0, None) * (bins < high), np.float64)


@lru_cache(maxsize=1)
def _cosines() -> "NDArray[np.float64]":
    """Build one matrix [13, 26] of the orthonormal cosine transform of the filters' logarithms, and the lifter."""
    order = np.arange(_KEPT)[:, None]
    cosines = np.cos(np.pi * order * (2 * np.arange(_FILTERS) + 1) / (2 * _FILTERS)) * np.sqrt(2 / _FILTERS)
    return np.asarray(cosines * (1 + _LIFTER / 2 * np.sin(np.pi * order / _LIFTER)), np.float64)
