"""Read the record of one clip from a store."""

from collections.abc import Callable
from functools import partial
from typing import Any

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.errors import MissingModalityError
from mmvoxceleb.modalities import (
    VIDEO,
    FileModality,
    Folder,
    FrameModality,
    Modality,
    RecordOptions,
    frame_modalities,
    modalities,
)
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.stores.interface import Entry, Store

__all__ = ["RecordOptions", "bytes_of", "read_record", "record_of"]


def read_record(store: Store, clip_id: str, options: RecordOptions) -> dict[str, Any]:
    """Read one clip; see :func:`record_of`."""
    return record_of(StoredClip(store, clip_id), options)


def record_of(stored: StoredClip, options: RecordOptions, *, in_place: bool = False) -> dict[str, Any]:
    """Read one clip; pictures are ``{"bytes", "path"}`` as ``datasets`` stores them.

    Args:
        stored: The clip.
        options: What to read of it.
        in_place: Refer to pictures on this machine instead of reading them; they are checked when somebody does.

    Raises:
        MissingModalityError: The store lacks a modality of this clip.
        CorruptSourceError: A file of it is damaged.
        UnsafeArchiveError: A file of it was refused.
        SourceUnavailableError: The store cannot be read.
    """
    clip_id = stored.clip_id
    clip = ClipId.parse(clip_id)
    record: dict[str, Any] = {
        "clip_id": clip_id,
        "person_id": clip.person_id,
        "video_id": clip.video_id,
        "utterance": clip.utterance,
        "chunk": clip.chunk,
        "num_frames": None,
    }
    kinds = [kind for kind in frame_modalities(options.modalities) if not _is_file(kind, options)]
    columns = {folder: (kind, names) for kind in kinds for folder, names in kind.pairs(options.styles).items()}
    entries = _entries_of_frames(stored, list(columns), options)
    if VIDEO.name in options.modalities or options.count_frames:
        record["num_frames"] = stored.num_frames(VIDEO.folder())
    parts: list[Callable[[], dict[str, Any]]] = []
    for folder, (modality, (pictures, indices)) in columns.items():
        chosen = entries[folder]
        record[indices] = [entry.index for entry in chosen]
        parts.append(partial(_pictures, pictures, modality, stored, folder, chosen, options, in_place=in_place))
    for kind in modalities(options.modalities):
        if _is_file(kind, options):
            parts.append(partial(_video_file, kind, stored, options, in_place=in_place))
        elif isinstance(kind, FileModality):
            parts.append(partial(_fields, kind, stored, options, entries, in_place=in_place))
    for _, part in results_ahead(lambda part: part(), parts, ahead=stored.store.reads_ahead):
        record |= part()
    return record


def bytes_of(record: dict[str, Any] | None) -> int:
    """Count the bytes of the files in a record, which are nearly all of it."""
    cells = [cell for value in (record or {}).values() for cell in (value if isinstance(value, list) else [value])]
    return sum(len(cell["bytes"] or b"") for cell in cells if isinstance(cell, dict) and "bytes" in cell)


def _pictures(
    column: str,
    modality: FrameModality,
    stored: StoredClip,
    folder: Folder,
    chosen: list[Entry],
    options: RecordOptions,
    *,
    in_place: bool,
) -> dict[str, Any]:
    references = stored.references(folder, chosen) if in_place else None
    if references is not None:
        form = modality.form_of(options)
        return {column: [{"bytes": None, "path": reference.url(form)} for reference in references]}
    content = stored.read(folder, chosen)
    cells = [
        {"bytes": modality.stored(data, options, clip_id=stored.clip_id, name=f"{folder}/{entry.name}"), "path": None}
        for entry, data in zip(chosen, content, strict=True)
    ]
    return {column: cells}


def _is_file(kind: Modality, options: RecordOptions) -> bool:
    return options.frames_as == "video" and isinstance(kind, FrameModality) and bool(kind.file_suffix)


def _video_file(kind: Modality, stored: StoredClip, options: RecordOptions, *, in_place: bool) -> dict[str, Any]:
    file = stored.video_file(kind.folder())
    if file is None:
        raise MissingModalityError(
            f"{stored.location}: clip {stored.clip_id} has pictures and no video file; load it with "
            "frames_as='images', or make it one: mmvoxceleb convert"
        )
    references = stored.references(kind.folder(), [file]) if in_place else None
    if references is not None:
        return {kind.name: {"bytes": None, "path": references[0].url(kind.form_of(options))}}
    return {kind.name: {"bytes": stored.content(kind.folder()), "path": None}}


def _fields(
    kind: FileModality,
    stored: StoredClip,
    options: RecordOptions,
    entries: dict[Folder, list[Entry]],
    *,
    in_place: bool,
) -> dict[str, Any]:
    if options.has_nulls and kind.exported_without != "never" and not stored.has(kind.folder()):
        return dict.fromkeys(kind.columns(options.styles))
    if in_place and kind.holds_file:
        references = stored.references(kind.folder(), stored.entries(kind.folder()))
        if references is not None:
            return {kind.name: {"bytes": None, "path": references[0].url(kind.form_of(options))}}
    value = stored.value(kind)
    indices = kind.frames_of(value)
    if indices is not None:
        value = kind.at_frames(value, _kept(indices.tolist(), entries, options))
    return kind.fields(value, options, meta=lambda: stored.meta)


def _kept(indices: list[int], entries: dict[Folder, list[Entry]], options: RecordOptions) -> list[int]:
    """Choose frames of a file that has something for each of ``indices``, beside the ``entries`` that were chosen."""
    kept = [index for index in indices if index % options.frame_stride == 0]
    if options.aligned and entries:
        common = {entry.index for entry in next(iter(entries.values()))}
        kept = [index for index in kept if index in common]
    if options.max_frames is None:
        return kept
    frames = entries.get(VIDEO.folder())
    if frames is None:
        return kept[: options.max_frames]
    last = frames[-1].index if frames else -1
    return [index for index in kept if index <= last]


def _entries_of_frames(stored: StoredClip, folders: list[Folder], options: RecordOptions) -> dict[Folder, list[Entry]]:
    """Choose the files to read, by frame index, before anything is read."""
    listed = results_ahead(stored.frames, folders, ahead=stored.store.reads_ahead)
    chosen = {folder: frames() for folder, frames in listed}
    if options.frame_stride > 1:
        chosen = {
            folder: [entry for entry in entries if entry.index % options.frame_stride == 0]
            for folder, entries in chosen.items()
        }
    if options.aligned and chosen:
        common = set.intersection(*({entry.index for entry in entries} for entries in chosen.values()))
        chosen = {folder: [entry for entry in entries if entry.index in common] for folder, entries in chosen.items()}
    if options.max_frames is not None:
        frames = chosen.get(VIDEO.folder())
        if frames is None:
            chosen = {folder: entries[: options.max_frames] for folder, entries in chosen.items()}
        else:
            kept = frames[: options.max_frames]
            last = kept[-1].index if kept else -1
            chosen = {folder: [entry for entry in entries if entry.index <= last] for folder, entries in chosen.items()}
            chosen[VIDEO.folder()] = kept
    return chosen
