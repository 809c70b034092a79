"""Files in a store that this package did not write: whether they name somebody, also where they are compressed."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.names import Names

__all__ = ["MOST_BYTES", "UnsearchedError", "archive_names", "file_names"]

MOST_BYTES = 64 << 20
"""Bytes that are searched, of a file and of what comes out of a compressed one."""

_OPENERS: dict[bytes, Callable[[BinaryIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_SEALED = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "RAR", b"\x28\xb5\x2f\xfd": "Zstandard", b"PAR1": "Parquet"}
"""Formats that are recognised by their first bytes, and not unpacked."""
_ZIP = b"PK\x03\x04"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_DEEPEST = 3
"""Archives within archives that are opened."""
_TOO_LARGE = f"larger than {MOST_BYTES >> 20} MiB"
_UNREADABLE = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, RuntimeError, NotImplementedError)


class UnsearchedError(Exception):
    """Part of a file could not be searched. The message is the reason."""


class _Budget:
    """The bytes that may still be unpacked of one file, with all archives in it."""

    def __init__(self) -> None:
        self.left = MOST_BYTES

    def take(self, size: int) -> bool:
        """Take so many, if there are as many."""
        if size > self.left:
            return False
        self.left -= size
        return True


def file_names(tree: OutputTree, path: str, names: Names) -> bool:
    """Return whether a file names somebody, in its path or in its content.

    Raises:
        UnsearchedError: Nobody is named in what was searched, but something could not be.
    """
    if names.are_in(path):
        return True
    if tree.size(path) > MOST_BYTES:
        raise UnsearchedError(_TOO_LARGE)
    return _content_names(tree.read(path) or b"", names, _Budget(), _DEEPEST)


def archive_names(file: Path, names: Names) -> bool:
    """Return whether a zip that is no store names somebody, in the names of its entries or in their content.

    Raises:
        UnsearchedError: Nobody is named in what was searched, but something could not be.
    """
    return _archive_names(file, names, _Budget(), _DEEPEST)


def _archive_names(file: Path | BinaryIO, names: Names, budget: _Budget, depth: int) -> bool:
    unsearched = ""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if any(names.are_in(entry.filename) for entry in entries):
                return True
            for entry in entries:
                if entry.flag_bits & 1:
                    unsearched = "encrypted"
                    continue
                if not budget.take(entry.file_size):
                    unsearched = _TOO_LARGE
                    continue
                with archive.open(entry) as content:
                    data = content.read(entry.file_size)
                try:
                    if _content_names(data, names, budget, depth - 1):
                        return True
                except UnsearchedError as error:
                    unsearched = str(error)
    except (zipfile.BadZipFile, *_UNREADABLE) as error:
        raise UnsearchedError("damaged") from error
    if unsearched:
        raise UnsearchedError(unsearched)
    return False


def _content_names(data: bytes, names: Names, budget: _Budget, depth: int) -> bool:
    if names.are_in(data) or (data.startswith(_UTF_16) and names.are_in(data.decode("utf-16", "replace"))):
        return True
    form = next((form for start, form in _SEALED.items() if data.startswith(start)), "")
    if form:
        raise UnsearchedError(f"{form} is not unpacked")
    opener = next((opener for start, opener in _OPENERS.items() if data.startswith(start)), None)
    if opener is None and not data.startswith(_ZIP):
        return False
    if depth == 0:
        raise UnsearchedError("an archive within archives")
    if opener is None:
        return _archive_names(io.BytesIO(data), names, budget, depth)
    try:
        with opener(io.BytesIO(data)) as file:
            unpacked = file.read(budget.left)
            is_more = bool(file.read(1))
    except _UNREADABLE as error:
        raise UnsearchedError("damaged") from error
    budget.take(len(unpacked))
    if _content_names(unpacked, names, budget, depth - 1):
        return True
    if is_more:
        raise UnsearchedError(_TOO_LARGE)
    return False
