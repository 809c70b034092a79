"""Parquet shards laid out for streaming.

A shard is small, some 32 MB, and is one row group. With many row groups in a file, stock streaming reads about 100 MB
ahead for its first row, and a program that ends before the file does is aborted by threads that still read
(docs/hub.md has the figures). Rows are sorted by ``clip_id``, so that filters on the identity fields skip shards by
their statistics; pictures and video are not compressed again; pages are cut by content, so that the Hub stores and
uploads only what changed between two exports; the schema carries the ``datasets`` features, so that stock
``load_dataset`` yields images and class names.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmvoxceleb.errors import CorruptSourceError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Features

__all__ = ["ShardWriter", "column_bytes", "read_rows"]

_FILTERED = ("clip_id", "person_id", "video_id", "utterance", "chunk", "num_frames", "label_source")


class ShardWriter:
    """Writes one Parquet file; its rows are in memory until it is closed.

    Args:
        path: The file; the caller renames it once it is closed.
        features: Its columns.
    """

    def __init__(self, path: Path, features: "Features") -> None:
        self._path = path
        self.schema = features.arrow_schema
        self._tables: list[pa.Table] = []

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._close()

    def write(self, record: Mapping[str, Any]) -> None:
        """Add a row; images and videos as ``{"bytes", "path"}``."""
        import pyarrow as pa

        row = {name: record.get(name) for name in self.schema.names}
        self.write_table(pa.Table.from_pylist([row], schema=self.schema))

    def write_table(self, table: "pa.Table") -> None:
        """Add rows that are Arrow already, with the columns of this file.

        Raises:
            CorruptSourceError: Their columns have other types.
        """
        if table.schema.types != self.schema.types:
            raise CorruptSourceError(f"{self._path.parent}: a shard has columns of other types; export it again")
        self._tables.append(table.replace_schema_metadata(self.schema.metadata))

    def _close(self) -> None:
        import pyarrow as pa

        table = pa.concat_tables(self._tables) if self._tables else self.schema.empty_table()
        self._tables = []
        with _Sink(self._path) as sink:
            with _open_writer(sink, self.schema) as writer:
                writer.write_table(table.combine_chunks(), row_group_size=max(1, len(table)))
            sink.finish()


class _Sink(io.RawIOBase):
    """A file that keeps an error of the disk to itself until Arrow is done, which would end the whole process.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "wb", buffering=1 << 20)  # noqa: SIM115  closed by close
        self._size = 0
        self._error: OSError | None = None

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self._size += size
        self._trying(lambda: self._file.write(data))
        return size

    def finish(self) -> None:
        """Write what is left.

        Raises:
            OSError: The file is not whole.
        """
        self._trying(self._file.flush)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self._trying(self._file.close)
        super().close()

    def _trying(self, action: Callable[[], object]) -> None:
        if self._error is None:
            try:
                action()
            except OSError as error:
                self._error = error


def _open_writer(sink: io.RawIOBase, schema: "pa.Schema") -> "pq.ParquetWriter":
    import pyarrow as pa
    import pyarrow.parquet as pq

    leaves = _leaves(schema)
    small = [leaf for leaf in leaves if not leaf.endswith(".bytes")]
    options: dict[str, Any] = {}
    if int(pa.__version__.split(".", 1)[0]) >= 21:
        options["use_content_defined_chunking"] = True
    return pq.ParquetWriter(
        sink,
        schema,
        compression={leaf: "NONE" if leaf.endswith(".bytes") else "ZSTD" for leaf in leaves},
        use_dictionary=[leaf for leaf in small if not leaf.endswith(".path")],
        write_statistics=[leaf for leaf in leaves if leaf in _FILTERED],
        write_page_index=False,
        **options,
    )


def _leaves(schema: "pa.Schema") -> list[str]:
    """Name the Parquet columns of a schema, ``masks.list.element.bytes``."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.ParquetWriter(buffer, schema).close()
    buffer.seek(0)
    parquet = pq.ParquetFile(buffer).schema
    return [parquet.column(index).path for index in range(len(parquet))]


def read_rows(source: Path, columns: Sequence[str], keep: Callable[[str], bool]) -> "pa.Table":
    """Read some columns of the rows of ``source`` whose clip is kept.

    Raises:
        CorruptSourceError: ``source`` is no such file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(source, columns=list(columns), memory_map=False).select(list(columns))
    except (pa.ArrowException, OSError, KeyError) as error:
        raise CorruptSourceError(f"{source}: cannot be read as a Parquet shard ({error}); export it again") from error
    return table.filter(pa.array([keep(clip_id) for clip_id in table.column("clip_id").to_pylist()], pa.bool_()))


def column_bytes(path: Path) -> dict[str, int]:
    """Add up what each column takes in a file."""
    import pyarrow.parquet as pq

    totals: dict[str, int] = {}
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            row_group = file.metadata.row_group(group)
            for index in range(row_group.num_columns):
                column = row_group.column(index)
                name = column.path_in_schema.split(".", 1)[0]
                totals[name] = totals.get(name, 0) + column.total_compressed_size
    return totals
