"""Copy a store or some of its clips, and merge several stores into one."""

import contextlib
import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.cliplists.chosen_store import Missing, choose_in
from mmvoxceleb.cliplists.clip_list import ClipList
from mmvoxceleb.errors import (
    ConfigError,
    CorruptSourceError,
    IncompatibleOutputError,
    MissingModalityError,
    UnsafeArchiveError,
)
from mmvoxceleb.files.atomic import writing
from mmvoxceleb.files.opening import Place
from mmvoxceleb.files.tree import Content
from mmvoxceleb.meta.provenance import LedgerRow, Provenance
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from mmvoxceleb.meta.taken_out import doubtful_in, note_taken_out
from mmvoxceleb.meta.watch import is_removed, is_same_place, is_within
from mmvoxceleb.modalities import META, Folder
from mmvoxceleb.processing.contradictions import PlannedClip, Progress, merged_meta, refuse_contradictions
from mmvoxceleb.processing.convert import ledger_of
from mmvoxceleb.processing.output import Layout, StoreWriter
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.stores.interface import Entry

__all__ = ["CopyReport", "copy_stores", "split_persons"]

_AHEAD = 4

logger = logging.getLogger(__name__)


@dataclass
class CopyReport:
    """The totals of a copy.

    Args:
        clips: Number of clips in the output.
        kept: Number of these clips that an earlier run had already copied.
        shared: Number of clips for which several stores have the same folder, which is copied only once.
        removed: Number of clips that were left out because they are on a removal list.
        linked: Number of files that were not copied, but hard-linked to those of the source.
        copied: Number of files that were copied.
        bytes: Bytes of the copied files.
        failed: The reason for each clip that could not be read, by clip id. The output has no files of these clips.
    """

    clips: int = 0
    kept: int = 0
    shared: int = 0
    removed: int = 0
    linked: int = 0
    copied: int = 0
    bytes: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def copy_stores(
    locations: Sequence[str | os.PathLike[str]],
    out: Place,
    *,
    clips: ClipList | None = None,
    missing: Missing = "raise",
    layout: Layout | None = None,
    link: bool = True,
    overwrite: bool = False,
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
        workers: Number of threads that read ahead.
        keeps_row: Returns whether to copy a row of the ledger that is not about a copied clip, such as a rejected
            input. By default all such rows are copied, or none with ``clips``.
        progress: Called with the name of the current step, the number of clips just finished, and the total number of
            clips of the step.

    Returns:
        The totals of the copy. Clips that could not be read do not raise an error, and are in ``failed``.

    Raises:
        ConfigError: There is no store to copy, a store would be copied onto or into itself, the stores contradict
            each other, or no store has a clip in ``clips`` and ``missing`` is ``raise``.
        SourceUnavailableError: A store does not exist or cannot be reached.
        MissingModalityError: There are no clips to copy.
        IncompatibleOutputError: ``out`` has clips that are not to be copied, or other files of a clip, and
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
    removals = _removals_of([*(store.location for store in stores), writer.tree.address])
    plan, removed = _plan(stores, removals, clips, missing)
    copier = _Copier(stores, writer, link=link, overwrite=overwrite)
    copier.refuse_others(plan)
    refuse_contradictions(stores, plan, workers=workers, progress=progress)
    with writing(writer.location):
        report = copier.copy(plan, workers=workers, progress=progress)
        report.removed = removed
        # who was removed in the meantime must not stay
        removals = removals | _removals_of([store.location for store in stores])
        plan = [planned for planned in plan if planned.clip_id not in report.failed]
        for planned in plan:
            if planned.clip_id in removals:
                writer.remove_clip(planned.clip_id)
                report.clips, report.removed = report.clips - 1, report.removed + 1
        keeps = keeps_row or (lambda row: clips is None)
        copier.record(plan, removals, lambda row: row.clip_id not in report.failed and keeps(row))
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
    for clip_id in _clips_of(store):
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


def _clips_of(store: Store) -> list[str]:
    found = {clip for folder in store.folders() if folder.kind is not META for clip in store.clips(folder)}
    return sorted(found)


def _removals_of(places: Iterable[str], *, feeds: bool = True) -> Removals:
    found = Removals()
    for place in places:
        found |= read_removals(place, feeds=feeds)
    return found


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


class _Copier:
    """Reads clips out of some stores and writes them into one."""

    def __init__(self, stores: Sequence[Store], writer: StoreWriter, *, link: bool, overwrite: bool) -> None:
        self._stores, self._writer = stores, writer
        self._links = link and writer.tree.is_local and writer.layout == "folder"
        self._overwrite = overwrite
        self._there: Store | None = None

    def refuse_others(self, plan: Sequence[PlannedClip]) -> None:
        """Refuse an output that has clips that are not to be copied, or other files of those that are.

        Raises:
            IncompatibleOutputError: It has such clips or files.
        """
        tree = self._writer.tree
        if not any(name[:1] != "." for name in tree.names("")):
            return
        self._there = open_store(tree.address)
        others = sorted(set(_clips_of(self._there)) - {planned.clip_id for planned in plan})
        if others:
            raise IncompatibleOutputError(
                f"{self._writer.location}: holds {len(others):,} other clips than those that are copied now, such as "
                f"{others[0]}; name a new folder (to add clips to a store, merge it with the others into a new one)"
            )
        if not self._overwrite:  # before anything is written
            there = set(_clips_of(self._there))
            for planned in plan:
                if planned.clip_id in there:
                    self._refuse_other_content(planned)

    def _refuse_other_content(self, planned: PlannedClip) -> None:
        for folder, holders in planned.holders.items():
            store = self._stores[holders[0]]
            if folder.kind is not META:
                with contextlib.suppress(CorruptSourceError, MissingModalityError, UnsafeArchiveError):  # said later
                    self._is_there(store, folder, planned.clip_id, store.entries(folder, planned.clip_id))

    def copy(self, plan: Sequence[PlannedClip], *, workers: int, progress: Progress | None) -> CopyReport:
        """Copy the clips. The provenance of each clip is written last."""
        report = CopyReport()
        for planned, result in results_ahead(partial(self._copy), plan, ahead=min(workers, _AHEAD)):
            try:
                counts = result()
            except (CorruptSourceError, MissingModalityError, UnsafeArchiveError) as error:
                report.failed[planned.clip_id] = str(error)
                continue
            report.clips += 1
            report.kept += not counts["written"]
            report.shared += any(len(holders) > 1 for holders in planned.holders.values())
            report.linked += counts["linked"]
            report.copied += counts["copied"]
            report.bytes += counts["bytes"]
            if progress is not None:
                progress("copy (clips)", 1, len(plan))
        return report

    def _copy(self, planned: PlannedClip) -> Counter[str]:
        counts: Counter[str] = Counter()
        clip_id = planned.clip_id
        read: list[tuple[Folder, list[tuple[str, Content]]]] = []
        for folder, holders in planned.holders.items():
            if folder.kind is META:
                continue
            store = self._stores[holders[0]]
            entries = store.entries(folder, clip_id)
            if self._is_there(store, folder, clip_id, entries):
                continue
            read.append((folder, self._contents(store, folder, clip_id, entries)))
        metas = [StoredClip(self._stores[number], clip_id).meta for number in planned.holders.get(META.folder(), [])]
        for folder, files in read:  # all of it was read: a clip that is damaged leaves nothing
            self._writer.write(folder, clip_id, files)
            counts["written"] += 1
            for _, content in files:
                is_bytes = isinstance(content, bytes)
                counts["copied" if is_bytes else "linked"] += 1
                counts["bytes"] += len(content) if isinstance(content, bytes) else 0
        if metas:
            made = merged_meta(metas)
            text = json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
            path = self._writer.path_of(META.folder(), clip_id)
            if self._writer.tree.read(path) != text.encode():
                self._writer.tree.write(path, text.encode())
        return counts

    def _is_there(self, store: Store, folder: Folder, clip_id: str, entries: Sequence[Entry]) -> bool:
        """Return whether an earlier run already wrote a clip's files.

        Raises:
            IncompatibleOutputError: The output has other files.
        """
        if self._there is None:
            return False
        try:
            there = self._there.entries(folder, clip_id)
        except MissingModalityError:
            return False
        if not folder.is_frames:  # a label that was mended has the size that it had
            is_same = self._there.read(folder, clip_id) == store.read(folder, clip_id)
        else:
            is_same = [(entry.name, entry.size) for entry in there] == [(entry.name, entry.size) for entry in entries]
        if is_same:
            return True
        if self._overwrite:
            return False
        raise IncompatibleOutputError(
            f"{self._writer.location}: clip {clip_id}, {folder}: exists with other content, and nothing was copied; "
            "add --overwrite, or name a new folder"
        )

    def _contents(
        self, store: Store, folder: Folder, clip_id: str, entries: Sequence[Entry]
    ) -> list[tuple[str, Content]]:
        """Return a clip's files: as paths if they can be hard-linked, otherwise as bytes."""
        references = store.references(folder, clip_id, entries) if self._links else None
        if references and not any(reference.in_zip or os.path.islink(reference.file) for reference in references):
            return [(entry.name, Path(reference.file)) for entry, reference in zip(entries, references, strict=True)]
        return list(zip((entry.name for entry in entries), store.read(folder, clip_id, entries), strict=True))

    def record(self, plan: Sequence[PlannedClip], removals: Removals, keeps_row: Callable[[LedgerRow], bool]) -> None:
        """Copy ledgers and removal lists."""
        tree = self._writer.tree
        ours = read_removals(tree.address, feeds=False)
        whole = ours | _removals_of([store.location for store in self._stores], feeds=False)
        if whole != ours:
            tree.write(REMOVALS_PATH, whole.to_bytes())
            note_taken_out(tree, whole, doubtful=[entry for store in self._stores for entry in doubtful_in(store)])
        copied = {planned.clip_id for planned in plan}
        provenance = Provenance(tree)
        rows: dict[tuple[str, str], LedgerRow] = {}
        for row in [row for store in self._stores for row in ledger_of(store)]:
            before = rows.get((row.clip_id, row.stage))
            if before is None or row.status == "done":
                rows[row.clip_id, row.stage] = row
        known = set(provenance.rows())
        provenance.record(
            row
            for row in sorted(rows.values())
            if row not in known and not is_removed(row.clip_id, removals) and (row.clip_id in copied or keeps_row(row))
        )
        provenance.compact()
