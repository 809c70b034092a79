"""What a decoder gives: RGB frames on a steady time grid, as a stream."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar

from mmvoxceleb.errors import UnsuitableDecoderError
from mmvoxceleb.processing.decoders.probe import VideoInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FPS", "LATENESS_SECONDS", "Decoder", "require_plain"]

FPS = 25
"""VoxCeleb counts frames at 25 a second from the start of the video."""

LATENESS_SECONDS = 0.001
"""A frame may come this much after a time of the grid and still be the one shown then.

Containers such as Matroska round timestamps to a millisecond.
"""


class Decoder(ABC):
    """One open video.

    Time starts with the first frame of the video stream. The frame shown at a time is the last one whose timestamp
    is not later (by more than a millisecond), so a slower video repeats frames and a faster one skips some; with a
    variable frame rate each frame is shown for as long as it was meant to be. Pictures come as they are to be shown:
    deinterlaced, in BT.709, with square pixels, rotated and mirrored as the container says. All decoders
    choose the same frames.

    Args:
        info: What :func:`probe` found.
        num_threads: Threads of the codec; 0 lets FFmpeg choose. The frames do not depend on it.
    """

    name: ClassVar[str]

    def __init__(self, info: VideoInfo, *, num_threads: int = 1) -> None:
        self.info = info
        self.num_threads = num_threads

    @property
    def damaged_packets(self) -> int:
        """How many packets could not be decoded so far, where the decoder can tell."""
        return 0

    @abstractmethod
    def frames(self, start: int, stop: int, *, fps: int = FPS) -> "Iterator[NDArray[np.uint8]]":
        """Decode what is shown at the times ``start / fps``, ``(start + 1) / fps``, ... before ``stop / fps``.

        Memory does not grow with the length of the video. One such stream at a time: asking for another ends
        the first.

        Args:
            start: First number on the grid, from 0.
            stop: Number after the last.
            fps: Numbers a second.

        Yields:
            uint8 [H, W, 3], RGB. Fewer than asked for when the video ends earlier; a repeated frame is the same array,
            so do not write into it.

        Raises:
            CorruptSourceError: The video cannot be decoded.
        """

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
