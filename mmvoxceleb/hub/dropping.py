"""Take clips out of an export: only the shards that hold them are written again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmvoxceleb.files.atomic import replacing
from mmvoxceleb.files.hashing import sha256_of
from mmvoxceleb.hub.folder import remove_clip
from mmvoxceleb.hub.layout import features_of, parts_of
from mmvoxceleb.hub.manifest import ClipNote, ExportFolder, ShardNote
from mmvoxceleb.hub.parquet import ShardWriter, column_bytes, copy_rows
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.hub.tars import TarWriter, copy_samples
from mmvoxceleb.stores.removals import Removals

__all__ = ["Dropped", "concerned", "drop_clips", "remove_from_export"]


@dataclass
class Dropped:
    """What was taken out of an export.

    Args:
        clips: The clips.
        rewritten: Paths of shards that were written again.
        deleted: Paths of shards of which nothing was left.
        notes: The shards as they are now.
    """

    clips: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    notes: list[ShardNote] = field(default_factory=list)


def concerned(notes: Sequence[ShardNote], removals: Removals) -> list[ShardNote]:
    """List the shards that hold a clip to be removed."""
    return [note for note in notes if any(clip.clip_id in removals for clip in note.clips)]


def drop_clips(root: Path, settings: ExportSettings, notes: Sequence[ShardNote], removals: Removals) -> Dropped:
    """Write the shards that hold removed clips again without them, under the same names.

    Args:
        root: Where the files are; those of other shards need not be there.
        settings: Settings of the export.
        notes: All its shards.
        removals: What to take out.
    """
    dropped = Dropped()
    gone: set[str] = set()
    touched = {note.path for note in concerned(notes, removals)}
    for note in notes:
        if note.path not in touched:
            dropped.notes.append(note)
            continue
        gone.update(clip.clip_id for clip in note.clips if clip.clip_id in removals)
        kept = tuple(clip for clip in note.clips if clip.clip_id not in removals)
        after = _rewrite(root, settings, note, kept, removals)
        if after is None:
            dropped.deleted.append(note.path)
        else:
            dropped.rewritten.append(note.path)
            dropped.notes.append(after)
    dropped.clips = sorted(gone)
    return dropped


def remove_from_export(root: Path, removals: Removals) -> Dropped:
    """Take clips out of a local export, and describe it anew.

    Raises:
        ConfigError: ``root`` is no export.
    """
    from mmvoxceleb.hub.export import describe_export

    folder = ExportFolder(root)
    settings = folder.settings()
    dropped = drop_clips(root, settings, folder.notes(), removals)
    for path in dropped.deleted:
        folder.forget(path)
    for note in dropped.notes:
        if note.path in dropped.rewritten:
            folder.write_note(note)
    if dropped.clips:
        describe_export(folder, settings, None)
    return dropped


def _rewrite(
    root: Path, settings: ExportSettings, note: ShardNote, kept: tuple[ClipNote, ...], removals: Removals
) -> ShardNote | None:
    path = root / note.path
    if settings.format == "folder":
        for clip in note.clips:
            if clip.clip_id in removals:
                remove_clip(root, clip.clip_id, settings)
        return replace(note, rows=len(kept), clips=kept) if kept else None
    if not kept:
        path.unlink(missing_ok=True)
        return None

    def keep(clip_id: str) -> bool:
        return clip_id not in removals

    columns = {}
    with replacing(path) as partial:
        if settings.format == "parquet":
            from datasets import Features

            features = features_of(settings)
            names = next(part.columns for part in parts_of(settings) if part.name == note.part)
            with ShardWriter(partial, Features({name: features[name] for name in names})) as writer:
                copy_rows(writer, path, names, keep)
            columns = column_bytes(partial)
        else:
            with TarWriter(partial) as tar:
                copy_samples(tar, path, keep)
        after = replace(
            note,
            rows=len(kept),
            bytes=partial.stat().st_size,
            sha256=sha256_of(partial),
            clips=kept,
            column_bytes=columns,
            skipped={clip: reason for clip, reason in note.skipped.items() if keep(clip)},
        )
    return after
