"""PyAV: FFmpeg with its libraries in the wheel. The default."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mmvoxceleb.processing.decoders.interface import FPS, LATENESS_SECONDS, Decoder
from mmvoxceleb.processing.decoders.picture import Deinterlacer, ToneMapper
from mmvoxceleb.processing.decoders.probe import VideoInfo, open_container, video_stream

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PyAVDecoder"]

AHEAD_SECONDS = 4.0
"""Up to here it is quicker to decode on than to jump to a key frame, of which there is one every few seconds."""


class PyAVDecoder(Decoder):
    """Decodes one after the other, seeks to the key frame before a far time, and never holds more than two frames."""

    name = "pyav"

    def __init__(self, info: VideoInfo, *, num_threads: int = 1) -> None:
        super().__init__(info, num_threads=num_threads)
        self._damaged = 0
        self._tones = ToneMapper()
        self._open()

    @property
    def damaged_packets(self) -> int:
        return self._damaged

    def frames(self, start: int, stop: int, *, fps: int = FPS) -> "Iterator[NDArray[np.uint8]]":
        self._go_to(start / fps)
        picture, shown = None, None
        for number in range(start, stop):
            seconds = number / fps
            self._advance(seconds)
            if self._current is None or seconds > self._end_seconds() - LATENESS_SECONDS:
                return
            if self._current is not shown:
                shown = self._current
                picture = self.info.picture.show(self._to_rgb(shown[1]))
            yield picture  # type: ignore[misc]

    def _to_rgb(self, frame: Any) -> "NDArray[np.uint8]":
        if self.info.picture.colours != "SDR":
            return self._tones.to_rgb(frame)
        rgb: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
        return rgb

    def close(self) -> None:
        self._container.close()

    def _open(self) -> None:
        self._container = open_container(self.info.path)
        self._stream = video_stream(self._container, self.info.path)
        self._stream.thread_type = "AUTO"
        self._stream.codec_context.thread_count = self.num_threads
        self._origin: float | None = None if self._stream.start_time is None else self._seconds(self._stream.start_time)
        self._restart()

    def _restart(self) -> None:
        self._decoded = self._whole(self._decode())
        self._current: tuple[float, Any] | None = None
        self._next: tuple[float, Any] | None = next(self._decoded, None)

    def _seconds(self, timestamp: int) -> float:
        return float(timestamp * self._stream.time_base)

    def _whole(self, decoded: Iterator[tuple[float, Any]]) -> Iterator[tuple[float, Any]]:
        """Put together the frames that are stored as two fields."""
        fields = Deinterlacer()
        for seconds, frame in decoded:
            yield from fields.push(seconds, frame)
        yield from fields.flush()

    def _decode(self) -> Iterator[tuple[float, Any]]:
        """Yield (seconds since the first frame, frame), passing over what is damaged and what goes back in time."""
        import av

        packets = self._container.demux(self._stream)
        last = -float("inf")
        untimed = 0
        while True:
            try:
                packet = next(packets, None)
                frames = [] if packet is None else packet.decode()
            except av.InvalidDataError:
                self._damaged += 1
                continue
            except av.FFmpegError:
                self._damaged += 1
                return
            if packet is None:
                return
            for frame in frames:
                if frame.pts is None:  # a raw stream has no clock but its frame rate
                    seconds = untimed / (self.info.fps_from_header or FPS)
                    untimed += 1
                else:
                    seconds = self._seconds(frame.pts)
                    if self._origin is None:
                        self._origin = seconds
                    seconds -= self._origin
                if seconds > last:
                    last = seconds
                    yield seconds, frame

    def _go_to(self, seconds: float) -> None:
        """Stand at or before a time: stay, decode on, seek, or begin again."""
        position = self._current or self._next
        if position is not None and position[0] - LATENESS_SECONDS <= seconds <= position[0] + AHEAD_SECONDS:
            return
        if seconds > AHEAD_SECONDS and self._seek(seconds):
            return
        if position is not None and position is self._next and position[0] <= LATENESS_SECONDS:
            return
        self._container.close()
        self._open()

    def _seek(self, seconds: float) -> bool:
        import av

        if self._origin is None:
            return False
        if self.info.picture.is_interlaced:
            seconds -= AHEAD_SECONDS / 2  # the field before matters, so that a frame is the same wherever we began
        try:
            self._container.seek(int((seconds + self._origin) / self._stream.time_base), stream=self._stream)
        except av.FFmpegError:
            return False
        self._restart()
        # some indices lie: then the first frame after the jump is too late, and we decode from the beginning
        return self._next is not None and self._next[0] <= seconds + LATENESS_SECONDS

    def _advance(self, seconds: float) -> None:
        while self._next is not None and (self._current is None or self._next[0] <= seconds + LATENESS_SECONDS):
            self._current, self._next = self._next, next(self._decoded, None)

    def _end_seconds(self) -> float:
        """Until when the current frame is shown."""
        if self._next is not None:
            return float("inf")
        assert self._current is not None
        begin, frame = self._current
        if frame.duration:
            return begin + self._seconds(frame.duration)
        return begin + 1 / (self.info.fps_from_header or FPS)
