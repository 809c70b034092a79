"""Take clips out of an export: only the shards that hold them are written again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.atomic import clean_partial, replacing, writing
from mmvoxceleb.files.hashing import sha256_of
from mmvoxceleb.files.inside import inside
from mmvoxceleb.files.partial import PARTIAL
from mmvoxceleb.hub.describing import describe_export
from mmvoxceleb.hub.folder import remove_clip
from mmvoxceleb.hub.layout import features_among, parts_of
from mmvoxceleb.hub.manifest import MANIFEST, ExportFolder, read_manifest
from mmvoxceleb.hub.notes import ClipNote, ShardNote
from mmvoxceleb.hub.parquet import ShardWriter, column_bytes, read_rows
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.hub.tars import TarWriter, copy_samples
from mmvoxceleb.hub.whole import check_shards, require_whole
from mmvoxceleb.meta.removals import Removals

__all__ = ["Dropped", "concerned", "drop_clips", "planned", "remove_from_export"]


@dataclass
class Dropped:
    """Results of a removal from an export.

    Args:
        clips: The clips that were removed.
        rewritten: Paths of the shards that were written again without them.
        deleted: Paths of the shards that were deleted, because no clip was left in them.
        notes: The remaining shards.
        unmatched: Names of the request that match no clip.
    """

    clips: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    notes: list[ShardNote] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)


def concerned(notes: Sequence[ShardNote], removals: Removals) -> list[ShardNote]:
    """List the shards that hold a clip to be removed, or say that it was left out of them."""
    return [note for note in notes if _removed(note, removals)]


def planned(notes: Sequence[ShardNote], removals: Removals) -> Dropped:
    """Find out what :func:`drop_clips` would do to the shards of an export, and change nothing."""
    plan = Dropped()
    gone: set[str] = set()
    for note in concerned(notes, removals):
        gone.update(_removed(note, removals))
        kept = _kept(note, removals)
        if kept < len(note.clips):
            (plan.rewritten if kept else plan.deleted).append(note.path)
    plan.clips, plan.unmatched = sorted(gone), removals.unmatched(gone)
    return plan


def _removed(note: ShardNote, removals: Removals) -> list[str]:
    return [name for name in (*(clip.clip_id for clip in note.clips), *note.skipped) if name in removals]


def drop_clips(
    root: Path,
    settings: ExportSettings,
    notes: Sequence[ShardNote],
    removals: Removals,
    *,
    folder: ExportFolder | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Dropped:
    """Write the shards that hold removed clips again without them, under the same names.

    Args:
        root: Where the files are; those of other shards need not be there.
        settings: Settings of the export.
        notes: All its shards.
        removals: What to take out.
        folder: Keep its markers in step, so that this may be killed at any moment and done again.
        progress: Called with the shards just checked, and their total.

    Raises:
        CorruptSourceError: A shard that holds them is damaged: none is changed then.
    """
    touched = concerned(notes, removals)
    to_copy = [note for note in touched if note.sha256 and 0 < _kept(note, removals) < note.rows]
    damages = {note.path: damage for note, damage in check_shards(root, to_copy, settings, progress=progress) if damage}
    require_whole(
        damages, root, "Nothing was removed: mend it first, by exporting (and pushing) again without those clips"
    )
    dropped = Dropped()
    gone: set[str] = set()
    for note in notes:
        removed = _removed(note, removals)
        if not removed:
            dropped.notes.append(note)
            continue
        gone.update(removed)
        kept = tuple(clip for clip in note.clips if clip.clip_id not in removals)
        after: ShardNote | None
        if kept == note.clips:  # only its marker names them
            after = replace(note, skipped=_left(note, removals))
            dropped.notes.append(after)
        elif (after := _rewrite(root, settings, note, kept, removals, folder)) is None:
            dropped.deleted.append(note.path)
        else:
            dropped.rewritten.append(note.path)
            dropped.notes.append(after)
        if folder is not None:
            folder.forget(note.path) if after is None else folder.write_note(after)
    dropped.clips, dropped.unmatched = sorted(gone), removals.unmatched(gone)
    return dropped


def remove_from_export(
    root: Path, removals: Removals, *, progress: Callable[[int, int], None] | None = None
) -> Dropped:
    """Remove clips from a local export, and write its dataset card and manifest again.

    Args:
        root: Folder of the export.
        removals: Identities, videos and clips to remove.
        progress: Called with the number of shards just checked, and their total.

    Returns:
        The removed clips, and the shards that changed.

    Raises:
        ConfigError: ``root`` is not an export.
        CorruptSourceError: A shard that holds such a clip, or its marker file, is damaged; in this case, nothing is
            changed.
        OutputError: The export cannot be written, or another run is writing to it.
    """
    folder = ExportFolder(root)
    settings = folder.settings()
    with writing(root), folder.lock() as is_locked:
        clean_partial(root.rglob(f"{PARTIAL}*"), all_of_them=is_locked)
        folder.settle()
        dropped = drop_clips(root, settings, folder.notes(), removals, folder=folder, progress=progress)
        if dropped.clips or _still_named(root, dropped.notes):
            describe_export(folder, settings, None)
    return dropped


def _still_named(root: Path, notes: Sequence[ShardNote]) -> bool:
    """Return whether ``export.json`` names clips that a run, which was killed before it came to that, took out."""
    if not (root / MANIFEST).is_file():
        return False
    try:
        named = read_manifest(inside(root, MANIFEST).read_bytes(), str(root / MANIFEST))[1]
    except CorruptSourceError:
        return True
    return named != list(notes)


def _rewrite(
    root: Path,
    settings: ExportSettings,
    note: ShardNote,
    kept: tuple[ClipNote, ...],
    removals: Removals,
    folder: ExportFolder | None,
) -> ShardNote | None:
    if settings.format == "folder":
        for clip in note.clips:
            if clip.clip_id in removals:
                remove_clip(root, clip.clip_id, settings)
        return replace(note, rows=len(kept), clips=kept, skipped=_left(note, removals)) if kept else None
    path = inside(root, note.path)
    if not kept:
        path.unlink(missing_ok=True)
        return None

    def keep(clip_id: str) -> bool:
        return clip_id not in removals

    columns = {}
    with replacing(path) as partial:
        if settings.format == "parquet":
            names = next((part.columns for part in parts_of(settings) if part.name == note.part), ())
            if not names:
                raise CorruptSourceError(f"{root}: {note.path} is of a part {note.part!r} that there is not")
            with ShardWriter(partial, features_among(settings, names)) as writer:
                rows = read_rows(path, names, keep)
                writer.write_table(rows)
                count = len(rows)
            columns = column_bytes(partial)
        else:
            with TarWriter(partial) as tar:
                count = copy_samples(tar, path, keep)
        if count != len(kept):
            raise CorruptSourceError(f"{path}: contains other clips than its marker lists; export it again")
        after = replace(
            note,
            rows=len(kept),
            bytes=partial.stat().st_size,
            sha256=sha256_of(partial),
            clips=kept,
            column_bytes=columns,
            skipped=_left(note, removals),
        )
        if folder is not None:
            folder.write_next(after)
    return after


def _kept(note: ShardNote, removals: Removals) -> int:
    return sum(clip.clip_id not in removals for clip in note.clips)


def _left(note: ShardNote, removals: Removals) -> dict[str, str]:
    return {clip: reason for clip, reason in note.skipped.items() if clip not in removals}
