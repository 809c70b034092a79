"""A store in one zip."""

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from mmvoxceleb.errors import CorruptSourceError, MissingModalityError, UnsafeArchiveError
from mmvoxceleb.files.ranges import ByteSource, LocalSource
from mmvoxceleb.files.version import no_version
from mmvoxceleb.modalities import META, Folder
from mmvoxceleb.modalities.registry import modality_of_name
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores.interface import Entry, Store, check_sizes, frame_index_of
from mmvoxceleb.stores.naming import clip_of_file, clips_of_files, folder_of_path
from mmvoxceleb.stores.reference import Reference, version_mark
from mmvoxceleb.stores.zip_cache import load_index
from mmvoxceleb.stores.zip_content import list_pictures, read_entries
from mmvoxceleb.stores.zip_headers import MOST_LONE_ENTRIES, check_local_header
from mmvoxceleb.stores.zip_index import ZipEntry, ZipIndex

__all__ = ["ZipStore"]

_REMOTE_READS_AT_ONCE = 32

_Paths: TypeAlias = Mapping[Folder, Mapping[str, tuple[str, int]]]
"""Per folder and clip: the path in the zip, and for a single file its position there (else -1)."""


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
        self._found: tuple[ZipIndex, _Paths] | None = None
        self._latest: dict[tuple[Folder, str], tuple[list[ZipEntry], list[Entry]]] = {}
        self._repeated: dict[tuple[Folder, str], tuple[str, str]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._source, self._hint)

    @property
    def location(self) -> str:
        return self._source.location

    @property
    def hint(self) -> Folder | None:
        """What the zip's own name says is in it."""
        return self._hint

    @property
    def reads_at_once(self) -> int:
        return 1 if isinstance(self._source, LocalSource) else _REMOTE_READS_AT_ONCE

    def _opened(self) -> tuple[ZipIndex, _Paths]:
        with self._lock:
            if self._found is None:
                index = load_index(self._source)
                self._found = index, self._find(index)
            return self._found

    @property
    def _index(self) -> ZipIndex:
        return self._opened()[0]

    @property
    def _paths(self) -> _Paths:
        return self._opened()[1]

    def _find(self, index: ZipIndex) -> _Paths:
        paths: dict[Folder, dict[str, tuple[str, int]]] = {}
        strangers: list[tuple[str, int]] = []
        alike: dict[str, Folder | None] = {}  # clips beside each other are of one folder: a million need one look
        for path in index.folders:
            parent, _, last = path.rpartition("/")
            is_clip = ClipId.matches(last)
            if not is_clip or parent not in alike:
                found = folder_of_path(path, self._hint)
                if is_clip:
                    alike[parent] = found[0] if found is not None else None
                elif found is not None:
                    strangers += self._place_files(found[0], path, index, paths.setdefault(found[0], {}))
            if is_clip and (folder := alike[parent]) is not None:
                self._place(folder, last, path, -1, paths.setdefault(folder, {}))
        if len(strangers) <= MOST_LONE_ENTRIES:
            self._check_headers(index.row(*stranger) for stranger in strangers)
        return {folder: clips for folder, clips in paths.items() if clips}

    def _place_files(
        self, folder: Folder, path: str, index: ZipIndex, clips: dict[str, tuple[str, int]]
    ) -> list[tuple[str, int]]:
        """Place the clips that are single files in a folder, and return what is there besides."""
        found = clips_of_files(folder, index.names(path))
        for position, clip in enumerate(found):
            if clip is not None:
                self._place(folder, clip, path, position, clips)
        return [] if folder.is_frames else [(path, position) for position, clip in enumerate(found) if clip is None]

    def _place(self, folder: Folder, clip: str, path: str, position: int, clips: dict[str, tuple[str, int]]) -> None:
        first = clips.setdefault(clip, (path, position))
        if first != (path, position):
            self._repeated[folder, clip] = (first[0], path)

    def folders(self) -> tuple[Folder, ...]:
        return tuple(sorted(self._paths))

    def clips(self, folder: Folder) -> list[str]:
        return sorted(self._paths.get(folder, ()))

    def _place_of(self, folder: Folder, clip_id: str) -> tuple[str, int]:
        try:
            return self._paths[folder][clip_id]
        except KeyError:
            raise MissingModalityError(f"{self.location}: has no {folder} of clip {clip_id}") from None

    def _listed(self, folder: Folder, clip_id: str) -> tuple[list[ZipEntry], list[Entry]]:
        latest = self._latest.get((folder, clip_id))  # whoever asks for entries is likely to read some of them next
        if latest is not None:
            return latest
        path, position = self._place_of(folder, clip_id)
        if (folder, clip_id) in self._repeated:
            first, second = (path or "the top" for path in self._repeated[folder, clip_id])
            raise CorruptSourceError(
                f"{self.location}: clip {clip_id}, {folder}: exists twice, in {first} and in {second}; rebuild "
                "the archive with one of them"
            )
        if position < 0:
            found = self._index.entries(path)
            try:
                entries = list_pictures(self._source, found)
            except CorruptSourceError as error:
                raise CorruptSourceError(f"{self.location}: clip {clip_id}, {folder}: {error}") from error
        else:
            found = [self._index.row(path, position)]
            entries = [Entry(found[0].name, frame_index_of(found[0].name), found[0].size)]
        if len(self._latest) >= self.reads_at_once:
            self._latest = {}
        self._latest[folder, clip_id] = found, entries
        return found, entries

    def entries(self, folder: Folder, clip_id: str) -> list[Entry]:
        return list(self._listed(folder, clip_id)[1])

    def read(self, folder: Folder, clip_id: str, entries: Sequence[Entry] | None = None) -> list[bytes]:
        found, listed = self._listed(folder, clip_id)
        by_name = {item.name: item for item in found}
        names = [entry.name for entry in (listed if entries is None else entries)]
        try:
            wanted = [by_name[name] for name in names]
        except KeyError as error:
            raise MissingModalityError(
                f"{self.location}: clip {clip_id} has no file {error.args[0]!r} in {folder}"
            ) from None
        try:
            check_sizes(folder, listed if entries is None else entries)
            return read_entries(self._source, wanted)
        except (CorruptSourceError, UnsafeArchiveError) as error:
            raise type(error)(f"clip {clip_id}, {folder}: {error}") from error

    def references(self, folder: Folder, clip_id: str, entries: Sequence[Entry]) -> list[Reference] | None:
        if not isinstance(self._source, LocalSource):
            return None
        path, position = self._place_of(folder, clip_id)
        if position >= 0 and any(entry.name != self._index.row(path, position).name for entry in entries):
            return None
        place = os.path.abspath(self._source.location)
        mark = version_mark(self._source.size, self._source.version)
        start = f"{path}/" if path else ""
        return [Reference(place, f"{start}{entry.name}", True, mark) for entry in entries]

    def mark(self, folder: Folder, clip_id: str) -> str | None:
        if clip_id not in self._paths.get(folder, ()):
            return ""
        version = self._source.version
        return f"{self._source.location} {self._source.size} {version}" if version else None

    def check_names(self, folder: Folder, clip_id: str) -> None:
        self._check_headers(self._listed(folder, clip_id)[0])

    def _check_headers(self, entries: Iterable[ZipEntry]) -> None:
        for entry in entries:
            check_local_header(self._source, entry.path, entry.offset)

    def strangers(self) -> list[str]:
        found: list[str] = []
        for path in self._index.folders:
            place = folder_of_path(path, self._hint)
            if place is not None and place[1] is None and place[0].is_frames:
                names = self._index.names(path)
                place = place if any(clip_of_file(place[0], name) for name in names) else None
            if place is None:
                if any(modality_of_name(part) for part in path.split("/")) or (path and self._hint):
                    found.append(path)
            elif place[1] is None and place[0].kind is not META:
                names = self._index.names(path)
                found += [f"{path}/{name}".lstrip("/") for name in names if clip_of_file(place[0], name) is None]
        return sorted(found)

    def fingerprint(self, folders: Iterable[Folder]) -> str:
        version = self._source.version or no_version(self.location)
        return f"{self.location.rsplit('/', 1)[-1]} {self._source.size} {version}"
