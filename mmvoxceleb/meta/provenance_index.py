"""The provenance of all clips as one table, ``meta/.provenance.parquet``: what a run reads that goes on after another.

A million small files take minutes to read. The table holds what they said, and of each its size, time of change and
number on the disk; a row whose file is no longer the same is not believed, and the file is read. So the table may be
stale, damaged or absent, and nothing but time is lost.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.provenance import Provenance
from mmvoxceleb.meta.provenance_table import INDEX_PATH, INDEX_STAMP_PATH, Rows, RowWriter, Table, values
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import META
from mmvoxceleb.schema import ClipId

__all__ = ["IndexedProvenance", "forget_in_index", "save_index"]


FEWEST_NEW = 256
"""Rows that must be new before the table is written again; a run reads so few files as fast."""
_SETTLED_NS = 2_000_000_000
"""A file that was changed less than that before it was read may have changed again without another time."""


class IndexedProvenance(Provenance):
    """The provenance of a store, to read that of many clips in the order of their names; each file at most once.

    Args:
        tree: The store.
    """

    def __init__(self, tree: OutputTree) -> None:
        super().__init__(tree)
        self._table = Table.read(tree)
        self._rows = Rows(self._table)
        self._latest: tuple[str, dict[str, Any] | CorruptSourceError, str | None] | None = None

    def read(self, clip_id: str) -> dict[str, Any]:
        found = self._read(clip_id)[1]
        if isinstance(found, CorruptSourceError):
            raise found
        return found

    def checked(self, clip_id: str) -> Mapping[str, int]:
        """Return, by stage, the mark of the inputs with which a run found the clip finished, where it is still so."""
        checked = self._read(clip_id)[2]
        return {} if checked is None else json.loads(checked)

    def _read(self, clip_id: str) -> tuple[str, dict[str, Any] | CorruptSourceError, str | None]:
        if self._latest is None or self._latest[0] != clip_id:
            row = self._rows.find(clip_id)
            if row is not None and row.mark == self.tree.mark(self.path_of(clip_id)):
                assert self._table is not None
                self._latest = clip_id, self._table.content_of(row.text), row.checked
            else:
                try:
                    self._latest = clip_id, super().read(clip_id), None
                except CorruptSourceError as error:
                    self._latest = clip_id, error, None
        return self._latest


def save_index(tree: OutputTree, checked: Mapping[str, Mapping[str, int]], removals: Removals) -> None:
    """Bring the table up to date, if enough is new; only on a disk.

    Args:
        tree: The store.
        checked: What :meth:`IndexedProvenance.checked` is to say of clips that a run has just done or found finished.
        removals: Who must not be named in it.

    Raises:
        OSError: It cannot be written.
    """
    if not tree.is_local:
        return
    names = [name.removesuffix(META.suffix) for name in tree.names(META.folder_name) if name.endswith(META.suffix)]
    clips = sorted(filter(ClipId.matches, names))
    table = Table.read(tree) or Table()
    new_rows = max(abs(len(clips) - len(table)), len(checked))
    if new_rows < max(FEWEST_NEW, len(clips) // 64):
        return
    new, writer = Table(shared=list(table.shared), obeys=_digest_of(removals)), RowWriter(removals)
    rows, files = Rows(table), Provenance(tree)
    for clip_id in clips:
        path = files.path_of(clip_id)
        mark, row = tree.mark(path), rows.find(clip_id)
        if mark is None or time.time_ns() - mark[1] < _SETTLED_NS:
            continue
        told = checked.get(clip_id)
        if row is not None and row.mark == mark:
            also = json.loads(row.checked) if row.checked and told else {}
            writer.add(clip_id, mark, row.text, json.dumps({**also, **told}) if told else row.checked)
            continue
        try:
            text = new.text_of(files.read(clip_id))
        except CorruptSourceError:
            continue
        if tree.mark(path) == mark:
            writer.add(clip_id, mark, text, json.dumps(told) if told else None)
    new.write(tree, writer.close())
    if removals and new.are_named(removals):
        Table.delete(tree)


def forget_in_index(tree: OutputTree, removals: Removals, *, is_all: bool = False) -> None:
    """Take out all rows that name somebody; delete the table where other parts do, or it cannot be read.

    Args:
        tree: The store.
        removals: Who.
        is_all: Whether that is everybody who must not be in the store; nothing is done where the table was made or
            cleaned for the same.
    """
    if tree.kind(INDEX_PATH) is None and tree.kind(INDEX_STAMP_PATH) is None:
        return
    table = Table.read(tree)
    if table is None or table.are_named(removals):
        Table.delete(tree)
        return
    if is_all and table.obeys == _digest_of(removals):
        return
    writer = RowWriter(removals)
    for batch in table.batches():
        for clip_id, size, changed, number, text, checked in zip(*map(values, batch.columns), strict=True):
            writer.add(clip_id, (size, changed, number), text, checked)
    if is_all:
        table.obeys = _digest_of(removals)
    table.write(tree, writer.close())


def _digest_of(removals: Removals) -> str:
    return hashlib.sha256("\n".join(removals.lines()).encode()).hexdigest()
