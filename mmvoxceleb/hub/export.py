"""Export a store: plan the shards, write those that are not finished, describe the whole."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmvoxceleb.cliplists import Citation, ClipList
from mmvoxceleb.cliplists.chosen_store import ChosenStore, Missing
from mmvoxceleb.errors import ConfigError, IncompatibleOutputError
from mmvoxceleb.extras import install_hint
from mmvoxceleb.files.atomic import clean_partial, writing
from mmvoxceleb.files.inside import inside
from mmvoxceleb.files.partial import PARTIAL
from mmvoxceleb.hub.describing import describe_export
from mmvoxceleb.hub.folder import remove_clip
from mmvoxceleb.hub.layout import PREVIEW, WHOLE, parts_of
from mmvoxceleb.hub.manifest import STATE, ExportFolder, is_export, refuse_inside_export
from mmvoxceleb.hub.notes import ShardNote
from mmvoxceleb.hub.plan import Shard, digest_of, plan_projections, plan_shards
from mmvoxceleb.hub.rows import RowReader
from mmvoxceleb.hub.settings import ExportSettings
from mmvoxceleb.hub.shards import write_projection, write_shard
from mmvoxceleb.hub.whole import check_shards
from mmvoxceleb.meta.removal_feed import followed
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from mmvoxceleb.modalities import META, file_modalities, modalities
from mmvoxceleb.stores import Store, open_store

if TYPE_CHECKING:
    from mmvoxceleb.hub.card import CardFacts

__all__ = ["ExportReport", "export_store", "modalities_in"]

logger = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]


@dataclass
class ExportReport:
    """Results of an export.

    Args:
        written: Number of shards that this run wrote.
        kept: Number of shards that an earlier run had finished.
        clips: Number of clips in the export.
        bytes: Size of all shards in bytes.
        skipped: Damaged clips that were left out, each with the reason.
        left_out: Clips that were left out since they lack a modality, with what they lack.
        without: Clips that were exported without a modality, by its name: its columns are null.
    """

    written: int = 0
    kept: int = 0
    clips: int = 0
    bytes: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    without: dict[str, list[str]] = field(default_factory=dict)


def modalities_in(store: Store, *, drop_sensitive: bool = False) -> tuple[str, ...]:
    """List what a store has. Sentences say what ``drop_sensitive`` takes away, so it leaves them out too."""
    there = {folder.modality for folder in store.folders()}
    revealing = {kind.name for kind in file_modalities() if drop_sensitive and kind.reveals_label}
    return tuple(kind.name for kind in modalities() if kind.name in there - revealing)


def export_store(
    location: str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: ExportSettings,
    *,
    facts: "CardFacts | None" = None,
    clips: ClipList | None = None,
    missing: Missing = "raise",
    workers: int = 2,
    limit: int | None = None,
    overwrite: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Write a store as shards with a dataset card, and resume an interrupted export.

    Equal stores, settings and library versions give equal bytes. Besides the finished output, an export needs space for
    at most one shard on disk and ``workers + 1`` clips in memory.

    Args:
        location: The store: a folder, zip or URL.
        out: The folder to write to.
        settings: Format and contents of the export.
        facts: Statements for the dataset card that cannot be computed from the data, such as the licence.
        clips: Export only these clips; the card cites the list.
        missing: Whether a clip of the list that the store lacks is an error (``raise``), or is skipped with a warning
            (``skip``).
        workers: Number of threads that read and convert clips ahead of the writer.
        limit: Export only the first ``limit`` clips.
        overwrite: Start over if ``out`` contains an export with other settings or of another store.
        storage_options: Passed to fsspec for URLs.
        progress: Called with the name of the step (writing the clips of a part, checking finished shards), the number
            of items just done, and their total.

    Raises:
        OutputError: ``out`` cannot be written, or another run is writing to it.
        IncompatibleOutputError: ``out`` holds other files, or an export with other settings.
        MissingModalityError: The store lacks a modality that the settings name, or no clip is left.
        ConfigError: The store lacks a clip of the list, or names another removal list that this process does not obey.
        CorruptSourceError: A clip is damaged and ``settings.on_error`` is ``raise``; or the removal list or the state
            of an earlier export is damaged.
        SourceUnavailableError: The store cannot be read.
    """
    store = open_store(location, storage_options=storage_options)
    removals = read_removals(location, storage_options=storage_options)
    _refuse_unread(removals, store.location)
    if removals.elsewhere:
        from mmvoxceleb.hub.card_facts import CardFacts

        facts = replace(facts or CardFacts(), elsewhere=tuple(sorted(removals.elsewhere)))
    if clips is not None:
        from mmvoxceleb.hub.card_facts import CardFacts

        store = ChosenStore.of(store, clips, missing=missing, removals=removals)
        facts = replace(facts or CardFacts(), clip_list=Citation.of(clips))
    plan = plan_shards(store, settings, removals, limit=limit)
    folder = ExportFolder(Path(out))
    with writing(folder.root):
        _refuse_other_folders(folder)
        with folder.lock() as is_locked:
            clean_partial(folder.root.rglob(f"{PARTIAL}*"), all_of_them=is_locked)
            folder.settle()
            _begin(folder, settings, store, plan.shards, overwrite=overwrite)
            report = _export(folder, store, settings, plan.shards, facts, workers, progress)
            report.left_out, report.without = plan.left_out, plan.without
            return report


def _refuse_unread(removals: Removals, location: str) -> None:
    """Export nothing while a removal list that the store names is not obeyed."""
    if unread := sorted(removals.elsewhere - {*followed()}):
        raise ConfigError(
            f"{location}: asks you to obey the removal list {unread[0]}, too, and nothing is exported before that. "
            f"If you trust it, pass --removals {unread[0]} "
            f"(in Python: mmvoxceleb.meta.removal_feed.follow({unread[0]!r})). If it is out of date, "
            f"remove its line from {REMOVALS_PATH}"
        )


def _export(
    folder: ExportFolder,
    store: Store,
    settings: ExportSettings,
    shards: Sequence[Shard],
    facts: "CardFacts | None",
    workers: int,
    progress: Progress | None,
) -> ExportReport:
    report = ExportReport()
    total = sum(len(shard.clips) for shard in shards)
    whole: list[ShardNote] = []
    finished = _finished(folder, shards, settings, WHOLE, progress)
    # one stream over all shards, so that the next shard's clips are read while this one is written
    clips = [clip for shard in shards if shard.path not in finished for clip in shard.clips]
    with closing(RowReader(store, settings, workers=workers).rows(clips)) as rows:
        for shard in shards:
            note = finished.get(shard.path)
            if note is None:
                its_rows = islice(rows, len(shard.clips))
                note = write_shard(folder, shard, its_rows, settings, lambda n: _tell(progress, WHOLE, n, total))
                report.written += 1
            else:
                report.kept += 1
                _tell(progress, WHOLE, len(shard.clips), total)
            whole.append(note)
    for part in parts_of(settings)[1:] if settings.format == "parquet" else ():
        if part.name == PREVIEW and not settings.has_mp4 and not _has_pyav():
            logger.warning(
                "%s: the config %s is left out, since it needs PyAV: %s",
                folder.root, PREVIEW, install_hint("processing"),
            )  # fmt: skip
            continue
        lighter = plan_projections(part.name, part.columns, whole, settings.shard_bytes // 4)
        finished = _finished(folder, lighter, settings, part.name, progress)
        for shard in lighter:
            if shard.path not in finished:
                sources = [note for note in whole if note.split == shard.split]
                write_projection(folder, shard, sources, part.columns, settings)
                report.written += 1
            else:
                report.kept += 1
            _tell(progress, part.name, len(shard.clips), total)
    notes = describe_export(folder, settings, facts)
    report.clips = sum(note.rows for note in notes if note.part == WHOLE)
    report.bytes = sum(note.bytes for note in notes)
    report.skipped = {clip: reason for note in whole for clip, reason in note.skipped.items()}
    return report


def _has_pyav() -> bool:
    try:
        import av  # noqa: F401  whether it can be imported is what is asked
    except ImportError:
        return False
    return True


def _tell(progress: Progress | None, part: str, rows: int, total: int) -> None:
    if progress is not None:
        progress(f"{part} (clips)", rows, total)


def _finished(
    folder: ExportFolder, shards: Sequence[Shard], settings: ExportSettings, part: str, progress: Progress | None
) -> dict[str, ShardNote]:
    """Find the shards that are written already, and are what their markers say."""
    marked = []
    for shard in shards:
        note = folder.note(shard.path)
        if note is None:
            continue
        clips = {clip.clip_id for clip in note.clips}
        if (note.part, note.split) == (shard.part, shard.split) and clips | {*note.skipped} == {*shard.clips}:
            marked.append(note)
        else:
            logger.warning("%s/%s: its marker lists other clips; the shard is rewritten", folder.root, shard.path)
    finished = {}

    def tell(count: int, total: int) -> None:
        if progress is not None:
            progress(f"{part}: checking what is finished (shards)", count, total)

    for note, damage in check_shards(folder.root, marked, settings, progress=tell):
        if damage:
            logger.warning("%s/%s: %s; the shard is rewritten", folder.root, note.path, damage)
        else:
            finished[note.path] = note
    return finished


def _refuse_other_folders(folder: ExportFolder) -> None:
    """Make no export of a folder that holds something else, or is part of another export."""
    root = folder.root
    refuse_inside_export(root)
    if root.is_dir() and not is_export(root) and any(path.name not in (".git", STATE) for path in root.iterdir()):
        raise IncompatibleOutputError(f"{root}: is not empty and not an export; name a new folder")


def _begin(
    folder: ExportFolder, settings: ExportSettings, store: Store, shards: Sequence[Shard], *, overwrite: bool
) -> None:
    plan = {
        "settings": settings.to_json(),
        "store": store.fingerprint((*settings.folders, META.folder())),
        "clips": digest_of(shards),
        "tools": _tools(settings),
    }
    before = folder.read_plan()
    if before is None:
        _refuse_other_folders(folder)
    elif not overwrite:
        compared: dict[str, Any] = before | {"settings": before["settings"] | {"version": settings.version}}
        # what shards hold and which libraries write them follows from the settings, so those that differ say enough
        told = ("settings",) if compared.get("settings") != plan["settings"] else ("store", "clips", "tools")
        if found := [text for name in told if (text := _difference(name, compared.get(name), plan[name]))]:
            raise IncompatibleOutputError(
                f"{folder.root}: contains another export: {'; '.join(found)}. Name another folder, or replace it with "
                "--overwrite"
            )
    else:
        _clear(folder, shards)
    facts = {"facts": before["facts"]} if before and "facts" in before else {}
    folder.write_plan(plan | facts)


def _clear(folder: ExportFolder, shards: Sequence[Shard]) -> None:
    """Forget the shards of an earlier export, and delete what the new one will not write over."""
    paths, clips = {shard.path for shard in shards}, {clip for shard in shards for clip in shard.clips}
    before = folder.settings()
    for note in folder.notes():
        folder.forget(note.path)
        if note.sha256 and note.path not in paths:
            inside(folder.root, note.path).unlink(missing_ok=True)
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
            raise ConfigError(f"--codec mp4 needs PyAV: {install_hint('processing')}") from error
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
