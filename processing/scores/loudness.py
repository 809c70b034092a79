"""The loudness of a sound, and the shares of it that are clipped or silent."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["integrated_loudness", "silent_share"]

_BLOCK_SECONDS, _STEP_SECONDS = 0.4, 0.1
_ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_LU = -70.0, -10.0
_OFFSET_LU = -0.691

_SHELF = (1681.974450955533, 3.999843853973347, 0.7071752369554196)
"""Hz, dB and Q of the shelf filter that models the head; see ITU-R BS.1770-4, annex 1, for 48 kHz."""

_SHELF_MIDDLE = 0.4996667741545416
_HIGH_PASS = (38.13547087602444, 0.5003270373238773)
"""Hz and Q."""

_DECAY_SECONDS = 0.5
"""After this, the response of the filters is below the precision of float64."""

_SILENT_WINDOW_SECONDS, _SILENT_BELOW_DB = 0.02, -60.0


def integrated_loudness(samples: "NDArray[np.float32]", rate: int) -> float | None:
    """Measure the integrated loudness of a whole sound, by ITU-R BS.1770-4 and EBU R 128.

    Args:
        samples: float32 [channels, N], -1 to 1, with 1 or 2 channels.
        rate: Samples per second.

    Returns:
        Loudness in LUFS, at most about 3; None if the sound is shorter than 0.4 s, or nowhere louder than -70 LUFS.
    """
    block, step = round(_BLOCK_SECONDS * rate), round(_STEP_SECONDS * rate)
    count = 1 + (samples.shape[1] - block) // step
    if count < 1:
        return None
    energy = np.zeros(count)
    for channel in samples:
        sums = np.concatenate([[0.0], np.cumsum(_weighted(channel, rate) ** 2)])
        starts = np.arange(count) * step
        energy += (sums[starts + block] - sums[starts]) / block
    kept = energy[_lufs(energy) > _ABSOLUTE_GATE_LUFS]
    if not len(kept):
        return None
    kept = kept[_lufs(kept) > _lufs(kept.mean()) + _RELATIVE_GATE_LU]
    return float(_lufs(kept.mean()))


def silent_share(samples: "NDArray[np.float32]", rate: int) -> float | None:
    """Return the share of windows of 20 ms whose level is below -60 dB of full scale in every channel.

    Args:
        samples: float32 [channels, N], -1 to 1.
        rate: Samples per second.

    Returns:
        The share, 0 to 1; None if the sound is shorter than a window.
    """
    size = round(_SILENT_WINDOW_SECONDS * rate)
    count = samples.shape[1] // size
    if not count:
        return None
    windows = samples[:, : count * size].reshape(len(samples), count, size).astype(np.float64)
    level = (windows**2).mean(axis=2).max(axis=0)
    return float((level < 10 ** (_SILENT_BELOW_DB / 10)).mean())


def _lufs(energy: "NDArray[np.float64] | np.float64") -> "NDArray[np.float64]":
    with np.errstate(divide="ignore"):
        return np.asarray(_OFFSET_LU + 10 * np.log10(energy), np.float64)


def _weighted(channel: "NDArray[np.float32]", rate: int) -> "NDArray[np.float64]":
    """Apply the K-weighting: the responses of both filters at each frequency, to the sound padded with silence."""
    size = len(channel) + round(_DECAY_SECONDS * rate)
    size += -size % 4096
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    spectrum = np.fft.rfft(channel.astype(np.float64), size)
    for feed, back in _filters(rate):
        spectrum *= np.polyval(feed[::-1], z) / np.polyval(back[::-1], z)
    return np.asarray(np.fft.irfft(spectrum, size)[: len(channel)], np.float64)


def _filters(rate: int) -> "list[tuple[NDArray[np.float64], NDArray[np.float64]]]":
    """Return the coefficients of both filters, forward and feedback, for powers 0 to 2 of the delay."""
    hertz, decibels, quality = _SHELF
    k, high = np.tan(np.pi * hertz / rate), 10 ** (decibels / 20)
    middle = high**_SHELF_MIDDLE
    shelf = np.array([high + middle * k / quality + k * k, 2 * (k * k - high), high - middle * k / quality + k * k])
    shelf_back = np.array([1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k])
    hertz, quality = _HIGH_PASS
    k = np.tan(np.pi * hertz / rate)
    back = np.array([1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k])
    return [(shelf, shelf_back), (np.array([1.0, -2.0, 1.0]), back / back[0])]
