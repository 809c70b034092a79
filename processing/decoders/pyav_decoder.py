"""PyAV: FFmpeg with its libraries in the wheel. The default."""

import bisect
import heapq
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from mmvoxceleb.processing.decoders.interface import FPS, LATENESS_SECONDS, Decoder, FrameCounts, ShownFrame
from mmvoxceleb.processing.decoders.picture import Deinterlacer, Picture, ToneMapper
from mmvoxceleb.processing.decoders.probe import VideoInfo, demuxed, last_frames, open_container
from mmvoxceleb.processing.decoders.timeline import GAP_SECONDS, Look, first_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PyAVDecoder"]

AHEAD_SECONDS = 4.0
"""Up to here it is quicker to decode on than to jump to a key frame, of which there is one every few seconds."""


class _Moment(NamedTuple):
    """When a decoded frame is shown.

    Args:
        seconds: After the first frame of the video.
        usual_seconds: How long it is shown where no other follows.
        place: Counts decoded frames.
        stretch: Counts stretches of time.
    """

    seconds: float
    usual_seconds: float
    place: int
    stretch: int


class PyAVDecoder(Decoder):
    """Decodes one after the other, seeks to the key frame before a far time, and never holds more than two frames."""

    name = "pyav"

    def __init__(self, info: VideoInfo, *, num_threads: int = 1) -> None:
        super().__init__(info, num_threads=num_threads)
        self._dropped = self._doubled = self._undecodable = 0
        self._tones = ToneMapper()
        self._clock_starts = [clock.start_seconds for clock in self.timeline.clocks]
        self._is_interlaced = any(look.picture.is_interlaced for look in self.timeline.looks)
        self._container: Any = None
        self._open()

    @property
    def counts(self) -> FrameCounts:
        return FrameCounts(self._dropped, self._doubled, self._undecodable)

    def shown(self, start: int, stop: int, *, fps: int = FPS) -> Iterator[ShownFrame]:
        self._go_to(start / fps)
        number = start
        before: _Moment | None = None
        look_before: Look | None = None
        size: tuple[int, ...] = ()
        picture: NDArray[np.uint8] | None = None
        while number < stop:
            seconds = number / fps
            self._advance(seconds)
            if self._current is None:
                return
            moment, frame = self._current
            if seconds > self._until() - LATENESS_SECONDS:
                if self._next is None:
                    return
                number = max(number + 1, first_number(self._next[0].seconds, fps))
                continue
            begins = before is None or moment.stretch != before.stretch
            if moment is before:
                self._doubled += 1
            else:
                look = self.timeline.look_at(moment.seconds)
                picture = look.picture.show(self._to_rgb(frame, look.picture))
                begins = begins or look is not look_before or picture.shape != size
                if not begins and before is not None:
                    self._dropped += moment.place - before.place - 1
                before, look_before, size = moment, look, picture.shape
            assert picture is not None
            yield ShownFrame(number, picture, begins)
            number += 1

    def close(self) -> None:
        self._container.close()

    def _to_rgb(self, frame: Any, form: Picture) -> "NDArray[np.uint8]":
        if form.colours != "SDR":
            return self._tones.to_rgb(frame)
        rgb: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
        return rgb

    def _open(self, first_packet: int = 0) -> None:
        if self._container is not None:
            self._container.close()
        self._container = open_container(self.info.path)
        self._stream = self._container.streams[self.info.stream]
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = self.num_threads
        self._restart(first_packet)

    def _restart(self, first_packet: int | None) -> None:
        self._decoded = self._whole(self._timed(first_packet))
        self._current: tuple[_Moment, Any] | None = None
        self._next: tuple[_Moment, Any] | None = next(self._decoded, None)

    def _whole(self, decoded: Iterator[tuple[_Moment, Any]]) -> Iterator[tuple[_Moment, Any]]:
        """Put together the frames that are stored as two fields."""
        fields = Deinterlacer()
        for moment, frame in decoded:
            yield from fields.push(moment, frame)
        yield from fields.flush()

    def _timed(self, first_packet: int | None) -> Iterator[tuple[_Moment, Any]]:
        """Yield frames that go forward in time, each with its moment."""
        place = stretch = clock = 0
        last = -float("inf")
        for seconds, frame in self._decode(first_packet):
            if seconds <= last:
                self._undecodable += 1
                continue
            new_clock = bisect.bisect(self._clock_starts, seconds + LATENESS_SECONDS)
            if place and (new_clock != clock or seconds - last > GAP_SECONDS):
                stretch += 1
            last, clock = seconds, new_clock
            yield _Moment(seconds, self._usual_seconds(frame), place, stretch), frame
            place += 1

    def _usual_seconds(self, frame: Any) -> float:
        duration = float((frame.duration or 0) * self._stream.time_base) if self.timeline.is_timed else 0.0
        return min(duration or self.timeline.interval_seconds, GAP_SECONDS)

    def _decode(self, first_packet: int | None) -> Iterator[tuple[float, Any]]:
        """Yield (seconds since the first frame, frame), passing over what is damaged.

        Args:
            first_packet: Number of the packet to begin with; None where the container was told to go elsewhere.
        """
        import av

        timeline = self.timeline
        tick = self._stream.time_base
        base = timeline.clocks[0].shift_ticks
        waiting: list[float] = []
        last = 0.0
        packets = enumerate(demuxed(self._container, self._stream))
        while True:
            number, packet = next(packets, (-1, None))
            if packet is None:
                frames = last_frames(self._stream)
            elif first_packet is not None and number < first_packet:
                continue
            else:
                shift = 0 if first_packet is None else timeline.clock_of(number).shift_ticks - base
                if packet.pts is not None:
                    packet.pts += shift
                if packet.dts is not None:
                    packet.dts += shift
                if not timeline.is_timed and not packet.is_discard and number >= timeline.delay:
                    seconds = number * timeline.interval_seconds
                    if packet.dts is not None:
                        seconds = float((packet.dts + base) * tick)
                    heapq.heappush(waiting, seconds)
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    self._undecodable += 1
                    if waiting:
                        heapq.heappop(waiting)
                    continue
            for frame in frames:
                if waiting:
                    last = heapq.heappop(waiting)
                elif timeline.is_timed and frame.pts is not None:
                    last = float((frame.pts + base) * tick)
                else:
                    last += timeline.interval_seconds
                yield last, frame
            if packet is None:
                return

    def _go_to(self, seconds: float) -> None:
        """Stand at or before a time: stay, decode on, seek, or begin again."""
        timeline = self.timeline
        position = self._current or self._next
        at = position[0].seconds - LATENESS_SECONDS if position is not None else float("inf")
        if at <= seconds and (seconds <= at + AHEAD_SECONDS or not timeline.is_timed):
            return
        if seconds > AHEAD_SECONDS and timeline.is_timed:
            # with two fields the frame before matters, so that a frame is the same wherever we began
            wanted = seconds - AHEAD_SECONDS / 2 if self._is_interlaced else seconds
            jumped = self._seek(wanted) if len(timeline.clocks) == 1 else self._skip(wanted, at)
            # some indices lie: then the first frame after the jump is too late, and we decode from the beginning
            if jumped and self._next is not None and self._next[0].seconds <= seconds + LATENESS_SECONDS:
                return
        if position is not None and position is self._next and position[0].seconds <= LATENESS_SECONDS:
            return
        self._open()

    def _seek(self, seconds: float) -> bool:
        import av

        timestamp = int(seconds / self._stream.time_base) - self.timeline.clocks[0].shift_ticks
        try:
            self._container.seek(timestamp, stream=self._stream)
        except av.FFmpegError:
            return False
        self._restart(None)
        return True

    def _skip(self, seconds: float, at: float) -> bool:
        """Read from the beginning up to a key frame without decoding, as timestamps do not tell where it is."""
        keys = self.timeline.keys
        place = bisect.bisect([key[1] for key in keys], seconds + LATENESS_SECONDS) - 1
        if place < 0:
            return False
        if not keys[place][1] <= at <= seconds:
            self._open(keys[place][0])
        return True

    def _advance(self, seconds: float) -> None:
        while self._next is not None and (self._current is None or self._next[0].seconds <= seconds + LATENESS_SECONDS):
            self._current, self._next = self._next, next(self._decoded, None)

    def _until(self) -> float:
        """Until when the current frame is shown."""
        assert self._current is not None
        moment = self._current[0]
        if self._next is None:
            return moment.seconds + moment.usual_seconds
        following = self._next[0]
        if following.stretch == moment.stretch:
            return float("inf")
        return min(moment.seconds + moment.usual_seconds, following.seconds)
