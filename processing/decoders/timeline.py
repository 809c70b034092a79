"""Read the clock of a video: when each frame is shown, where time starts again, where the pictures become others.

Only packets are read, and of the key frames with a new header one picture each: some hundredths of what decoding costs.
"""

import bisect
import math
from array import array
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from mmvoxceleb.processing.decoders.headers import header_of
from mmvoxceleb.processing.decoders.picture import Picture, picture_of
from mmvoxceleb.processing.decoders.probe import VideoInfo, demuxed, open_container, orientation_of

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
    "read_timeline",
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


def read_timeline(info: VideoInfo) -> Timeline:
    """Read the packets of a video.

    Raises:
        SourceUnavailableError: The file is gone.
        CorruptSourceError: It has changed, and is not a video any more.
    """
    with open_container(info.path) as container:
        stream = container.streams[info.stream]
        return _Reader(info, container, stream).read()


_NONE = -(1 << 63)
"""Stands for no timestamp in an array."""


def _known(stamps: "array[int]") -> "NDArray[np.int64]":
    """The timestamps that there are, sorted."""
    import numpy as np

    values = np.array(stamps, np.int64)
    return np.sort(values[values != _NONE])


class _Form(NamedTuple):
    """A look without its time."""

    width_px: int
    height_px: int
    picture: Picture


class _Reader:
    def __init__(self, info: VideoInfo, container: Any, stream: Any) -> None:
        from av.format import Flags

        self.info = info
        self.container = container
        self.stream = stream
        self.tick = Fraction(stream.time_base)
        self.usual = 1 / info.fps_from_header if info.fps_from_header else 1 / FPS
        self.may_jump = bool(container.format.flags & Flags.ts_discont.value)
        self.firsts: list[int] = []
        self.shown: list[array[int]] = []
        self.decoded: list[array[int]] = []
        self.keys: list[tuple[int, int | None]] = []
        self.looks: list[tuple[int, int | None, _Form]] = []

    def read(self) -> Timeline:
        last: int | None = None
        extradata = self.stream.codec_context.extradata
        first = _Form(self.info.width_px, self.info.height_px, self.info.picture)
        headers: dict[bytes, _Form] = {}
        form: _Form | None = None
        for number, packet in enumerate(demuxed(self.container, self.stream)):
            if not self.firsts or (
                packet.dts is not None and last is not None and self._is_new_clock(packet.dts - last)
            ):
                self.firsts.append(number)
                self.shown.append(array("q"))
                self.decoded.append(array("q"))
            last = packet.dts if packet.dts is not None else last
            is_left_out = packet.is_discard
            self.shown[-1].append(_NONE if packet.pts is None or is_left_out else packet.pts)
            self.decoded[-1].append(_NONE if packet.dts is None or is_left_out else packet.dts)
            if packet.is_keyframe:
                self.keys.append((number, packet.pts))
                header = header_of(self.info.codec, packet, extradata)
                if header is not None:
                    if not headers and len(self.keys) == 1:
                        headers[header] = first
                    elif header not in headers:
                        headers[header] = self._form_of(packet) or form or first
                    if headers[header] != form:
                        form = headers[header]
                        self.looks.append((number, packet.pts, form))
        return self._timeline()

    def _is_new_clock(self, ticks: int) -> bool:
        seconds = float(ticks * self.tick)
        return seconds < -BACK_SECONDS or (self.may_jump and seconds > AHEAD_SECONDS)

    def _form_of(self, packet: Any) -> "_Form | None":
        """Decode one key frame; None if it cannot be."""
        import av

        context = self.stream.codec_context
        try:
            frames = [*packet.decode(), *context.decode(None)]
        except av.FFmpegError:
            frames = []
        form = None
        if frames:
            frame = frames[-1]
            picture = picture_of(frame, self.stream, orientation_of(frame), self.info.picture)
            form = _Form(*picture.shown_size(frame.width, frame.height), picture)
        context.flush_buffers()
        return form

    def _is_timed(self) -> bool:
        """Whether the timestamps of packets are those of their frames."""
        if all(len(_known(stamps)) == 0 for stamps in self.shown):
            return False
        if not self.stream.codec_context.has_b_frames:
            return True
        if self.container.format.name == "avi":  # it has none, and FFmpeg guesses them
            return False
        return self.shown != self.decoded

    def _timeline(self) -> Timeline:
        import numpy as np

        is_timed = self._is_timed()
        stamps = self.shown if is_timed else self.decoded
        delay = 0 if is_timed or len(_known(stamps[0])) < 2 else 1
        interval = self._interval(stamps)
        origin = self.info.first_pts if is_timed else None
        clocks: list[Clock] = []
        times: list[NDArray[np.float64]] = []
        end = 0.0
        for first, found in zip(self.firsts, stamps, strict=True):
            known = _known(found)
            if delay and not clocks:
                known = np.append(known[delay:], known[-1] + round(interval / self.tick))
            seconds: NDArray[np.float64]
            if len(known) == 0:  # a raw stream has no clock but its frame rate
                seconds = np.arange(len(found), dtype=np.float64) * np.float64(interval)
                clocks.append(Clock(first, 0, 0.0))
            else:
                if not clocks:
                    shift, start = -(int(known[0]) if origin is None else origin), 0.0
                else:  # on the grid, so that frames come as they would from a file of their own
                    start = math.ceil(end * FPS - LATENESS_SECONDS * FPS) / FPS
                    shift = math.floor(start / self.tick) - int(known[0])
                clocks.append(Clock(first, shift, start))
                # as a fraction is rounded, so that all decoders compare the same numbers
                seconds = np.asarray((known + shift) * self.tick.numerator / self.tick.denominator, np.float64)
            # frames before the first one that can be shown, and two at one time
            seconds = seconds[seconds >= clocks[-1].start_seconds - LATENESS_SECONDS]
            if len(seconds):
                end = max(end, float(seconds[-1]) + interval)
                times.append(seconds)
        return Timeline(
            times=np.concatenate(times) if times else np.zeros(1),
            interval_seconds=interval,
            clocks=tuple(clocks),
            looks=self._looks_in_seconds(clocks, is_timed),
            keys=self._keys_in_seconds(clocks) if is_timed else (),
            is_timed=is_timed,
            delay=delay,
        )

    def _interval(self, stamps: "list[array[int]]") -> float:
        import numpy as np

        steps = np.diff(_known(stamps[0][:1000])) if stamps else np.zeros(0, np.int64)
        steps = steps[steps > 0]
        interval = float(np.median(steps) * self.tick) if len(steps) else self.usual
        return min(interval, GAP_SECONDS)

    def _keys_in_seconds(self, clocks: list[Clock]) -> tuple[tuple[int, float], ...]:
        keys = []
        for number, pts in self.keys:
            clock = clocks[bisect.bisect([clock.packet for clock in clocks], number) - 1]
            if pts is not None:
                keys.append((number, float((pts + clock.shift_ticks) * self.tick)))
        return tuple(keys)

    def _looks_in_seconds(self, clocks: list[Clock], is_timed: bool) -> tuple[Look, ...]:
        looks = [Look(0.0, self.info.width_px, self.info.height_px, self.info.picture)]
        for number, pts, form in self.looks:
            place = bisect.bisect([clock.packet for clock in clocks], number) - 1
            clock = clocks[place]
            stamp = pts if is_timed else self.decoded[place][number - clock.packet]
            seconds = 0.0
            if stamp is not None and stamp != _NONE:
                seconds = max(0.0, float((stamp + clock.shift_ticks) * self.tick))
            if form == looks[-1][1:]:
                continue
            if seconds <= LATENESS_SECONDS:
                looks[-1] = Look(0.0, *form)
            else:
                looks.append(Look(seconds, *form))
        return tuple(looks)
