"""What is known of all clips, in columns of numpy: a million clips take some 300 MB and are filtered at once."""

import bisect
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmvoxceleb.meta.ledger import LedgerRow
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.watch import is_removed
from mmvoxceleb.modalities import Folder
from mmvoxceleb.schema import ATTRIBUTES, SPLITS, split_of
from mmvoxceleb.viewer.facts import ClipFacts

__all__ = ["NO_LABEL", "OUTCOMES", "Catalog"]

NO_LABEL = -2
"""Stands in ``label`` for clips without one; -1 is an unknown value."""
OUTCOMES = ("", "done", "failed", "rejected")
"""What the ledger says; empty for clips that it does not name."""


class _Words:
    """Texts that come often, by number."""

    def __init__(self) -> None:
        self.texts: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}

    def number(self, text: str) -> int:
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return found


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
        in_store = set().union(*clips.values()) if clips else set()
        in_store = set(removals.keep(in_store))
        self.names: list[str] = sorted(in_store.union(row.clip_id for row in rows if row.status != "done"))
        count = len(self.names)
        self.folders: tuple[Folder, ...] = tuple(sorted(clips))
        self.has: NDArray[np.uint64] = np.zeros(count, np.uint64)
        positions = {name: number for number, name in enumerate(self.names)}
        for bit, folder in enumerate(self.folders):
            found = np.array([positions[name] for name in clips[folder] if name in positions], np.int64)
            self.has[found] |= np.uint64(1 << bit)
        self._persons = _Words()
        self.person: NDArray[np.int32] = np.fromiter(
            (self._persons.number(name.partition("#")[0]) for name in self.names), np.int32, count
        )
        split_codes = [SPLITS.index(split_of(person)) for person in self._persons.texts]
        self.split: NDArray[np.uint8] = np.array(split_codes, np.uint8)[self.person]
        self.num_frames: NDArray[np.int32] = np.full(count, -1, np.int32)
        self.label: NDArray[np.int8] = np.full((len(ATTRIBUTES), count), NO_LABEL, np.int8)
        self.margins: NDArray[np.float16] | None = None
        self.figures: dict[str, NDArray[np.float32]] = {}
        self._sources, self._reasons = _Words(), _Words()
        self.source: NDArray[np.int32] = np.zeros(count, np.int32)
        self.outcome: NDArray[np.uint8] = np.zeros(count, np.uint8)
        self.reason: NDArray[np.int32] = np.zeros(count, np.int32)
        self.sentences: list[str] = [""] * count
        self.problems: dict[int, str] = {}
        self.stamps: dict[int, Any] = {}
        self.is_read: NDArray[np.bool_] = np.zeros(count, np.bool_)
        self.version = 0
        self._lock = threading.Lock()
        for row in rows:
            position = positions.get(row.clip_id)
            if position is None:
                continue
            code = OUTCOMES.index(row.status)
            if code >= self.outcome[position]:
                self.outcome[position] = code
                reason = f"{row.stage}: {row.reason}" if row.reason and code > 1 else ""
                self.reason[position] = self._reasons.number(reason)
            if row.clip_id not in in_store:
                self.is_read[position] = True  # there is nothing to read

    def __len__(self) -> int:
        return len(self.names)

    @property
    def persons(self) -> list[str]:
        """Names of persons, by the numbers in ``person``."""
        return self._persons.texts

    @property
    def sources(self) -> list[str]:
        """Values of ``label_source``, by the numbers in ``source``."""
        return self._sources.texts

    @property
    def reasons(self) -> list[str]:
        """Reasons of the ledger, by the numbers in ``reason``."""
        return self._reasons.texts

    def position(self, name: str) -> int:
        """Find a clip by name; -1 where it is not there."""
        found = bisect.bisect_left(self.names, name)
        return found if found < len(self.names) and self.names[found] == name else -1

    def put(self, position: int, facts: ClipFacts, stamp: Any = None) -> None:
        """Fill in what is known of a clip."""
        with self._lock:
            self.num_frames[position] = facts.num_frames
            self.label[:, position] = NO_LABEL if facts.label is None else facts.label
            self.source[position] = self._sources.number(facts.label_source)
            self._put_margins(position, facts)
            for name, values in self.figures.items():
                values[position] = facts.figures.get(name, np.nan)
            for name in facts.figures.keys() - self.figures.keys():
                self.figures[name] = np.full(len(self), np.nan, np.float32)
                self.figures[name][position] = facts.figures[name]
            self.sentences[position] = facts.sentence
            self.problems.pop(position, None)
            if facts.problem:
                self.problems[position] = facts.problem
            if stamp is not None:
                self.stamps[position] = stamp
            self.is_read[position] = True
            self.version += 1

    def _put_margins(self, position: int, facts: ClipFacts) -> None:
        if facts.margins is not None and self.margins is None:
            self.margins = np.full((len(ATTRIBUTES), len(self)), np.nan, np.float16)
        if self.margins is not None:
            self.margins[:, position] = np.nan if facts.margins is None else facts.margins

    def take_over(self, other: "Catalog") -> None:
        """Fill in what an earlier catalog of the same store knew, for clips that have the same modalities as then."""
        if self.folders != other.folders:
            return
        for position, name in enumerate(self.names):
            before = other.position(name)
            if before >= 0 and other.is_read[before] and other.has[before] == self.has[position]:
                self.put(position, other.facts(before), other.stamps.get(before))

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
                if not bits >> bit & 1 and folder.kind.name != "meta"]  # fmt: skip
