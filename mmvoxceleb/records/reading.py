"""Read the record of one clip from a store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mmvoxceleb.codecs.masks import to_palette_png
from mmvoxceleb.codecs.pictures import check_picture, upright
from mmvoxceleb.errors import MissingModalityError
from mmvoxceleb.records.texts import parse_label, parse_meta, parse_text
from mmvoxceleb.schema import (
    DEFAULT_STYLE,
    MODALITIES,
    ClipId,
    Folder,
    drawing_columns,
    drop_sensitive,
    present,
)
from mmvoxceleb.stores.interface import Entry, Store
from mmvoxceleb.stores.numbering import check_frames

__all__ = ["RecordOptions", "read_record"]

_VIDEO, _MASK, _META = Folder("video"), Folder("mask"), Folder("meta")


@dataclass(frozen=True)
class RecordOptions:
    """What to read of a clip.

    Args:
        modalities: Names of :data:`mmvoxceleb.schema.MODALITIES`.
        styles: Drawing styles.
        frame_stride: Keep frames, masks and drawings whose frame index is a multiple of it.
        max_frames: Keep at most so many frames from the start, and no mask or drawing of a later frame. Without
            the video modality, at most so many masks and drawings.
        aligned: Keep only frames that have a mask and a drawing (of those that are asked for), and their pictures.
        mask_encoding: ``palette``: 8-bit palette PNG of class ids; ``original``: the bytes as they are.
        drop_sensitive: Put -1 for :data:`mmvoxceleb.schema.SENSITIVE_ATTRIBUTES`.
        count_frames: Fill ``num_frames`` although the video modality is not asked for.
    """

    modalities: Sequence[str] = MODALITIES
    styles: Sequence[str] = (DEFAULT_STYLE,)
    frame_stride: int = 1
    max_frames: int | None = None
    aligned: bool = False
    mask_encoding: Literal["palette", "original"] = "palette"
    drop_sensitive: bool = False
    count_frames: bool = False


def read_record(store: Store, clip_id: str, options: RecordOptions) -> dict[str, Any]:
    """Read one clip; pictures are ``{"bytes", "path"}`` as ``datasets`` stores them.

    Raises:
        MissingModalityError: The store lacks a modality of this clip.
        CorruptSourceError: A file of it is damaged.
        UnsafeArchiveError: A file of it was refused.
        SourceUnavailableError: The store cannot be read.
    """
    clip = ClipId.parse(clip_id)
    record: dict[str, Any] = {
        "clip_id": clip_id,
        "person_id": clip.person_id,
        "video_id": clip.video_id,
        "utterance": clip.utterance,
        "chunk": clip.chunk,
        "num_frames": None,
    }
    entries = _entries_of_frames(store, clip_id, options)
    if "video" in options.modalities or options.count_frames:
        record["num_frames"] = len(store.entries(_VIDEO, clip_id))
    for folder, pictures, indices in _frame_columns(options):
        chosen = entries[folder]
        content = store.read(folder, clip_id, chosen)
        for entry, data in zip(chosen, content, strict=True):
            check_picture(data, clip_id=clip_id, name=f"{folder}/{entry.name}")
        if folder == _MASK and options.mask_encoding == "palette":
            content = [
                to_palette_png(data, clip_id=clip_id, name=f"{folder}/{entry.name}")
                for entry, data in zip(chosen, content, strict=True)
            ]
        record[pictures] = [{"bytes": upright(data), "path": None} for data in content]
        record[indices] = [entry.index for entry in chosen]
    if "text" in options.modalities:
        record["text"] = parse_text(store.read(Folder("text"), clip_id)[0], clip_id=clip_id)
    if "label" in options.modalities:
        record |= _label_fields(store, clip_id, options)
    return record


def _frame_columns(options: RecordOptions) -> list[tuple[Folder, str, str]]:
    """List the folders of pictures that are asked for, with their two columns."""
    columns = []
    if "video" in options.modalities:
        columns.append((_VIDEO, "frames", "frame_indices"))
    if "mask" in options.modalities:
        columns.append((_MASK, "masks", "mask_indices"))
    if "drawing" in options.modalities:
        columns.extend((Folder("drawing", style), *names) for style, names in drawing_columns(options.styles).items())
    return columns


def _entries_of_frames(store: Store, clip_id: str, options: RecordOptions) -> dict[Folder, list[Entry]]:
    """Choose the files to read, by frame index, before anything is read."""
    chosen = {folder: store.entries(folder, clip_id) for folder, _, _ in _frame_columns(options)}
    for folder, entries in chosen.items():
        check_frames(f"{store.location}: clip {clip_id}, {folder}", entries)
    if options.frame_stride > 1:
        chosen = {
            folder: [entry for entry in entries if entry.index % options.frame_stride == 0]
            for folder, entries in chosen.items()
        }
    if options.aligned and chosen:
        common = set.intersection(*({entry.index for entry in entries} for entries in chosen.values()))
        chosen = {folder: [entry for entry in entries if entry.index in common] for folder, entries in chosen.items()}
    if options.max_frames is not None:
        frames = chosen.get(_VIDEO)
        if frames is None:
            chosen = {folder: entries[: options.max_frames] for folder, entries in chosen.items()}
        else:
            kept = frames[: options.max_frames]
            last = kept[-1].index if kept else -1
            chosen = {folder: [entry for entry in entries if entry.index <= last] for folder, entries in chosen.items()}
            chosen[_VIDEO] = kept
    return chosen


def _label_fields(store: Store, clip_id: str, options: RecordOptions) -> dict[str, Any]:
    label = parse_label(store.read(Folder("label"), clip_id)[0], clip_id=clip_id)
    if options.drop_sensitive:
        label = drop_sensitive(label)
    try:
        meta = parse_meta(store.read(_META, clip_id)[0], clip_id=clip_id)
    except MissingModalityError:
        meta = {}
    return {"label": label, "attributes": present(label), "label_source": meta.get("label_source")}
