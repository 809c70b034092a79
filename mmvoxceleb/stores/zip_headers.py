"""The local headers of a zip, which stand before the content of each entry, against its directory."""

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.quoting import quoted
from mmvoxceleb.files.ranges import ByteSource
from mmvoxceleb.stores.zip_directory import LOCAL_HEADER_BYTES, RecordBlock

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "MOST_LONE_ENTRIES",
    "LoneEntries",
    "check_local_header",
    "decode_name",
    "disagreement",
    "parse_local_header",
]

MOST_LONE_ENTRIES = 64
"""Entries that lie alone among others and are checked when the zip is opened; of more, none is."""

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")


def decode_name(raw: bytes) -> str:
    """Decode a name: UTF-8 as the flag says or as macOS writes without saying, else code page 437."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def parse_local_header(span: memoryview, at: int) -> tuple[str, int] | None:
    """Read the local header at ``at``: the entry's whole name, and where its content begins.

    Returns:
        None where no whole header is there.
    """
    header = bytes(span[at : at + LOCAL_HEADER_BYTES])
    if len(header) < LOCAL_HEADER_BYTES or header[:4] != b"PK\x03\x04":
        return None
    *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    name_at = at + LOCAL_HEADER_BYTES
    return decode_name(bytes(span[name_at : name_at + name_length])), name_at + name_length + extra_length


def check_local_header(source: ByteSource, name: str, offset: int) -> None:
    """Check that the local header at ``offset`` is of the entry ``name``, as the directory says.

    Raises:
        CorruptSourceError: It is not.
        SourceUnavailableError: The file cannot be read.
    """
    end = min(offset + LOCAL_HEADER_BYTES + len(name.encode()), source.size)
    found = parse_local_header(memoryview(source.read(offset, end)), 0)
    if found is None or found[0] != name:
        raise CorruptSourceError(disagreement(source.location, name, offset, found[0] if found else None))


def disagreement(location: str, name: str, offset: int, local_name: str | None) -> str:
    """Say that directory and local header are not of the same entry."""
    local = "no local header is there" if local_name is None else f"the local header there is of {quoted(local_name)}"
    return (
        f"{location}: its directory places entry {quoted(name)} at byte {offset:,}, and {local}; the file is "
        "damaged, so get it again"
    )


class LoneEntries:
    """Collects the entries whose neighbours on both sides are of other folders.

    A damaged name puts an entry into a folder of its own, and its frame would be missing from a clip without a word.
    """

    def __init__(self) -> None:
        self.found: list[tuple[str, int]] = []
        self._before = -1
        self._waiting: tuple[int, str, int] | None = None

    def add(self, codes: Any, names: "pa.StringArray", block: RecordBlock) -> None:
        """Take the next block: the folder of each entry as a number, and the names."""
        if not len(codes) or len(self.found) > MOST_LONE_ENTRIES:
            return
        self._settle(int(codes[0]))
        before = np.concatenate([[self._before], codes[:-1]])
        alone = np.flatnonzero((codes[:-1] != before[:-1]) & (codes[:-1] != codes[1:]))
        for row in alone[: MOST_LONE_ENTRIES + 1]:
            self.found.append((names[int(row)].as_py(), int(block.offset[row])))
        last = len(codes) - 1
        if codes[last] != before[last]:
            self._waiting = (int(codes[last]), names[last].as_py(), int(block.offset[last]))
        self._before = int(codes[last])

    def entries(self) -> Iterator[tuple[str, int]]:
        """Name and offset of each, once all blocks were added; nothing where there are too many to check."""
        self._settle(-1)
        if len(self.found) <= MOST_LONE_ENTRIES:
            yield from self.found

    def _settle(self, code_behind: int) -> None:
        if self._waiting is not None and self._waiting[0] != code_behind:
            self.found.append(self._waiting[1:])
        self._waiting = None
