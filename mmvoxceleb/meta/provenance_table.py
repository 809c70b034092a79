"""The table of the provenance of all clips on disk; see :mod:`mmvoxceleb.meta.provenance_index`."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.tree import Mark, OutputTree
from mmvoxceleb.meta.names import Names
from mmvoxceleb.meta.provenance import COMPUTATION
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import META

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["INDEX_PATH", "INDEX_STAMP_PATH", "Row", "RowWriter", "Rows", "Table", "values"]

INDEX_PATH = f"{META.folder_name}/.provenance.parquet"
INDEX_STAMP_PATH = f"{META.folder_name}/.provenance.json"
"""The format of the table, its sha256, and what its rows have in common. Neither file is part of the data."""

_FORMAT = 1
_SHARED = ("settings", COMPUTATION, "made_with")
"""Parts of a stage's section that are the same for many clips, and are held once."""
_ROWS_TOGETHER = 1 << 14
_MOST_SHARED = 1 << 12


@dataclass(frozen=True)
class Row:
    """What the table says of a clip.

    Args:
        mark: Of the file, when it was read.
        text: What it said, by :meth:`Table.text_of`.
        checked: JSON: by stage, the mark of the inputs with which a run found the clip finished; None where none did.
    """

    mark: Mark
    text: str
    checked: str | None


class Table:
    """The table as it is on disk.

    Args:
        data: A Parquet file; empty for none.
        shared: What its rows have in common, by number.
        obeys: Digest of all who must not be in the store, when it was made.
    """

    def __init__(self, data: bytes = b"", shared: "list[Any] | None" = None, obeys: str = "") -> None:
        self.obeys = obeys
        self.shared: list[Any] = [] if shared is None else shared
        self._data = data
        self._numbers = {_sorted_json(part): number for number, part in enumerate(self.shared)}

    @classmethod
    def read(cls, tree: OutputTree) -> "Table | None":
        """Read it; None where there is none, or it is not what was written."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        stamp, data = (tree.read(path) if tree.is_local else None for path in (INDEX_STAMP_PATH, INDEX_PATH))
        if stamp is None or data is None:
            return None
        try:
            content = parse_json_object(stamp, INDEX_STAMP_PATH, "it is made again")
            if content.get("format") != _FORMAT or content.get("table") != hashlib.sha256(data).hexdigest():
                return None
            shared = content["shared"]
            if not isinstance(shared, list) or not pq.ParquetFile(io.BytesIO(data)).schema_arrow.equals(_schema()):
                return None
        except (CorruptSourceError, KeyError, pa.ArrowException, OSError):
            return None
        return cls(data, shared, str(content.get("obeys")))

    def write(self, tree: OutputTree, data: bytes) -> None:
        """Write rows; a run that is killed in between leaves a table that nobody believes."""
        tree.remove(INDEX_STAMP_PATH)
        tree.write(INDEX_PATH, data)
        digest = hashlib.sha256(data).hexdigest()
        stamp = {"format": _FORMAT, "table": digest, "obeys": self.obeys, "shared": self.shared}
        tree.write(INDEX_STAMP_PATH, (json.dumps(stamp, ensure_ascii=False) + "\n").encode())

    @staticmethod
    def delete(tree: OutputTree) -> None:
        """Delete it."""
        tree.remove(INDEX_STAMP_PATH)
        tree.remove(INDEX_PATH)

    def __len__(self) -> int:
        import pyarrow.parquet as pq

        return int(pq.ParquetFile(io.BytesIO(self._data)).metadata.num_rows) if self._data else 0

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """Yield its rows, some at a time."""
        import pyarrow.parquet as pq

        if self._data:
            yield from pq.ParquetFile(io.BytesIO(self._data)).iter_batches(batch_size=_ROWS_TOGETHER)

    def are_named(self, removals: Removals) -> bool:
        """Tell whether what the rows have in common names somebody."""
        return Names(removals).are_in(_sorted_json(self.shared))

    def text_of(self, content: Mapping[str, Any]) -> str:
        """Format a clip's provenance, with numbers in place of what is shared."""
        short = {
            stage: {key: self._number(value) if key in _SHARED else value for key, value in section.items()}
            if isinstance(section, dict)
            else section
            for stage, section in content.items()
        }
        return json.dumps(short, ensure_ascii=False)

    def content_of(self, text: str) -> dict[str, Any]:
        """Undo :meth:`text_of`."""
        content: dict[str, Any] = json.loads(text)
        for section in content.values():
            if isinstance(section, dict):
                for key in _SHARED:
                    if key in section:
                        part = section[key]
                        section[key] = part[0] if isinstance(part, list) else self.shared[part]
        return content

    def _number(self, part: Any) -> "int | list[Any]":
        """Return the number of a part, or a list that holds it where there are too many."""
        text = _sorted_json(part)
        if text not in self._numbers:
            if len(self.shared) >= _MOST_SHARED:
                return [part]
            self._numbers[text] = len(self.shared)
            self.shared.append(part)
        return self._numbers[text]


class Rows:
    """Goes through the rows of a table, for clips that are asked for in the order of their names."""

    def __init__(self, table: Table | None) -> None:
        self._batches = table.batches() if table is not None else iter(())
        self._columns: list[list[Any]] = [[]]
        self._at = 0

    def find(self, clip_id: str) -> Row | None:
        """Return a clip's row; None where it has none, or was asked for too late."""
        while True:
            names = self._columns[0]
            while self._at < len(names) and names[self._at] < clip_id:
                self._at += 1
            if self._at < len(names):
                break
            batch = next(self._batches, None)
            if batch is None:
                return None
            self._columns, self._at = [*map(values, batch.columns)], 0
        if names[self._at] != clip_id:
            return None
        _, size, changed, number, text, checked = (column[self._at] for column in self._columns)
        return Row((size, changed, number), text, checked)


class RowWriter:
    """Writes rows, some at a time, but for those that name somebody.

    Args:
        removals: Whom.
    """

    def __init__(self, removals: Removals) -> None:
        import pyarrow.parquet as pq

        self._names = Names(removals) if removals else None

        self._buffer = io.BytesIO()
        self._file = pq.ParquetWriter(self._buffer, _schema(), compression="zstd")
        self._rows: list[tuple[Any, ...]] = []

    def add(self, clip_id: str, mark: Mark, text: str, checked: str | None) -> None:
        """Add a row."""
        self._rows.append((clip_id, *mark, text, checked))
        if len(self._rows) >= _ROWS_TOGETHER:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._names is not None:
            told = [f"{clip_id}\n{text}" for clip_id, *_, text, _ in self._rows]
            if self._names.are_in("\n".join(told)):
                self._rows = [row for row, text in zip(self._rows, told, strict=True) if not self._names.are_in(text)]
        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, _schema(), strict=True)]
            self._file.write_batch(pa.RecordBatch.from_arrays(arrays, schema=_schema()))
            self._rows.clear()

    def close(self) -> bytes:
        """Return the file."""
        self._flush()
        self._file.close()
        return self._buffer.getvalue()


def _schema() -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([
        ("clip_id", pa.string()), ("size", pa.int64()), ("changed_ns", pa.int64()), ("number", pa.uint64()),
        ("text", pa.string()), ("checked", pa.string()),
    ])  # fmt: skip


def _sorted_json(part: Any) -> str:
    return json.dumps(part, sort_keys=True, ensure_ascii=False)


def values(column: "pa.Array") -> list[Any]:
    """Return what is in a column."""
    found: list[Any] = column.to_pylist()
    return found
