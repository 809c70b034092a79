"""Sample from a prepared ``datasets.Dataset`` without decoding it, or making Python objects of what is not wanted.

A clip is a row. Its Arrow slice is a view of the memory-mapped file; the bytes of a picture are a view of that.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmvoxceleb.errors import MissingModalityError
from mmvoxceleb.sampling.sources import Clip, ClipSource
from mmvoxceleb.sampling.video import VideoClip
from mmvoxceleb.schema import MODALITIES, Folder, folders_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ArrowClip", "ArrowSource", "columns_of", "modalities_in"]

_BATCH_ROWS = 1024


def columns_of(folder: Folder, names: Sequence[str]) -> tuple[str, str] | None:
    """Name the columns of pictures and of their frame indices; None where the data has none.

    Args:
        folder: Frames, masks or drawings.
        names: The columns that there are.
    """
    pairs = {
        "video": [("frames", "frame_indices"), ("video", "frame_indices")],
        "mask": [("masks", "mask_indices")],
        "drawing": [(f"drawings_{folder.style}", f"drawing_indices_{folder.style}"), ("drawings", "drawing_indices")],
    }[folder.modality]
    return next((pair for pair in pairs if pair[0] in names), None)


def modalities_in(names: Sequence[str], style: str) -> tuple[str, ...]:
    """List the modalities whose columns there are."""
    return tuple(
        folder.modality
        for folder in folders_of(MODALITIES, [style])
        if (columns_of(folder, names) if folder.is_frames else folder.modality in names)
    )


class ArrowSource(ClipSource):
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

    def clip(self, position: int) -> Clip:
        return ArrowClip(self._rows[int(position)], 0)

    def num_pictures(self, folder: Folder) -> "NDArray[np.int64]":
        columns = columns_of(folder, self._names)
        if columns is None:
            raise MissingModalityError(f"the dataset has no {folder}; load it with that modality")
        if columns[1] in self._names:
            lengths = pc.list_value_length(self._light_column(columns[1])).fill_null(0)
            return np.asarray(lengths.to_numpy(), np.int64)
        return np.array([len(self.clip(position).indices(folder)) for position in range(len(self))], np.int64)

    def labels(self) -> "NDArray[np.int8]":
        if "label" not in self._names:
            raise MissingModalityError("the dataset has no column label; load it with that modality")
        return np.array(self._light_column("label").to_pylist(), np.int8).reshape(len(self), -1)


class ArrowClip(VideoClip):
    """A row of a table.

    Args:
        table: With the columns of a record.
        row: Which.
    """

    def __init__(self, table: pa.Table, row: int) -> None:
        super().__init__(table.column("clip_id")[row].as_py())
        self._table = table
        self._row = row
        self._names: list[str] = table.column_names
        self._indices: dict[Folder, NDArray[np.int64]] = {}

    def _cell(self, name: str) -> pa.Scalar:
        if name not in self._names or not (cell := self._table.column(name)[self._row]).is_valid:
            raise self.missing(name)
        return cell

    def _columns(self, folder: Folder) -> tuple[str, str]:
        columns = columns_of(folder, self._names)
        if columns is None:
            raise self.missing(folder)
        return columns

    def indices(self, folder: Folder) -> "NDArray[np.int64]":
        if folder not in self._indices:
            self._indices[folder] = self._read_indices(folder)
        return self._indices[folder]

    def _read_indices(self, folder: Folder) -> "NDArray[np.int64]":
        pictures, indices = self._columns(folder)
        if indices in self._names:
            return np.asarray(self._cell(indices).values, np.int64)
        cell = self._cell(pictures)
        return np.arange(self.count_frames(self._content(cell)) if _is_video(cell) else len(cell), dtype=np.int64)

    def pictures(self, folder: Folder, positions: Sequence[int]) -> "list[bytes | memoryview | NDArray[np.uint8]]":
        cell = self._cell(self._columns(folder)[0])
        if _is_video(cell):
            return self.frames_of_video(self._content(cell), positions)
        files = cell.values  # a slice of the column: nothing is copied
        if not (_is_file(files.type) or pa.types.is_binary(files.type) or pa.types.is_large_binary(files.type)):
            raise self.no_pictures(self._columns(folder)[0], str(cell.type))
        content = files.field("bytes") if pa.types.is_struct(files.type) else files
        found: list[bytes | memoryview | NDArray[np.uint8]] = []
        for position in positions:
            data = content[position]
            found.append(memoryview(data.as_buffer()) if data.is_valid else self._content(files[position]))
        return found

    def _content(self, cell: pa.Scalar) -> "bytes | memoryview":
        """Return the content of one file, from its cell ``{bytes, path}``."""
        if cell["bytes"].is_valid:
            return memoryview(cell["bytes"].as_buffer())
        return self.read_path(cell["path"].as_py())

    def sentences(self) -> list[str]:
        return [str(sentence) for sentence in self._cell("text").as_py()]

    def label(self) -> list[int]:
        return [int(value) for value in self._cell("label").as_py()]


def _is_video(cell: pa.Scalar) -> bool:
    return bool(pa.types.is_struct(cell.type))


def _is_file(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)
