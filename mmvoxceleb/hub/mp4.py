"""Frames to one H.264 file, and the measure of what that cost."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.codecs.containers import open_video_bytes
from mmvoxceleb.codecs.h264 import encode_h264
from mmvoxceleb.codecs.png import decode_rgb
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.hub.quality import Quality, measure_quality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmvoxceleb.codecs.flac import FlacSound

__all__ = ["decode_mp4", "encode_mp4"]

FRAMES_PER_SECOND = 25
"""VoxCeleb's own rate, to which the original cropper resampled."""

_KEY_FRAME_EVERY = 25


def encode_mp4(
    frames: Sequence[bytes], *, crf: int, lossless: bool, clip_id: str, sound: "FlacSound | None" = None
) -> tuple[bytes, Quality]:
    """Encode the frames of a clip as H.264 in MP4, and measure the loss by decoding it again.

    Args:
        frames: PNG or JPEG files of one size.
        crf: Constant rate factor, 0 to 51.
        lossless: Keep every pixel.
        clip_id: The clip, for messages.
        sound: What is to be heard with them.

    Returns:
        The file, and the loss.

    Raises:
        CorruptSourceError: A frame cannot be decoded, or has another size.
        ImportError: PyAV is not installed.
    """
    pictures = [_decode(data, clip_id) for data in frames]
    if len({picture.shape for picture in pictures}) != 1:
        raise CorruptSourceError(f"clip {clip_id}: its frames differ in size; export them with --codec png")
    data = encode_h264(
        pictures,
        fps=FRAMES_PER_SECOND,
        crf=crf,
        key_frame_every=_KEY_FRAME_EVERY,
        lossless=lossless,
        sound=sound,
    )
    return data, measure_quality(zip(pictures, decode_mp4(data), strict=True))


def decode_mp4(data: bytes) -> "Iterator[NDArray[np.uint8]]":
    """Decode an MP4 file to frames, uint8 [H, W, 3], RGB."""
    with open_video_bytes(data) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _decode(data: bytes, clip_id: str) -> "NDArray[np.uint8]":
    return decode_rgb(data, where=f"clip {clip_id}, a frame")[..., :3].copy()
