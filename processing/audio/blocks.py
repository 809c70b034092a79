"""Decode the sound of a video: blocks of samples, each with its time on the clock of the pictures."""

import bisect
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mmvoxceleb.processing.decoders.probe import VideoInfo, demuxed, open_container
from mmvoxceleb.processing.decoders.timeline import AHEAD_SECONDS, BACK_SECONDS, Timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Block", "SoundStream", "choose_stream", "decoded_blocks"]

_NEARER_SECONDS = 0.5
"""So much nearer to the pictures must a packet be by another clock to be taken for one of that clock."""


class Block(NamedTuple):
    """Some samples.

    Args:
        seconds: When the first is heard, after the first frame of the video; None where the file does not say.
        samples: float32 [channels, N], -1 to 1; N is 0 for a packet that cannot be decoded.
        rate: Samples a second.
        begins: Whether a clock starts with it, so that it does not follow on the block before it.
    """

    seconds: float | None
    samples: "NDArray[np.float32]"
    rate: int
    begins: bool = False


class SoundStream(NamedTuple):
    """What a header says of the sound that is taken.

    Args:
        place: Index of the stream in the file.
        streams: How many streams of sound the file has.
        codec: Name of its codec.
        rate: Samples a second.
        channels: How many.
    """

    place: int
    streams: int
    codec: str
    rate: int
    channels: int


def choose_stream(info: VideoInfo) -> SoundStream | str:
    """Choose the sound that a player would play: the first that is marked as default, else the first.

    Returns:
        The stream, or why there is none.
    """
    from av.stream import Disposition

    with open_container(info.path) as container:
        streams = container.streams.audio
        known = [stream for stream in streams if stream.codec_context is not None]
        if not known:
            return "its sound is of an unknown codec" if streams else "the video has no sound"
        defaults = [stream for stream in known if stream.disposition & Disposition.default]
        chosen = (defaults or known)[0]
        context = chosen.codec_context
        return SoundStream(
            chosen.index, len(streams), context.name, context.sample_rate or 0, getattr(context, "channels", 0) or 0
        )


def decoded_blocks(info: VideoInfo, timeline: Timeline, index: int, channels: int) -> Iterator[Block]:
    """Decode a stream from its start.

    Args:
        info: The video.
        timeline: Its clock.
        index: Of the stream.
        channels: 1 or 2, to which the others are mixed: their mean, by FFmpeg's weights.
    """
    first_dts = None
    with open_container(info.path) as container:
        if container.format.name == "avi":  # it has no times of showing, and those that FFmpeg guesses come too late
            packets = demuxed(container, container.streams[info.stream])
            first_dts = next((packet.dts for packet in packets if packet.dts is not None), 0)
    with open_container(info.path) as container:
        stream = container.streams[index]
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        yield from _Reader(container, stream, container.streams[info.stream], timeline, channels, first_dts).blocks()


class _Reader:
    def __init__(
        self, container: Any, stream: Any, video: Any, timeline: Timeline, channels: int, first_dts: int | None
    ) -> None:
        from av.format import Flags

        self._container = container
        self._stream = stream
        self._mixer = _Mixer(channels)
        self._begins = False
        self._tick = Fraction(stream.time_base)
        self._seconds = float(self._tick)
        self._video = video
        ticks = Fraction(video.time_base)
        self._base = float(timeline.clocks[0].shift_ticks * ticks if first_dts is None else -first_dts * ticks)
        self._clocks = _Clocks(timeline, ticks, may_jump=bool(container.format.flags & Flags.ts_discont.value))

    def blocks(self) -> Iterator[Block]:
        import av

        for packet in self._packets():
            at = packet.dts if packet.dts is not None else packet.pts
            if at is not None:
                place = self._clocks.switches
                seconds = self._clocks.shift_of(at * self._seconds)
                if seconds:
                    shift = round(seconds / self._tick)
                    packet.pts = None if packet.pts is None else packet.pts + shift
                    packet.dts = None if packet.dts is None else packet.dts + shift
                self._begins = self._begins or self._clocks.switches != place
            try:
                frames = packet.decode()
            except av.FFmpegError:
                at = None if packet.pts is None else packet.pts * self._seconds + self._base
                yield Block(at, np.zeros((self._mixer.channels, 0), np.float32), 0)
                continue
            for frame in frames:
                yield from self._block(frame)
        try:
            rest = self._stream.codec_context.decode(None)
        except av.FFmpegError:
            rest = []
        for frame in rest:
            yield from self._block(frame)

    def _packets(self) -> Iterator[Any]:
        """Yield the packets of the sound, and count those of the pictures between them where that tells the clock."""
        if not self._clocks.are_many:
            yield from demuxed(self._container, self._stream)
            return
        for packet in demuxed(self._container, (self._video, self._stream)):
            if packet.stream_index == self._stream.index:
                yield packet
            else:
                self._clocks.pass_picture(packet)

    def _block(self, frame: Any) -> Iterator[Block]:
        if frame.samples and frame.sample_rate:
            time = None if frame.pts is None else float(frame.pts * frame.time_base) + self._base
            yield Block(time, self._mixer.mixed(frame), frame.sample_rate, self._begins)
            self._begins = False


class _Clocks:
    """Which of the clocks of the pictures times a packet of the sound.

    The two are not cut at the same packet of the file. The sound's own clock tells where it starts again; where it does
    not, because there is no sound for a while, the time of the pictures around a packet does.
    """

    def __init__(self, timeline: Timeline, ticks: Fraction, *, may_jump: bool) -> None:
        first = timeline.clocks[0].shift_ticks
        self._shifts = [float((clock.shift_ticks - first) * ticks) for clock in timeline.clocks]
        self._firsts = [clock.packet for clock in timeline.clocks]
        self._ticks = ticks
        self._may_jump = may_jump
        self._place = 0
        self._own_shift = 0.0
        self._last: float | None = None
        self._pictures = 0
        self._picture_seconds: float | None = None
        self.switches = 0
        """How often the packets went over to another clock."""

    @property
    def are_many(self) -> bool:
        return len(self._shifts) > 1

    def pass_picture(self, packet: Any) -> None:
        """Note a packet of the pictures."""
        self._pictures += 1
        if packet.dts is not None:
            self._picture_seconds = float(packet.dts * self._ticks) + self._shifts[self._seen]

    @property
    def _seen(self) -> int:
        """The clock of the pictures up to here."""
        return max(0, bisect.bisect(self._firsts, self._pictures - 1) - 1)

    def shift_of(self, seconds: float) -> float:
        """Tell what is to be added to the times of a packet, in seconds, beside the shift of the first clock."""
        before = self._last
        self._last = seconds
        if before is not None and self._is_new(seconds - before):
            self.switches += 1
            if self._place + 1 < len(self._shifts):
                self._place = max(self._place + 1, self._seen)
            else:  # of the sound alone: it goes on
                self._own_shift += before - seconds
        elif self._seen > self._place and self._picture_seconds is not None:
            here, there = (
                abs(seconds + self._shifts[place] - self._picture_seconds) for place in (self._place, self._seen)
            )
            if there < here - _NEARER_SECONDS:
                self._place = self._seen
                self.switches += 1
        return self._shifts[self._place] + self._own_shift

    def _is_new(self, seconds: float) -> bool:
        return seconds < -BACK_SECONDS or (self._may_jump and seconds > AHEAD_SECONDS)


class _Mixer:
    """Turns frames of any form into float32 of so many channels, at their own rate."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self._form: tuple[Any, ...] = ()
        self._resampler: Any = None

    def mixed(self, frame: Any) -> "NDArray[np.float32]":
        """float32 [channels, N]."""
        few = frame.layout.nb_channels <= 2 and frame.format.name in _KNOWN_FORMATS
        planes = _planes(frame) if few else self._by_ffmpeg(frame)
        if len(planes) > self.channels:
            return (planes[:1] + planes[1:]) * np.float32(0.5)
        return np.repeat(planes, self.channels, axis=0) if len(planes) < self.channels else planes

    def _by_ffmpeg(self, frame: Any) -> "NDArray[np.float32]":
        import av

        form = (frame.format.name, frame.layout.name, frame.layout.nb_channels, frame.sample_rate)
        if form != self._form:
            # to whole numbers, as FFmpeg keeps the sum of what it mixes within the scale for these alone
            layout = "stereo" if self.channels == 2 and frame.layout.nb_channels > 1 else "mono"
            self._resampler = av.AudioResampler(format="s32p", layout=layout)
            self._form = form
        frame.pts = None
        parts = [_planes(part) for part in self._resampler.resample(frame)]
        return np.concatenate(parts, axis=1) if parts else np.zeros((self.channels, 0), np.float32)


_KNOWN_FORMATS = frozenset(f"{name}{end}" for name in ("u8", "s16", "s32", "flt", "dbl") for end in ("", "p"))


def _planes(frame: Any) -> "NDArray[np.float32]":
    """float32 [its channels, N]."""
    array = frame.to_ndarray()
    if not frame.format.is_planar:
        array = array.reshape(-1, frame.layout.nb_channels).T
    if array.dtype.kind == "f":
        return np.asarray(array, np.float32)
    scale = np.float32(1 << (8 * array.itemsize - 1))
    return np.asarray((array.astype(np.float32) - (scale if array.dtype.kind == "u" else 0)) / scale, np.float32)
