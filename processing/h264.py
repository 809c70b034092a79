"""Clips as H.264 files, for people who cannot spare the room for PNG."""

import io
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

from mmvoxceleb.codecs.h264 import repeatable_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["encode_h264"]

GOP_FRAMES = 12
CRF = 16


def encode_h264(frames: "Iterable[NDArray[np.uint8]]", *, fps: int, crf: int = CRF) -> bytes:
    """Encode frames as an MP4 file, YUV 4:2:0, a key frame every 12 frames. The same frames give the same bytes.

    Args:
        frames: uint8 [H, W, 3], RGB, even sides, taken one after the other.
        fps: Frames a second.
        crf: x264's quality: lower is better and larger.

    Returns:
        The file; empty when there was no frame.
    """
    import av

    buffer = io.BytesIO()
    stream = None
    with av.open(buffer, "w", format="mp4") as container:
        for frame in frames:
            if stream is None:
                stream = container.add_stream("libx264", rate=Fraction(fps))
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
                # one thread, so that the bytes do not depend on the machine's number of cores
                stream.codec_context.thread_count = 1
                quality = {"crf": str(crf), "g": str(GOP_FRAMES), "preset": "medium", "threads": "1"}
                stream.options = {**quality, **repeatable_options(stream.width)}
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")):
                container.mux(packet)
        if stream is not None:
            for packet in stream.encode():
                container.mux(packet)
    return buffer.getvalue() if stream is not None else b""
