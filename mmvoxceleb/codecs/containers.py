"""Open a video so that FFmpeg reads the given file or bytes, and nothing else.

FFmpeg guesses a format from the content, whatever the name ends in, and some formats are texts that name other files or
addresses: lists of ``concat``, HLS and DASH playlists, SDP descriptions, which open sockets. A QuickTime file may keep
its pictures in another file. So only containers that hold their own content are read, and external tracks are not.
"""

import io
import os
from typing import Any

__all__ = ["CONTAINERS", "open_video_bytes", "open_video_file", "picture_format", "video_errors"]

CONTAINERS: tuple[str, ...] = (
    "mov", "mp4", "matroska", "webm", "avi", "mpegts", "mpegtsraw", "mpeg", "mpegvideo", "h264", "hevc", "vvc", "evc",
    "m4v", "h261", "h263", "av1", "obu", "ivf", "flv", "live_flv", "asf", "ogg", "mxf", "vc1", "dv", "gxf", "nsv",
    "nut", "rm", "wtv", "ty", "mjpeg", "smjpeg", "dirac", "cavsvideo", "amv", "yuv4mpegpipe",
)  # fmt: skip
"""FFmpeg's demuxers of files that hold a video themselves; those of lists, pictures, devices and networks are out."""

_OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "enable_drefs": "0", "use_absolute_path": "0"}


def open_video_file(path: str | os.PathLike[str]) -> Any:
    """Open a local file with PyAV, whatever characters its name has.

    Returns:
        An ``av.container.InputContainer``.

    Raises:
        av.error.FFmpegError: It is not a container of :data:`CONTAINERS`, or damaged; or there is no such file.
        ImportError: PyAV is not installed.
    """
    import av

    # an absolute path, so that no character of a name is taken for a protocol or an option
    absolute = os.path.abspath(path)
    return av.open(absolute, mode="r", metadata_errors="ignore", options={**_OPTIONS, "protocol_whitelist": "file"})


def open_video_bytes(data: "bytes | memoryview") -> Any:
    """Open the content of a video file with PyAV.

    Returns:
        An ``av.container.InputContainer`` with at least one video stream.

    Raises:
        ValueError: It has no video, or one of no known codec.
        av.error.FFmpegError: It is not a container of :data:`CONTAINERS`, or damaged.
        ImportError: PyAV is not installed.
    """
    import av

    container = av.open(
        io.BytesIO(data), mode="r", metadata_errors="ignore", options={**_OPTIONS, "protocol_whitelist": "none"}
    )
    streams = container.streams.video
    if not streams or streams[0].codec_context is None:
        container.close()
        raise ValueError("its video is of no known codec" if streams else "it has no video stream")
    return container


def picture_format(path: str | os.PathLike[str]) -> str | None:
    """Name the format of a local file of pictures that is not a video container: ``gif``, ``png``; else None."""
    import av

    pipes = sorted(name for name in av.formats_available if name.endswith("_pipe") and name != "svg_pipe")
    whitelist = ",".join(["gif", "apng", "webp", "jpegxl_anim", *pipes])
    try:
        with av.open(
            os.path.abspath(path), options={"format_whitelist": whitelist, "protocol_whitelist": "file"}
        ) as container:
            return container.format.name.removesuffix("_pipe")
    except video_errors():
        return None


def video_errors() -> tuple[type[Exception], ...]:
    """List what reading a damaged video may raise. FFmpeg's errors are other built-in kinds too, or none."""
    import av

    return av.FFmpegError, ValueError, IndexError, OSError
