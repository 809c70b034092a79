"""Lay blocks of samples side by side on an even grid, so that each is heard at its time.

Timestamps and counts of samples disagree: containers round times, and the clocks of a camera's sound and pictures
drift. A block is laid behind the one before it, without a seam, as long as its time differs by less than a
thousandth of a second on the average; else the samples of some hundredths of a second are drawn out or pushed together
until it fits. Only where a time differs at once by more than ``GAP_SECONDS``, something is missing or doubled.
"""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GAP_SECONDS", "Event", "Placer"]

GAP_SECONDS = 0.019
"""A difference of more than this is none of clocks."""

_DRIFT_SECONDS = 0.0005
"""From here on a difference is corrected."""

_AVERAGE_SECONDS = 0.1
"""Over which differences are averaged, against times that are rounded to milliseconds."""

_SLOWLY = 50
"""A correction by one sample takes so many."""

_HALF_TAPS = 16
_SILENT_CHUNK = 1 << 16


class Event(NamedTuple):
    """Where the sound is not that of the file as it stands.

    Args:
        kind: ``silence`` put in, sound left out as ``doubled``, ``drift`` corrected, a packet that is ``damaged``.
        start: Sample of the grid where it begins.
        stop: Where it ends.
        amount: Samples: put in, left out, moved; packets that are damaged.
    """

    kind: str
    start: int
    stop: int
    amount: int


class Placer:
    """Lays blocks of one rate on a grid of the same rate; sample 0 of the grid is the first frame of the video.

    Args:
        rate: Samples a second.
        channels: How many.
        position: The sample of the grid that comes next.
        is_first: Whether nothing lies before it, so that the sound may begin before the video.
    """

    def __init__(self, rate: int, channels: int, position: int = 0, *, is_first: bool = True) -> None:
        self.rate = rate
        self.events: list[Event] = []
        self.position = position
        """The sample of the grid behind all that was laid, which may be negative at first."""
        self._channels = channels
        self._is_first = is_first
        self._is_broken = not is_first
        self._difference = 0.0
        self._correction = 0
        self._held = np.zeros((channels, 0), np.float32)
        self._before = np.zeros((channels, _HALF_TAPS), np.float32)

    def lay(self, seconds: float | None, samples: "NDArray[np.float32]") -> Iterator["NDArray[np.float32]"]:
        """Lay a block; yield what is fixed by now: float32 [channels, N], one after the other from sample 0 on.

        Args:
            seconds: When its first sample is heard.
            samples: float32 [channels, N].
        """
        if seconds is not None:
            wanted = seconds * self.rate
            if self._is_first:
                self._is_first = False
                self.position = min(0, round(wanted))
                yield from self.silence(max(0, round(wanted)))
            difference = wanted - self.position
            is_gap = self._is_broken and abs(difference) >= 1
            if is_gap or abs(difference) > GAP_SECONDS * self.rate:
                yield from self._flush()
                samples = yield from self._jump(round(difference), samples)
            else:
                self._is_broken = False
                weight = min(1.0, samples.shape[1] / (_AVERAGE_SECONDS * self.rate))
                self._difference += weight * (difference - self._difference)
                if not self._correction and abs(self._difference) > _DRIFT_SECONDS * self.rate:
                    self._correct(round(self._difference))
        self._is_first = False
        self._held = np.concatenate([self._held, samples], axis=1)
        self.position += samples.shape[1]
        if not self._correction:
            yield from self._flush()
            return
        taken = abs(self._correction) * _SLOWLY - self._correction
        if self._held.shape[1] >= taken + _HALF_TAPS:
            yield from self._emit(self._drawn(taken))
            yield from self._flush()

    def broken(self) -> None:
        """Say that the next block does not follow on the last: its time counts, to a sample."""
        self._is_broken = True

    def silence(self, count: int) -> Iterator["NDArray[np.float32]"]:
        """Lay silence."""
        yield from self._flush()
        self._remember(np.zeros((self._channels, min(count, _HALF_TAPS)), np.float32))
        first = max(0, self.position)
        if self.position + count > first:
            self.events.append(Event("silence", first, self.position + count, self.position + count - first))
        while count > 0:
            chunk = min(count, _SILENT_CHUNK)
            self.position += chunk
            yield from self._emit(np.zeros((self._channels, chunk), np.float32), behind=self.position)
            count -= chunk

    def end(self) -> Iterator["NDArray[np.float32]"]:
        """Yield what is held back."""
        yield from self._flush()

    def _jump(
        self, difference: int, samples: "NDArray[np.float32]"
    ) -> Generator["NDArray[np.float32]", None, "NDArray[np.float32]"]:
        self._difference = 0.0
        self._is_broken = False
        if difference > 0:
            yield from self.silence(difference)
            return samples
        left_out = min(-difference, samples.shape[1])
        self._is_broken = left_out == samples.shape[1]
        self.events.append(Event("doubled", self.position, self.position, left_out))
        return samples[:, left_out:]

    def _correct(self, amount: int) -> None:
        self._correction = amount
        self.events.append(Event("drift", self.position, self.position + abs(amount) * _SLOWLY, amount))
        self.position += amount
        self._difference -= amount

    def _drawn(self, taken: int) -> "NDArray[np.float32]":
        """Take samples off those held, drawn out by the correction, or pushed together, by a windowed sinc."""
        count = taken + self._correction
        ease = np.arange(count) / count
        places = np.arange(count) - self._correction * ease * ease * (3 - 2 * ease) + _HALF_TAPS
        whole = np.concatenate([self._before, self._held[:, : taken + _HALF_TAPS]], axis=1)
        base = np.floor(places).astype(np.intp)
        taps = np.arange(1 - _HALF_TAPS, _HALF_TAPS + 1)
        away = (places - base)[:, None] - taps
        weights = np.sinc(away) * (0.5 + 0.5 * np.cos(np.pi * away / (_HALF_TAPS + 1)))
        weights /= weights.sum(axis=1, keepdims=True)
        near = whole[:, np.clip(base[:, None] + taps, 0, whole.shape[1] - 1)]
        drawn = np.asarray(np.einsum("cnt,nt->cn", near, weights), np.float32)
        self._remember(self._held[:, :taken])
        self._held = self._held[:, taken:]
        self._correction = 0
        return drawn

    def _flush(self) -> Iterator["NDArray[np.float32]"]:
        if self._correction:  # the sound ends, or breaks, before it could be made: done at once
            correction, self._correction = self._correction, 0
            if correction > 0:
                self._held = np.concatenate([np.zeros((self._channels, correction), np.float32), self._held], axis=1)
            else:
                self._held = self._held[:, -correction:]
        held, self._held = self._held, self._held[:, :0]
        self._remember(held)
        yield from self._emit(held)

    def _remember(self, samples: "NDArray[np.float32]") -> None:
        self._before = np.concatenate([self._before, samples[:, -_HALF_TAPS:]], axis=1)[:, -_HALF_TAPS:]

    def _emit(self, samples: "NDArray[np.float32]", behind: int | None = None) -> Iterator["NDArray[np.float32]"]:
        """Yield samples, but for those before sample 0."""
        stop = self.position - self._held.shape[1] if behind is None else behind
        before_zero = min(max(0, samples.shape[1] - stop), samples.shape[1])
        if samples.shape[1] > before_zero:
            yield samples[:, before_zero:]
