"""A store in one zip."""

import os
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from mmvoxceleb.errors import CorruptSourceError, MissingModalityError, UnsafeArchiveError
from mmvoxceleb.files.ranges import ByteSource, LocalSource
from mmvoxceleb.files.version import no_version
from mmvoxceleb.modalities import META, Folder
from mmvoxceleb.modalities.registry import modality_of_name
from mmvoxceleb.stores.interface import Entry, Store, check_sizes, frame_index_of
from mmvoxceleb.stores.naming import clip_of_file, clips_of_files, folder_of_path
from mmvoxceleb.stores.places import ClipNames
from mmvoxceleb.stores.reference import Reference, version_mark
from mmvoxceleb.stores.zip_cache import load_index
from mmvoxceleb.stores.zip_content import list_pictures, read_entries
from mmvoxceleb.stores.zip_headers import MOST_LONE_ENTRIES, check_local_header
from mmvoxceleb.stores.zip_index import ZipEntry, ZipIndex

__all__ = ["ZipStore"]

_REMOTE_READS_AT_ONCE = 32

_Spots: TypeAlias = Mapping[str, int]
"""Where each clip is: the position of its folder in the index, or of its single file, as ``~position``."""


class _InOrder(Mapping[str, int]):
    """Where clips are that follow one another in the order of their names, in no memory of its own.

    Args:
        numbers: The clips, numbered in their order.
        where: Where each number is.
    """

    def __init__(self, numbers: Mapping[str, int], where: range) -> None:
        self._numbers, self._where = numbers, where

    def __getitem__(self, clip: str) -> int:
        return self._where[self._numbers[clip]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._where)


class ZipStore(Store):
    """A store in one zip: any leading folder, stored or deflated, ZIP64, local or remote.

    Args:
        source: The zip.
        hint: What the zip's own name says is in it, for zips whose paths name no modality.
        names: Names of clips that are known from other zips, shared with those.
    """

    def __init__(self, source: ByteSource, hint: Folder | None = None, names: ClipNames | None = None) -> None:
        self._source = source
        self._hint = hint
        self._names = names or ClipNames()
        self._lock = threading.Lock()
        self._found: tuple[ZipIndex, Mapping[Folder, _Spots]] | None = None
        self._latest: dict[tuple[Folder, str], tuple[list[ZipEntry], list[Entry]]] = {}
        self._repeated: dict[tuple[Folder, str], tuple[int, int]] = {}

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

    def _opened(self) -> tuple[ZipIndex, Mapping[Folder, _Spots]]:
        with self._lock:
            if self._found is None:
                index = load_index(self._source)
                self._found = index, self._find(index)
            return self._found

    @property
    def _index(self) -> ZipIndex:
        return self._opened()[0]

    @property
    def _spots(self) -> Mapping[Folder, _Spots]:
        return self._opened()[1]

    def _find(self, index: ZipIndex) -> Mapping[Folder, _Spots]:
        """Find the clips. Those beside each other are of one folder, so a million need one look."""
        found: dict[Folder, _Spots] = {}
        strangers: list[int] = []
        for names, positions in _beside_each_other(index.folders):
            clips = self._names.matched(names)
            others = [at for clip, at in zip(clips, positions, strict=True) if clip is None] if None in clips else []
            if len(others) < len(names):
                first = next(at for clip, at in zip(clips, positions, strict=True) if clip is not None)
                place = folder_of_path(index.path(first), self._hint)
                if place is not None:
                    self._place(found, place[0], clips, positions)
            for at in others:
                place = folder_of_path(index.path(at), self._hint)
                if place is not None:
                    strangers += self._place_files(found, place[0], at, index)
        if len(strangers) <= MOST_LONE_ENTRIES:
            self._check_headers(map(index.entry, strangers))
        return found

    def _place_files(self, found: dict[Folder, _Spots], folder: Folder, at: int, index: ZipIndex) -> list[int]:
        """Place the clips that are single files in a folder, and return where there are others."""
        clips, rows = clips_of_files(folder, index.names(at), self._names.matched), index.rows(at)
        self._place(found, folder, clips, range(~rows.start, ~rows.stop, -1))
        if folder.is_frames or None not in clips:
            return []
        return [row for clip, row in zip(clips, rows, strict=True) if clip is None]

    def _place(
        self, found: dict[Folder, _Spots], folder: Folder, clips: Sequence[str | None], where: Sequence[int]
    ) -> None:
        if folder not in found and isinstance(where, range) and (numbers := self._names.numbers(clips)) is not None:
            found[folder] = _InOrder(numbers, where)
            return
        spots = dict(found.get(folder, {}))
        if not spots and None not in clips and len(new := dict(zip(clips, where, strict=True))) == len(clips):
            found[folder] = cast("_Spots", new)  # no clip is there twice
            return
        for clip, spot in zip(clips, where, strict=True):
            if clip is not None and spots.setdefault(clip, spot) != spot:
                self._repeated[folder, clip] = spots[clip], spot
        if spots:
            found[folder] = spots

    def folders(self) -> tuple[Folder, ...]:
        return tuple(sorted(self._spots))

    def clips(self, folder: Folder) -> list[str]:
        return sorted(self._spots.get(folder, ()))

    def _spot_of(self, folder: Folder, clip_id: str) -> int:
        try:
            return self._spots[folder][clip_id]
        except KeyError:
            raise MissingModalityError(f"{self.location}: has no {folder} of clip {clip_id}") from None

    def _listed(self, folder: Folder, clip_id: str) -> tuple[list[ZipEntry], list[Entry]]:
        latest = self._latest.get((folder, clip_id))  # whoever asks for entries is likely to read some of them next
        if latest is not None:
            return latest
        spot, index = self._spot_of(folder, clip_id), self._index
        if (folder, clip_id) in self._repeated:
            first, second = (
                (index.path(at) if at >= 0 else index.entry(~at).folder) or "the top"
                for at in self._repeated[folder, clip_id]
            )
            raise CorruptSourceError(
                f"{self.location}: clip {clip_id}, {folder}: exists twice, in {first} and in {second}; rebuild "
                "the archive with one of them"
            )
        if spot >= 0:
            found = index.entries(spot)
            try:
                entries = list_pictures(self._source, found)
            except CorruptSourceError as error:
                raise CorruptSourceError(f"{self.location}: clip {clip_id}, {folder}: {error}") from error
        else:
            found = [index.entry(~spot)]
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
        spot = self._spot_of(folder, clip_id)
        file = self._index.entry(~spot) if spot < 0 else None
        if file is not None and any(entry.name != file.name for entry in entries):
            return None
        path = self._index.path(spot) if file is None else file.folder
        place = os.path.abspath(self._source.location)
        mark = version_mark(self._source.size, self._source.version)
        start = f"{path}/" if path else ""
        return [Reference(place, f"{start}{entry.name}", True, mark) for entry in entries]

    def mark(self, folder: Folder, clip_id: str) -> str | None:
        if clip_id not in self._spots.get(folder, ()):
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
        for at, path in enumerate(self._index.folders):
            if any(modality_of_name(part) is META for part in path.split("/")):
                continue
            place = folder_of_path(path, self._hint)
            if place is not None and place[1] is None and place[0].is_frames:
                names = self._index.names(at)
                place = place if any(clip_of_file(place[0], name) for name in names) else None
            if place is None:
                if any(modality_of_name(part) for part in path.split("/")) or (path and self._hint):
                    found.append(path)
            elif place[1] is None and place[0].kind is not META:
                names = self._index.names(at)
                found += [f"{path}/{name}".lstrip("/") for name in names if clip_of_file(place[0], name) is None]
        return sorted(found)

    def fingerprint(self, folders: Iterable[Folder]) -> str:
        version = self._source.version or no_version(self.location)
        return f"{self.location.rsplit('/', 1)[-1]} {self._source.size} {version}"


def _beside_each_other(paths: Sequence[str]) -> Iterator[tuple[list[str], Sequence[int]]]:
    """Yield the names of folders in the same one, with their positions among all.

    Args:
        paths: Of folders, sorted, so that those which begin alike follow one another.
    """
    others: dict[str, tuple[list[str], list[int]]] = {}
    at = 0
    while at < len(paths):
        parent, slash, _ = paths[at].rpartition("/")
        end = bisect_left(paths, f"{parent}{chr(ord('/') + 1)}", at) if slash else at + 1
        names = [path[len(parent) + 1 :] for path in paths[at:end]]
        if slash and "/" not in "".join(names):  # a million are not split one by one
            yield names, range(at, end)
        else:
            for position in range(at, end):
                parent, _, name = paths[position].rpartition("/")
                beside = others.setdefault(parent, ([], []))
                beside[0].append(name)
                beside[1].append(position)
        at = end
    yield from others.values()
