"""Chosen frames of a video file in memory: a clip as an mp4 file."""

import bisect
import itertools
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.containers import open_video_bytes, video_errors
from mmvoxceleb.codecs.pictures import check_side
from mmvoxceleb.errors import CorruptSourceError, MissingExtraError, UnsafeArchiveError
from mmvoxceleb.extras import install_hint

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FRAMES_PER_SECOND", "VideoFrames", "count_frames", "decode_frames", "first_frame_note", "first_frame_of"]

FRAMES_PER_SECOND = 25
"""VoxCeleb's own rate, to which the original cropper resampled: a frame index counts from the start at this rate."""

_OFF_THE_GRID = 0.025
"""A frame may be off its index by so much, as containers round times to a millisecond."""

_LARGEST_INDEX = 2**31 - 1
_FIRST_FRAME = "mmvoxceleb: first frame "


class VideoFrames:
    """The frames of a clip that is a video file. Its packets are listed at once, which decodes nothing.

    Args:
        data: The content of the file, such as an mp4.
        clip_id: The clip, for messages.

    Raises:
        CorruptSourceError: It is not a video, has no frames, or is damaged.
        UnsafeArchiveError: A side is over 8,192 px.
        ImportError: PyAV is not installed.
    """

    def __init__(self, data: "bytes | memoryview", *, clip_id: str = "") -> None:
        self._data = data
        self._clip_id = clip_id
        self._where = f"clip {clip_id}: its video"
        if not data:
            raise CorruptSourceError(f"clip {clip_id}: its video is damaged, and cannot be decoded (the file is empty)")
        with self._told("its video is damaged, and cannot be decoded"), _open(data) as container:
            context = container.streams.video[0].codec_context
            check_side(context.height, context.width, where=self._where)
            if container.streams.video[0].sample_aspect_ratio not in (None, 0, 1):
                raise self._not_as_stored("its pixels are not square")
            self._times, self._keys = _times(container)
            if not self._times:
                raise ValueError("it has no frames")
            self.indices = _indices(self._times, container.streams.video[0].time_base, first_frame_of(container))

    indices: "NDArray[np.int64]"
    """Frame index of each frame, ascending: its time after the first at 25 a second, so that a frame that was left out
    leaves a gap. Where times lie between, as in a video of another rate, frames are counted."""

    def __len__(self) -> int:
        return len(self._times)

    def decode(self, positions: Sequence[int]) -> "list[NDArray[np.uint8]]":
        """Decode chosen frames, exactly: by the times of the packets, never by a frame rate.

        Decoding starts at the last key frame before each group of wanted frames and ends with the group.

        Args:
            positions: Places in :attr:`indices`.

        Returns:
            For each position, uint8 [H, W, 3], RGB.

        Raises:
            CorruptSourceError: The video is damaged, or has no such frame.
        """
        decoded = dict(zip(sorted(set(positions)), self.each(sorted(set(positions))), strict=True))
        return [decoded[position] for position in positions]

    def each(self, positions: Sequence[int]) -> "Iterator[NDArray[np.uint8]]":
        """Do the same one after the other, for ascending positions; no more than one frame is held."""
        with self._told(f"frames {list(positions)} of its video cannot be decoded"):
            yield from self._decode(positions)

    def _decode(self, positions: Sequence[int]) -> "Iterator[NDArray[np.uint8]]":
        with _open(self._data) as container:
            keys = self._keys
            times = [self._times[position] for position in positions]
            for key, group in itertools.groupby(times, key=lambda time: bisect.bisect_right(keys, time)):
                wanted = deque(group)
                found: dict[int, NDArray[np.uint8]] = {}
                container.seek(keys[max(key - 1, 0)], backward=True, stream=container.streams.video[0])
                for frame in container.decode(video=0):
                    if _is_turned(frame):
                        raise self._not_as_stored("it is to be turned or mirrored when it is shown")
                    if frame.pts in wanted and frame.pts not in found:
                        check_side(frame.height, frame.width, where=self._where)
                        found[frame.pts] = frame.to_ndarray(format="rgb24")
                    while wanted and wanted[0] in found:
                        time = wanted.popleft()
                        yield found[time] if time in wanted else found.pop(time)
                    if not wanted:
                        break
                if wanted:
                    raise IndexError(f"frame {positions[times.index(wanted[0])]} is missing")

    def _not_as_stored(self, why: str) -> CorruptSourceError:
        """Refuse pictures that players show otherwise than they are stored: not all who read the file would agree."""
        return CorruptSourceError(
            f"{self._where} is no clip as it stands: {why}; make one of it with mmvoxceleb regenerate crop --cropped"
        )

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except ImportError as error:
            raise MissingExtraError(f"videos are decoded by PyAV; {install_hint('train')}") from error
        except (CorruptSourceError, UnsafeArchiveError):
            raise
        except video_errors() as error:
            raise CorruptSourceError(f"clip {self._clip_id}: {what} ({error}); get it again") from error


def decode_frames(
    data: "bytes | memoryview", positions: Sequence[int], *, clip_id: str = ""
) -> "list[NDArray[np.uint8]]":
    """Decode chosen frames of a clip's video, see :meth:`VideoFrames.decode`."""
    return VideoFrames(data, clip_id=clip_id).decode(positions)


def count_frames(data: "bytes | memoryview", *, clip_id: str) -> int:
    """Count the frames of a clip's video; nothing is decoded.

    Raises:
        CorruptSourceError: The video is damaged.
    """
    return len(VideoFrames(data, clip_id=clip_id))


def _open(data: "bytes | memoryview") -> Any:
    container = open_video_bytes(data)
    container.streams.video[0].thread_type = "NONE"
    container.streams.video[0].codec_context.thread_count = 1
    return container


def _is_turned(frame: Any) -> bool:
    """Whether an ``av.VideoFrame`` has a display matrix that is not the identity, in 16.16 fixed point."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False
    a, b, _, c, d, *_ = struct.unpack("<9i", bytes(matrix))
    return (a, b, c, d) != (1 << 16, 0, 0, 1 << 16)


def _times(container: Any) -> tuple[list[int], list[int]]:
    """Return the times of all frames in order of showing, and of those that decoding can start from."""
    packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    return sorted(packet.pts for packet in packets), sorted(packet.pts for packet in packets if packet.is_keyframe)


def first_frame_note(index: int) -> dict[str, str]:
    """Say in a container's metadata that its first frame has an index other than 0."""
    return {"comment": f"{_FIRST_FRAME}{index}"}


def first_frame_of(container: Any) -> int:
    """Read what :func:`first_frame_note` said; 0 for any other file, whatever time its clock begins at."""
    note = container.metadata.get("comment", "")
    digits = note.removeprefix(_FIRST_FRAME)
    return int(digits) if note != digits and digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


def _indices(times: Sequence[int], tick: Any, first: int) -> "NDArray[np.int64]":
    exact = (np.array(times, np.float64) - times[0]) * float(tick * FRAMES_PER_SECOND)
    indices = np.rint(exact) + first
    is_on_grid = abs(exact + first - indices).max() < _OFF_THE_GRID and (np.diff(indices) > 0).all()
    if is_on_grid and indices[-1] <= _LARGEST_INDEX:
        return indices.astype(np.int64)
    return np.arange(len(times), dtype=np.int64)
