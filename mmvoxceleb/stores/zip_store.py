"""A store in one zip, and the way the bytes of its entries are read."""

import struct
import threading
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from mmvoxceleb.errors import CorruptSourceError, MissingModalityError, UnsafeArchiveError
from mmvoxceleb.schema import Folder
from mmvoxceleb.stores.interface import Entry, Store, frame_index_of
from mmvoxceleb.stores.naming import clip_of_file, folder_of_path, modality_of_name
from mmvoxceleb.stores.ranges import ByteSource
from mmvoxceleb.stores.zip_index import ZipEntry, ZipIndex, load_index

try:
    from isal.isal_zlib import crc32  # of the extra "train"; five times as fast
except ImportError:
    from zlib import crc32

__all__ = ["ZipStore", "read_entries"]

LARGEST_ENTRY_BYTES = 256 << 20
LARGEST_RATIO = 1000
_GAP_BYTES = 64 << 10
"""Bytes between two wanted entries that are cheaper to read along than to ask for again."""
_LARGEST_RANGE_BYTES = 32 << 20
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED, _FLAG_ENCRYPTED = 0, 8, 1


def read_entries(source: ByteSource, entries: Sequence[ZipEntry]) -> list[bytes]:
    """Read the content of entries of a zip, in the order given; neighbours are read in one go.

    Raises:
        CorruptSourceError: A header or checksum is wrong, or the compression is unknown.
        UnsafeArchiveError: An entry unpacks to over 256 MB, or to over 1,000 times its size.
        SourceUnavailableError: The archive cannot be read.
    """
    for entry in entries:
        _refuse_bomb(source.location, entry)
    content: dict[int, bytes] = {}
    order = sorted(range(len(entries)), key=lambda position: entries[position].offset)
    first = 0
    while first < len(order):
        start, end, last = entries[order[first]].offset, entries[order[first]].end, first + 1
        while last < len(order):
            entry = entries[order[last]]
            if entry.offset - end > _GAP_BYTES or entry.end - start > _LARGEST_RANGE_BYTES:
                break
            end, last = max(end, entry.end), last + 1
        span = memoryview(source.read(start, end))
        for position in order[first:last]:
            content[position] = _unpack(source.location, entries[position], span, start)
        first = last
    return [content[position] for position in range(len(entries))]


def _refuse_bomb(location: str, entry: ZipEntry) -> None:
    if entry.size > LARGEST_ENTRY_BYTES or entry.size > LARGEST_RATIO * max(entry.packed, 1):
        raise UnsafeArchiveError(
            f"{location}: entry {entry.name!r} unpacks from {entry.packed:,} to {entry.size:,} bytes; refused, the "
            f"limits are {LARGEST_ENTRY_BYTES >> 20} MB and {LARGEST_RATIO:,} times its size. "
            "Get the archive from another source"
        )


def _unpack(location: str, entry: ZipEntry, span: memoryview, span_start: int) -> bytes:
    at = entry.offset - span_start
    header = bytes(span[at : at + _LOCAL_HEADER.size])
    if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
        raise _corrupt(location, entry, "its local header is not where the directory says")
    if entry.flags & _FLAG_ENCRYPTED:
        raise _corrupt(location, entry, "it is encrypted, which is not supported", "unpack it with its password first")
    *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    begin = at + _LOCAL_HEADER.size + name_length + extra_length
    packed = span[begin : begin + entry.packed]
    if len(packed) != entry.packed or entry.offset + (begin - at) + entry.packed > entry.end:
        raise _corrupt(location, entry, "it overlaps the entry behind it")
    if entry.method == _STORED:
        content = bytes(packed)
    elif entry.method == _DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflater.decompress(packed, entry.size + 1)
        except zlib.error as error:
            raise _corrupt(location, entry, f"it cannot be inflated ({error})") from error
    else:
        raise _corrupt(
            location, entry, f"its compression method {entry.method} is not supported", "pack it stored or deflated"
        )
    if len(content) != entry.size:
        raise _corrupt(location, entry, f"it does not unpack to the {entry.size:,} bytes that the directory says")
    if crc32(content) != entry.crc:
        raise _corrupt(location, entry, "its checksum is wrong")
    return content


def _corrupt(location: str, entry: ZipEntry, what: str, advice: str = "get the archive again") -> CorruptSourceError:
    return CorruptSourceError(f"{location}: entry {entry.name!r} at byte {entry.offset:,}: {what}; {advice}")


class ZipStore(Store):
    """A store in one zip: any leading folder, stored or deflated, ZIP64, local or remote.

    Args:
        source: The zip.
        hint: What the zip's own name says is in it, for zips whose paths name no modality.
    """

    def __init__(self, source: ByteSource, hint: Folder | None = None) -> None:
        self._source = source
        self._hint = hint
        self._lock = threading.Lock()
        self._latest: tuple[Folder, str, list[ZipEntry]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"source": self._source, "hint": self._hint}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["source"], state["hint"])  # type: ignore[misc]

    @property
    def location(self) -> str:
        return self._source.location

    @property
    def hint(self) -> Folder | None:
        """What the zip's own name says is in it."""
        return self._hint

    @cached_property
    def _index(self) -> ZipIndex:
        return load_index(self._source)

    @cached_property
    def _paths(self) -> Mapping[Folder, Mapping[str, tuple[str, int]]]:
        """Per folder and clip: the path in the zip, and for a single file its position there (else -1)."""
        with self._lock:
            paths: dict[Folder, dict[str, tuple[str, int]]] = {}
            for path in self._index.folders:
                found = folder_of_path(path, self._hint)
                if found is None:
                    continue
                folder, clip = found
                clips = paths.setdefault(folder, {})
                if clip is not None:
                    clips.setdefault(clip, (path, -1))
                    continue
                for position, name in enumerate(self._index.names(path)):
                    single = clip_of_file(folder, name)
                    if single is not None:
                        clips.setdefault(single, (path, position))
            return {folder: clips for folder, clips in paths.items() if clips}

    @property
    def num_files(self) -> int:
        """Files in the zip, of whatever kind."""
        return len(self._index)

    def folders(self) -> tuple[Folder, ...]:
        return tuple(sorted(self._paths))

    def clips(self, folder: Folder) -> list[str]:
        return sorted(self._paths.get(folder, ()))

    def _zip_entries(self, folder: Folder, clip_id: str) -> list[ZipEntry]:
        latest = self._latest  # whoever asks for entries is likely to read some of them next
        if latest is not None and latest[:2] == (folder, clip_id):
            return latest[2]
        try:
            path, position = self._paths[folder][clip_id]
        except KeyError:
            raise MissingModalityError(f"{self.location}: has no {folder} of clip {clip_id}") from None
        entries = self._index.entries(path) if position < 0 else [self._index.row(path, position)]
        self._latest = folder, clip_id, entries
        return entries

    def entries(self, folder: Folder, clip_id: str) -> list[Entry]:
        found = [Entry(item.name, frame_index_of(item.name), item.size) for item in self._zip_entries(folder, clip_id)]
        return sorted(found, key=lambda entry: (entry.index, entry.name)) if folder.is_frames else found

    def read(self, folder: Folder, clip_id: str, entries: Sequence[Entry] | None = None) -> list[bytes]:
        by_name = {item.name: item for item in self._zip_entries(folder, clip_id)}
        names = [entry.name for entry in (self.entries(folder, clip_id) if entries is None else entries)]
        try:
            wanted = [by_name[name] for name in names]
        except KeyError as error:
            raise MissingModalityError(
                f"{self.location}: clip {clip_id} has no file {error.args[0]!r} in {folder}"
            ) from None
        try:
            return read_entries(self._source, wanted)
        except (CorruptSourceError, UnsafeArchiveError) as error:
            raise type(error)(f"clip {clip_id}, {folder}: {error}") from error

    def strangers(self) -> list[str]:
        found: list[str] = []
        for path in self._index.folders:
            place = folder_of_path(path, self._hint)
            if place is None:
                if any(modality_of_name(part) for part in path.split("/")) or (path and self._hint):
                    found.append(path)
            elif place[1] is None and place[0].modality != "meta":
                names = self._index.names(path)
                found += [f"{path}/{name}".lstrip("/") for name in names if clip_of_file(place[0], name) is None]
        return sorted(found)

    def fingerprint(self, folders: Iterable[Folder]) -> str:
        return f"{self.location.rsplit('/', 1)[-1]} {self._source.size} {self._source.version}"
