"""Indexes of zips kept in the cache, each in two memory-mapped Arrow files that are checked before they are used."""

import hashlib
import io
import logging
import os
import struct
from pathlib import Path

import pyarrow as pa

from mmvoxceleb.cache import cache_dir
from mmvoxceleb.files.atomic import replacing
from mmvoxceleb.files.ranges import ByteSource
from mmvoxceleb.stores.zip_end import find_directory
from mmvoxceleb.stores.zip_index import ENTRY_SCHEMA, FOLDER_SCHEMA, ZipIndex, build_tables

try:
    from isal.isal_zlib import crc32  # of the extra "train"; five times as fast
except ImportError:
    from zlib import crc32

__all__ = ["load_index"]

_FORMAT = "2"
_SEAL = struct.Struct("<16sL8s")
"""What stands behind the Arrow file: the zip's key, the CRC-32 of the Arrow file, and a magic word."""
_MAGIC = b"MMVXZIDX"
_BLOCK_BYTES = 1 << 20

logger = logging.getLogger(__name__)


class _UnusableError(Exception):
    """A kept index is not what was written."""


def load_index(source: ByteSource) -> ZipIndex:
    """Return the index of a zip from the cache, or read it and leave it there.

    The key is the file's size and version (mtime or ETag) and its end-of-directory record, so a changed file is
    read again and a moved or copied one is not. A file without a version is read every time.

    Raises:
        CorruptSourceError: The file is not a whole zip, or its directory contradicts itself or the local headers.
        UnsafeArchiveError: It has entries that leave the folder, or links.
        SourceUnavailableError: It cannot be read.
    """
    directory = find_directory(source)
    if not source.version:
        return ZipIndex(*build_tables(source, directory))
    identity = (_FORMAT.encode(), str(source.size).encode(), source.version.encode(), directory.end_record)
    key = hashlib.sha256(b"\0".join(identity)).digest()[:16]
    folder = cache_dir() / "zip-index"
    entries_path, folders_path = folder / f"{key.hex()}.entries.arrow", folder / f"{key.hex()}.folders.arrow"
    try:
        return ZipIndex(_map_table(entries_path, key, ENTRY_SCHEMA), _map_table(folders_path, key, FOLDER_SCHEMA))
    except FileNotFoundError:
        pass
    except (OSError, pa.ArrowException, _UnusableError) as error:
        logger.warning("the cached index of %s cannot be used (%s), so it is rebuilt", source.location, error)
    entries, folders = build_tables(source, directory)
    try:
        _save_table(entries, entries_path, key)
        _save_table(folders, folders_path, key)
    except OSError as error:
        logger.warning("the index of %s is not cached: %s", source.location, error)
    return ZipIndex(entries, folders)


def _map_table(path: Path, key: bytes, schema: pa.Schema) -> pa.Table:
    with path.open("rb") as file:
        body_size = os.fstat(file.fileno()).st_size - _SEAL.size
        if body_size < 0:
            raise _UnusableError(f"{path}: cut short")
        checksum = _checksum(file, body_size)
        its_key, its_checksum, magic = _SEAL.unpack(file.read(_SEAL.size))
    if magic != _MAGIC or its_key != key:
        raise _UnusableError(f"{path}: is cut short, or another file")
    if its_checksum != checksum:
        raise _UnusableError(f"{path}: its checksum is wrong")
    with pa.memory_map(str(path)) as mapped:
        body = mapped.read_buffer(body_size)
    with pa.ipc.open_file(pa.BufferReader(body)) as reader:
        if not reader.schema.equals(schema):
            raise _UnusableError(f"{path}: has other columns")
        return reader.read_all()


def _checksum(file: io.BufferedIOBase, size: int) -> int:
    """Return the CRC-32 of the next ``size`` bytes, read in blocks: what is mapped counts as memory of the process."""
    checksum, block = 0, bytearray(_BLOCK_BYTES)
    while size > 0:
        part = memoryview(block)[: file.readinto(memoryview(block)[: min(size, _BLOCK_BYTES)])]
        if not part:
            raise _UnusableError("cut short while it was read")
        checksum, size = crc32(part, checksum), size - len(part)
    return checksum


def _save_table(table: pa.Table, path: Path, key: bytes) -> None:
    with replacing(path, synced=False) as partial, partial.open("w+b") as file:
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        size = file.tell()
        file.seek(0)
        file.write(_SEAL.pack(key, _checksum(file, size), _MAGIC))
