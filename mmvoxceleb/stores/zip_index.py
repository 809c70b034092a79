"""The index of a zip: its entries grouped by folder, compact, kept in the cache as memory-mapped Arrow files."""

import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmvoxceleb.cache import cache_dir
from mmvoxceleb.errors import UnsafeArchiveError
from mmvoxceleb.stores.ranges import ByteSource
from mmvoxceleb.stores.zip_directory import Directory, RecordBlock, find_directory, gather_slices, iterate_records

__all__ = ["ZipEntry", "ZipIndex", "load_index", "read_index"]

_FORMAT = "1"
_LONGEST_FRAMING = 30 + 2 * 0xFFFF + 24
"""Most bytes of local header, name, extra field and data descriptor around an entry's content."""
_ENTRY_SCHEMA = pa.schema(
    [
        ("name", pa.string()), ("offset", pa.int64()), ("end", pa.int64()), ("packed", pa.int64()),
        ("size", pa.int64()), ("crc", pa.uint32()), ("method", pa.uint16()), ("flags", pa.uint16()),
    ]
)  # fmt: skip
_FOLDER_SCHEMA = pa.schema([("path", pa.string()), ("first", pa.int64()), ("count", pa.int64())])

logger = logging.getLogger(__name__)


class ZipEntry(NamedTuple):
    """One file in a zip.

    Args:
        name: Its name without folders.
        offset: Where its local header starts in the archive.
        end: Header, name, extra field, content and data descriptor lie before it: where the next entry starts,
            unless there is a hole.
        packed: Bytes in the archive.
        size: Bytes once unpacked.
        crc: CRC-32 of the content.
        method: 0 stored, 8 deflated.
        flags: General purpose bits.
    """

    name: str
    offset: int
    end: int
    packed: int
    size: int
    crc: int
    method: int
    flags: int


class ZipIndex:
    """The entries of a zip, by folder.

    Args:
        entries: Arrow table of the entries, those of one folder together, in archive order.
        folders: Arrow table ``path, first, count``.
    """

    def __init__(self, entries: pa.Table, folders: pa.Table) -> None:
        self._entries = entries.select(ZipEntry._fields)
        paths, firsts, counts = (folders.column(name).to_pylist() for name in ("path", "first", "count"))
        self._rows = {path: (first, count) for path, first, count in zip(paths, firsts, counts, strict=True)}

    def __len__(self) -> int:
        """Count the files."""
        return int(self._entries.num_rows)

    @property
    def folders(self) -> list[str]:
        """The paths of the folders that hold files, ``video/id10001#...#000.mp4``; ``""`` for the top."""
        return list(self._rows)

    def names(self, folder: str) -> list[str]:
        """List the names of the files in a folder."""
        first, count = self._rows[folder]
        names: list[str] = self._entries.column("name").slice(first, count).to_pylist()
        return names

    def entries(self, folder: str) -> list[ZipEntry]:
        """List the files in a folder, in archive order."""
        first, count = self._rows[folder]
        columns = [column.to_pylist() for column in self._entries.slice(first, count).columns]
        return list(map(ZipEntry._make, zip(*columns, strict=True)))

    def row(self, folder: str, position: int) -> ZipEntry:
        """Return one file of a folder by its position in :meth:`names`."""
        first, _ = self._rows[folder]
        return ZipEntry._make(column[first + position].as_py() for column in self._entries.columns)


def load_index(source: ByteSource) -> ZipIndex:
    """Return the index of a zip from the cache, or read it and leave it there.

    The key is the file's size and version (mtime or ETag) and its end-of-directory record, so a changed file is
    read anew and a moved or copied one is not.

    Raises:
        CorruptSourceError: The file is no whole zip.
        UnsafeArchiveError: It has entries that leave the folder, or links.
        SourceUnavailableError: It cannot be read.
    """
    directory = find_directory(source)
    key = hashlib.sha256(
        b"\0".join((_FORMAT.encode(), str(source.size).encode(), source.version.encode(), directory.end_record))
    ).hexdigest()[:32]
    folder = cache_dir() / "zip-index"
    entries_path, folders_path = folder / f"{key}.entries.arrow", folder / f"{key}.folders.arrow"
    try:
        return ZipIndex(_map_table(entries_path), _map_table(folders_path))
    except (OSError, pa.ArrowInvalid):
        pass
    entries, folders = _build(source, directory)
    try:
        _save_table(entries, entries_path)
        _save_table(folders, folders_path)
    except OSError as error:
        logger.warning("the index of %s is not kept: %s", source.location, error)
    return ZipIndex(entries, folders)


def read_index(source: ByteSource) -> ZipIndex:
    """Read the index of a small zip without the cache; errors as :func:`load_index`."""
    return ZipIndex(*_build(source, find_directory(source)))


def _build(source: ByteSource, directory: Directory) -> tuple[pa.Table, pa.Table]:
    codes_by_path: dict[str, int] = {}
    batches: list[pa.RecordBatch] = []
    all_codes: list[Any] = []
    for block in iterate_records(source, directory):
        names = _decode_names(block, source.location)
        _refuse_unsafe(block, names, source.location)
        paths, bases = _split_paths(block, names)
        local = paths.dictionary_encode()
        known = local.dictionary.to_pylist()
        local_codes = local.indices.to_numpy(zero_copy_only=False)
        codes = np.array([codes_by_path.setdefault(path, len(codes_by_path)) for path in known])[local_codes]
        keep = _is_wanted(bases, local_codes, np.array([_is_hidden(path) for path in known]))
        columns = [bases, block.offset, block.offset, block.packed, block.size, block.crc, block.method, block.flags]
        arrays = [pa.array(column, type=field.type) for column, field in zip(columns, _ENTRY_SCHEMA, strict=True)]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=_ENTRY_SCHEMA).filter(pa.array(keep)))
        all_codes.append((codes, keep, block.offset))
    table = pa.Table.from_batches(batches, schema=_ENTRY_SCHEMA)
    ends = _ends(np.concatenate([offsets for _, _, offsets in all_codes] or [np.zeros(0, np.int64)]), directory.start)
    keep = np.concatenate([kept for _, kept, _ in all_codes] or [np.zeros(0, bool)])
    codes = np.concatenate([codes for codes, _, _ in all_codes] or [np.zeros(0, np.int64)])[keep]
    longest = table.column("offset").to_numpy() + table.column("packed").to_numpy() + _LONGEST_FRAMING
    table = table.set_column(2, "end", pa.array(np.minimum(ends[keep], longest), pa.int64()))
    return _group(table, codes, [*codes_by_path])


def _decode_names(block: RecordBlock, location: str) -> pa.StringArray:
    """Decode the names: UTF-8 as the flag says or as macOS writes without saying, else code page 437."""
    ends = np.concatenate([[0], block.name_ends])
    if not block.names.isascii():
        texts = []
        for index in range(len(block)):
            raw = block.names[ends[index] : ends[index + 1]]
            try:
                texts.append(raw.decode("utf-8"))
            except UnicodeDecodeError:
                texts.append(raw.decode("cp437"))
        return pa.array(texts, pa.string())
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(block.names)]
    return pa.StringArray.from_buffers(len(block), buffers[1], buffers[2])


def _refuse_unsafe(block: RecordBlock, names: pa.StringArray, location: str) -> None:
    """Refuse entries that leave the folder (``..``, absolute, drive letters, backslashes) and links."""
    if block.is_symlink.any():
        name = names[int(np.flatnonzero(block.is_symlink)[0])].as_py()
        raise UnsafeArchiveError(
            f"{location}: entry {name!r} is a symbolic link; refused, so make the archive anew without links"
        )
    raw = block.names
    if not (b".." in raw or b"\\" in raw or b":" in raw or b"\0" in raw or b"//" in raw or pc.any(
        pc.starts_with(names, "/")
    ).as_py()):  # fmt: skip
        return
    for name in names.to_pylist():
        parts = name.split("/")
        if ".." in parts or name.startswith("/") or "\\" in name or "\0" in name or name[1:2] == ":":
            raise UnsafeArchiveError(
                f"{location}: entry {name!r} would land outside the folder; refused, "
                "get the archive from another source"
            )


def _split_paths(block: RecordBlock, names: pa.StringArray) -> tuple[pa.StringArray, pa.StringArray]:
    """Split names at their last slash into folder paths and file names."""
    if not block.names.isascii():
        pairs = [name.rpartition("/")[::2] for name in names.to_pylist()]
        return pa.array([path for path, _ in pairs], pa.string()), pa.array([base for _, base in pairs], pa.string())
    flat = np.frombuffer(block.names, np.uint8)
    ends = block.name_ends
    starts = np.concatenate([[0], ends[:-1]])
    slashes = np.concatenate([[-1], np.flatnonzero(flat == 0x2F)])
    last = slashes[np.searchsorted(slashes, ends) - 1]
    last = np.where(last < starts, starts - 1, last)
    return _slices(flat, starts, np.maximum(last, starts)), _slices(flat, last + 1, ends)


def _slices(flat: Any, starts: Any, ends: Any) -> pa.StringArray:
    """Make a string array of slices of ``flat`` that follow one another."""
    data = gather_slices(flat, starts, ends)
    offsets = np.concatenate([[0], np.cumsum(ends - starts)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(data))


def _is_hidden(path: str) -> bool:
    """Tell dot-folders and what macOS adds."""
    return any(part == "__MACOSX" or part.startswith(".") for part in path.split("/"))


def _is_wanted(bases: pa.StringArray, local_codes: Any, hidden: Any) -> Any:
    """Leave out folder entries, dot-files and what lies in hidden folders."""
    skipped = pc.or_(pc.equal(bases, ""), pc.starts_with(bases, ".")).to_numpy(zero_copy_only=False).astype(bool)
    return ~skipped & ~hidden[local_codes]


def _ends(offsets: Any, directory_start: int) -> Any:
    """Return for each entry where the next one in the archive starts."""
    order = np.argsort(offsets, kind="stable")
    ends = np.empty_like(offsets)
    ends[order] = np.append(offsets[order][1:], directory_start)
    return ends


def _group(table: pa.Table, codes: Any, paths: list[str]) -> tuple[pa.Table, pa.Table]:
    """Bring the entries of each folder together, folders sorted by path."""
    rank = np.empty(len(paths), np.int64)
    order_of_paths = sorted(range(len(paths)), key=paths.__getitem__)
    rank[order_of_paths] = np.arange(len(paths))
    ranks = rank[codes] if len(paths) else codes
    if np.any(np.diff(ranks) < 0):
        order = np.argsort(ranks, kind="stable")
        table, ranks = table.take(pa.array(order)), ranks[order]
    counts = np.bincount(ranks, minlength=len(paths)) if len(paths) else np.zeros(0, np.int64)
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(paths) else counts
    used = np.flatnonzero(counts)
    folders = pa.table(
        [pa.array([paths[order_of_paths[i]] for i in used], pa.string()), firsts[used], counts[used]],
        schema=_FOLDER_SCHEMA,
    )
    return table.combine_chunks(), folders


def _map_table(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def _save_table(table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
