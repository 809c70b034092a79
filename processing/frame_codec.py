"""How the frames of a clip are stored: a picture each, or all in one video file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.codecs.h264 import encode_h264
from mmvoxceleb.codecs.pictures import encode_frame
from mmvoxceleb.codecs.video import FRAMES_PER_SECOND
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.files.quoting import quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PNG_THREADS", "Codec", "FrameCodec"]

Codec = Literal["png", "mp4", "mp4-lossless"]

PNG_THREADS = 2
"""Encoding a PNG takes longer than decoding and cropping its frame."""


@dataclass(frozen=True)
class FrameCodec:
    """A way of storing frames. The same frames give the same bytes.

    Args:
        codec: png: a picture per frame. mp4: one H.264 file per clip, small, lossy. mp4-lossless: one of H.264 in RGB,
            which keeps every pixel and which browsers do not play.
        crf: Quality of mp4: constant rate factor, 0 (best) to 51.
        keyframe_every: Frames from one key frame of a video file to the next; fewer are quicker to sample, and larger.

    Raises:
        ConfigError: A value is unknown or impossible.
    """

    codec: Codec = "png"
    crf: int = 16
    keyframe_every: int = 12

    def __post_init__(self) -> None:
        if self.codec not in get_args(Codec):
            raise ConfigError(f"codec={quoted(self.codec)}; the known ones are {', '.join(get_args(Codec))}")
        if not 0 <= self.crf <= 51:
            raise ConfigError(f"crf={self.crf}; H.264 allows 0 (best) to 51")
        if self.keyframe_every < 1:
            raise ConfigError(f"keyframe_every={self.keyframe_every}; it must be at least 1")

    @property
    def is_file(self) -> bool:
        """Whether a clip is one video file."""
        return self.codec != "png"

    def settings(self) -> dict[str, Any]:
        """Return what changes the bytes, as JSON values."""
        found: dict[str, Any] = {"codec": self.codec}
        if self.codec == "mp4":
            found["crf"] = self.crf
        if self.is_file:
            found["keyframe_every"] = self.keyframe_every
        return found

    def most_bytes(self, frames: int, height: int, width: int) -> int:
        """Bound the bytes of the files of so many frames: of PNGs and lossless video by the pixels, of mp4 by half."""
        pixels = frames * height * width * 3
        return pixels // 2 if self.codec == "mp4" else pixels

    def encode(
        self, clip_id: str, frames: "Iterable[NDArray[np.uint8]]", indices: Sequence[int] | None = None
    ) -> list[tuple[str, bytes]]:
        """Encode the frames of a clip.

        Args:
            clip_id: The clip, by whose name a video file goes.
            frames: uint8 [H, W, 3], RGB, of one size, taken one after the other.
            indices: Frame index of each, ascending; 0, 1, 2, ... by default.

        Returns:
            Names and contents of its files; none where there was no frame.

        Raises:
            ImportError: PyAV is not installed, which video files need.
        """
        if not self.is_file:
            encoded = results_ahead(encode_frame, frames, ahead=2 * PNG_THREADS, threads=PNG_THREADS)
            return [
                (f"{number if indices is None else indices[number]:07d}.png", data())
                for number, (_, data) in enumerate(encoded)
            ]
        data = encode_h264(
            frames,
            fps=FRAMES_PER_SECOND,
            crf=self.crf,
            key_frame_every=self.keyframe_every,
            lossless=self.codec == "mp4-lossless",
            indices=indices,
        )
        return [(clip_id, data)] if data else []
