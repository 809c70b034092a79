"""Frames to one H.264 file, and the measure of what that cost."""

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.containers import open_video_bytes
from mmvoxceleb.codecs.h264 import repeatable_options
from mmvoxceleb.codecs.png import decode_rgb
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.hub.quality import Quality, measure_quality

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FRAMES_PER_SECOND", "decode_mp4", "encode_mp4"]

FRAMES_PER_SECOND = 25
"""VoxCeleb's own rate, to which the original cropper resampled."""

_KEY_FRAME_EVERY = 25


def encode_mp4(frames: Sequence[bytes], *, crf: int, lossless: bool, clip_id: str) -> tuple[bytes, Quality]:
    """Encode the frames of a clip as H.264 in MP4, and measure the loss by decoding it again.

    Lossy: libx264 ``-preset medium``, YUV 4:2:0 in BT.601 (4:4:4 where a side is odd). Lossless: libx264rgb, ``crf``
    0, which players in browsers do not show. One thread, so the same frames give the same bytes.

    Args:
        frames: PNG or JPEG files of one size.
        crf: Constant rate factor, 0 to 51.
        lossless: Keep every pixel.
        clip_id: The clip, for messages.

    Returns:
        The file, and the loss.

    Raises:
        CorruptSourceError: A frame cannot be decoded, or has another size.
        ImportError: PyAV is not installed.
    """
    av = _import_av()
    pictures = [_decode(data, clip_id) for data in frames]
    if len({picture.shape for picture in pictures}) != 1:
        raise CorruptSourceError(f"clip {clip_id}: its frames differ in size; export them with --video png")
    height, width = pictures[0].shape[:2]
    pixels = "yuv444p" if width % 2 or height % 2 else "yuv420p"
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264rgb" if lossless else "libx264", rate=FRAMES_PER_SECOND)
        stream.width, stream.height = width, height
        stream.pix_fmt = "rgb24" if lossless else pixels
        quality = {"crf": "0" if lossless else str(crf), "preset": "medium", "g": str(_KEY_FRAME_EVERY)}
        stream.options = quality | repeatable_options(width)
        stream.codec_context.thread_count = 1
        if not lossless:
            # an untagged file of this size is taken for BT.601 everywhere, so this is what it says and is
            stream.codec_context.colorspace, stream.codec_context.color_range = 6, 1
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if not lossless:
                frame = frame.reformat(format=pixels, dst_colorspace=5, dst_color_range=1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    data = buffer.getvalue()
    return data, measure_quality(zip(pictures, decode_mp4(data), strict=True))


def decode_mp4(data: bytes) -> "Iterator[NDArray[np.uint8]]":
    """Decode an MP4 file to frames, uint8 [H, W, 3], RGB."""
    with open_video_bytes(data) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _decode(data: bytes, clip_id: str) -> "NDArray[np.uint8]":
    return decode_rgb(data, where=f"clip {clip_id}, a frame")[..., :3].copy()


def _import_av() -> Any:
    try:
        import av
    except ImportError as error:
        raise ImportError(f"H.264 needs PyAV: {install_hint('processing')}") from error
    return av
