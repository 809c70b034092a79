"""Pictures of a clip as a browser takes them: frames as they are stored, class ids as grey PNGs."""

import io
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mmvoxceleb.errors import ConfigError, MissingModalityError, MMVoxCelebError
from mmvoxceleb.modalities import DEFAULT_STYLE, FileModality, Folder, FrameModality, RecordOptions, frame_modalities
from mmvoxceleb.stores.clip import StoredClip

__all__ = ["folder_named", "for_browser", "packed", "poster"]

_MOST_AT_ONCE = 64


def folder_named(modality: str, style: str = "") -> Folder:
    """Return a folder of pictures by the names that the page uses.

    Raises:
        ConfigError: No modality of pictures has that name.
    """
    kind = next((kind for kind in frame_modalities() if kind.name == modality), None)
    if kind is None:
        raise ConfigError("no modality of pictures has that name")
    return kind.folder_of_style(style or DEFAULT_STYLE)


def for_browser(kind: FrameModality, data: Any, *, clip_id: str, name: str) -> bytes:
    """Return a picture as a browser takes it, checked.

    Args:
        kind: Its modality.
        data: The content of its file, or uint8 [H, W, 3] in RGB of a clip that is a video file.
        clip_id: The clip, for messages.
        name: The file, for messages.

    Returns:
        PNG or JPEG; where the pixels are class ids, a grey PNG of them.

    Raises:
        CorruptSourceError: It is damaged.
        UnsafeArchiveError: A side is over 8,192 px.
    """
    if kind.pixel_classes:
        return _png(kind.decode(data, where=f"clip {clip_id}, {name}"))
    if isinstance(data, np.ndarray):
        return _png(data)
    return kind.stored(bytes(data), RecordOptions(), clip_id=clip_id, name=name)


def poster(clip: StoredClip) -> bytes:
    """Return the picture in the middle of a clip: a frame, or what else it has.

    Raises:
        MissingModalityError: It has no pictures.
        CorruptSourceError: The picture is damaged.
    """
    folders = {folder.kind: folder for folder in reversed(clip.store.folders())}
    for kind in sorted(frame_modalities(), key=lambda kind: not kind.is_timeline):
        folder = folders.get(kind)
        if folder is not None and clip.has(folder):
            middle = clip.num_frames(folder) // 2
            (data,) = clip.pictures(folder, [middle])
            return for_browser(kind, data, clip_id=clip.clip_id, name=str(folder))
    raise MissingModalityError(f"clip {clip.clip_id} has no pictures")


def packed(
    clip: StoredClip,
    folder: Folder,
    positions: Sequence[int],
    drawing: FileModality | None = None,
    tidy: Callable[[object], str] = str,
) -> bytes:
    """Put pictures of a clip into one answer.

    Args:
        clip: The clip.
        folder: Of pictures.
        positions: Places in the clip's indices of that folder.
        drawing: Draws what it says of each frame onto it.
        tidy: Takes the machine's paths out of a message.

    Returns:
        For each, two little-endian uint32: 1 for a picture or 0 for a message, and the number of bytes; then these.

    Raises:
        ConfigError: There are no such places, or too many.
        MMVoxCelebError: The clip cannot be read.
    """
    kind = folder.kind
    assert isinstance(kind, FrameModality)
    count = len(clip.indices(folder))
    if len(positions) > _MOST_AT_ONCE or not all(0 <= position < count for position in positions):
        raise ConfigError(f"pictures are asked for by place, 0 to {count - 1}, and {_MOST_AT_ONCE} at once")
    value = None if drawing is None else clip.value(drawing)
    parts: list[bytes] = []
    for position, data in zip(positions, _read(clip, folder, positions), strict=True):
        try:
            if isinstance(data, MMVoxCelebError):
                raise data
            name = f"{folder}, {position}"
            if drawing is not None:
                index = int(clip.indices(folder)[position])
                data = _drawn(kind.decode(data, where=f"clip {clip.clip_id}, {name}"), drawing, value, index)
            content, is_picture = for_browser(kind, data, clip_id=clip.clip_id, name=name), 1
        except MMVoxCelebError as error:
            content, is_picture = tidy(error).encode(), 0
        parts += [struct.pack("<II", is_picture, len(content)), content]
    return b"".join(parts)


def _drawn(frame: Any, drawing: FileModality, value: Any, index: int) -> Any:
    from PIL import Image

    below = Image.fromarray(np.ascontiguousarray(frame[..., :3]))
    return np.asarray(drawing.drawn(value, index, below) or below)


def _read(clip: StoredClip, folder: Folder, positions: Sequence[int]) -> list[Any]:
    """Read pictures together, and one by one where that fails."""
    try:
        return list(clip.pictures(folder, positions))
    except MMVoxCelebError as error:
        if len(positions) == 1:
            return [error]
    return [_read(clip, folder, [position])[0] for position in positions]


def _png(picture: "np.ndarray[Any, np.dtype[np.uint8]]") -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
