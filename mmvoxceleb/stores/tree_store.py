"""A store in folders: one folder per clip, or one zip per clip, or both."""

import hashlib
import logging
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.errors import CorruptSourceError, MissingModalityError, UnsafeArchiveError
from mmvoxceleb.files.local import LocalTree
from mmvoxceleb.files.ranges import ByteSource
from mmvoxceleb.files.tree import FileTree, Item, Outline, visible
from mmvoxceleb.files.version import no_version
from mmvoxceleb.modalities import META, Folder, Modality
from mmvoxceleb.modalities.registry import modality_of_name
from mmvoxceleb.schema import ClipId
from mmvoxceleb.stores.interface import LARGEST_CLIP_BYTES, Entry, Store, check_sizes, frame_entries, frame_index_of
from mmvoxceleb.stores.kept_names import FEWEST_NAMES, KeptNames, folder_mark
from mmvoxceleb.stores.packed_zip import packed_entries
from mmvoxceleb.stores.places import ClipNames, ClipPlaces, Place, clip_of_item, usual_form
from mmvoxceleb.stores.reference import Reference, version_mark
from mmvoxceleb.stores.remote_clips import RemoteClips
from mmvoxceleb.stores.zip_content import list_pictures, read_entries
from mmvoxceleb.stores.zip_index import ZipEntry

__all__ = ["TreeStore"]

_MOST_KEPT_INDEXES = 256
_LISTED_TOGETHER = 512
"""Clips' folders that are listed before what is in them is used; a folder has some 200 files."""
logger = logging.getLogger(__name__)


class TreeStore(Store):
    """A store in the original layout as folders, and in the packed layout that we write.

    Args:
        tree: The folder that holds ``video``, ``mask``, ``draw``, ...
        bases: The modality folders that it holds, by name.
    """

    def __init__(self, tree: FileTree, bases: Sequence[str]) -> None:
        self._tree = tree
        self._bases = tuple(bases)
        self._places_by_modality: dict[str, dict[Folder, ClipPlaces]] = {}
        self._names = ClipNames()
        self._counts: dict[Folder, Counter[str]] = {}
        self._packed: dict[str, list[ZipEntry]] = {}
        self._remote = None if isinstance(tree, LocalTree) else RemoteClips(tree)
        self._kept = KeptNames(tree.address) if isinstance(tree, LocalTree) else None
        self._clips_kept: dict[str, list[str]] = {}
        self._locks: dict[str, threading.Lock] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"_places_by_modality": self._places_by_modality, "_remote": self._remote}
        return type(self), (self._tree, self._bases), state

    @property
    def location(self) -> str:
        return self._tree.address

    def _places(self, modality: str) -> dict[Folder, ClipPlaces]:
        known = self._places_by_modality.get(modality)
        if known is not None:
            return known
        with self._locks.setdefault(modality, threading.Lock()):
            if modality not in self._places_by_modality:
                places: dict[Folder, ClipPlaces] = {}
                for base in self._bases:
                    kind = modality_of_name(base)
                    if kind is not None and kind.name == modality:
                        self._scan(kind, base, places)
                self._places_by_modality[modality] = places
            return self._places_by_modality[modality]

    def _scan(self, kind: Modality, base: str, places: dict[Folder, ClipPlaces]) -> None:
        outline = self._list(kind.folder_of_style(""), base, places)
        for style in _styles_among(outline, kind) if outline is not None else ():
            self._list(kind.folder(style), f"{base}/{style}", places)

    def _list(self, folder: Folder, base: str, places: dict[Folder, ClipPlaces]) -> Outline | None:
        """Add the clips of a folder, and return what is in it; None where the kept names made listing it needless."""
        suffix, _ = usual_form(folder)
        mark = folder_mark(os.path.join(self._tree.address, base)) if self._kept is not None else ""
        if self._kept is not None and folder not in places and (digest := self._kept.digest(base, mark, suffix)):
            clips = self._clips_kept.get(digest) or self._kept.names(digest)
            if clips:
                self._clips_kept[digest] = clips
                places[folder] = ClipPlaces(self._tree, self._names)
                places[folder].add_kept(folder, base, clips)
                return None
        outline = self._tree.outline(base)
        self._add(folder, base, outline, places)
        found = places.get(folder, ())
        if self._kept is not None and mark and len(found) >= FEWEST_NAMES and places[folder].is_plain:
            self._kept.keep(base, mark, suffix, places[folder].in_order())
        return outline

    def _add(self, folder: Folder, base: str, outline: Outline, places: dict[Folder, ClipPlaces]) -> None:
        clips = places.get(folder) or ClipPlaces(self._tree, self._names)
        for clip, first, second in clips.add(folder, base, outline):
            logger.warning(
                "clip %s, %s: exists twice, as %s and as %s; the first is read, so delete the wrong one",
                clip, folder, first, second,
            )  # fmt: skip
        if clips:
            places[folder] = clips

    def _place(self, folder: Folder, clip_id: str) -> Place:
        try:
            return self._places(folder.modality)[folder][clip_id]
        except KeyError:
            raise MissingModalityError(f"{self.location}: has no {folder} of clip {clip_id}") from None

    def folders(self) -> tuple[Folder, ...]:
        kinds = sorted({kind.name for kind in map(modality_of_name, self._bases) if kind})
        listed = results_ahead(self._places, kinds, ahead=self.reads_ahead)
        return tuple(sorted(folder for _, places in listed for folder in places()))

    @property
    def reads_at_once(self) -> int:
        return self._tree.reads_at_once

    def clips(self, folder: Folder) -> list[str]:
        places = self._places(folder.modality).get(folder)
        return [] if places is None else list(places.in_order())

    def _source(self, place: Place) -> ByteSource:
        return self._tree.source(place.path, None if self._remote is None else place.item)

    def _packed_entries(self, place: Place) -> list[ZipEntry]:
        if self._remote is not None:
            return self._remote.entries(place.path, place.item)
        entries = self._packed.get(place.path)
        if entries is None:
            entries = packed_entries(self._source(place))
            if len(self._packed) >= _MOST_KEPT_INDEXES:
                self._packed.clear()
            self._packed[place.path] = entries
        return entries

    def entries(self, folder: Folder, clip_id: str) -> list[Entry]:
        place = self._place(folder, clip_id)
        if place.kind == "file":
            name = place.path.rsplit("/", 1)[-1]
            return [Entry(name, frame_index_of(name), place.size, place.version)]
        try:
            if place.kind == "packed":
                return list_pictures(self._source(place), self._packed_entries(place))
            if self._remote is not None:
                return frame_entries((name, size, "") for name, size in self._remote.files(place.path))
            items = self._tree.items(place.path)
            return frame_entries((item.name, item.size, item.version) for item in items if not item.is_folder)
        except (CorruptSourceError, UnsafeArchiveError) as error:
            raise type(error)(f"clip {clip_id}, {folder}: {self.location}/{place.path}: {error}") from error

    def entries_of(self, folder: Folder, clip_ids: Sequence[str]) -> Iterator[list[Entry]]:
        if self._remote is None:
            yield from super().entries_of(folder, clip_ids)
            return
        for first in range(0, len(clip_ids), _LISTED_TOGETHER):
            chunk = clip_ids[first : first + _LISTED_TOGETHER]
            places = [place for clip in chunk if (place := self._place(folder, clip)).kind == "folder"]
            for base, names in self._by_prefix(folder, places).items():
                self._remote.add_folders(base, names)
            yield from super().entries_of(folder, chunk)

    def _by_prefix(self, folder: Folder, places: Iterable[Place]) -> dict[str, dict[str, list[str]]]:
        """Group the names of clips' folders, by the folder that they are in and by how they begin.

        That is with the person where most of the person's clips are among them, and with the clip elsewhere.
        """
        if folder not in self._counts:
            self._counts[folder] = Counter(map(_person_of, self._places(folder.modality)[folder]))
        grouped: dict[str, dict[str, list[str]]] = {}
        for place in places:
            base, _, name = place.path.rpartition("/")
            grouped.setdefault(base, {}).setdefault(_person_of(name), []).append(name)
        for base, groups in grouped.items():
            grouped[base] = {}
            for person, names in groups.items():
                if 2 * len(names) > self._counts[folder][person]:
                    grouped[base][person] = names
                else:
                    grouped[base] |= {name: [name] for name in names}
        return grouped

    def read(self, folder: Folder, clip_id: str, entries: Sequence[Entry] | None = None) -> list[bytes]:
        place = self._place(folder, clip_id)
        wanted = self.entries(folder, clip_id) if entries is None else entries
        try:
            check_sizes(folder, wanted)
        except UnsafeArchiveError as error:
            raise UnsafeArchiveError(f"clip {clip_id}, {self.location}/{place.path}: {error}") from error
        if place.kind == "file":
            return self._tree.read_files([place.path], most_bytes=folder.kind.largest_file_bytes)
        names = [entry.name for entry in wanted]
        if place.kind == "folder":
            return self._tree.read_files([f"{place.path}/{name}" for name in names], most_bytes=LARGEST_CLIP_BYTES)
        by_name: Mapping[str, ZipEntry] = {entry.name: entry for entry in self._packed_entries(place)}
        try:
            packed = [by_name[name] for name in names]
        except KeyError as error:
            raise MissingModalityError(f"{self.location}/{place.path}: has no file {error.args[0]!r}") from None
        try:
            return read_entries(self._source(place), packed)
        except (CorruptSourceError, UnsafeArchiveError) as error:
            raise type(error)(f"clip {clip_id}, {folder}: {error}") from error

    def references(self, folder: Folder, clip_id: str, entries: Sequence[Entry]) -> list[Reference] | None:
        if not isinstance(self._tree, LocalTree):
            return None
        place = self._place(folder, clip_id)
        full = os.path.abspath(os.path.join(self._tree.address, place.path))
        if place.kind == "packed":
            mark = version_mark(place.size, place.version)
            paths = {entry.name: entry.path for entry in self._packed_entries(place)}
            return [Reference(full, paths[entry.name], True, mark) for entry in entries]
        base, name = (full, "") if place.kind == "folder" else os.path.split(full)
        if name and any(entry.name != name for entry in entries):
            return None
        return [Reference(base, entry.name, False, version_mark(entry.size, entry.version)) for entry in entries]

    def _listed_anew(self, folder: Folder, places: Sequence[Place]) -> Iterator[list[Item]]:
        if self._remote is None:
            yield from (self._tree.items(place.path) for place in places)
            return
        for first in range(0, len(places), _LISTED_TOGETHER):
            chunk = places[first : first + _LISTED_TOGETHER]
            found: dict[str, list[Item]] = {}
            for base, names in self._by_prefix(folder, chunk).items():
                listed = self._tree.folders_in(base, names)
                found |= {f"{base}/{name}": items for name, items in listed.items()}
            yield from (found[place.path] for place in chunk)

    def mark(self, folder: Folder, clip_id: str) -> str | None:
        places = self._places(folder.modality).get(folder)
        place = places.get(clip_id) if places is not None else None
        if place is None:
            return ""
        return f"{place.path} {place.size} {place.version}" if place.kind != "folder" and place.version else None

    def strangers(self) -> list[str]:
        found: list[str] = []
        for base in self._bases:
            kind = modality_of_name(base)
            if kind is None or kind is META:
                continue
            outline = self._tree.outline(base)
            styles = _styles_among(outline, kind)
            places = [(base, item) for item in outline.items() if not (item.is_folder and item.name in styles)]
            for style in styles:
                places += [(f"{base}/{style}", item) for item in self._tree.outline(f"{base}/{style}").items()]
            found += [f"{path}/{item.name}" for path, item in places if clip_of_item(kind.folder(), item) is None]
        return sorted(found)

    def fingerprint(self, folders: Iterable[Folder]) -> str:
        digest, unversioned = hashlib.sha256(), []
        for folder in sorted(set(folders)):
            places = self._places(folder.modality).get(folder)
            if places is None:
                continue
            listed = self._listed_anew(folder, places.of_kind("folder"))
            for clip_id, place in places.looked_at():
                digest.update(f"{folder} {clip_id} {place.kind} {place.size} {place.version}\n".encode())
                if place.kind == "folder":
                    for item in next(listed):
                        digest.update(f"{item.name} {item.size} {item.version}\n".encode())
                        if not item.version:
                            unversioned.append(f"{place.path}/{item.name}")
                elif not place.version:
                    unversioned.append(place.path)
        versions = self._tree.versions(unversioned)
        digest.update("\n".join(versions).encode())
        if lacking := versions.count(""):
            digest.update(no_version(self.location, lacking).encode())
        return digest.hexdigest()


def _person_of(clip_id: str) -> str:
    return clip_id.partition("#")[0] + "#"


def _styles_among(outline: Outline, kind: Modality) -> list[str]:
    names = visible(Item(name, True) for name in outline.folders) if kind.has_styles else []
    return [item.name for item in names if not ClipId.matches(item.name)]
