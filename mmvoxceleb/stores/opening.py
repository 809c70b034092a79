"""Find out what a path or URL holds, and open it as one store."""

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.errors import ConfigError, CorruptSourceError, MissingModalityError, SourceUnavailableError
from mmvoxceleb.files.local import LocalTree
from mmvoxceleb.files.opening import forget_listings, open_source, open_tree
from mmvoxceleb.files.ranges import is_http
from mmvoxceleb.files.retry import is_unreachable
from mmvoxceleb.files.tree import FileTree, Item
from mmvoxceleb.modalities import META, Folder
from mmvoxceleb.modalities.registry import modality_of_name
from mmvoxceleb.stores.interface import Entry, Store
from mmvoxceleb.stores.naming import hint_of_archive
from mmvoxceleb.stores.places import ClipNames
from mmvoxceleb.stores.reference import Reference
from mmvoxceleb.stores.tree_store import TreeStore
from mmvoxceleb.stores.zip_store import ZipStore

__all__ = ["MergedStore", "open_store"]

_EXPECTED = (
    "expected folders or zips of the original files: video/, mask/, draw/style1/, txt/, label/, or video.zip, "
    "mask.zip, draw.zip, txt.zip, label.zip"
)
_EXPORT = "export.json"
"""Lies in every export; that of a whole store in the format ``folder`` is a store, too."""
_TRAINER_PLAN = ".mmvoxceleb/trainer.json"
"""Lies in every set that was written for a trainer."""
_VIDEO_ENDINGS = (".mp4", ".mkv", ".mov", ".avi", ".webm")
_FROM_VIDEOS = ". To make a dataset of raw videos: mmvoxceleb regenerate all VIDEOS MY-DATASET"
_USUAL_ZIPS = ("video.zip", "mask.zip", "draw.zip", "txt.zip", "text.zip", "label.zip", "meta.zip")

logger = logging.getLogger(__name__)


def open_store(location: str | os.PathLike[str], *, storage_options: Mapping[str, Any] | None = None) -> Store:
    """Open the dataset at a path or URL for reading.

    A folder may hold the original folders, zips (one or several per modality, with any leading folder inside), one zip
    per clip, or any mixture of these, directly or one folder down. Each archive is opened only when something in it is
    first requested. If an HTTP server gives no index page, the usual zips are looked for there: ``video.zip``,
    ``mask.zip``, ``draw.zip``, ``txt.zip`` or ``text.zip``, ``label.zip`` and ``meta.zip``.

    Args:
        location: A folder, a zip, or the fsspec URL of either.
        storage_options: Passed to fsspec for URLs.

    Returns:
        The store. Where two parts of it have the same files of a clip, it reads those of the first.

    Raises:
        ConfigError: The URL begins with ``zip:``; pass the URL of the archive itself.
        SourceUnavailableError: The place does not exist or cannot be reached.
        MissingModalityError: The place holds no modality, or is an export in Parquet files or tars.
    """
    location = os.path.expanduser(os.fspath(location))
    if location.startswith("zip:"):
        raise ConfigError(f"{location}: name the archive itself, without zip://; zips are read wherever they are")
    forget_listings(location, storage_options)
    if location.lower().split("?", 1)[0].endswith(".zip"):
        source = open_source(location, storage_options)
        _ = source.size
        return ZipStore(source, hint_of_archive(location.split("?", 1)[0]))
    tree = open_tree(location, storage_options)
    if isinstance(tree, LocalTree) and not os.path.isdir(tree.location):
        hint = ". The bundled sample is at mmvoxceleb.sample.sample_path()" if location == "sample" else ""
        raise SourceUnavailableError(f"{tree.location}: no such folder; {_EXPECTED}{hint}")
    unlisted: SourceUnavailableError | None = None
    try:
        items = tree.items()
    except SourceUnavailableError as error:
        if not is_http(location) or is_unreachable(error):
            raise
        items, unlisted = [], error
    parts = _parts(tree, items)
    if not _hold_data(items):  # a removal list beside a store does not hide it
        parts = _parts_below(tree, items) or parts
    if not parts and is_http(location):
        parts = _parts(tree, [Item(name, False) for name in _USUAL_ZIPS if tree.exists(name)])
        if not parts and unlisted is not None:
            raise SourceUnavailableError(
                f"{location}: cannot be listed ({unlisted}), and it has none of the usual zips"
            )
    if not _hold_data(items) and any(item.name == _EXPORT for item in items):
        raise MissingModalityError(
            f"{location}: is an export, in Parquet files or tars; name the store that it was made of. To read the "
            "export itself, use load_dataset or mmvoxceleb view"
        )
    if any(item.name.endswith("_local.pkl") for item in items):
        logger.info("%s: the original loader's cache file (_local.pkl) is ignored: pickles are never opened", location)
    if not parts and isinstance(tree, LocalTree) and tree.kind(_TRAINER_PLAN) == "file":
        raise MissingModalityError(f"{location}: is a set for a trainer; name the store that it was made of")
    if not parts:
        seen = ", ".join(item.name for item in items[:5]) or "nothing"
        hint = _FROM_VIDEOS if any(item.name.lower().endswith(_VIDEO_ENDINGS) for item in items) else ""
        raise MissingModalityError(f"{location}: holds no Multimodal VoxCeleb data (found {seen}); {_EXPECTED}{hint}")
    return parts[0] if len(parts) == 1 else MergedStore(location, parts)


def _hold_data(items: Sequence[Item]) -> bool:
    """Return whether a folder has data of its own, and not only what ``meta`` says."""
    return any(
        modality_of_name(item.name) not in (None, META) if item.is_folder else item.name.lower().endswith(".zip")
        for item in items
    )


def _parts(tree: FileTree, items: Sequence[Item]) -> list[Store]:
    parts: list[Store] = []
    names = ClipNames()
    bases = [item.name for item in items if item.is_folder and modality_of_name(item.name)]
    if bases:
        parts.append(TreeStore(tree, bases))
    for item in items:
        if not item.is_folder and item.name.lower().endswith(".zip"):
            parts.append(ZipStore(tree.source(item.name), hint_of_archive(item.name), names))
    return parts


def _parts_below(tree: FileTree, items: Sequence[Item]) -> list[Store]:
    parts: list[Store] = []
    for item in items:
        if item.is_folder:
            below = tree.below(item.name)
            parts.extend(_parts(below, below.items()))
    return parts


class MergedStore(Store):
    """Several stores read as one. Where two have the same files of a clip, the first one's are taken.

    Parts that have different files of a clip are put together; those that share some of them only are refused.

    Args:
        location: What the user named.
        parts: Stores in order of precedence. A zip whose name tells its modality is asked for that one only,
            unless no other part has what is wanted; for provenance, which is optional, never.
    """

    def __init__(self, location: str, parts: Sequence[Store]) -> None:
        self._location = location
        self._parts = tuple(parts)
        self._holders_by_folder: dict[Folder, list[Store]] = {}

    @property
    def location(self) -> str:
        return self._location

    def _holders(self, folder: Folder) -> list[Store]:
        """Return the parts that hold a folder, opening no more archives than needed."""
        if folder in self._holders_by_folder:
            return self._holders_by_folder[folder]
        likely: list[Store] = []
        others: list[Store] = []
        for part in self._parts:
            hint = part.hint if isinstance(part, ZipStore) else None
            (likely if hint is None or hint.modality == folder.modality else others).append(part)
        clips = results_ahead(lambda part: part.clips(folder), likely, ahead=self.reads_ahead)
        found = [part for part, its in clips if its()]
        if not found and folder.modality != "meta":
            found = [part for part in others if part.clips(folder)]
        self._holders_by_folder[folder] = found
        return found

    def folders(self) -> tuple[Folder, ...]:
        found = results_ahead(lambda part: part.folders(), self._parts, ahead=self.reads_ahead)
        return tuple(sorted({folder for _, folders in found for folder in folders()}))

    @property
    def reads_at_once(self) -> int:
        return max(part.reads_at_once for part in self._parts)

    def clips(self, folder: Folder) -> list[str]:
        if len(holders := self._holders(folder)) == 1:
            return holders[0].clips(folder)
        return sorted({clip for part in holders for clip in part.clips(folder)})

    def _entries_by_part(self, folder: Folder, clip_id: str) -> dict[str, tuple[Entry, Store]]:
        """Map each file name of a clip to its entry and the part that it is read from."""
        found: dict[str, tuple[Entry, Store]] = {}
        for part in self._holders(folder):
            try:
                entries = part.entries(folder, clip_id)
            except MissingModalityError:
                continue
            names = {entry.name for entry in entries}
            if 0 < len(names & found.keys()) < len(names | found.keys()):
                first = next(holder for name, (_, holder) in found.items() if name in names)
                raise CorruptSourceError(
                    f"{self.location}: clip {clip_id}, {folder}: {first.location} and {part.location} have some files "
                    "in common and others not, so versions would be mixed; remove one of them"
                )
            for entry in entries:
                found.setdefault(entry.name, (entry, part))
        if not found:
            raise MissingModalityError(f"{self.location}: has no {folder} of clip {clip_id}")
        return found

    def entries(self, folder: Folder, clip_id: str) -> list[Entry]:
        if len(holders := self._holders(folder)) == 1:
            return holders[0].entries(folder, clip_id)
        entries = [entry for entry, _ in self._entries_by_part(folder, clip_id).values()]
        return sorted(entries, key=lambda entry: (entry.index, entry.name))

    def entries_of(self, folder: Folder, clip_ids: Sequence[str]) -> Iterator[list[Entry]]:
        if len(holders := self._holders(folder)) == 1:
            return holders[0].entries_of(folder, clip_ids)
        return super().entries_of(folder, clip_ids)

    def read(self, folder: Folder, clip_id: str, entries: Sequence[Entry] | None = None) -> list[bytes]:
        if len(holders := self._holders(folder)) == 1:
            return holders[0].read(folder, clip_id, entries)
        found = self._entries_by_part(folder, clip_id)
        names = [entry.name for entry in (self.entries(folder, clip_id) if entries is None else entries)]
        content: dict[str, bytes] = {}
        for part in {id(part): part for _, part in found.values()}.values():
            wanted = [found[name][0] for name in names if name in found and found[name][1] is part]
            content.update(zip((entry.name for entry in wanted), part.read(folder, clip_id, wanted), strict=True))
        missing = [name for name in names if name not in content]
        if missing:
            raise MissingModalityError(f"{self.location}: clip {clip_id} has no file {missing[0]!r} in {folder}")
        return [content[name] for name in names]

    def references(self, folder: Folder, clip_id: str, entries: Sequence[Entry]) -> list[Reference] | None:
        if len(holders := self._holders(folder)) == 1:
            return holders[0].references(folder, clip_id, entries)
        found = self._entries_by_part(folder, clip_id)
        references: dict[str, Reference] = {}
        for part in {id(part): part for _, part in found.values()}.values():
            wanted = [entry for entry in entries if found[entry.name][1] is part]
            its = part.references(folder, clip_id, wanted)
            if its is None:
                return None
            references.update(zip((entry.name for entry in wanted), its, strict=True))
        return [references[entry.name] for entry in entries]

    def fingerprint(self, folders: Iterable[Folder]) -> str:
        wanted = list(folders)
        digest = hashlib.sha256()
        for folder in sorted(wanted):
            for part in self._holders(folder):
                digest.update(f"{folder} {part.fingerprint([folder])}\n".encode())
        return digest.hexdigest()

    def mark(self, folder: Folder, clip_id: str) -> str | None:
        marks = [part.mark(folder, clip_id) for part in self._holders(folder)]
        return None if None in marks else "\n".join(mark for mark in marks if mark)

    def check_names(self, folder: Folder, clip_id: str) -> None:
        for part in self._holders(folder):
            if clip_id in part.clips(folder):
                part.check_names(folder, clip_id)

    def strangers(self) -> list[str]:
        return sorted({name for part in self._parts for name in part.strangers()})
