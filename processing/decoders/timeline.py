"""The clock of a video: when each frame is shown, where time starts again, where the pictures become others."""

import bisect
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from mmvoxceleb.processing.decoders.picture import Picture
from mmvoxceleb.processing.decoders.probe import VideoInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "FPS",
    "GAP_SECONDS",
    "LATENESS_SECONDS",
    "Clock",
    "Look",
    "Stretch",
    "Timeline",
    "first_number",
]

FPS = 25
"""VoxCeleb counts frames at 25 a second from the start of the video."""

LATENESS_SECONDS = 0.001
"""A frame may come this much after a time of the grid and still be the one shown then.

Containers such as Matroska round timestamps to a millisecond.
"""

GAP_SECONDS = 1.0
"""No frame is shown for longer than this: a longer time without a frame is a gap, in which nothing is shown."""

CUT_OFF_SECONDS = 0.5
"""Video that ends so much earlier than its index says is cut off. The lengths of whole files agree within a frame."""

BACK_SECONDS = 0.1
"""A clock that goes back further has started again, as FFmpeg's command takes it."""

AHEAD_SECONDS = 10.0
"""In a broadcast stream, a clock that jumps further was set again (``-dts_delta_threshold`` of FFmpeg's command)."""


@dataclass(frozen=True)
class Clock:
    """The packets from one on, up to the next clock's first.

    Args:
        packet: Number of its first packet, in the order of the file.
        shift_ticks: What is to be added to its timestamps, so that it goes on where the clock before it ended.
        start_seconds: When its first frame is shown, in seconds after the first frame of the video.
    """

    packet: int
    shift_ticks: int
    start_seconds: float


class Look(NamedTuple):
    """The pictures from one on, up to the next look's first.

    Args:
        start_seconds: When its first frame is shown, in seconds after the first frame of the video.
        width_px: Width as shown.
        height_px: Height as shown.
        picture: What its pictures need before they are shown.
    """

    start_seconds: float
    width_px: int
    height_px: int
    picture: Picture


@dataclass(frozen=True)
class Stretch:
    """A part of a video in which time runs on and the look stays.

    Args:
        start: First frame number.
        stop: Number after the last.
        width_px: Width as shown.
        height_px: Height as shown.
    """

    start: int
    stop: int
    width_px: int
    height_px: int


@dataclass(frozen=True, eq=False)
class Timeline:
    """When the frames of a video are shown.

    Args:
        times: float64 [N], seconds after the first frame, ascending; a frame for every packet.
        interval_seconds: The usual time from one frame to the next, at most a second.
        clocks: At least one.
        looks: At least one; each begins with a key frame.
        keys: Number and time in seconds of every packet with a key frame.
        is_timed: Whether frames carry a time of their own. Else the n-th frame shown has the n-th of ``times``.
        delay: Where they do not: the n-th frame comes out of the decoder, and is shown, at the time of the packet that
            is so many behind the n-th. Some encoders leave a time out after the first packet for that.
    """

    times: "NDArray[np.float64]"
    interval_seconds: float
    clocks: tuple[Clock, ...]
    looks: tuple[Look, ...]
    keys: tuple[tuple[int, float], ...]
    is_timed: bool
    delay: int = 0

    @cached_property
    def starts(self) -> "NDArray[np.int64]":
        """Places in ``times`` of the frames that begin a stretch, the first included; int64."""
        import numpy as np

        starts = np.flatnonzero(np.diff(self.times) > GAP_SECONDS) + 1
        begins = [clock.start_seconds for clock in self.clocks[1:]] + [look.start_seconds for look in self.looks[1:]]
        places = np.searchsorted(self.times, np.array(begins) - LATENESS_SECONDS / 2)
        return np.unique(np.concatenate([[0], starts, places[places < len(self.times)]])).astype(np.int64)

    def stretches(self) -> tuple[Stretch, ...]:
        """List the stretches, at :data:`FPS` numbers a second. Those too short for a single number are left out."""
        found = []
        for place, first in enumerate(self.starts):
            begin = first_number(float(self.times[first]))
            if place + 1 < len(self.starts):
                following = self.starts[place + 1]
                end = self.end_of(int(following) - 1, float(self.times[following]))
            else:
                end = self.end_of(len(self.times) - 1)
            stop = first_number(end)
            if stop > begin:
                look = self.look_at(float(self.times[first]))
                found.append(Stretch(begin, stop, look.width_px, look.height_px))
        return tuple(found)

    def look_at(self, seconds: float) -> Look:
        """Tell what the picture that is shown at a time is like."""
        if len(self.looks) == 1:
            return self.looks[0]
        starts = [look.start_seconds for look in self.looks]
        return self.looks[max(0, bisect.bisect(starts, seconds + LATENESS_SECONDS) - 1)]

    def end_of(self, frame: int, following: float = math.inf) -> float:
        """Until when a frame is shown, in seconds, if the next one of another stretch begins at ``following``."""
        return min(following, float(self.times[frame]) + self.interval_seconds)

    def missing_seconds(self, info: VideoInfo) -> float:
        """Return how much of a video that is cut off is not there, in seconds; 0 if nothing is known to be missing."""
        if info.indexed_frames is not None and len(self.times) >= info.indexed_frames:
            return 0.0  # the last frame is shown for long
        missing = (info.indexed_seconds or 0) - self.end_of(len(self.times) - 1)
        return missing if missing > CUT_OFF_SECONDS else 0.0

    def clock_of(self, packet: int) -> Clock:
        """The clock that times a packet."""
        return self.clocks[bisect.bisect([clock.packet for clock in self.clocks], packet) - 1]


def first_number(seconds: float, fps: int = FPS) -> int:
    """The first frame number at which something that begins at ``seconds`` is shown."""
    return math.ceil((seconds - LATENESS_SECONDS) * fps)
