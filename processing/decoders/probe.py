"""Read the header of a video, and refuse files that are not videos."""

import math
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmvoxceleb.codecs.containers import open_video_file, picture_format
from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.processing.decoders.cut_off import cut_off_in
from mmvoxceleb.processing.decoders.picture import UPRIGHT, Picture, picture_of

__all__ = ["VideoInfo", "orientation_of", "probe"]

_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_MOST_FAILURES = 100
"""After so many places in a row that cannot be read, the rest of a file is given up."""


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a video, from its header and its first frame.

    Args:
        path: The file.
        width_px: Width in px as shown: with square pixels, after rotation.
        height_px: Height in px as shown.
        fps_from_header: Average number of frames per second; 0 if the header does not say.
        duration_seconds_from_header: Length of the video in seconds; None if the header does not say.
        indexed_frames: Number of frames of the video stream by the file's own index; None if it has none.
        indexed_seconds: Length of the video stream in seconds by the file's own index, which lists every frame; None if
            it has none.
        cut_off_in: The part of the container in which the file ends, such as ``a packet``; None if it does not end in
            the middle of one. See :func:`~mmvoxceleb.processing.decoders.cut_off.cut_off_in`.
        codec: Name of the codec, such as ``h264``.
        picture: How the first frames must be converted to be shown. Later ones may differ.
        stream: Index of the video stream in the file.
        streams: Number of video streams in the file, without cover pictures.
        first_pts: Timestamp of the first frame that can be shown, in units of the stream's time base; None if it has no
            timestamp.
        ignored_turn_degrees: Rotation in degrees that the header asks for and that is not applied, because it is not a
            multiple of 90; None otherwise.
    """

    path: Path
    width_px: int
    height_px: int
    fps_from_header: float
    duration_seconds_from_header: float | None
    codec: str
    picture: Picture = field(default_factory=Picture)
    stream: int = 0
    streams: int = 1
    first_pts: int | None = None
    ignored_turn_degrees: float | None = None
    indexed_frames: int | None = None
    indexed_seconds: float | None = None
    cut_off_in: str | None = None


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Read the header and the first frame of a video.

    Raises:
        SourceUnavailableError: The file does not exist, or may not be read.
        CorruptSourceError: FFmpeg cannot read the file, or it has no video stream or no frame.
    """
    path = Path(path)
    with open_container(path) as container:
        stream = video_stream(container, path)
        frame = first_frame(container, stream, path)
        picture = picture_of(frame, stream, orientation_of(frame))
        width, height = picture.shown_size(frame.width, frame.height)
        duration = stream.duration * stream.time_base if stream.duration else None
        if duration is None and container.duration:
            duration = container.duration / 1_000_000
        return VideoInfo(
            path=path,
            width_px=width,
            height_px=height,
            fps_from_header=float(stream.average_rate or 0),
            duration_seconds_from_header=None if duration is None else float(duration),
            codec=stream.codec_context.name,
            picture=picture,
            stream=stream.index,
            streams=len(_moving(container)),
            first_pts=frame.pts,
            ignored_turn_degrees=_turn_between(frame),
            indexed_frames=stream.frames or None,
            indexed_seconds=_indexed_seconds(stream),
            cut_off_in=cut_off_in(path, container.format.name),
        )


def _indexed_seconds(stream: Any) -> float | None:
    """Return how long a stream is by the index of MP4 or AVI, or by the tag that Matroska's writers add."""
    if stream.frames and stream.duration:
        return float(stream.duration * stream.time_base)
    tag = _CLOCK.fullmatch(stream.metadata.get("DURATION", ""))
    return None if tag is None else int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])


def open_container(path: Path) -> Any:
    """Open a local file with PyAV: this file, as a container of video, and no other.

    Raises:
        SourceUnavailableError: There is no such file.
        CorruptSourceError: FFmpeg cannot read it, or takes it for a picture or a list that leads to other files.
    """
    import av

    if not path.is_file():
        raise SourceUnavailableError(f"{path}: there is no such video; check the path")
    try:
        return open_video_file(path)
    except PermissionError as error:
        raise SourceUnavailableError(f"{path}: the video cannot be read ({error}); check its permissions") from error
    except av.FFmpegError as error:
        if (kind := picture_format(path)) is not None:
            raise CorruptSourceError(
                f"{path}: it is a {kind} file, of pictures and no video; if it moves, convert it with "
                "ffmpeg -i FILE FILE.mp4, else remove it"
            ) from error
        raise CorruptSourceError(
            f"{path}: FFmpeg cannot read this as a video ({error.strerror}); replace the file, or remove it"
        ) from error


def video_stream(container: Any, path: Path) -> Any:
    """Pick the video stream that a player would show: of those marked as default, else of all, the largest picture.

    Cover pictures are none.

    Raises:
        CorruptSourceError: There is none.
    """
    from av.stream import Disposition

    streams = _moving(container)
    if not streams and _moving(container, of_known_codec=False):
        raise CorruptSourceError(f"{path}: FFmpeg does not know the codec of its video; convert it, or remove it")
    if not streams and container.streams.video:
        raise CorruptSourceError(
            f"{path}: its only video stream is a cover picture; leave it out, or get the video and not the sound"
        )
    if not streams:
        kinds = sorted({stream.type for stream in container.streams}) or ["nothing"]
        raise CorruptSourceError(
            f"{path}: it has no video stream (only {', '.join(kinds)}); leave it out, or get the video and not the "
            "sound"
        )
    defaults = [stream for stream in streams if stream.disposition & Disposition.default]
    return max(defaults or streams, key=lambda stream: (stream.width or 0) * (stream.height or 0))


def _moving(container: Any, *, of_known_codec: bool = True) -> list[Any]:
    from av.stream import Disposition

    return [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
        and (stream.codec_context is not None or not of_known_codec)
    ]


def demuxed(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the packets of a stream that hold something, in the order of the file.

    Those that an edit list leaves out are among them, since others are decoded from them; a decoder drops their frames.
    Places that the demuxer cannot read are passed over, so that every reading of a file gives the same packets.
    """
    import av

    failures = 0
    packets = container.demux(stream)
    while failures < _MOST_FAILURES:
        try:
            for packet in packets:
                if packet.size:
                    failures = 0
                    yield packet
            return
        except av.FFmpegError:
            failures += 1
            packets = container.demux(stream)


def first_frame(container: Any, stream: Any, path: Path) -> Any:
    """Decode the first frame, passing over damaged packets.

    Raises:
        CorruptSourceError: There is no frame at all.
    """
    import av

    reason = "it is empty"
    for packet in demuxed(container, stream):
        try:
            for frame in packet.decode():
                return frame
        except av.InvalidDataError as error:
            reason = str(error.strerror)
        except av.FFmpegError as error:
            reason = str(error.strerror)
            break
    else:
        for frame in last_frames(stream):
            return frame
    raise CorruptSourceError(f"{path}: no frame of the video can be decoded ({reason}); replace the file")


def last_frames(stream: Any) -> list[Any]:
    """Get the frames that a decoder held back, after the last packet."""
    import av

    try:
        return list(stream.codec_context.decode(None))
    except av.FFmpegError:
        return []


def orientation_of(frame: Any) -> tuple[int, int, int, int]:
    """Read the display matrix of an ``av.VideoFrame``, see :class:`Picture`; upright if it turns to no right angle."""
    if _turn_between(frame) is not None:
        return UPRIGHT
    a, b, c, d = _matrix_of(frame)
    if max(abs(a), abs(d)) >= max(abs(b), abs(c)):
        return (-1 if a < 0 else 1, 0, 0, -1 if d < 0 else 1)
    return (0, -1 if b < 0 else 1, -1 if c < 0 else 1, 0)


def _matrix_of(frame: Any) -> tuple[int, int, int, int]:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return UPRIGHT
    # 3x3 in 16.16 fixed point, row by row: a b u c d v x y w
    a, b, _, c, d, *_ = struct.unpack("<9i", bytes(matrix))
    return a, b, c, d


def _turn_between(frame: Any) -> float | None:
    """The angle of a display matrix, if it is over a degree from a right one; FFmpeg's command draws the same line."""
    a, b, _, _ = _matrix_of(frame)
    degrees = math.degrees(math.atan2(b, a)) % 360
    return round(degrees, 1) if abs((degrees + 45) % 90 - 45) > 1 else None
