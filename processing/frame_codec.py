"""The form in which the frames of a clip are stored: one picture per frame, or one video file per clip."""

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
    """The form in which frames are stored. The same frames give the same bytes.

    Args:
        codec: png: a picture per frame. mp4: one H.264 file per clip, small and lossy. mp4-lossless: one H.264 file in
            RGB, which keeps every pixel, but which browsers cannot play.
        crf: Quality of mp4: constant rate factor, 0 (best) to 51.
        keyframe_every: Number of frames from one key frame of a video file to the next. Smaller numbers make sampling
            faster and files larger.

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
        """Return the most bytes that the files of ``frames`` frames can have: 3 per pixel, and half of that for mp4."""
        pixels = frames * height * width * 3
        return pixels // 2 if self.codec == "mp4" else pixels

    def encode(
        self, clip_id: str, frames: "Iterable[NDArray[np.uint8]]", indices: Sequence[int] | None = None
    ) -> list[tuple[str, bytes]]:
        """Encode the frames of a clip.

        Args:
            clip_id: Id of the clip, which is also the name of a video file.
            frames: The frames one by one, each uint8 [H, W, 3], RGB, all of one size.
            indices: Frame index of each frame, ascending. The default is 0, 1, 2, ...

        Returns:
            Names and contents of the files; empty if there are no frames.

        Raises:
            ImportError: A video file is to be written, and PyAV is not installed.
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
