"""Read the clock of a video.

Only packets are read, and of the key frames with a new header one picture each: some hundredths of what decoding costs.
"""

import bisect
import math
from array import array
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from mmvoxceleb.processing.decoders.headers import header_of
from mmvoxceleb.processing.decoders.picture import Picture, picture_of
from mmvoxceleb.processing.decoders.probe import VideoInfo, demuxed, open_container, orientation_of
from mmvoxceleb.processing.decoders.timeline import (
    AHEAD_SECONDS,
    BACK_SECONDS,
    FPS,
    GAP_SECONDS,
    LATENESS_SECONDS,
    Clock,
    Look,
    Timeline,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["read_timeline"]


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
