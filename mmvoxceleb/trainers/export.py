"""Export a store for a trainer: clip by clip, resumable, then the lists of what is finished."""

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.cliplists import as_clip_list
from mmvoxceleb.cliplists.chosen_store import ChosenStore, Missing
from mmvoxceleb.cliplists.selection import choose
from mmvoxceleb.errors import ConfigError, CorruptSourceError, IncompatibleOutputError, MissingModalityError
from mmvoxceleb.files.atomic import clean_partial, write_atomically, writing
from mmvoxceleb.files.inside import inside
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.partial import PARTIAL
from mmvoxceleb.hub.manifest import STATE, TRAINER_PLAN, ExportFolder
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.trainers.clip_table import TABLE, clip_table, figures_of
from mmvoxceleb.trainers.content import ClipContent
from mmvoxceleb.trainers.settings import TrainerSettings
from mmvoxceleb.trainers.state import ClipMarker, TrainerSetState, digest
from mmvoxceleb.trainers.table import TRAINERS
from mmvoxceleb.trainers.trainer import ExportedClip

if TYPE_CHECKING:
    from mmvoxceleb.cliplists.reading import Clips
    from mmvoxceleb.meta.removals import Removals

__all__ = ["TrainerReport", "export_for", "is_trainer_set", "trainer_of"]


@dataclass
class TrainerReport:
    """Results of an export for a trainer.

    Args:
        clips: Number of clips in the export.
        written: Number of clips that this run wrote.
        kept: Number of clips that an earlier run had finished.
        bytes: Size of the files of all clips in bytes.
        left_out: Clips that were left out, each with the reason.
        silent: Clips of the export whose sound is silent: nowhere louder than -70 dB of full scale.
        removed: Clips of an earlier run that are now on the removal list; their files were deleted.
        next_steps: Instructions for using this export with the trainer.
    """

    clips: int = 0
    written: int = 0
    kept: int = 0
    bytes: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    next_steps: str = ""


def is_trainer_set(path: Path) -> bool:
    """Return whether a folder was written by :func:`export_for`."""
    return (path / STATE / TRAINER_PLAN).is_file()


def trainer_of(path: Path) -> str | None:
    """Return the name of the trainer that a folder was written for by :func:`export_for`; None for other folders.

    Raises:
        CorruptSourceError: The folder was, and its plan is damaged.
    """
    if not is_trainer_set(path):
        return None
    plan = path / STATE / TRAINER_PLAN
    content = parse_json_object(plan.read_bytes(), str(plan), "export again with --overwrite")
    return str(content.get("trainer"))


def export_for(
    trainer: str,
    location: str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: TrainerSettings | None = None,
    *,
    clips: "Clips | None" = None,
    missing: Missing = "raise",
    limit: int | None = None,
    workers: int = 2,
    on_error: Literal["raise", "skip"] = "raise",
    overwrite: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> TrainerReport:
    """Write a store in the form that a trainer's own data loader reads, and resume an interrupted export.

    Each frame is decoded once and encoded once. Equal stores, settings and library versions give equal bytes, for any
    number of workers. The test identities get files and lists of their own.

    Args:
        trainer: Name of the trainer: ``latentsync``, ``musetalk``, ``hallo3``, ``talkvid`` or ``echomimic``.
        location: The store: a folder, zip or URL.
        out: The folder to write to.
        settings: Size and quality of the pictures; None for the defaults.
        clips: Export only these clips: clip ids, or a clip list or its path (docs/clip-lists.md).
        missing: Whether a clip of ``clips`` that the store lacks is an error (``raise``), or is skipped with a warning
            (``skip``).
        limit: Export only the first ``limit`` clips.
        workers: Number of threads that read, decode and encode.
        on_error: ``raise`` an error at the first damaged clip, or ``skip`` it and report the reason. A clip that lacks
            a modality that the loader needs is left out in both cases.
        overwrite: Start over if ``out`` contains an export with other settings or for another trainer.
        storage_options: Passed to fsspec for URLs.
        progress: Called with the name of the step, the number of clips just done, and their total.

    Raises:
        ConfigError: The trainer is unknown, the store lacks a clip of ``clips``, or the trainer cannot read files at
            the path ``out``.
        IncompatibleOutputError: ``out`` holds other files, or an export with other settings or of other clips.
        MissingModalityError: No clip has everything that the loader needs.
        CorruptSourceError: A clip is damaged, and ``on_error`` is ``raise``.
        SourceUnavailableError: The store cannot be read.
        OutputError: ``out`` cannot be written, or another run is writing to it.
    """
    if trainer not in TRAINERS:
        raise ConfigError(f"unknown trainer {trainer!r}; the known ones are {', '.join(TRAINERS)}")
    if on_error not in ("raise", "skip"):
        raise ConfigError(f"on_error={on_error!r}; the known ones are raise, skip")
    kind, settings = TRAINERS[trainer], settings or TrainerSettings()
    if kind.swapped_in_paths and kind.swapped_in_paths in str(Path(out).absolute()):
        raise ConfigError(
            f"{out}: {trainer} swaps every {kind.swapped_in_paths!r} of a path for the names of other folders; name a "
            "folder without it"
        )
    store = open_store(location, storage_options=storage_options)
    removals = read_removals(location, storage_options=storage_options)
    listed = as_clip_list(clips)
    if listed is not None:
        store = ChosenStore.of(store, listed, missing=missing, removals=removals)
    found = choose(store, [modality.folder() for modality in kind.needs])
    chosen = removals.keep_some(found.clips, store.location)[:limit]
    lacking = {
        clip_id: f"clip {clip_id}: {what}" for clip_id, what in found.left_out.items() if clip_id not in removals
    }
    folder = ExportFolder(Path(out))
    with writing(folder.root):
        state = TrainerSetState(folder.root, kind, settings)
        state.check(overwrite=overwrite)
        with folder.lock() as is_locked:
            clean_partial(folder.root.rglob(f"{PARTIAL}*"), all_of_them=is_locked)
            report = _export(state, store, chosen, removals, workers=workers, on_error=on_error, progress=progress)
            report.left_out = {**lacking, **report.left_out}
            return report


def _export(
    state: TrainerSetState,
    store: Store,
    chosen: Sequence[str],
    removals: "Removals",
    *,
    workers: int,
    on_error: str,
    progress: Callable[[str, int, int], None] | None,
) -> TrainerReport:
    state.begin()
    report = TrainerReport()
    earlier = {note.clip.clip_id: note for note in state.notes()}
    report.removed = sorted(clip_id for clip_id in earlier if clip_id in removals)
    for clip_id in report.removed:
        state.forget(earlier.pop(clip_id))
    others = sorted(set(earlier) - set(chosen))
    if others:
        raise IncompatibleOutputError(
            f"{state.root}: contains clips that are not in this selection ({len(others):,}, such as {others[0]}); "
            "name a new folder, or start over with --overwrite"
        )
    finished: dict[str, ExportedClip] = {}
    make = partial(_make, state, store, earlier)
    for clip_id, result in results_ahead(make, chosen, ahead=workers):
        try:
            note, contents = result()
        except MissingModalityError as error:
            report.left_out[clip_id] = str(error)
        except CorruptSourceError as error:
            if on_error == "raise":
                raise
            report.left_out[clip_id] = str(error)
        else:
            if contents is None:
                report.kept += 1
            else:
                state.write(note, contents)
                report.written += 1
            finished[clip_id] = note.clip
        if progress is not None:
            progress("export (clips)", 1, len(chosen))
    for clip_id in sorted(set(earlier) - set(finished)):
        state.forget(earlier[clip_id])
    if not finished:
        first = next(iter(report.left_out.values()), "there is none")
        raise MissingModalityError(f"{store.location}: no clip can be exported for {state.trainer.name}: {first}")
    ordered = [finished[clip_id] for clip_id in sorted(finished)]
    _write_lists(state, ordered, figures_of(store))
    report.clips, report.bytes = len(ordered), sum(sum(clip.files.values()) for clip in ordered)
    report.silent = [clip.clip_id for clip in ordered if clip.is_silent]
    report.next_steps = state.trainer.next_steps(str(state.root.absolute()))
    return report


def _make(
    state: TrainerSetState, store: Store, earlier: Mapping[str, ClipMarker], clip_id: str
) -> tuple[ClipMarker, dict[str, bytes] | None]:
    """Make the files of a clip; None where those of an earlier run are whole."""
    trainer = state.trainer
    stored = StoredClip(store, clip_id)
    source = digest(
        f"{modality.folder()}\t{entry.name}\t{entry.size}\n"
        for modality in trainer.needs
        for entry in stored.entries(modality.folder())
    )
    before = earlier.get(clip_id)
    # earlier versions did not write down whether a clip is silent
    is_known = before is not None and before.clip.is_silent is not None
    if before is not None and is_known and before.source == source and state.is_whole(before):
        return before, None
    content = ClipContent(stored, frames_per_second=trainer.frames_per_second)
    content.check_length(trainer.fewest_frames)
    if trainer.swapped_in_paths and trainer.swapped_in_paths in content.name:
        raise MissingModalityError(
            f"clip {clip_id}: its name holds {trainer.swapped_in_paths!r}, which {trainer.name} swaps in paths"
        )
    files = trainer.files(content, state.settings)
    sizes = {path: len(data) for path, data in files.items()}
    clip = ExportedClip(clip_id, content.name, content.split, content.num_frames, sizes, content.is_silent)
    return ClipMarker(clip, source), files


def _write_lists(
    state: TrainerSetState, clips: Sequence[ExportedClip], figures: Mapping[str, Mapping[str, float | None]]
) -> None:
    """Write the trainer's lists, and the table of clips with their figures."""
    lists = state.trainer.lists(clips, state.settings, state.root.absolute().as_posix())
    for path, data in {**lists, TABLE: clip_table(clips, figures)}.items():
        write_atomically(inside(state.root, path), data)


def reasons(left_out: Mapping[str, str]) -> list[tuple[int, str]]:
    """Put reasons that differ in clips and numbers together: how many each has, most first, and the first of them."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for clip_id, reason in left_out.items():
        alike = re.sub(r"\d+", "", reason.replace(clip_id, ""))
        counts[alike] += 1
        first.setdefault(alike, reason)
    return [(count, first[alike]) for alike, count in counts.most_common()]
