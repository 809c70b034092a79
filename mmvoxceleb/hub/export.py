"""Export a store: plan the shards, write those that are not finished, describe the whole."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import ConfigError, IncompatibleOutputError
from mmvoxceleb.files.atomic import clean_partial, replacing, write_atomically
from mmvoxceleb.files.hashing import sha256_of
from mmvoxceleb.files.partial import PARTIAL
from mmvoxceleb.hub.folder import remove_clip, write_clip
from mmvoxceleb.hub.layout import WHOLE, features_of, parts_of
from mmvoxceleb.hub.manifest import MANIFEST, ClipNote, ExportFolder, ShardNote, manifest_of
from mmvoxceleb.hub.parquet import ShardWriter, column_bytes, copy_rows
from mmvoxceleb.hub.plan import Shard, digest_of, plan_projections, plan_shards
from mmvoxceleb.hub.quality import Quality
from mmvoxceleb.hub.rows import Row, RowReader
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.hub.tars import TarWriter
from mmvoxceleb.schema import MODALITIES, Folder
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.removals import read_removals

if TYPE_CHECKING:
    from mmvoxceleb.hub.card import CardFacts

__all__ = ["ExportReport", "describe_export", "export_store", "modalities_in", "name_repository"]

logger = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]


@dataclass
class ExportReport:
    """What an export did.

    Args:
        written: Shards that were written.
        kept: Shards that an earlier run had finished.
        clips: Clips in the export.
        bytes: Bytes in its shards.
        skipped: Damaged clips that were left out, with the reason.
    """

    written: int = 0
    kept: int = 0
    clips: int = 0
    bytes: int = 0
    skipped: dict[str, str] = field(default_factory=dict)


def modalities_in(store: Store, *, drop_sensitive: bool = False) -> tuple[str, ...]:
    """List what a store has. Sentences say what ``drop_sensitive`` takes away, so it leaves them out too."""
    there = {folder.modality for folder in store.folders()}
    if drop_sensitive:
        there.discard("text")
    return tuple(name for name in MODALITIES if name in there)


def export_store(
    location: str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: ExportSettings,
    *,
    facts: "CardFacts | None" = None,
    workers: int = 2,
    limit: int | None = None,
    overwrite: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write a store as shards with a dataset card, going on where an earlier run stopped.

    Equal stores, settings and library versions give equal bytes. Beyond the output there is at most one shard on disk
    and ``workers + 1`` clips in memory.

    Args:
        location: The store: a folder, zip or URL.
        out: The folder to write to.
        settings: What to write.
        facts: What the card should say beyond the data's own numbers.
        workers: Threads that read and convert ahead of the writer.
        limit: Export the first so many clips only.
        overwrite: Begin anew where ``out`` holds an export of other settings or another store.
        storage_options: Passed to fsspec for URLs.
        progress: Called with a part's name, a number of rows just written, and the total of that part.

    Raises:
        IncompatibleOutputError: ``out`` holds something else, or an export of other settings.
        MissingModalityError: The store lacks what the settings ask for.
        CorruptSourceError: A clip is damaged, or the removal list is.
    """
    store = open_store(location, storage_options=storage_options)
    removals = read_removals(location, storage_options=storage_options)
    shards = plan_shards(store, settings, removals, limit=limit)
    folder = ExportFolder(Path(out))
    _begin(folder, settings, store, shards, overwrite=overwrite)
    report = ExportReport()
    features = features_of(settings)
    total = sum(len(shard.clips) for shard in shards)
    whole: list[ShardNote] = []
    finished = {shard.path: folder.note(shard.path) for shard in shards}
    with RowReader(store, settings, workers=workers) as reader:
        # one stream over all shards, so that the next shard's clips are read while this one is written
        rows = reader.rows([clip for shard in shards if finished[shard.path] is None for clip in shard.clips])
        for shard in shards:
            note = finished[shard.path]
            if note is None:
                its_rows = islice(rows, len(shard.clips))
                note = _write_shard(folder, shard, its_rows, settings, lambda n: _tell(progress, WHOLE, n, total))
                report.written += 1
            else:
                report.kept += 1
                _tell(progress, WHOLE, len(shard.clips), total)
            whole.append(note)
    for part in parts_of(settings)[1:] if settings.format == "parquet" else ():
        for shard in plan_projections(part.name, part.columns, whole, settings.shard_bytes // 4):
            if folder.note(shard.path) is None:
                sources = [note for note in whole if note.split == shard.split]
                _write_projection(folder, shard, sources, part.columns, features)
                report.written += 1
            else:
                report.kept += 1
            _tell(progress, part.name, len(shard.clips), total)
    notes = describe_export(folder, settings, facts)
    report.clips = sum(note.rows for note in notes if note.part == WHOLE)
    report.bytes = sum(note.bytes for note in notes)
    report.skipped = {clip: reason for note in whole for clip, reason in note.skipped.items()}
    return report


def describe_export(folder: ExportFolder, settings: ExportSettings, facts: "CardFacts | None") -> list[ShardNote]:
    """Write ``export.json``, the charts and the card of an export from its markers.

    Args:
        folder: The export.
        settings: Its settings.
        facts: What the card should say; by default what it was told when the export was made.
    """
    from mmvoxceleb.hub.card import CardFacts, write_card

    plan = folder.read_plan() or {}
    if facts is None:
        facts = CardFacts.from_json(plan.get("facts", {}))
    else:
        folder.write_plan(plan | {"facts": facts.to_json()})
    notes = folder.notes()
    write_atomically(folder.root / MANIFEST, manifest_of(settings, notes, facts.to_json()))
    write_card(folder.root, settings, notes, facts)
    return notes


def name_repository(root: Path, repo_id: str, *, version: str | None = None) -> None:
    """Let an export's card name the repository that it is pushed to, and set the version of the dataset.

    Args:
        root: The export.
        repo_id: ``user/name``.
        version: ``MAJOR.MINOR.PATCH``; None keeps the export's.
    """
    from mmvoxceleb.hub.card import CardFacts

    folder = ExportFolder(root)
    settings, plan = folder.settings(), folder.read_plan() or {}
    facts = CardFacts.from_json(plan.get("facts", {}))
    named = replace(settings, version=version or settings.version)
    if (root / MANIFEST).is_file() and (facts.repo_id != repo_id or named != settings):
        folder.write_plan(plan | {"settings": named.to_json()})
        describe_export(folder, named, replace(facts, repo_id=repo_id))


def _tell(progress: Progress | None, part: str, rows: int, total: int) -> None:
    if progress is not None:
        progress(part, rows, total)


def _begin(
    folder: ExportFolder, settings: ExportSettings, store: Store, shards: Sequence[Shard], *, overwrite: bool
) -> None:
    plan = {
        "settings": settings.to_json(),
        "store": store.fingerprint((*settings.folders, Folder("meta"))),
        "clips": digest_of(shards),
        "tools": _tools(settings),
    }
    before = folder.read_plan()
    if before is None:
        if folder.root.is_dir() and any(path.name != ".git" for path in folder.root.iterdir()):
            raise IncompatibleOutputError(f"{folder.root}: is not empty, and no export; name a new folder")
    elif not overwrite:
        compared: dict[str, Any] = before | {"settings": before["settings"] | {"version": settings.version}}
        changed = [_difference(name, compared.get(name), value) for name, value in plan.items()]
        if found := [text for text in changed if text]:
            raise IncompatibleOutputError(
                f"{folder.root}: holds an export of something else: {'; '.join(found)}. Name another folder, or pass "
                "--overwrite: shards that come out the same are not sent to the Hub again"
            )
    else:
        _clear(folder, shards)
    clean_partial(folder.root.rglob(f"{PARTIAL}*"), all_of_them=True)
    facts = {"facts": before["facts"]} if before and "facts" in before else {}
    folder.write_plan(plan | facts)


def _clear(folder: ExportFolder, shards: Sequence[Shard]) -> None:
    """Forget the shards of an earlier export, and delete what the new one will not write over."""
    paths, clips = {shard.path for shard in shards}, {clip for shard in shards for clip in shard.clips}
    before = folder.settings()
    for note in folder.notes():
        folder.forget(note.path)
        if note.sha256 and note.path not in paths:
            (folder.root / note.path).unlink(missing_ok=True)
        for clip in note.clips if not note.sha256 else ():
            if clip.clip_id not in clips:
                remove_clip(folder.root, clip.clip_id, before)


def _tools(settings: ExportSettings) -> dict[str, str]:
    """Name the versions that the bytes depend on."""
    import cv2
    import datasets
    import pyarrow

    tools = {"opencv": cv2.__version__}
    if settings.format == "parquet":
        tools |= {"pyarrow": pyarrow.__version__, "datasets": datasets.__version__}
    if settings.has_mp4:
        try:
            import av
        except ImportError as error:
            raise ConfigError("--video mp4 needs PyAV: pip install 'mmvoxceleb[processing]'") from error
        tools["av"] = av.__version__
    return tools


def _difference(name: str, before: Any, now: Any) -> str:
    if before == now:
        return ""
    if isinstance(now, dict) and isinstance(before, dict):
        keys = sorted({*before, *now})
        return ", ".join(
            f"{key} was {before.get(key)} and is {now.get(key)}" for key in keys if before.get(key) != now.get(key)
        )
    return {"store": "the store's files changed", "clips": "its clips, or the removal list, changed"}.get(name, name)


def _write_shard(
    folder: ExportFolder,
    shard: Shard,
    rows: Iterator[tuple[str, Row | str]],
    settings: ExportSettings,
    advance: Callable[[int], None],
) -> ShardNote:
    clips: list[ClipNote] = []
    models: set[tuple[str, str]] = set()
    quality: Quality | None = None
    skipped: dict[str, str] = {}
    size = 0

    def write_all(write: Callable[[Mapping[str, Any]], int | None]) -> None:
        nonlocal quality, size
        for clip_id, row in rows:
            if isinstance(row, str):
                logger.warning("skipped: %s", row)
                skipped[clip_id] = row
            else:
                size += write(row.record) or 0
                clips.append(_clip_note(row))
                models.update((model["stage"], model["sha256"]) for model in row.models)
                if row.quality is not None:
                    quality = row.quality if quality is None else quality + row.quality
            advance(1)

    sha256, columns = "", {}
    if settings.format == "folder":
        write_all(lambda record: write_clip(folder.root, record, settings))
    else:
        path = folder.root / shard.path
        with replacing(path) as partial:
            if settings.format == "parquet":
                features = features_of(settings)
                with ShardWriter(partial, features) as writer:
                    write_all(writer.write)
                columns = column_bytes(partial)
            else:
                with TarWriter(partial) as tar:
                    write_all(tar.write)
            sha256, size = sha256_of(partial), partial.stat().st_size
    note = ShardNote(
        path=shard.path,
        part=shard.part,
        split=shard.split,
        rows=len(clips),
        bytes=size,
        sha256=sha256,
        clips=tuple(clips),
        column_bytes=columns,
        models=tuple({"stage": stage, "sha256": sha} for stage, sha in sorted(models)),
        quality=quality,
        skipped=skipped,
    )
    folder.write_note(note)
    return note


def _write_projection(
    folder: ExportFolder,
    shard: Shard,
    sources: Sequence[ShardNote],
    columns: Sequence[str],
    features: Any,
) -> None:
    from datasets import Features

    wanted = frozenset(shard.clips)
    path = folder.root / shard.path
    chosen = Features({name: features[name] for name in columns})
    kept: list[ClipNote] = []
    with replacing(path) as partial:
        with ShardWriter(partial, chosen) as writer:
            for source in sources:
                if any(clip.clip_id in wanted for clip in source.clips):
                    copy_rows(writer, folder.root / source.path, columns, wanted.__contains__)
                    kept.extend(ClipNote(clip.clip_id) for clip in source.clips if clip.clip_id in wanted)
        note = ShardNote(
            path=shard.path,
            part=shard.part,
            split=shard.split,
            rows=len(kept),
            bytes=partial.stat().st_size,
            sha256=sha256_of(partial),
            clips=tuple(kept),
            column_bytes=column_bytes(partial),
        )
    folder.write_note(note)


def _clip_note(row: Row) -> ClipNote:
    record = row.record
    label = "".join("-" if value < 0 else str(value) for value in record.get("label") or ())
    drawings = next((record[name] for name in record if name.startswith("drawing_indices")), ())
    return ClipNote(
        record["clip_id"],
        record["num_frames"],
        label,
        record.get("label_source"),
        len(record.get("mask_indices", ())),
        len(drawings),
    )
