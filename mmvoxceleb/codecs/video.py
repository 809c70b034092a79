"""Chosen frames of a video file in memory, such as a clip of an export with ``video="mp4"``."""

import bisect
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmvoxceleb.codecs.containers import open_video_bytes, video_errors
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.extras import install_hint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["count_frames", "decode_frames"]


def decode_frames(
    data: "bytes | memoryview", positions: Sequence[int], *, clip_id: str = ""
) -> "list[NDArray[np.uint8]]":
    """Decode chosen frames of a clip's video, exactly: by the times of its packets, never by a frame rate.

    The packets are listed first, which decodes nothing; then decoding starts at the last key frame before each group
    of wanted frames and ends with the group.

    Args:
        data: The content of the file, such as an mp4.
        positions: Numbers of the frames in the order of showing, from 0.
        clip_id: The clip, for messages.

    Returns:
        For each position, uint8 [H, W, 3], RGB.

    Raises:
        CorruptSourceError: The video is damaged, or has no such frame.
        ImportError: PyAV is not installed.
    """
    try:
        return _decode_frames(data, positions)
    except ImportError as error:
        raise ImportError(f"videos are decoded by PyAV; {install_hint('train')}") from error
    except video_errors() as error:
        raise CorruptSourceError(
            f"clip {clip_id}: frames {list(positions)} of its video cannot be decoded ({error}); get it again"
        ) from error


def count_frames(data: "bytes | memoryview", *, clip_id: str) -> int:
    """Count the frames of a clip's video; nothing is decoded.

    Raises:
        CorruptSourceError: The video is damaged.
    """
    try:
        with _open(data) as container:
            return len(_times(container)[0])
    except video_errors() as error:
        raise CorruptSourceError(f"clip {clip_id}: its video is damaged ({error}); get it again") from error


def _open(data: "bytes | memoryview") -> Any:
    container = open_video_bytes(data)
    container.streams.video[0].thread_type = "NONE"
    container.streams.video[0].codec_context.thread_count = 1
    return container


def _times(container: Any) -> tuple[list[int], list[int]]:
    """Return the times of all frames in order of showing, and of those that decoding can start from."""
    packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    return sorted(packet.pts for packet in packets), sorted(packet.pts for packet in packets if packet.is_keyframe)


def _decode_frames(data: "bytes | memoryview", positions: Sequence[int]) -> "list[NDArray[np.uint8]]":
    with _open(data) as container:
        times, keys = _times(container)
        wanted = {times[position] for position in positions}
        found: dict[int, NDArray[np.uint8]] = {}
        for key, group in itertools.groupby(sorted(wanted), key=lambda time: bisect.bisect_right(keys, time)):
            last = max(group)
            container.seek(keys[max(key - 1, 0)], backward=True, stream=container.streams.video[0])
            for frame in container.decode(video=0):
                if frame.pts in wanted and frame.pts not in found:
                    found[frame.pts] = frame.to_ndarray(format="rgb24")
                if last in found:
                    break
    lost = [position for position in positions if times[position] not in found]
    if lost:
        raise IndexError(f"frame {lost[0]} is missing")
    return [found[times[position]] for position in positions]
