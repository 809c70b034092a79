"""Files in a store that this package did not write: whether they name somebody, also where they are compressed."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.names import Names

__all__ = ["archive_names", "file_names"]

_MOST_BYTES = 64 << 20
"""Of larger files, and of what comes out of compressed ones behind so many bytes, only the names are searched."""

_OPENERS: dict[str, Any] = {".gz": lambda data: gzip.GzipFile(fileobj=data), ".bz2": bz2.BZ2File, ".xz": lzma.LZMAFile}
_UNREADABLE = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, RuntimeError, NotImplementedError)


def file_names(tree: OutputTree, path: str, names: Names) -> bool:
    """Return whether a file names somebody, in its path or in its content."""
    if names.are_in(path):
        return True
    if tree.size(path) > _MOST_BYTES:
        return False
    data = tree.read(path) or b""
    return names.are_in(data) or any(names.are_in(text) for text in _unpacked(path, data))


def archive_names(path: Path, names: Names) -> bool:
    """Return whether a zip that is no store names somebody, in the names of its entries or in their content."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(names.are_in(entry.filename) for entry in entries):
                return True
            left = _MOST_BYTES
            for entry in entries:
                if entry.file_size <= left and entry.flag_bits & 1 == 0:
                    left -= entry.file_size
                    with archive.open(entry) as file:
                        if names.are_in(file.read(entry.file_size)):
                            return True
    except (zipfile.BadZipFile, *_UNREADABLE):
        return False
    return False


def _unpacked(path: str, data: bytes) -> Iterator[bytes]:
    opener = _OPENERS.get(f".{path.rpartition('.')[2].lower()}")
    if opener is None:
        return
    try:
        with opener(io.BytesIO(data)) as file:
            yield file.read(_MOST_BYTES)
    except _UNREADABLE:
        return
