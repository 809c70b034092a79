"""Read clips out of some stores and write them into one, with what is recorded of them."""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.errors import (
    CorruptSourceError,
    IncompatibleOutputError,
    MissingModalityError,
    UnsafeArchiveError,
)
from mmvoxceleb.files.tree import Content
from mmvoxceleb.meta.provenance import LedgerRow, Provenance
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from mmvoxceleb.meta.taken_out import doubtful_in, note_taken_out
from mmvoxceleb.meta.videos import VideoRecord, VideoRecords, records_of
from mmvoxceleb.meta.watch import is_removed
from mmvoxceleb.modalities import META, Folder
from mmvoxceleb.processing.convert import ledger_of
from mmvoxceleb.processing.copying.contradictions import PlannedClip, Progress, merged_meta
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.stores.interface import Entry

__all__ = ["Copier", "CopyReport", "clips_of", "removals_of"]

_AHEAD = 4


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


class Copier:
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
        others = sorted(set(clips_of(self._there)) - {planned.clip_id for planned in plan})
        if others:
            raise IncompatibleOutputError(
                f"{self._writer.location}: holds {len(others):,} other clips than those that are copied now, such as "
                f"{others[0]}; name a new folder (to add clips to a store, merge it with the others into a new one)"
            )
        if not self._overwrite:  # before anything is written
            there = set(clips_of(self._there))
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

    def record(
        self,
        plan: Sequence[PlannedClip],
        removals: Removals,
        keeps_row: Callable[[LedgerRow], bool],
        *,
        keeps_all: bool,
    ) -> None:
        """Copy ledgers, removal lists and the records of source videos."""
        tree = self._writer.tree
        ours = read_removals(tree.address, feeds=False)
        whole = ours | removals_of([store.location for store in self._stores], feeds=False)
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
        self._record_videos(copied, removals, is_whole=keeps_all)

    def _record_videos(self, copied: set[str], removals: Removals, *, is_whole: bool) -> None:
        """Copy what is recorded of source videos, so that a crop into the copy resumes as into the store itself.

        Videos of which two stores tell different things have no record, as if a run was stopped in them.
        """
        tree = self._writer.tree
        found: dict[str, VideoRecord | None] = {}
        for told in (record for store in self._stores for record in records_of(store.location)):
            found[told.key] = told if found.get(told.key, told) == told else None
        records = VideoRecords(tree)
        wanted: list[VideoRecord] = []
        for record in found.values():
            kept = record.without(removals) if record is not None else None
            if kept is not None and (is_whole or not copied.isdisjoint(kept.clips)):
                wanted.append(kept)

        def write(record: VideoRecord) -> None:
            path, data = records.path_of(record.key), record.to_bytes()
            if tree.read(path) != data:
                tree.write(path, data)

        for _, result in results_ahead(write, wanted, ahead=max(_AHEAD, tree.reads_at_once)):
            result()


def clips_of(store: Store) -> list[str]:
    """List the clips of a store, sorted; not those of which only ``meta`` speaks."""
    found = {clip for folder in store.folders() if folder.kind is not META for clip in store.clips(folder)}
    return sorted(found)


def removals_of(places: Iterable[str], *, feeds: bool = True) -> Removals:
    """Read the removal lists of several stores, as one."""
    found = Removals()
    for place in places:
        found |= read_removals(place, feeds=feeds)
    return found
