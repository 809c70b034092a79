"""The interface of decoders: a stream of RGB frames at a constant frame rate."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from mmvoxceleb.errors import UnsuitableDecoderError
from mmvoxceleb.processing.decoders.probe import VideoInfo
from mmvoxceleb.processing.decoders.timeline import FPS, LATENESS_SECONDS, Timeline
from mmvoxceleb.processing.decoders.timeline_reader import read_timeline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FPS", "LATENESS_SECONDS", "Decoder", "FrameCounts", "ShownFrame", "require_plain"]


class ShownFrame(NamedTuple):
    """The frame that is shown at one time.

    Args:
        number: Number of the frame at the constant frame rate; frame 0 is at the beginning of the video.
        picture: uint8 [H, W, 3], RGB. A repeated frame is the same array, so do not change it.
        begins_stretch: True if the frame does not continue the one before: it is the first one requested, the clock of
            the video restarted, nothing was shown for over a second, or the size or form of the pictures changed.
    """

    number: int
    picture: "NDArray[np.uint8]"
    begins_stretch: bool


@dataclass(frozen=True)
class FrameCounts:
    """How the frames of a stream differ from those in the file.

    Args:
        dropped: Number of frames of the file that were left out, because the file has more frames per second.
        doubled: Number of frames that repeat the one before, because the file has fewer frames per second, or misses
            some.
        undecodable: Number of packets that could not be decoded, and of frames whose time was not after that of the
            frame before.
    """

    dropped: int = 0
    doubled: int = 0
    undecodable: int = 0

    def __sub__(self, other: "FrameCounts") -> "FrameCounts":
        return FrameCounts(
            self.dropped - other.dropped, self.doubled - other.doubled, self.undecodable - other.undecodable
        )

    def __add__(self, other: "FrameCounts") -> "FrameCounts":
        return FrameCounts(
            self.dropped + other.dropped, self.doubled + other.doubled, self.undecodable + other.undecodable
        )


class Decoder(ABC):
    """An open video, which gives its frames at a constant frame rate. :func:`open_decoder` makes one.

    Time starts with the first frame of the video stream that can be shown. The frame at a given time is the last one
    whose timestamp is not later (by more than a millisecond). So a video with a lower frame rate repeats frames, and
    one with a higher rate skips some. With a variable frame rate, each frame is shown for its own duration, up to a
    second. If a file has no timestamps (AVI with B-frames), they are computed from the frame rate and the order of
    display. If the clock of a file restarts, numbering continues after the last frame. All decoders choose the same
    frames.

    Frames are ready to be shown: deinterlaced, in BT.709, with square pixels, and rotated and mirrored as the container
    says.

    Args:
        info: Facts about the video, from its header.
        num_threads: Number of threads of the codec; 0 lets FFmpeg choose. The frames do not depend on it.
    """

    name: ClassVar[str]

    def __init__(self, info: VideoInfo, *, num_threads: int = 1) -> None:
        self.info = info
        self.num_threads = num_threads

    @cached_property
    def timeline(self) -> Timeline:
        """The times at which the frames of the file are shown."""
        return read_timeline(self.info)

    @property
    def counts(self) -> FrameCounts:
        """The numbers of dropped, doubled and undecodable frames so far."""
        return FrameCounts()

    @abstractmethod
    def shown(self, start: int, stop: int, *, fps: int = FPS) -> Iterator[ShownFrame]:
        """Decode the frames at the times ``start / fps``, ``(start + 1) / fps``, ... before ``stop / fps`` seconds.

        Memory does not grow with the length of the video. A decoder has one stream at a time: starting another one ends
        the first.

        Args:
            start: Number of the first frame, from 0.
            stop: Number after the last frame.
            fps: Frames per second.

        Yields:
            The frame for each number at which a frame is shown. There are none in gaps, and none after the end.

        Raises:
            CorruptSourceError: The video cannot be decoded.
            UnsuitableDecoderError: This decoder would decode the video wrongly.
        """

    def frames(self, start: int, stop: int, *, fps: int = FPS) -> "Iterator[NDArray[np.uint8]]":
        """Decode frames like :meth:`shown`, but yield only their pictures: uint8 [H, W, 3], RGB."""
        return (frame.picture for frame in self.shown(start, stop, fps=fps))

    def close(self) -> None:  # noqa: B027  a decoder may hold nothing open
        """Close the file."""

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def require_plain(info: VideoInfo, decoder: str) -> None:
    """Refuse a video that is interlaced or HDR, for a decoder that supports neither.

    Raises:
        UnsuitableDecoderError: The video is interlaced, or its colours are not SDR.
    """
    wrong = "does not deinterlace" if info.picture.is_interlaced else "shows its HDR colours wrong"
    if info.picture.is_interlaced or info.picture.colours != "SDR":
        raise UnsuitableDecoderError(f"{info.path}: {decoder} {wrong}; choose --decoder pyav")
