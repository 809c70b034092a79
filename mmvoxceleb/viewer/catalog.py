"""What is known of all clips, in columns of numpy and Arrow: a million clips with 24 figures take 370 MB."""

import re
import threading
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmvoxceleb.meta.ledger import LedgerRow
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.watch import is_removed
from mmvoxceleb.modalities import META, Folder
from mmvoxceleb.schema import ATTRIBUTES, SPLITS, split_of
from mmvoxceleb.viewer.facts import ClipFacts
from mmvoxceleb.viewer.texts import Names, Texts, Words, as_arrow

__all__ = ["MARKS", "NO_LABEL", "OUTCOMES", "Catalog"]

NO_LABEL = -2
"""Stands in ``label`` for clips without one; -1 is an unknown value."""
OUTCOMES = ("", "done", "failed", "rejected")
"""What the ledger says; empty for clips that it does not name."""
MARKS = ("", "marked")
"""Whether a clip is marked for removal."""

_NUMBER = re.compile(r"(?<![^\W\d])\d[\d.,]*(?<![.,])")
"""Not in a word, such as mp4."""


class Catalog:
    """The clips of a store, and what came to the ledger without becoming one, sorted by name.

    Facts are filled in later, clip by clip, while others query; ``version`` grows with them.

    Args:
        clips: Names of clips by folder.
        ledger: The latest outcomes.
        removals: Who is left out.
    """

    def __init__(
        self,
        clips: Mapping[Folder, Sequence[str]],
        ledger: Iterable[LedgerRow] = (),
        removals: Removals | None = None,
    ) -> None:
        removals = removals or Removals()
        rows = [row for row in ledger if not removals or not is_removed(row.clip_id, removals)]
        listed = {folder: as_arrow(names) for folder, names in clips.items()}
        others = as_arrow({row.clip_id for row in rows if row.status != "done"})
        self.names = Names([*listed.values(), others])
        if removals:
            gone = _concerned(self.names, *_persons_of(self.names), removals)
            self.names = Names([self.names.column.filter(pa.array(~gone))])
        count = len(self.names)
        self.folders: tuple[Folder, ...] = tuple(sorted(clips))
        self.has: NDArray[np.uint64] = np.zeros(count, np.uint64)
        for bit, folder in enumerate(self.folders):
            found = self.names.positions(listed.pop(folder))
            self.has[found[found >= 0]] |= np.uint64(1 << bit)
        self.person, self.persons = _persons_of(self.names)
        split_codes = [SPLITS.index(split_of(person)) for person in self.persons]
        self.split: NDArray[np.uint8] = np.array(split_codes, np.uint8)[self.person]
        self.num_frames: NDArray[np.int32] = np.full(count, -1, np.int32)
        self.label: NDArray[np.int8] = np.full((len(ATTRIBUTES), count), NO_LABEL, np.int8)
        self.margins: NDArray[np.float16] | None = None
        self.doubt: NDArray[np.float32] | None = None
        self.figures: dict[str, NDArray[np.float32]] = {}
        self._sources, self._reasons, self._kinds = Words(), Words(), Words()
        self.source: NDArray[np.int32] = np.zeros(count, np.int32)
        self.outcome: NDArray[np.uint8] = np.zeros(count, np.uint8)
        self.reason: NDArray[np.int32] = np.zeros(count, np.int32)
        self.reason_kind: NDArray[np.int32] = np.zeros(count, np.int32)
        self.marked: NDArray[np.uint8] = np.zeros(count, np.uint8)
        self.sentences = Texts(count)
        self.problems: dict[int, str] = {}
        self.stamps: NDArray[np.int64] = np.zeros(count, np.int64)
        self.is_read: NDArray[np.bool_] = self.has == 0  # of those there is nothing to read
        self.version = 0
        self._lock = threading.Lock()
        self._enter(rows)

    def _enter(self, rows: Sequence[LedgerRow]) -> None:
        """Note what became of clips: of several stages the worst."""
        positions = self.names.positions(as_arrow(row.clip_id for row in rows))
        for position, row in zip(positions.tolist(), rows, strict=True):
            code = OUTCOMES.index(row.status)
            if position >= 0 and code >= self.outcome[position]:
                self.outcome[position] = code
                reason = f"{row.stage}: {row.reason}" if row.reason and code > 1 else ""
                self.reason[position] = self._reasons.number(reason)
                self.reason_kind[position] = self._kinds.number(_kind_of(row, reason))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sources(self) -> list[str]:
        """Values of ``label_source``, by the numbers in ``source``."""
        return self._sources.texts

    @property
    def reasons(self) -> list[str]:
        """Reasons of the ledger, by the numbers in ``reason``."""
        return self._reasons.texts

    @property
    def reason_kinds(self) -> list[str]:
        """Reasons in short, by the numbers in ``reason_kind``: ``crop: too short``; of failures, without numbers."""
        return self._kinds.texts

    def position(self, name: str) -> int:
        """Find a clip by name; -1 where it is not there."""
        return self.names.find(name)

    def put(self, position: int, facts: ClipFacts, stamp: int = 0) -> None:
        """Fill in what is known of a clip.

        Args:
            position: Of the clip.
            facts: What is known.
            stamp: Of the files that it was read from; 0 leaves the last one.
        """
        with self._lock:
            self.num_frames[position] = facts.num_frames
            self.label[:, position] = NO_LABEL if facts.label is None else facts.label
            self.source[position] = self._sources.number(facts.label_source)
            self._put_margins(position, facts)
            for name, values in self.figures.items():
                values[position] = facts.figures.get(name, np.nan)
            for name in facts.figures.keys() - self.figures.keys():
                column = np.full(len(self), np.nan, np.float32)
                column[position] = facts.figures[name]
                self.figures = {**self.figures, name: column}  # somebody may be going over the old one
            self.sentences[position] = facts.sentence
            self.problems.pop(position, None)
            if facts.problem:
                self.problems[position] = facts.problem
            self.stamps[position] = stamp or self.stamps[position]
            self.is_read[position] = True
            self.version += 1

    def _put_margins(self, position: int, facts: ClipFacts) -> None:
        if facts.margins is not None and (self.margins is None or self.doubt is None):
            self.margins = np.full((len(ATTRIBUTES), len(self)), np.nan, np.float16)
            self.doubt = np.full(len(self), np.nan, np.float32)
        if self.margins is not None and self.doubt is not None:
            self.margins[:, position] = np.nan if facts.margins is None else facts.margins
            self.doubt[position] = np.nan if facts.margins is None else np.fmin.reduce(np.abs(facts.margins))

    def mark(self, entries: Removals) -> None:
        """Note who is marked for removal."""
        with self._lock:
            self.marked = _concerned(self.names, self.person, self.persons, entries).astype(np.uint8)
            self.version += 1

    def take_over(self, other: "Catalog") -> None:
        """Fill in what an earlier catalog of the same store knew, for clips that have the same modalities as then."""
        if self.folders != other.folders:
            return
        before = other.names.positions(self.names.column)
        known = (before >= 0) & ~self.is_read
        known[known] = other.is_read[before[known]] & (other.has[before[known]] == self.has[known])
        here, there = np.flatnonzero(known), before[known]
        with self._lock:
            self._sources = other._sources
            for name in ("num_frames", "source", "stamps"):
                getattr(self, name)[here] = getattr(other, name)[there]
            self.label[:, here] = other.label[:, there]
            if other.margins is not None and other.doubt is not None:
                self.margins = np.full((len(ATTRIBUTES), len(self)), np.nan, np.float16)
                self.doubt = np.full(len(self), np.nan, np.float32)
                self.margins[:, here], self.doubt[here] = other.margins[:, there], other.doubt[there]
            for name, values in other.figures.items():
                column = self.figures[name] = np.full(len(self), np.nan, np.float32)
                column[here] = values[there]
            if len(other):
                taken = other.sentences.column().take(pa.array(np.where(known, before, 0))).combine_chunks()
                self.sentences.fill(pc.if_else(pa.array(known), taken, ""))
            positions = dict(zip(there.tolist(), here.tolist(), strict=True)) if other.problems else {}
            self.problems |= {positions[at]: text for at, text in other.problems.items() if at in positions}
            self.is_read[here] = True
            self.version += 1

    def facts(self, position: int) -> ClipFacts:
        """Return what is known of a clip."""
        label = self.label[:, position]
        figures = {name: float(values[position]) for name, values in self.figures.items()}
        return ClipFacts(
            num_frames=int(self.num_frames[position]),
            label=None if label[0] == NO_LABEL else label.tolist(),
            label_source=self.sources[self.source[position]],
            margins=None if self.margins is None else self.margins[:, position].astype(np.float32),
            figures={name: value for name, value in figures.items() if np.isfinite(value)},
            sentence=self.sentences[position],
            problem=self.problems.get(position, ""),
        )

    def lacking(self, position: int) -> list[str]:
        """Name the modalities that the store has and the clip lacks."""
        bits = int(self.has[position])
        return [folder.kind.name for bit, folder in enumerate(self.folders)
                if not bits >> bit & 1 and folder.kind is not META]  # fmt: skip


def _kind_of(row: LedgerRow, reason: str) -> str:
    """Return what reasons have in common that differ in numbers and names of files."""
    if row.status == "rejected":  # which begins with the reason in a few words
        return f"{row.stage}: {row.reason.partition(':')[0].partition(';')[0]}" if reason else ""
    return _NUMBER.sub("N", reason)


def _persons_of(names: Names) -> tuple[NDArray[np.int32], list[str]]:
    """Return the number of the person of each name, and the persons."""
    persons = pc.replace_substring_regex(names.column, "(?s)#.*", "").dictionary_encode()
    return np.asarray(persons.indices.to_numpy(), np.int32), persons.dictionary.to_pylist()


def _concerned(names: Names, person: NDArray[np.int32], persons: Sequence[str], entries: Removals) -> NDArray[np.bool_]:
    """Tell which names a removal list means; only those of persons and videos that it may mean are taken apart."""
    found = np.zeros(len(names), np.bool_)
    if not entries:
        return found
    near = {_fold(clip_id.partition("#")[0]) for clip_id in entries.clip_id}
    is_meant = np.array([entries.has_video(each, "") for each in persons], np.bool_)
    is_near = np.array([_fold(each) in near for each in persons], np.bool_)
    found |= is_meant[person]
    asked = is_near[person] & ~found
    if entries.video_id:
        videos = pc.replace_substring_regex(names.column, "(?s)^[^#]*#?([^#]*).*$", r"\1").dictionary_encode()
        is_asked = np.array([entries.has_video("", each) for each in videos.dictionary.to_pylist()], np.bool_)
        asked |= is_asked[videos.indices.to_numpy()] & ~found
    positions = np.flatnonzero(asked)
    found[positions] = [is_removed(name, entries) for name in names.some(positions)]
    return found


def _fold(person: str) -> str:
    return unicodedata.normalize("NFC", person.casefold())
