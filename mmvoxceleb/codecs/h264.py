"""Frames to one H.264 file in MP4: the same frames give the same bytes."""

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mmvoxceleb.codecs.containers import open_video_bytes
from mmvoxceleb.codecs.sound_track import SoundTrack
from mmvoxceleb.codecs.video import FRAMES_PER_SECOND, first_frame_note, first_frame_of
from mmvoxceleb.errors import MissingExtraError
from mmvoxceleb.extras import install_hint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmvoxceleb.codecs.flac import FlacSound

__all__ = ["encode_h264", "with_sound"]

_MACROBLOCK_PX = 16
_BLOCKS_AT_A_TIME = 8


def encode_h264(
    frames: "Iterable[NDArray[np.uint8]]",
    *,
    fps: int,
    crf: int,
    key_frame_every: int,
    lossless: bool = False,
    sound: "FlacSound | None" = None,
    indices: Sequence[int] | None = None,
) -> bytes:
    """Encode frames as an MP4 file, on one thread, so that the bytes do not depend on the number of cores.

    Lossy: libx264 ``-preset medium``, YUV 4:2:0 in BT.601 (4:4:4 where a side is odd), and tagged so: an untagged file
    of this size is taken for BT.601 everywhere. Lossless: libx264rgb, ``crf`` 0, which browsers do not play.

    Args:
        frames: uint8 [H, W, 3], RGB, of one size, taken one after the other.
        fps: Frames a second.
        crf: Constant rate factor, 0 to 51; lower is better and larger.
        key_frame_every: Frames from one key frame to the next.
        lossless: Keep every pixel, and every sample of the sound; ``crf`` is not used.
        sound: What is heard with the frames, from the first one on; it becomes AAC, or FLAC where ``lossless``.
        indices: When each frame is shown, in units of ``1 / fps`` seconds, ascending; 0, 1, 2, ... by default.

    Returns:
        The file; empty where there was no frame.

    Raises:
        ImportError: PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingExtraError(f"H.264 needs PyAV: {install_hint('processing')}") from error

    buffer = io.BytesIO()
    stream: Any = None
    track: SoundTrack | None = None
    with av.open(buffer, "w", format="mp4", container_options={"fflags": "+bitexact"}) as container:
        for number, picture in enumerate(frames):
            if stream is None:
                height, width = picture.shape[:2]
                pixels = "rgb24" if lossless else "yuv444p" if width % 2 or height % 2 else "yuv420p"
                stream = container.add_stream("libx264rgb" if lossless else "libx264", rate=fps)
                stream.width, stream.height, stream.pix_fmt = width, height, pixels
                quality = {"crf": "0" if lossless else str(crf), "preset": "medium", "g": str(key_frame_every)}
                stream.options = quality | repeatable_options(width)
                stream.codec_context.thread_count = 1
                if not lossless:
                    stream.codec_context.colorspace, stream.codec_context.color_range = 6, 1
                if indices is not None and indices[0]:
                    container.metadata.update(first_frame_note(indices[0]))
                track = None if sound is None else SoundTrack(container, sound, lossless=lossless)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if not lossless:
                frame = frame.reformat(format=pixels, dst_colorspace=5, dst_color_range=1)
            frame.pts, frame.time_base = number if indices is None else indices[number], Fraction(1, fps)
            container.mux(stream.encode(frame))
            if track is not None:
                track.write((frame.pts + 1) / fps)
        if stream is not None:
            container.mux(stream.encode())
        if track is not None:
            track.end()
    return buffer.getvalue() if stream is not None else b""


def with_sound(data: bytes, sound: "FlacSound") -> bytes:
    """Put sound, as AAC, beside the pictures of a video file, which stay as they are; other sound in it goes.

    Args:
        data: A file that :class:`mmvoxceleb.codecs.video.VideoFrames` reads.
        sound: What is heard, from time 0 on.
    """
    import av

    buffer = io.BytesIO()
    with (
        open_video_bytes(data) as source,
        av.open(buffer, "w", format="mp4", container_options={"fflags": "+bitexact"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        first = first_frame_of(source)
        target.metadata.update(first_frame_note(first) if first else {})
        packets = [packet for packet in source.demux(video=0) if packet.size and packet.dts is not None]
        tick = source.streams.video[0].time_base
        start = min((packet.pts for packet in packets if packet.pts is not None), default=0)
        shift = round(first / FRAMES_PER_SECOND / tick) - start if tick else 0
        track = SoundTrack(target, sound, lossless=False)
        for packet in packets:
            if packet.pts is not None and packet.dts is not None:
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                seconds = float(packet.pts * packet.time_base)
                packet.stream = stream
                target.mux(packet)
                track.write(seconds)
        track.end()
    return buffer.getvalue()


def repeatable_options(width: int) -> dict[str, str]:
    """Return options for FFmpeg's libx264, to be added to others.

    Where the processor has AVX-512, x264 (core 165) works on 8 macroblocks at a time, and its macroblock tree reads
    memory that nobody has written where a row of them is no multiple of that: the file depends on what was in it. Found
    by ``MALLOC_PERTURB_`` at 64, 224, 320 and 496 px; at 128, 256, 384, 500 and 512 px it did not happen, and the tree
    is left on.

    Args:
        width: Of the frames, in px.
    """
    blocks = -(-width // _MACROBLOCK_PX)
    return {"mbtree": "0"} if blocks % _BLOCKS_AT_A_TIME else {}
