"""What there is to see of a clip: some frames, what belongs to them, and what is said of the person."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mmvoxceleb.codecs.pictures import check_content
from mmvoxceleb.errors import MissingModalityError, MMVoxCelebError
from mmvoxceleb.modalities import (
    META,
    MODALITIES,
    VIDEO,
    FileModality,
    Folder,
    FrameModality,
    file_modalities,
    frame_modalities,
)
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores import Entry, Store
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.stores.styles import settled_style

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ClipView", "choose_indices", "clips_of", "view_clip"]

logger = logging.getLogger(__name__)


_ABSENT = object()


@dataclass(frozen=True)
class ClipView:
    """A part of a clip, decoded.

    Args:
        clip_id: The key.
        num_frames: Frames of the whole clip; 0 if there is no video.
        indices: The frame indices shown, ascending.
        pictures: uint8, as :meth:`FrameModality.decode` gives them, by modality and frame index; ``None`` for one that
            cannot be read, nothing for one that is not there.
        values: What :meth:`FileModality.parse` gives, by modality; ``None`` for a file that cannot be read.
        missing: What the clip lacks.
    """

    clip_id: ClipId
    num_frames: int
    indices: tuple[int, ...]
    pictures: "dict[FrameModality, dict[int, NDArray[np.uint8] | None]]"
    values: dict[FileModality, Any]
    missing: tuple[str, ...]

    @property
    def frames(self) -> dict[int, Image.Image | None]:
        """The frames among the pictures."""
        read = self.pictures.get(VIDEO, {})
        return {index: None if frame is None else Image.fromarray(frame) for index, frame in read.items()}


def clips_of(store: Store) -> list[str]:
    """List the clips that a store has in any modality, sorted."""
    return sorted({clip for folder in store.folders() if folder.kind is not META for clip in store.clips(folder)})


def choose_indices(frames: Sequence[int], preferred: Iterable[int], count: int) -> tuple[int, ...]:
    """Choose up to ``count`` frame indices, spread over the clip.

    Args:
        frames: All indices.
        preferred: Those that have a mask or a drawing; they come first, and the rest fills up.
        count: How many.

    Returns:
        Indices, ascending.
    """
    first = sorted(set(frames) & set(preferred)) if frames else sorted(set(preferred))
    if len(first) >= count:
        return tuple(_spread(first, count))
    rest = sorted(set(frames) - set(first))
    return tuple(sorted([*first, *_spread(rest, count - len(first))]))


def _spread(values: Sequence[int], count: int) -> list[int]:
    if len(values) <= count:
        return list(values)
    return [values[int(position)] for position in np.linspace(0, len(values) - 1, count).round()]


def view_clip(store: Store, clip_id: str, *, count: int = 8, style: str = "") -> ClipView:
    """Read and decode what is shown of a clip, and nothing else.

    Args:
        store: Where from.
        clip_id: The key.
        count: How many frames to show; those with a mask or a drawing are preferred.
        style: The drawing style. Empty means ``style1``, or the only style of a store that has another.

    Raises:
        MissingModalityError: The store has nothing of this clip.
        CorruptSourceError: ``clip_id`` has another form than a key.
    """
    clip, style = StoredClip(store, clip_id), settled_style(style, store)
    in_store = set(store.folders())
    folders = {kind: kind.folder_of_style(style) for kind in frame_modalities()}
    entries = {kind: _entries(clip, folder) for kind, folder in folders.items()}
    indices = choose_indices(
        [entry.index for entry in entries[VIDEO]],
        [entry.index for kind, found in entries.items() if kind is not VIDEO for entry in found],
        count,
    )
    pictures = {kind: _pictures(clip, kind, folders[kind], entries[kind], indices) for kind in folders}
    values = {kind: _value(clip, kind) for kind in file_modalities()}
    absent: dict[FrameModality | FileModality, str] = {
        **{kind: kind.pictures for kind in folders if not entries[kind]},
        **{kind: kind.name for kind, value in values.items() if value is _ABSENT},
    }
    if len(absent) == len(entries) + len(values):
        names = sorted({name for folder in in_store for name in store.clips(folder)})
        like = next((name for name in names if clip_id in name), names[0] if names else "")
        such_as = f"; clips have names such as {like}" if like else ""
        raise MissingModalityError(f"{store.location}: has nothing for clip {clip_id}{such_as}")
    return ClipView(
        clip_id=ClipId.parse(clip_id),
        num_frames=len(entries[VIDEO]),
        indices=indices,
        pictures=pictures,
        values={kind: value for kind, value in values.items() if value is not _ABSENT},
        missing=tuple(name for kind, name in absent.items() if kind.name in MODALITIES or kind.folder() in in_store),
    )


def _entries(clip: StoredClip, folder: Folder) -> list[Entry]:
    """List what can be shown; of a video file that is damaged, nothing, and the log says why."""
    try:
        return clip.entries(folder)
    except MissingModalityError:
        return []
    except MMVoxCelebError as error:
        logger.warning("%s", error)
        return []


def _pictures(
    clip: StoredClip, kind: FrameModality, folder: Folder, entries: Sequence[Entry], indices: Sequence[int]
) -> "dict[int, NDArray[np.uint8] | None]":
    wanted = [entry for entry in entries if entry.index in set(indices)]
    return {
        entry.index: None if isinstance(data, MMVoxCelebError) else _picture(kind, data, clip.clip_id, entry.name)
        for entry, data in clip.read_each(folder, wanted)
    }


def _picture(kind: FrameModality, data: bytes, clip_id: str, name: str) -> "NDArray[np.uint8] | None":
    where = f"clip {clip_id}, {name}"
    try:
        check_content(data, where=where)
        picture = kind.decode(data, where=where)
        return (picture[..., :3] if picture.ndim == 3 else picture).copy()
    except MMVoxCelebError:
        return None


def _value(clip: StoredClip, kind: FileModality) -> Any:
    try:
        return clip.value(kind)
    except MissingModalityError:
        return _ABSENT
    except MMVoxCelebError:
        return None
