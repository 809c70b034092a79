"""Clips that move, as an animated GIF: one with its masks, drawings and landmarks, or several side by side."""

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from mmvoxceleb.errors import ConfigError, MissingModalityError, MMVoxCelebError
from mmvoxceleb.modalities import VIDEO
from mmvoxceleb.preview.canvas import PAPER
from mmvoxceleb.preview.clip_view import view_clip
from mmvoxceleb.stores import Store
from mmvoxceleb.stores.clip import StoredClip

__all__ = ["clip_gif", "clips_gif"]

_GAP_PX = 6
_COLOURS = 255


def clip_gif(
    store: Store,
    clip_id: str,
    *,
    size_px: int = 256,
    frames_per_second: float = 25.0,
    most_frames: int = 100,
    style: str = "",
) -> bytes:
    """Make an animated GIF of a clip: frames, masks, drawings and landmarks side by side.

    If only every 4th frame has a mask or drawing, each one stays until the next. Frames that cannot be read are left
    out.

    Args:
        store: The store that holds the clip.
        clip_id: The clip.
        size_px: Longer side of each picture in px, at least 16.
        frames_per_second: Frame rate, over 0 to 50; the original videos have 25. A GIF rounds the time per frame to
            1/100 s.
        most_frames: Largest number of frames; longer clips are truncated.
        style: The drawing style. Empty means ``style1``, or the only style of a store that has another.

    Returns:
        The content of a ``.gif`` file.

    Raises:
        ConfigError: A number is out of its range.
        MissingModalityError: The clip has no frame that can be read.
    """
    if size_px < 16 or not 0 < frames_per_second <= 50 or most_frames < 1:
        raise ConfigError("a GIF needs size_px >= 16, frames_per_second over 0 and up to 50, most_frames >= 1")
    view = view_clip(store, clip_id, count=10**9, style=style)
    frames = view.frames
    first = next((frame for frame in frames.values() if frame is not None), None)
    if first is None:
        raise MissingModalityError(f"{store.location}: clip {clip_id} has no frames to show")
    size = (round(first.width * size_px / max(first.size)), round(first.height * size_px / max(first.size)))
    panels = {kind: Image.new("RGB", size, PAPER) for kind, found in view.pictures.items() if found}
    values = {kind: value for kind, value in view.values.items() if value is not None}
    pictures: list[Image.Image] = []
    for index in view.indices:
        frame = frames.get(index)
        if frame is None:
            continue
        whole, frame = frame, frame.resize(size, Image.Resampling.LANCZOS)
        for kind in panels:
            picture = view.pictures[kind].get(index)
            if picture is not None:
                shown = frame if kind.is_timeline else kind.shown(picture, frame)
                panels[kind] = shown if shown.size == size else shown.resize(size, Image.Resampling.LANCZOS)
        drawn = [kind.drawn(value, index, whole) for kind, value in values.items()]
        drawn_panels = [each.resize(size, Image.Resampling.LANCZOS) for each in drawn if each is not None]
        row = _row([*panels.values(), *drawn_panels])
        pictures.append(_few_colours(row))
        if len(pictures) == most_frames:
            break
    return _animated(pictures, frames_per_second)


def clips_gif(
    store: Store, clips: Sequence[str], *, size_px: int = 160, frames_per_second: float = 12.5, most_frames: int = 75
) -> bytes:
    """Make an animated GIF of the frames of several clips in a grid. Shorter clips repeat until the longest one ends.

    Args:
        store: The store that holds the clips.
        clips: Clip ids. Clips whose frames cannot be read are left out.
        size_px: Side of the square for each clip in px, at least 16.
        frames_per_second: Frame rate, over 0 to 25. At less than 25, frames are skipped, so that the clips keep their
            speed.
        most_frames: Largest number of frames of the animation.

    Returns:
        The content of a ``.gif`` file.

    Raises:
        ConfigError: A number is out of its range.
        MissingModalityError: No clip has frames that can be read.
    """
    if size_px < 16 or not 0 < frames_per_second <= 25 or most_frames < 1:
        raise ConfigError("a GIF needs size_px >= 16, frames_per_second over 0 and up to 25, most_frames >= 1")
    tiles = [
        found for clip in clips if (found := _tiles(StoredClip(store, clip), size_px, frames_per_second, most_frames))
    ]
    if not tiles:
        raise MissingModalityError(
            f"{store.location}: {'has no clip' if not clips else 'none of its clips has frames'} to show"
        )
    columns = math.ceil(math.sqrt(len(tiles) * 4 / 3))
    step = size_px + _GAP_PX
    size = (min(columns, len(tiles)) * step - _GAP_PX, math.ceil(len(tiles) / columns) * step - _GAP_PX)
    pictures = []
    for at in range(max(map(len, tiles))):
        whole = Image.new("RGB", size, PAPER)
        for number, found in enumerate(tiles):
            whole.paste(found[at % len(found)], (number % columns * step, number // columns * step))
        pictures.append(_few_colours(whole))
    return _animated(pictures, frames_per_second)


def _tiles(clip: StoredClip, size_px: int, frames_per_second: float, most_frames: int) -> list[Image.Image]:
    """Read frames of a clip, each in the middle of a square; none where they cannot be read."""
    try:
        count = clip.num_frames(VIDEO.folder())
        places = np.arange(0, count, 25 / frames_per_second).astype(int)[:most_frames].tolist()
        found = []
        pictures: list[Any] = clip.pictures(VIDEO.folder(), places)
        for data in pictures:
            frame = Image.fromarray(np.ascontiguousarray(VIDEO.decode(data, where=clip.clip_id)[..., :3]))
            frame.thumbnail((size_px, size_px), Image.Resampling.LANCZOS)
            square = Image.new("RGB", (size_px, size_px), PAPER)
            square.paste(frame, ((size_px - frame.width) // 2, (size_px - frame.height) // 2))
            found.append(square)
        return found
    except MMVoxCelebError:
        return []


def _few_colours(picture: Image.Image) -> Image.Image:
    return picture.quantize(_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def _animated(pictures: list[Image.Image], frames_per_second: float) -> bytes:
    buffer = io.BytesIO()
    duration = 10 * max(2, round(100 / frames_per_second))
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=duration, loop=0)
    return buffer.getvalue()


def _row(panels: list[Image.Image]) -> Image.Image:
    width, height = panels[0].size
    row = Image.new("RGB", (len(panels) * (width + _GAP_PX) - _GAP_PX, height), PAPER)
    for position, panel in enumerate(panels):
        row.paste(panel, (position * (width + _GAP_PX), 0))
    return row
