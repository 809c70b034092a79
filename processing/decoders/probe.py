"""Look at a video's header, and refuse what is no video before anything is decoded."""

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.processing.decoders.picture import UPRIGHT, Picture, picture_of

__all__ = ["VideoInfo", "probe"]


@dataclass(frozen=True)
class VideoInfo:
    """What a header says of a video.

    Args:
        path: The file.
        width_px: Width as shown: with square pixels, after rotation.
        height_px: Height as shown.
        fps_from_header: Average frames a second; 0 where the header does not say.
        duration_seconds_from_header: Length of the video stream; None where the header does not say.
        codec: Name of the codec, ``h264``.
        picture: What the pictures need before they are shown.
    """

    path: Path
    width_px: int
    height_px: int
    fps_from_header: float
    duration_seconds_from_header: float | None
    codec: str
    picture: Picture = field(default_factory=Picture)


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Read a video's header and its first frame.

    Raises:
        SourceUnavailableError: There is no such file, or it may not be read.
        CorruptSourceError: No container that FFmpeg reads, no video stream, or no frame in it.
    """
    path = Path(path)
    with open_container(path) as container:
        stream = video_stream(container, path)
        frame = first_frame(container, stream, path)
        picture = picture_of(frame, stream, _orientation(frame))
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
        )


def open_container(path: Path) -> Any:
    """Open a local file with PyAV, whatever characters its name has.

    Raises:
        SourceUnavailableError: There is no such file.
        CorruptSourceError: FFmpeg cannot read it.
    """
    import av

    if not path.is_file():
        raise SourceUnavailableError(f"{path}: there is no such video; check the path")
    try:
        # an absolute path, so that no character of a name is taken for a protocol or an option
        return av.open(str(path.absolute()), metadata_errors="ignore")
    except PermissionError as error:
        raise SourceUnavailableError(f"{path}: the video may not be read ({error}); check its permissions") from error
    except av.FFmpegError as error:
        raise CorruptSourceError(
            f"{path}: FFmpeg cannot read this as a video ({error.strerror}); replace the file, or leave it out"
        ) from error


def video_stream(container: Any, path: Path) -> Any:
    """Pick the first video stream that is not a cover picture.

    Raises:
        CorruptSourceError: There is none.
    """
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    kinds = sorted({stream.type for stream in container.streams}) or ["nothing"]
    raise CorruptSourceError(
        f"{path}: it has no video stream (only {', '.join(kinds)}); leave it out, or get the video and not the sound"
    )


def first_frame(container: Any, stream: Any, path: Path) -> Any:
    """Decode the first frame, passing over damaged packets.

    Raises:
        CorruptSourceError: There is no frame at all.
    """
    import av

    reason = "it is empty"
    packets = container.demux(stream)
    while True:
        try:
            for frame in next(packets).decode():
                return frame
        except StopIteration:
            break
        except av.FFmpegError as error:
            reason = str(error.strerror)
            if not isinstance(error, av.InvalidDataError):
                break
    raise CorruptSourceError(f"{path}: no frame of the video can be decoded ({reason}); replace the file")


def _orientation(frame: Any) -> tuple[int, int, int, int]:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return UPRIGHT
    # 3x3 in 16.16 fixed point, row by row: a b u c d v x y w
    a, b, _, c, d, *_ = struct.unpack("<9i", bytes(matrix))
    if max(abs(a), abs(d)) >= max(abs(b), abs(c)):
        return (-1 if a < 0 else 1, 0, 0, -1 if d < 0 else 1)
    return (0, -1 if b < 0 else 1, -1 if c < 0 else 1, 0)
