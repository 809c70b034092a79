"""Sample from records: rows of a prepared ``datasets.Dataset``, or of a stream.

A row of a prepared dataset is not decoded, and no Python objects are made of what is not wanted: its Arrow slice is a
view of the memory-mapped file; the bytes of a picture are a view of that.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmvoxceleb.codecs.video import VideoFrames
from mmvoxceleb.errors import CorruptSourceError, MissingModalityError
from mmvoxceleb.modalities import FileModality, Folder, modalities
from mmvoxceleb.sampling.clips import SampledClips
from mmvoxceleb.stores.reference import is_reference
from mmvoxceleb.stores.stored_file import StoredFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ArrowClip", "RecordClip", "SampledRows", "modalities_in"]

_BATCH_ROWS = 1024


def modalities_in(names: Sequence[str], style: str) -> tuple[str, ...]:
    """List the modalities whose columns there are."""
    return tuple(modality.name for modality in modalities() if modality.columns_in(names, style))


class SampledRows(SampledClips):
    """The rows of a prepared dataset, in its order; selections, shuffles and filters of it are respected.

    Args:
        dataset: With the columns of a record, or some of them.

    Raises:
        MissingModalityError: It has no column ``clip_id``.
    """

    def __init__(self, dataset: Any) -> None:
        if "clip_id" not in dataset.column_names:
            raise MissingModalityError(
                f"the dataset has no column clip_id (it has {', '.join(dataset.column_names)}); "
                "expected the records of mmvoxceleb"
            )
        self._names = list(dataset.column_names)
        self._rows = dataset.with_format("arrow")
        self.clip_ids = self._light_column("clip_id").to_pylist()

    def _light_column(self, name: str) -> pa.ChunkedArray:
        batches = self._rows.select_columns([name]).iter(batch_size=_BATCH_ROWS)
        chunks = [chunk for batch in batches for chunk in batch.column(name).chunks]
        return pa.chunked_array(chunks, self._rows.features.arrow_schema.field(name).type)

    def modalities(self, style: str) -> tuple[str, ...]:
        return modalities_in(self._names, style)

    def without(self, modality: FileModality) -> set[str]:
        """The clips of which all columns of a modality are null."""
        names = [name for name in modality.columns_in(self._names) if name in self._names]
        if not names or not all(self._rows.data.column(name).null_count for name in names):
            return set()
        is_null = np.logical_and.reduce([self._light_column(name).is_null().to_numpy() for name in names])
        return {clip_id for clip_id, is_without in zip(self.clip_ids, is_null, strict=True) if is_without}

    def clip(self, position: int) -> "ArrowClip":
        return ArrowClip(self._rows[int(position)])

    def num_pictures(self, folder: Folder) -> "NDArray[np.int64]":
        columns = folder.kind.columns_in(self._names, folder.style)
        if not columns:
            raise MissingModalityError(f"the dataset has no {folder}; load it with that modality")
        if columns[1] in self._names:
            lengths = pc.list_value_length(self._light_column(columns[1])).fill_null(0)
            return np.asarray(lengths.to_numpy(), np.int64)
        return np.array([len(self.clip(position).indices(folder)) for position in range(len(self))], np.int64)

    def values(self, modality: FileModality) -> list[Any]:
        if not modality.columns_in(self._names):
            raise MissingModalityError(f"the dataset has no column {modality.name}; load it with that modality")
        names = [name for name in modality.columns() if name in self._names]
        rows = zip(*(self._light_column(name).to_pylist() for name in names), strict=True)
        return [
            modality.value_of(dict(zip(names, row, strict=True)), clip_id=clip_id)
            for clip_id, row in zip(self.clip_ids, rows, strict=True)
        ]


class _Cells(dict[str, Any]):
    """A record of which a cell is read when it is asked for."""

    cell_of: Callable[[str], Any]

    def __missing__(self, name: str) -> Any:
        return self.cell_of(name)


class RecordClip:
    """A record of Python objects, not decoded; its frames may be in a video file or in files of their own.

    Args:
        names: The columns that there are.
        cell_of: Gives the record's value in a column; None for null.

    Raises:
        MissingModalityError: There is no column ``clip_id``.
    """

    def __init__(self, names: Collection[str], cell_of: Callable[[str], Any]) -> None:
        if "clip_id" not in names:
            raise MissingModalityError(f"the stream has no column clip_id (it has {', '.join(names)})")
        self.clip_id: str = self._plain(cell_of("clip_id"))
        self._names = names
        self._cell_of = cell_of
        self._indices: dict[Folder, NDArray[np.int64]] = {}
        self._videos: dict[str, VideoFrames] = {}

    def indices(self, folder: Folder) -> "NDArray[np.int64]":
        if folder not in self._indices:
            self._indices[folder] = self._read_indices(*self._columns(folder))
        return self._indices[folder]

    def _read_indices(self, pictures: str, indices: str) -> "NDArray[np.int64]":
        if indices in self._names:
            return np.asarray(self._items(self._cell(indices)), np.int64)
        cell = self._cell(pictures)
        return self._video(pictures).indices if self._is_file(cell) else np.arange(len(cell), dtype=np.int64)

    def _video(self, column: str) -> VideoFrames:
        if column not in self._videos:
            self._videos[column] = VideoFrames(self._content(self._cell(column)), clip_id=self.clip_id)
        return self._videos[column]

    def pictures(self, folder: Folder, positions: Sequence[int]) -> "list[bytes | memoryview | NDArray[np.uint8]]":
        column = self._columns(folder)[0]
        cell = self._cell(column)
        if self._is_file(cell):
            return [*self._video(column).decode(positions)]
        return [*self._files(column, self._items(cell), positions)]

    def value(self, modality: FileModality) -> Any:
        first = modality.columns()[0]
        record = _Cells({first: self._plain(self._cell(first))})
        record.cell_of = self._cell_or_none
        return modality.value_of(record, clip_id=self.clip_id)

    def _cell_or_none(self, name: str) -> Any:
        if name not in self._names:
            raise self._missing(name)
        return self._plain(self._cell_of(name))

    def _columns(self, folder: Folder) -> tuple[str, ...]:
        columns = folder.kind.columns_in(self._names, folder.style)
        if not columns:
            raise self._missing(folder)
        return columns

    def _cell(self, name: str) -> Any:
        cell = self._cell_of(name) if name in self._names else None
        if cell is None:
            raise self._missing(name)
        return cell

    def _plain(self, cell: Any) -> Any:
        """Return a cell as Python objects."""
        return cell

    def _items(self, cell: Any) -> Any:
        """Return the items of a cell that is a list."""
        return cell

    def _is_file(self, cell: Any) -> bool:
        """Tell a cell that is one file from a list of files."""
        return isinstance(cell, Mapping)

    def _files(self, column: str, items: Any, positions: Sequence[int]) -> "list[bytes | memoryview]":
        """Return the content of some files of a list."""
        chosen = [items[position] for position in positions]
        if not all(isinstance(one, Mapping) and "bytes" in one for one in chosen):
            raise self._no_pictures(column, f"a list of {type(chosen[0]).__name__}")
        return [self._content(one) for one in chosen]

    def _content(self, file: Any) -> "bytes | memoryview":
        """Return the content of a file, which a dataset may hold by its path only."""
        data = file.get("bytes")
        return self._read_path(file.get("path")) if data is None else data

    def _read_path(self, path: str | None) -> bytes:
        import fsspec

        if not path:
            raise self._missing("content of a picture")
        if is_reference(path):
            return StoredFile(path).raw()
        try:
            with fsspec.open(path, "rb") as file:
                return bytes(file.read())
        except FileNotFoundError as error:
            raise MissingModalityError(
                f"clip {self.clip_id}: the file {path} is gone; embed the files in the dataset, or prepare it again"
            ) from error

    def _missing(self, what: object) -> MissingModalityError:
        return MissingModalityError(
            f"clip {self.clip_id}: the data has no {what}; load it with that modality, "
            "or leave it out with modalities=(...)"
        )

    def _no_pictures(self, column: str, kind: str) -> CorruptSourceError:
        return CorruptSourceError(
            f"clip {self.clip_id}: the column {column} holds {kind} and no pictures; cast it back: "
            f"dataset.cast_column({column!r}, datasets.List(datasets.Image()))"
        )


class ArrowClip(RecordClip):
    """A record of Arrow scalars, of which no Python objects are made but what is wanted.

    Args:
        table: One row.
    """

    def __init__(self, table: pa.Table) -> None:
        def cell_of(name: str) -> pa.Scalar | None:
            cell = table.column(name)[0]
            return cell if cell.is_valid else None

        super().__init__(table.column_names, cell_of)

    def _plain(self, cell: pa.Scalar | None) -> Any:
        return None if cell is None else cell.as_py()

    def _items(self, cell: pa.Scalar) -> pa.Array:
        return cell.values  # a slice of the column: nothing is copied

    def _is_file(self, cell: pa.Scalar) -> bool:
        return bool(pa.types.is_struct(cell.type))

    def _files(self, column: str, items: pa.Array, positions: Sequence[int]) -> "list[bytes | memoryview]":
        are_files = pa.types.is_struct(items.type) and items.type.get_field_index("bytes") >= 0
        if not (are_files or pa.types.is_binary(items.type) or pa.types.is_large_binary(items.type)):
            raise self._no_pictures(column, str(self._cell(column).type))
        content = items.field("bytes") if are_files else items
        found: list[bytes | memoryview] = []
        for position in positions:
            data = content[position]
            found.append(memoryview(data.as_buffer()) if data.is_valid else self._content(items[position]))
        return found

    def _content(self, file: pa.Scalar) -> "bytes | memoryview":
        if file["bytes"].is_valid:
            return memoryview(file["bytes"].as_buffer())
        return self._read_path(file["path"].as_py())
