"""Filters over a catalog, with the counts of every other choice."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities import META
from mmvoxceleb.schema import ATTRIBUTE_INDEX, ATTRIBUTES, SPLITS
from mmvoxceleb.viewer.catalog import OUTCOMES, Catalog

__all__ = ["Answer", "Querying"]

BINS = 48
_MOST_LISTED = 40
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
        self._kept: dict[Any, tuple[int, Any]] = {}
        self._lock = threading.Lock()

    def answer(self, wanted: Mapping[str, Any], sort: str = "", *, with_counts: bool = True) -> Answer:
        """Filter, count and sort.

        Args:
            wanted: ``split``, ``person``, ``outcome``, ``reason``, ``source``, ``lacks``: lists of values of which one
                has to hold; ``attributes``: by name a list of 1, 0 and -1; ``figures``: by name the smallest and the
                largest value; ``text``: a part of a name or of the first sentence.
            sort: A figure, ``frames``, ``doubt`` or ``doubt:ATTRIBUTE``; ``-`` before it turns the order. By name
                otherwise.
            with_counts: Whether choices are counted.

        Raises:
            ConfigError: A filter or figure has no such name.
        """
        masks = self._masks(wanted)
        failures = np.zeros(len(self.catalog), np.uint8)
        for mask in masks.values():
            failures += ~mask
        passing = failures == 0

        def others(name: str) -> Mask:
            return np.asarray(failures - ~masks[name] == 0, np.bool_) if name in masks else passing

        return Answer(self._sorted(passing, sort), self._counts(wanted, others) if with_counts else {})

    def _masks(self, wanted: Mapping[str, Any]) -> dict[str, Mask]:
        catalog = self.catalog
        masks: dict[str, Mask] = {}
        for name, (codes, texts) in self._choices().items():
            if wanted.get(name):
                known = {text: number for number, text in enumerate(texts)}
                masks[name] = np.isin(codes, [known.get(value, 1 << 30) for value in wanted[name]])
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
            "reason": (catalog.reason, catalog.reasons),
            "source": (catalog.source, catalog.sources),
        }

    def _counts(self, wanted: Mapping[str, Any], others: Any) -> dict[str, Any]:
        catalog = self.catalog
        found: dict[str, Any] = {}
        for name, (codes, texts) in self._choices().items():
            counts = np.bincount(codes[others(name)], minlength=len(texts))
            chosen = set(wanted.get(name) or ())
            best = np.argsort(-counts, kind="stable")[:_MOST_LISTED]
            listed = [*best, *(number for number, text in enumerate(texts) if text in chosen and number not in best)]
            found[name] = [[texts[number], int(counts[number])] for number in listed
                           if texts[number] and (counts[number] or texts[number] in chosen)]  # fmt: skip
        here = others("lacks") & (catalog.has != 0)
        whole = int(here.sum())
        bits = catalog.has[here]
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
        column = np.where(mask, self.catalog.label[number], np.int8(3))
        return [int(np.count_nonzero(column == value)) for value in (1, 0, _UNKNOWN)]

    def _figure(self, name: str) -> NDArray[Any]:
        if name == "frames":
            frames = self.catalog.num_frames
            return np.where(frames < 0, np.float32(np.nan), frames.astype(np.float32))
        if name not in self.catalog.figures:
            raise ConfigError(f"no figure is called {name}; there are frames, {', '.join(self.catalog.figures)}")
        return self.catalog.figures[name]

    def _histogram(self, name: str, mask: Mask) -> dict[str, Any]:
        low, high, bins = self._once(("bins", name), lambda: _binned(self._figure(name)))
        counts = np.bincount(bins[mask], minlength=BINS + 1)[:BINS]
        return {"low": low, "high": high, "counts": counts.tolist()}

    def _search(self, text: str) -> Mask:
        catalog = self.catalog
        names = self._once("names", lambda: pa.array(catalog.names, pa.large_string()), fixed=True)
        sentences = self._once("sentences", lambda: pa.array(catalog.sentences, pa.large_string()))
        found = [pc.match_substring(column, text, ignore_case=True) for column in (names, sentences)]
        return np.asarray(pc.or_(*found).to_numpy(zero_copy_only=False), np.bool_)

    def _sorted(self, passing: Mask, sort: str) -> NDArray[np.int64]:
        name, turned = sort.removeprefix("-"), sort.startswith("-")
        if not name or name == "name":
            found = np.flatnonzero(passing)
            return found[::-1] if turned else found
        order = self._once(("order", sort), lambda: _order(self._sort_values(name), turned))
        return np.asarray(order[passing[order]], np.int64)

    def _sort_values(self, name: str) -> NDArray[Any]:
        if not name.startswith("doubt"):
            return self._figure(name)
        margins = self.catalog.margins
        if margins is None:
            return np.full(len(self.catalog), np.nan, np.float32)
        _, _, attribute = name.partition(":")
        if attribute:
            if attribute not in ATTRIBUTE_INDEX:
                raise ConfigError(f"no attribute is called {attribute}")
            return np.asarray(np.abs(margins[ATTRIBUTE_INDEX[attribute]]))
        return np.asarray(np.fmin.reduce(np.abs(margins), axis=0))

    def _once(self, key: Any, make: Any, *, fixed: bool = False) -> Any:
        """Keep what was made until the catalog has changed."""
        version = 0 if fixed else self.catalog.version
        kept = self._kept.get(key)
        if kept is None or kept[0] != version:
            with self._lock:
                kept = self._kept[key] = (version, make())
        return kept[1]


def _binned(values: NDArray[Any]) -> tuple[float, float, NDArray[np.uint8]]:
    """Put values into bins of equal width; those that are not known into one behind the last."""
    known = np.isfinite(values)
    if not known.any():
        return 0.0, 0.0, np.full(len(values), BINS, np.uint8)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    width = (high - low) or 1.0
    bins = np.minimum((np.where(known, values, low) - low) * (BINS / width), BINS - 1).astype(np.uint8)
    bins[~known] = BINS
    return low, high, bins


def _order(values: NDArray[Any], turned: bool) -> NDArray[np.int64]:
    """Sort positions by value; those without one come last, also in the turned order."""
    order = np.argsort(-values if turned else values)
    return order.astype(np.int64)
