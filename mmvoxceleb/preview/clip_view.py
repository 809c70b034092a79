"""What there is to see of a clip: some frames, what belongs to them, and what is said of the person."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from mmvoxceleb.codecs.masks import read_mask_ids
from mmvoxceleb.codecs.pictures import check_picture
from mmvoxceleb.codecs.png import decode_rgb
from mmvoxceleb.errors import MissingModalityError, MMVoxCelebError
from mmvoxceleb.modalities import DEFAULT_STYLE, Folder
from mmvoxceleb.schema import ATTRIBUTES, PALETTE, ClipId
from mmvoxceleb.stores import Entry, Store

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ClipView", "choose_indices", "clips_of", "overlay", "view_clip"]

_FOLDERS = {"frames": Folder("video"), "masks": Folder("mask")}


@dataclass(frozen=True)
class ClipView:
    """A part of a clip, decoded.

    Args:
        clip_id: The key.
        num_frames: Frames of the whole clip; 0 where there is no video.
        indices: The frame indices shown, ascending.
        frames: Picture by frame index; ``None`` for one that cannot be read, nothing for one that is not there.
        masks: uint8 [H, W] class ids by frame index; ``None`` and nothing as above.
        drawings: Picture by frame index; ``None`` and nothing as above.
        missing: Names of the modalities that the clip lacks.
        attributes: Names of the attributes present; ``None`` where there is no label that can be read.
        sentences: The lines of the text; ``None`` where there is none.
    """

    clip_id: ClipId
    num_frames: int
    indices: tuple[int, ...]
    frames: dict[int, "Image.Image | None"]
    masks: "dict[int, NDArray[np.uint8] | None]"
    drawings: dict[int, "Image.Image | None"]
    missing: tuple[str, ...]
    attributes: tuple[str, ...] | None
    sentences: tuple[str, ...] | None


def clips_of(store: Store) -> list[str]:
    """List the clips that a store has in any modality, sorted."""
    return sorted({clip for folder in store.folders() if folder.modality != "meta" for clip in store.clips(folder)})


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


def view_clip(store: Store, clip_id: str, *, count: int = 8, style: str = DEFAULT_STYLE) -> ClipView:
    """Read and decode what is shown of a clip, and nothing else.

    Args:
        store: Where from.
        clip_id: The key.
        count: How many frames to show; those with a mask or a drawing are preferred.
        style: The drawing style.

    Raises:
        MissingModalityError: The store has nothing of this clip.
        CorruptSourceError: ``clip_id`` has another form than a key.
    """
    folders = {**_FOLDERS, "drawings": Folder("drawing", style)}
    entries = {name: _entries(store, folder, clip_id) for name, folder in folders.items()}
    indices = choose_indices(
        [entry.index for entry in entries["frames"]],
        [entry.index for name in ("masks", "drawings") for entry in entries[name]],
        count,
    )
    read = {name: _read(store, folders[name], clip_id, found, indices) for name, found in entries.items()}
    label, text = (_single(store, Folder(name), clip_id) for name in ("label", "text"))
    if not any(entries.values()) and label is None and text is None:
        raise MissingModalityError(f"{store.location}: has nothing of clip {clip_id}")
    missing = [name for name in ("frames", "masks", "drawings") if not entries[name]]
    missing += [name for name, content in (("label", label), ("text", text)) if content is None]
    return ClipView(
        clip_id=ClipId.parse(clip_id),
        num_frames=len(entries["frames"]),
        indices=indices,
        frames={index: _picture(data, clip_id, name) for index, (name, data) in read["frames"].items()},
        masks={index: _mask(data, clip_id, name) for index, (name, data) in read["masks"].items()},
        drawings={index: _picture(data, clip_id, name) for index, (name, data) in read["drawings"].items()},
        missing=tuple(missing),
        attributes=None if label is None else _attributes(label),
        sentences=None if text is None else tuple(line.strip() for line in text.splitlines() if line.strip()),
    )


def overlay(frame: Image.Image, ids: "NDArray[np.uint8]", *, opacity: float = 0.55) -> Image.Image:
    """Lay the colours of a mask over a frame; the background stays as it is.

    Args:
        frame: RGB picture.
        ids: uint8 [H, W] class ids, of any size.
        opacity: 0 shows the frame alone, 1 the mask alone.
    """
    resized = np.asarray(Image.fromarray(ids).resize(frame.size, Image.Resampling.NEAREST))
    share = np.where(resized > 0, opacity, 0.0)[..., None]
    return Image.fromarray((np.asarray(frame) * (1 - share) + PALETTE[resized] * share).round().astype(np.uint8))


def _entries(store: Store, folder: Folder, clip_id: str) -> list[Entry]:
    try:
        return store.entries(folder, clip_id)
    except MissingModalityError:
        return []


def _read(
    store: Store, folder: Folder, clip_id: str, entries: Sequence[Entry], indices: Sequence[int]
) -> dict[int, tuple[str, bytes]]:
    wanted = [entry for entry in entries if entry.index in set(indices)]
    if not wanted:
        return {}
    try:
        content = store.read(folder, clip_id, wanted)
    except MMVoxCelebError:
        content = [_read_alone(store, folder, clip_id, entry) for entry in wanted]
    return {entry.index: (entry.name, data) for entry, data in zip(wanted, content, strict=True)}


def _read_alone(store: Store, folder: Folder, clip_id: str, entry: Entry) -> bytes:
    """Read one entry of a clip of which others are damaged; nothing for a damaged one."""
    try:
        return store.read(folder, clip_id, [entry])[0]
    except MMVoxCelebError:
        return b""


def _picture(data: bytes, clip_id: str, name: str) -> Image.Image | None:
    try:
        check_picture(data, clip_id=clip_id, name=name)
        return Image.fromarray(decode_rgb(data, where=f"clip {clip_id}, {name}")[..., :3].copy())
    except MMVoxCelebError:
        return None


def _mask(data: bytes, clip_id: str, name: str) -> "NDArray[np.uint8] | None":
    try:
        check_picture(data, clip_id=clip_id, name=name)
        return read_mask_ids(data, clip_id=clip_id, name=name)
    except MMVoxCelebError:
        return None


def _single(store: Store, folder: Folder, clip_id: str) -> str | None:
    try:
        return store.read(folder, clip_id)[0].decode("utf-8-sig", errors="replace")
    except MMVoxCelebError:
        return None


def _attributes(label: str) -> tuple[str, ...] | None:
    values = [value.strip() for value in label.strip().split(",")]
    if len(values) != len(ATTRIBUTES):
        return None
    return tuple(name for name, value in zip(ATTRIBUTES, values, strict=True) if value == "1")
