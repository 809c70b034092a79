"""What the clips of a tree behind a URL have, asked for once: files in folders, and entries of one zip per clip."""

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from mmvoxceleb.cache import cache_dir
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.files.ranges import ByteSource, TailSource
from mmvoxceleb.files.tree import FileTree, Item
from mmvoxceleb.stores.kept_blobs import KeptBlobs
from mmvoxceleb.stores.packed_zip import TAIL_BYTES, packed_entries
from mmvoxceleb.stores.zip_index import ZipEntry

__all__ = ["RemoteClips"]

_FORMAT = "1"
_MOST_IN_MEMORY = 4096
_MOST_RECENT = 1 << 16
"""Entries in the listings that are held unpacked, 15 MB: whoever asks for one is likely to read some of it next."""


class RemoteClips:
    """Listings of clips, held compactly: those of folders in memory, those of zips in the cache.

    A zip's is kept with its version, from the listing or the answer that brought its directory, and read again where
    that is another one. Whatever is read of a zip is checked against it.

    Args:
        tree: The store's.
    """

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._folders: dict[str, bytes] = {}
        self._versions: dict[str, str] = {}
        self._recent: dict[str, list[ZipEntry]] = {}
        self._count_recent = 0
        self._in_memory: dict[str, bytes] = {}
        """Of zips without a version, or without a cache; a few."""
        self._kept = KeptBlobs(cache_dir() / "packed-index.sqlite")

    def add_folders(self, base: str, names: Mapping[str, Sequence[str]]) -> None:
        """List folders together, those that are not listed yet; see :meth:`FileTree.folders_in`."""
        wanted = {
            start: [name for name in group if f"{base}/{name}" not in self._folders] for start, group in names.items()
        }
        for name, items in self._tree.folders_in(
            base, {start: group for start, group in wanted.items() if group}
        ).items():
            self._keep(f"{base}/{name}", items)

    def files(self, path: str) -> list[tuple[str, int]]:
        """List a folder: names and sizes of its files.

        Raises:
            SourceUnavailableError: It cannot be listed.
        """
        if path not in self._folders:
            self._keep(path, self._tree.items(path))
        return [(name, size) for name, size in json.loads(zlib.decompress(self._folders[path]))]

    def _keep(self, path: str, items: Sequence[Item]) -> None:
        self._folders[path] = _packed([(item.name, item.size) for item in items if not item.is_folder])

    def entries(self, path: str, told: Item) -> list[ZipEntry]:
        """List the entries of a zip.

        Args:
            path: The zip.
            told: What the listing says of it.

        Raises:
            MMVoxCelebError: As of :func:`packed_entries`.
        """
        if (recent := self._recent.get(path)) is not None:
            return recent
        entries = self._known_or_read(path, told)
        if self._count_recent + len(entries) > _MOST_RECENT:
            self._recent, self._count_recent = {}, 0
        self._recent[path] = entries
        self._count_recent += len(entries)
        return entries

    def _known_or_read(self, path: str, told: Item) -> list[ZipEntry]:
        place = f"{_FORMAT} {self._tree.address}/{path}"
        version = told.version if told.size >= 0 and told.version else self._versions.get(path, "")
        kept = (self._kept.get(place, version) if version else None) or self._in_memory.get(path)
        if kept is not None:
            return [ZipEntry._make(row) for row in zip(*json.loads(zlib.decompress(kept)), strict=True)]
        source, entries = self._read(path, told)
        data = _packed([*zip(*entries, strict=True)])
        if source.version:
            self._versions[path] = source.version
        if not source.version or not self._kept.put(place, source.version, data):
            if len(self._in_memory) >= _MOST_IN_MEMORY:
                self._in_memory.clear()
            self._in_memory[path] = data
        return entries

    def _read(self, path: str, told: Item) -> tuple[ByteSource, list[ZipEntry]]:
        source = self._tree.source(path, told)
        try:
            return source, _entries_in(source)
        except CorruptSourceError:
            asked = self._tree.source(path)
            if asked.version == source.version:
                raise
            return asked, _entries_in(asked)  # another one is there by now


def _entries_in(source: ByteSource) -> list[ZipEntry]:
    return packed_entries(TailSource(source, TAIL_BYTES))


def _packed(rows: Any) -> bytes:
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 1)
