"""Filters over a catalog, with the counts of every other choice."""

import contextlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities import META
from mmvoxceleb.schema import ATTRIBUTE_INDEX, ATTRIBUTES, SPLITS
from mmvoxceleb.viewer.catalog import MARKS, OUTCOMES, Catalog
from mmvoxceleb.viewer.texts import holding

__all__ = ["Answer", "Querying"]

BINS = 48
_MOST_LISTED = 40
_MOST_ANSWERS = 4
_SHARE_OF_TIME = 20
"""Putting figures into bins again may take a twentieth of the time at most."""
_UNKNOWN = -1

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Answer:
    """What a filter gives.

    Args:
        order: Positions of the clips that pass, in order.
        counts: For every choice of every filter, how many clips pass it and all other filters.
    """

    order: NDArray[np.int64]
    counts: dict[str, Any]


class Querying:
    """Answers filters over a catalog, and keeps what they share.

    Args:
        catalog: It may still grow.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._bins: dict[str, tuple[float, int, _Binned]] = {}
        self._answers: OrderedDict[str, tuple[int, Answer]] = OrderedDict()

    def warm(self) -> None:
        """Make beforehand what first questions would wait for."""
        self.answer({})
        self._search("warm")

    def forget(self) -> None:
        """Drop the answers that are kept."""
        self._answers.clear()

    def answer(self, wanted: Mapping[str, Any], sort: str = "", *, with_counts: bool = True) -> Answer:
        """Filter, count and sort.

        Args:
            wanted: ``split``, ``person``, ``outcome``, ``reason``, ``source``, ``marked``, ``lacks``: lists of values
                of which one has to hold; ``attributes``: by name a list of 1, 0 and -1; ``figures``: by name the
                smallest and the largest value; ``text``: a part of a name or of the first sentence.
            sort: A figure, ``frames``, ``doubt`` or ``doubt:ATTRIBUTE``; ``-`` before it turns the order. By name
                otherwise.
            with_counts: Whether choices are counted.

        Raises:
            ConfigError: A filter or figure has no such name.
        """
        key, version = json.dumps([wanted, sort], sort_keys=True), self.catalog.version
        kept = self._answers.get(key)
        if kept is not None and kept[0] == version and (kept[1].counts or not with_counts):
            return kept[1]
        masks = self._masks(wanted)
        failures = np.zeros(len(self.catalog), np.uint8)
        for mask in masks.values():
            failures += ~mask
        passing = failures == 0

        def others(name: str) -> Mask:
            return np.asarray(failures - ~masks[name] == 0, np.bool_) if name in masks else passing

        found = Answer(self._sorted(passing, sort), self._counts(wanted, others) if with_counts else {})
        self._answers[key] = version, found
        while len(self._answers) > _MOST_ANSWERS:
            with contextlib.suppress(KeyError):  # another thread was quicker
                self._answers.popitem(last=False)
        return found

    def _masks(self, wanted: Mapping[str, Any]) -> dict[str, Mask]:
        catalog = self.catalog
        masks: dict[str, Mask] = {}
        for name, (codes, texts) in self._choices().items():
            if wanted.get(name):
                chosen = set(wanted[name])
                masks[name] = np.array([text in chosen for text in texts], np.bool_)[codes]
                if name == "split":
                    masks[name] &= catalog.has != 0  # an input that became no clip is in neither split
        if wanted.get("lacks"):
            bits = sum(1 << bit for bit, folder in enumerate(catalog.folders) if str(folder) in wanted["lacks"])
            masks["lacks"] = (catalog.has & np.uint64(bits) == 0) & (catalog.has != 0)
        for name, values in (wanted.get("attributes") or {}).items():
            if name not in ATTRIBUTE_INDEX:
                raise ConfigError(f"no attribute is called {name}")
            masks[f"attribute:{name}"] = np.isin(catalog.label[ATTRIBUTE_INDEX[name]], values)
        for name, (low, high) in (wanted.get("figures") or {}).items():
            values = self._figure(name)
            masks[f"figure:{name}"] = (values >= low) & (values <= high)
        if wanted.get("text"):
            masks["text"] = self._search(str(wanted["text"]))
        return masks

    def _choices(self) -> dict[str, tuple[NDArray[Any], Sequence[str]]]:
        catalog = self.catalog
        return {
            "split": (catalog.split, SPLITS),
            "person": (catalog.person, catalog.persons),
            "outcome": (catalog.outcome, OUTCOMES),
            "reason": (catalog.reason_kind, catalog.reason_kinds),
            "source": (catalog.source, catalog.sources),
            "marked": (catalog.marked, MARKS),
        }

    def _counts(self, wanted: Mapping[str, Any], others: Callable[[str], Mask]) -> dict[str, Any]:
        catalog = self.catalog
        found: dict[str, Any] = {}
        for name, (codes, texts) in self._choices().items():
            counted = others(name) & (catalog.has != 0) if name == "split" else others(name)
            counts = np.bincount(codes.compress(counted), minlength=len(texts))
            chosen = set(wanted.get(name) or ())
            best = np.argsort(-counts, kind="stable")[:_MOST_LISTED].tolist()
            listed = best + [number for number, text in enumerate(texts) if text in chosen and number not in best]
            found[name] = [[texts[number], int(counts[number])] for number in listed
                           if texts[number] and (counts[number] or texts[number] in chosen)]  # fmt: skip
        here = others("lacks") & (catalog.has != 0)
        whole = int(np.count_nonzero(here))
        bits = catalog.has.compress(here)
        found["lacks"] = [
            [str(folder), whole - int(np.count_nonzero(bits & np.uint64(1 << bit)))]
            for bit, folder in enumerate(catalog.folders) if folder.kind is not META
        ]  # fmt: skip
        found["attributes"] = {name: self._three(number, others(f"attribute:{name}"))
                               for number, name in enumerate(ATTRIBUTES)}  # fmt: skip
        found["figures"] = {name: self._histogram(name, others(f"figure:{name}"))
                            for name in ("frames", *sorted(catalog.figures))}  # fmt: skip
        return found

    def _three(self, number: int, mask: Mask) -> list[int]:
        """Count present, absent and unknown."""
        values = self.catalog.label[number]
        return [int(np.count_nonzero((values == value) & mask)) for value in (1, 0, _UNKNOWN)]

    def _figure(self, name: str) -> NDArray[Any]:
        if name == "frames":
            frames = self.catalog.num_frames
            return np.where(frames < 0, np.float32(np.nan), frames.astype(np.float32))
        figures = self.catalog.figures
        if name not in figures:
            raise ConfigError(f"unknown figure {name}; the known ones are frames, {', '.join(figures)}")
        return figures[name]

    def _histogram(self, name: str, mask: Mask) -> dict[str, Any]:
        """Count a figure in bins; while clips are still being read, the bins may be some seconds old."""
        version, now = self.catalog.version, time.monotonic()
        kept = self._bins.get(name)
        if kept is None or (kept[1] != version and now > kept[0]):
            bins = _binned(self._figure(name))
            taken = time.monotonic() - now
            kept = self._bins[name] = (now + _SHARE_OF_TIME * taken, version, bins)
        low, high, numbers, whole = kept[2]
        counts = whole if mask.all() else _count(numbers.compress(mask))
        return {"low": low, "high": high, "counts": counts.tolist()}

    def _search(self, text: str) -> Mask:
        columns = [pa.chunked_array([self.catalog.names.column]), self.catalog.sentences.column()]
        return holding([*columns, *([self._plain_names] if text.isascii() else [])], text)

    @cached_property
    def _plain_names(self) -> pa.ChunkedArray:
        """The names without accents, so that they are found by those who cannot type them; empty for plain names."""
        names = self.catalog.names.column
        accented = pc.if_else(pc.string_is_ascii(names), "", names)
        return pa.chunked_array([pc.replace_substring_regex(pc.utf8_normalize(accented, "NFKD"), r"\p{Mn}", "")])

    def _sorted(self, passing: Mask, sort: str) -> NDArray[np.int64]:
        name, turned = sort.removeprefix("-"), sort.startswith("-")
        found = np.flatnonzero(passing)
        if not name or name == "name":
            return found[::-1] if turned else found
        return _in_order(found, self._sort_values(name).take(found), turned=turned)

    def _sort_values(self, name: str) -> NDArray[np.float32]:
        if not name.startswith("doubt"):
            return self._figure(name)
        margins, doubt = self.catalog.margins, self.catalog.doubt
        if margins is None or doubt is None:
            return np.full(len(self.catalog), np.nan, np.float32)
        _, _, attribute = name.partition(":")
        if not attribute:
            return doubt
        if attribute not in ATTRIBUTE_INDEX:
            raise ConfigError(f"no attribute is called {attribute}")
        return np.asarray(np.abs(margins[ATTRIBUTE_INDEX[attribute]]), np.float32)


_Binned = tuple[float, float, NDArray[np.uint8], NDArray[np.int64]]


def _binned(values: NDArray[Any]) -> _Binned:
    """Put values into bins of equal width, those that are not known into one behind the last, and count them."""
    known = np.isfinite(values)
    if not known.any():
        return 0.0, 0.0, np.full(len(values), BINS, np.uint8), np.zeros(BINS, np.int64)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    width = (high - low) or 1.0
    bins = np.minimum((np.where(known, values, low) - low) * (BINS / width), BINS - 1).astype(np.uint8)
    bins[~known] = BINS
    return low, high, bins, _count(bins)


def _count(bins: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.bincount(bins, minlength=BINS + 1)[:BINS]


def _in_order(positions: NDArray[np.int64], values: NDArray[np.float32], *, turned: bool) -> NDArray[np.int64]:
    """Sort positions by value, and equal ones by position; those without one come last, also in the turned order.

    A value and its position make one whole number, whose order is theirs: numpy sorts those several times faster than
    it finds the order of floats.
    """
    bits = (values.astype(np.float32) + np.float32(0)).view(np.uint32)  # + 0 makes -0 the same
    order = np.where(bits >> 31 == 1, ~bits, bits | np.uint32(1 << 31))
    order = np.where(np.isfinite(values), ~order if turned else order, np.uint32(0xFFFFFFFF))
    keys = order.astype(np.uint64) << np.uint64(32) | positions.astype(np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
