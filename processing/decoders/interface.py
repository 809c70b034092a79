"""What a decoder gives: RGB frames on a steady time grid, as a stream."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from mmvoxceleb.errors import UnsuitableDecoderError
from mmvoxceleb.processing.decoders.probe import VideoInfo
from mmvoxceleb.processing.decoders.timeline import FPS, LATENESS_SECONDS, Timeline, read_timeline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FPS", "LATENESS_SECONDS", "Decoder", "FrameCounts", "ShownFrame", "require_plain"]


class ShownFrame(NamedTuple):
    """What is shown at one number of the grid.

    Args:
        number: The number.
        picture: uint8 [H, W, 3], RGB. A repeated frame is the same array, so do not write into it.
        begins_stretch: Whether it does not go on from the one before it: it is the first asked for, or the clock
            started again, or for over a second nothing was shown, or the pictures have another size or form.
    """

    number: int
    picture: "NDArray[np.uint8]"
    begins_stretch: bool


@dataclass(frozen=True)
class FrameCounts:
    """How the frames given differ from those of the file.

    Args:
        dropped: Frames of the file between those given that are not shown, as the file has more a second.
        doubled: Frames given that repeat the one before, as the file has fewer a second, or misses some.
        undecodable: Packets that could not be decoded, and frames whose time was not after that of the one before.
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
    """One open video.

    Time starts with the first frame of the video stream that can be shown. The frame shown at a time is the last one
    whose timestamp is not later (by more than a millisecond), so a slower video repeats frames and a faster one skips
    some; with a variable frame rate each frame is shown for as long as it was meant to be, up to a second. Where a file
    has no times (AVI with B-frames), they come from the frame rate and the order of display. A clock that starts again
    goes on with the number after the last. All decoders choose the same frames.

    Pictures come as they are to be shown: deinterlaced, in BT.709, with square pixels, rotated and mirrored as the
    container says.

    Args:
        info: What :func:`probe` found.
        num_threads: Threads of the codec; 0 lets FFmpeg choose. The frames do not depend on it.
    """

    name: ClassVar[str]

    def __init__(self, info: VideoInfo, *, num_threads: int = 1) -> None:
        self.info = info
        self.num_threads = num_threads

    @cached_property
    def timeline(self) -> Timeline:
        """When each frame is shown, by the packets of the file."""
        return read_timeline(self.info)

    @property
    def counts(self) -> FrameCounts:
        """What was dropped, doubled and undecodable so far."""
        return FrameCounts()

    @abstractmethod
    def shown(self, start: int, stop: int, *, fps: int = FPS) -> Iterator[ShownFrame]:
        """Decode what is shown at the times ``start / fps``, ``(start + 1) / fps``, ... before ``stop / fps``.

        Memory does not grow with the length of the video. One such stream at a time: asking for another ends
        the first.

        Args:
            start: First number on the grid, from 0.
            stop: Number after the last.
            fps: Numbers a second.

        Yields:
            A frame for every number at which there is one: none in gaps, and none after the end.

        Raises:
            CorruptSourceError: The video cannot be decoded.
            UnsuitableDecoderError: This decoder shows it wrong.
        """

    def frames(self, start: int, stop: int, *, fps: int = FPS) -> "Iterator[NDArray[np.uint8]]":
        """Give the pictures of :meth:`shown` alone: uint8 [H, W, 3], RGB."""
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
    """Refuse a video that a decoder would show wrong, for one that neither deinterlaces nor converts HDR.

    Raises:
        UnsuitableDecoderError: The video is interlaced, or its colours are not those of SDR.
    """
    wrong = "does not deinterlace" if info.picture.is_interlaced else "shows its HDR colours wrong"
    if info.picture.is_interlaced or info.picture.colours != "SDR":
        raise UnsuitableDecoderError(f"{info.path}: {decoder} {wrong}; choose --decoder pyav")
