"""The index of a zip: its entries grouped by folder, compact."""

from bisect import bisect_left
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmvoxceleb.errors import CorruptSourceError, UnsafeArchiveError
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.files.ranges import ByteSource
from mmvoxceleb.stores.zip_directory import LOCAL_HEADER_BYTES, RecordBlock, gather_slices, iterate_records
from mmvoxceleb.stores.zip_end import Directory, find_directory
from mmvoxceleb.stores.zip_headers import LoneEntries, check_local_header, decode_name
from mmvoxceleb.stores.zip_holes import tell_unlisted

__all__ = ["ENTRY_SCHEMA", "FOLDER_SCHEMA", "LONGEST_FRAMING", "ZipEntry", "ZipIndex", "read_index"]

LONGEST_FRAMING = LOCAL_HEADER_BYTES + 2 * 0xFFFF + 24
"""Most bytes of local header, name, extra field and data descriptor around an entry's content."""
ENTRY_SCHEMA = pa.schema(
    [
        ("name", pa.string()), ("offset", pa.int64()), ("end", pa.int64()), ("packed", pa.int64()),
        ("size", pa.int64()), ("crc", pa.uint32()), ("method", pa.uint16()), ("flags", pa.uint16()),
    ]
)  # fmt: skip
FOLDER_SCHEMA = pa.schema([("path", pa.string()), ("first", pa.int64()), ("count", pa.int64())])


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
        folder: The path of its folder in the archive; empty at the top.
    """

    name: str
    offset: int
    end: int
    packed: int
    size: int
    crc: int
    method: int
    flags: int
    folder: str

    @property
    def path(self) -> str:
        """The whole name in the archive."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


class ZipIndex:
    """The entries of a zip, by folder.

    Args:
        entries: Arrow table of the entries, those of one folder together, in archive order.
        folders: Arrow table ``path, first, count``.
    """

    def __init__(self, entries: pa.Table, folders: pa.Table) -> None:
        self._entries = entries.select(ENTRY_SCHEMA.names)
        self._paths = folders.column("path")
        self._firsts, self._counts = (folders.column(name).to_numpy() for name in ("first", "count"))

    def __len__(self) -> int:
        """Count the files."""
        return int(self._entries.num_rows)

    @property
    def folders(self) -> list[str]:
        """The paths of the folders that hold files, ``video/id10001#...#000.mp4``, sorted; ``""`` for the top."""
        paths: list[str] = self._paths.to_pylist()
        return paths

    def path(self, folder: int) -> str:
        """Return the path of a folder by its position in :attr:`folders`."""
        path: str = self._paths[folder].as_py()
        return path

    def position(self, path: str) -> int:
        """Return the position of a folder in :attr:`folders`.

        Raises:
            KeyError: No file is in such a folder.
        """
        at = bisect_left(range(len(self._paths)), path, key=self.path)
        if at == len(self._paths) or self.path(at) != path:
            raise KeyError(path)
        return at

    def rows(self, folder: int) -> range:
        """Return the positions of a folder's files among all, for :meth:`entry`."""
        first = int(self._firsts[folder])
        return range(first, first + int(self._counts[folder]))

    def names(self, folder: int) -> list[str]:
        """List the names of the files in a folder."""
        rows = self.rows(folder)
        names: list[str] = self._entries.column("name").slice(rows.start, len(rows)).to_pylist()
        return names

    def entries(self, folder: int) -> list[ZipEntry]:
        """List the files in a folder, in archive order."""
        rows = self.rows(folder)
        columns = [column.to_pylist() for column in self._entries.slice(rows.start, len(rows)).columns]
        return list(map(ZipEntry._make, zip(*columns, repeat(self.path(folder)))))

    def entry(self, row: int) -> ZipEntry:
        """Return one file by its position among all."""
        folder = self.path(int(np.searchsorted(self._firsts, row, "right")) - 1)
        return ZipEntry._make([*(column[row].as_py() for column in self._entries.columns), folder])


def read_index(source: ByteSource) -> ZipIndex:
    """Read the index of a zip without the cache.

    Raises:
        CorruptSourceError: The file is not a whole zip, or its directory contradicts itself or the local headers.
        UnsafeArchiveError: It has entries that leave the folder, or links.
        SourceUnavailableError: It cannot be read.
    """
    return ZipIndex(*build_tables(source, find_directory(source)))


def build_tables(source: ByteSource, directory: Directory) -> tuple[pa.Table, pa.Table]:
    """Read the entries and the folders of a zip, by :data:`ENTRY_SCHEMA` and :data:`FOLDER_SCHEMA`.

    Raises:
        CorruptSourceError, UnsafeArchiveError, SourceUnavailableError: As :func:`read_index`.
    """
    codes_by_path: dict[str, int] = {}
    batches: list[pa.RecordBatch] = []
    all_codes: list[Any] = []
    all_ends: list[Any] = []
    lone = LoneEntries()
    for block in iterate_records(source, directory):
        names = _decode_names(block)
        _refuse_unsafe(block, names, source.location)
        paths, bases = _split_paths(block, names)
        local = paths.dictionary_encode()
        known = local.dictionary.to_pylist()
        local_codes = local.indices.to_numpy(zero_copy_only=False)
        _refuse_filled_folders(block, bases, names, source.location)
        codes = np.array([codes_by_path.setdefault(path, len(codes_by_path)) for path in known])[local_codes]
        keep = _is_wanted(bases, local_codes, np.array([_is_hidden(path) for path in known]))
        columns = [bases, block.offset, block.offset, block.packed, block.size, block.crc, block.method, block.flags]
        arrays = [pa.array(column, type=field.type) for column, field in zip(columns, ENTRY_SCHEMA, strict=True)]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=ENTRY_SCHEMA).filter(pa.array(keep)))
        all_codes.append((codes, keep, block.offset))
        all_ends.append(block.offset + LOCAL_HEADER_BYTES + np.diff(block.name_ends, prepend=0) + block.packed)
        lone.add(codes, names, block)
    table = pa.Table.from_batches(batches, schema=ENTRY_SCHEMA)
    offsets = np.concatenate([offsets for _, _, offsets in all_codes] or [np.zeros(0, np.int64)])
    least_ends = np.concatenate(all_ends or [offsets])
    ends = _ends(offsets, least_ends, directory.start, source.location)
    _check_places(source, directory, offsets, lone)
    if len(offsets):
        tell_unlisted(source, offsets, least_ends, directory.start)
    keep = np.concatenate([kept for _, kept, _ in all_codes] or [np.zeros(0, bool)])
    codes = np.concatenate([codes for codes, _, _ in all_codes] or [np.zeros(0, np.int64)])[keep]
    longest = table.column("offset").to_numpy() + table.column("packed").to_numpy() + LONGEST_FRAMING
    table = table.set_column(2, "end", pa.array(np.minimum(ends[keep], longest), pa.int64()))
    return _group(table, codes, [*codes_by_path])


def _decode_names(block: RecordBlock) -> pa.StringArray:
    ends = np.concatenate([[0], block.name_ends])
    if not block.names.isascii():
        texts = []
        for index in range(len(block)):
            texts.append(decode_name(block.names[ends[index] : ends[index + 1]]))
        return pa.array(texts, pa.string())
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(block.names)]
    return pa.StringArray.from_buffers(len(block), buffers[1], buffers[2])


def _refuse_unsafe(block: RecordBlock, names: pa.StringArray, location: str) -> None:
    """Refuse entries that leave the folder (``..``, absolute, drive letters, backslashes) and links."""
    if block.is_symlink.any():
        name = names[int(np.flatnonzero(block.is_symlink)[0])].as_py()
        raise UnsafeArchiveError(
            f"{location}: entry {quoted(name)} is a symbolic link; refused, so rebuild the archive without links"
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
                f"{location}: entry {quoted(name)} would land outside the folder; refused, "
                "get the archive from another source"
            )


def _refuse_filled_folders(block: RecordBlock, bases: pa.StringArray, names: pa.StringArray, location: str) -> None:
    filled = np.flatnonzero(pc.equal(bases, "").to_numpy(zero_copy_only=False).astype(bool) & (block.size > 0))
    if len(filled):
        name = names[int(filled[0])].as_py()
        raise CorruptSourceError(
            f"{location}: entry {quoted(name)} is named like a folder but has {block.size[filled[0]]:,} bytes; the "
            "file is damaged, so get it again"
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


def _ends(offsets: Any, least_ends: Any, directory_start: int, location: str) -> Any:
    """Return for each entry where the next one in the archive starts, given where each ends at the earliest."""
    order = np.argsort(offsets, kind="stable")
    ends = np.empty_like(offsets)
    ends[order] = np.append(offsets[order][1:], directory_start)[: len(offsets)]
    overlapping = np.flatnonzero(least_ends > ends)
    if len(overlapping):
        raise CorruptSourceError(
            f"{location}: its directory lets {len(overlapping):,} entries overlap the entry behind them, first at byte "
            f"{offsets[overlapping[0]]:,}; get the file again"
        )
    return ends


def _check_places(source: ByteSource, directory: Directory, offsets: Any, lone: LoneEntries) -> None:
    """Check local headers where the directory gives a reason to doubt it."""
    for name, offset in lone.entries():
        check_local_header(source, name, offset)
    if directory.shift and len(offsets):
        first = int(offsets.min())
        if source.read(first, first + 4) != b"PK\x03\x04":
            raise CorruptSourceError(
                f"{source.location}: its entries are not where its end record says, {directory.shift:,} bytes behind "
                "where they were written; get the file again"
            )


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
        schema=FOLDER_SCHEMA,
    )
    return table.combine_chunks(), folders
