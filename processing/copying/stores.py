"""Copy a store or some of its clips, and merge several stores into one."""

import os
from collections.abc import Callable, Sequence

from mmvoxceleb.cliplists.chosen_store import Missing, choose_in
from mmvoxceleb.cliplists.clip_list import ClipList
from mmvoxceleb.errors import (
    ConfigError,
    MissingModalityError,
)
from mmvoxceleb.files.atomic import writing
from mmvoxceleb.files.opening import Place
from mmvoxceleb.meta.provenance import LedgerRow
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.watch import is_same_place, is_within
from mmvoxceleb.modalities import META
from mmvoxceleb.processing.copying.contradictions import PlannedClip, Progress, refuse_contradictions
from mmvoxceleb.processing.copying.copier import Copier, CopyReport, clips_of, removals_of
from mmvoxceleb.processing.copying.mixing import refuse_mixed_settings
from mmvoxceleb.processing.output import Layout, StoreWriter
from mmvoxceleb.stores import Store, open_store

__all__ = ["copy_stores", "split_persons"]


def copy_stores(
    locations: Sequence[str | os.PathLike[str]],
    out: Place,
    *,
    clips: ClipList | None = None,
    missing: Missing = "raise",
    layout: Layout | None = None,
    link: bool = True,
    overwrite: bool = False,
    mixed: bool = False,
    workers: int = 2,
    keeps_row: Callable[[LedgerRow], bool] | None = None,
    progress: Progress | None = None,
) -> CopyReport:
    """Copy the clips of one or more stores into a new store, with their provenance, ledgers and removal lists.

    If several stores have the same folder of a clip, such as its masks, its files must be equal. Folders that only one
    store has are added, so that the masks of one store join the frames of another. Clips on the removal list of any of
    the stores are left out. On the same disk, files become hard links to those of the source, which need no space; this
    is safe, because this package never changes a file in place. If a copy is stopped, the same call resumes it.

    Args:
        locations: The stores to copy: folders, zips or URLs.
        out: The new store: a folder or a URL.
        clips: Copy only the clips in this list. None copies all.
        missing: What to do about a clip in ``clips`` that no store has: ``raise`` an error, or ``skip`` it with a
            warning.
        layout: ``folder``: a folder of files per clip. ``packed``: one zip per clip. The default is ``folder`` on disk
            and ``packed`` on a URL.
        link: Whether to make hard links where possible, instead of copying files.
        overwrite: Whether to replace files in ``out`` that differ from those of the stores.
        mixed: Whether to merge stores whose results were made with different settings, too. No run can add to such a
            store without ``overwrite``.
        workers: Number of threads that read ahead.
        keeps_row: Returns whether to copy a row of the ledger that is not about a copied clip, such as a rejected
            input. By default all such rows are copied, or none with ``clips``.
        progress: Called with the name of the current step, the number of clips just finished, and the total number of
            clips of the step.

    Returns:
        The totals of the copy. Clips that could not be read do not raise an error, and are in ``failed``.

    Raises:
        ConfigError: There is no store to copy, a store would be copied onto or into itself, or no store has a clip in
            ``clips`` and ``missing`` is ``raise``.
        SourceUnavailableError: A store does not exist or cannot be reached.
        MissingModalityError: There are no clips to copy.
        IncompatibleOutputError: The stores contradict each other, or their results were made with different settings
            and ``mixed`` is False; or ``out`` has clips that are not to be copied, or other files of a clip, and
            ``overwrite`` is False.
        CorruptSourceError: A removal list is damaged.
        OutputError: ``out`` cannot be written to.
    """
    if not locations:
        raise ConfigError("name at least one store to copy")
    stores = [open_store(location) for location in locations]
    writer = StoreWriter(out, layout)
    writer.check()
    for store in stores:
        if is_same_place(store.location, writer.tree.address):
            raise ConfigError(f"{store.location}: a store cannot be copied onto itself; name a new folder or URL")
        if is_within(writer.tree.address, store.location):
            raise ConfigError(f"{writer.location}: is inside the store to be copied; name a folder outside it")
    removals = removals_of([*(store.location for store in stores), writer.tree.address])
    plan, removed = _plan(stores, removals, clips, missing)
    copier = Copier(stores, writer, link=link, overwrite=overwrite)
    copier.refuse_others(plan)
    refuse_contradictions(stores, plan, workers=workers, progress=progress)
    if not mixed:
        refuse_mixed_settings(stores, plan)
    with writing(writer.location):
        report = copier.copy(plan, workers=workers, progress=progress)
        report.removed = removed
        # who was removed in the meantime must not stay
        removals = removals | removals_of([store.location for store in stores])
        plan = [planned for planned in plan if planned.clip_id not in report.failed]
        for planned in plan:
            if planned.clip_id in removals:
                writer.remove_clip(planned.clip_id)
                report.clips, report.removed = report.clips - 1, report.removed + 1
        keeps = keeps_row or (lambda row: clips is None)
        copier.record(
            plan, removals, lambda row: row.clip_id not in report.failed and keeps(row), keeps_all=clips is None
        )
    return report


def split_persons(store: Store, parts: int) -> list[list[str]]:
    """Divide the clips of a store into parts of about equal numbers of clips, with all clips of a person in one part.

    Persons are assigned in order of decreasing number of clips, and then by name, each to the part that has the fewest
    clips so far.

    Args:
        store: The store.
        parts: Number of parts, at least 1.

    Returns:
        The clip ids of each part, sorted.

    Raises:
        ConfigError: ``parts`` is less than 1, or greater than the number of persons.
        MissingModalityError: The store has no clips.
    """
    if parts < 1:
        raise ConfigError(f"parts={parts}; give a number from 1 on")
    by_person: dict[str, list[str]] = {}
    for clip_id in clips_of(store):
        by_person.setdefault(clip_id.partition("#")[0], []).append(clip_id)
    if not by_person:
        raise MissingModalityError(f"{store.location}: has no clips")
    if len(by_person) < parts:
        raise ConfigError(
            f"{store.location}: has {len(by_person)} persons, and a person is never divided; use at most that many "
            "parts"
        )
    shares: list[list[str]] = [[] for _ in range(parts)]
    for person in sorted(by_person, key=lambda name: (-len(by_person[name]), name)):
        min(shares, key=len).extend(by_person[person])
    return [sorted(share) for share in shares]


def _plan(
    stores: Sequence[Store], removals: Removals, clips: ClipList | None, missing: Missing
) -> tuple[list[PlannedClip], int]:
    """Return the clips to copy, sorted, and the number of clips that are left out because they were removed."""
    plan: dict[str, PlannedClip] = {}
    for number, store in enumerate(stores):
        for folder in store.folders():
            for clip_id in store.clips(folder):
                plan.setdefault(clip_id, PlannedClip(clip_id)).holders.setdefault(folder, []).append(number)
    found = {clip_id for clip_id, planned in plan.items() if any(folder.kind is not META for folder in planned.holders)}
    where = " and ".join(store.location for store in stores)
    if clips is not None:
        found = choose_in(found, clips, where, missing=missing, removals=removals)
    kept = sorted(removals.keep(found))
    if not kept:
        raise MissingModalityError(f"{where}: has no clips, or all are on the removal list")
    return [plan[clip_id] for clip_id in kept], len(found) - len(kept)
