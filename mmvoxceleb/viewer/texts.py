"""Texts by number, a million of them in some bytes each: Arrow strings, searched without regard to case."""

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Names", "Texts", "Words", "as_arrow", "holding"]

_BLOCK = 4096
_POOL = ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1)), "viewer-search")


def as_arrow(texts: Iterable[str]) -> Any:
    """Return texts as an Arrow array; what is not UTF-8 becomes question marks."""
    texts = list(texts)
    try:
        return pa.array(texts, pa.large_string())
    except (UnicodeEncodeError, pa.ArrowInvalid):
        return pa.array([text.encode("utf-8", "replace").decode() for text in texts], pa.large_string())


class Names(Sequence[str]):
    """Names in the order of their code points, each of them once.

    Args:
        columns: Of names, Arrow arrays.
    """

    def __init__(self, columns: Sequence[Any]) -> None:
        found = pc.unique(pa.chunked_array([*columns], pa.large_string()))
        self.column = found.take(pc.sort_indices(found))

    def __len__(self) -> int:
        return len(self.column)

    def __getitem__(self, position: Any) -> Any:
        found = self.column[position]
        return found.to_pylist() if isinstance(position, slice) else found.as_py()

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _BLOCK):
            yield from self.column.slice(start, _BLOCK).to_pylist()

    def find(self, name: str) -> int:
        """Return the position of a name; -1 where it is not there."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self[middle] < name:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and self[low] == name else -1

    def positions(self, names: Any) -> NDArray[np.int64]:
        """Return the position of each of an Arrow array of names; -1 for those that are not there."""
        if names.equals(self.column):
            return np.arange(len(self), dtype=np.int64)
        return np.asarray(pc.index_in(names, value_set=self.column).fill_null(-1).to_numpy(), np.int64)

    def some(self, positions: NDArray[np.int64]) -> list[str]:
        """Return names by their positions."""
        return list(self.column.take(pa.array(positions)).to_pylist())


class Words:
    """Texts that come often, by number; 0 is the empty one."""

    def __init__(self) -> None:
        self.texts: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}

    def number(self, text: str) -> int:
        """Return the number of a text, a new one where it has none."""
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return found


class Texts:
    """Texts that are filled in one by one; a block is packed as soon as it is searched.

    Args:
        count: How many, empty at first.
    """

    def __init__(self, count: int) -> None:
        self._blocks: list[Any] = [None] * -(-count // _BLOCK)
        self._count = count
        self._lock = threading.Lock()

    def __getitem__(self, position: int) -> str:
        block = self._blocks[position // _BLOCK]
        if block is None:
            return ""
        found = block[position % _BLOCK]
        return found if isinstance(found, str) else str(found.as_py())

    def __setitem__(self, position: int, text: str) -> None:
        number = position // _BLOCK
        with self._lock:
            block = self._blocks[number]
            if block is None:
                block = self._blocks[number] = [""] * self._size(number)
            elif not isinstance(block, list):
                block = self._blocks[number] = block.to_pylist()
            block[position % _BLOCK] = text

    def fill(self, column: Any) -> None:
        """Put texts, an Arrow array without nulls, in the place of all."""
        self._blocks = [column.slice(start, _BLOCK) for start in range(0, self._count, _BLOCK)]

    def column(self) -> Any:
        """Return all as an Arrow array in pieces."""
        with self._lock:
            for number, block in enumerate(self._blocks):
                if block is None:
                    self._blocks[number] = as_arrow([""] * self._size(number))
                elif isinstance(block, list):
                    self._blocks[number] = as_arrow(block)
            return pa.chunked_array(self._blocks, pa.large_string())

    def _size(self, number: int) -> int:
        return min(_BLOCK, self._count - number * _BLOCK)


def holding(columns: Sequence[Any], text: str) -> NDArray[np.bool_]:
    """Tell which rows hold a text in one of some columns, chunked Arrow arrays of equal length, on several cores."""
    count = len(columns[0])
    step = max(_BLOCK, -(-count // (4 * _POOL._max_workers)))

    def search(start: int) -> NDArray[np.bool_]:
        found = np.zeros(min(step, count - start), np.bool_)
        for column in columns:
            hits = pc.match_substring(column.slice(start, step), text, ignore_case=True)
            found |= np.asarray(hits.to_numpy(), np.bool_)
        return found

    return np.concatenate([*_POOL.map(search, range(0, count, step)), np.zeros(0, np.bool_)])
