"""Which entries of a store's removal list were carried out: they match no clip any more, and rightly so.

An entry with a misspelt name matches none either, but its person is still there. So ``mmvoxceleb remove`` notes what it
took out, as hashes of the entries, and whoever reads the list tells only of the others.
"""

import hashlib
import json
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mmvoxceleb.errors import CorruptSourceError, SourceUnavailableError
from mmvoxceleb.files.json_text import parse_json_object
from mmvoxceleb.files.tree import FileTree, OutputTree
from mmvoxceleb.meta.removal_list import list_trees, read_list
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals, parse_removals
from mmvoxceleb.modalities import META
from mmvoxceleb.stores.interface import LARGEST_CLIP_BYTES, Store

__all__ = ["TAKEN_OUT_PATH", "doubtful_in", "note_taken_out", "taken_out_before", "tell_doubtful_entries"]

TAKEN_OUT_PATH = f"{META.folder_name}/.removed.json"
"""``{"sha256": [...]}``: hashes of the entries whose clips are gone, or about to be."""

logger = logging.getLogger(__name__)
_told: set[tuple[str, int]] = set()


def note_taken_out(tree: OutputTree, removals: Removals, *, doubtful: Collection[str] = ()) -> None:
    """Note that the clips of some entries are gone from a store, or are about to be: a removal may be killed.

    Entries that left the store's list are forgotten.

    Args:
        tree: The store.
        removals: What was taken out.
        doubtful: Entries of ``removals`` that matched no clip to begin with.
    """
    listed = parse_removals(tree.read(REMOVALS_PATH) or b"", tree.where(REMOVALS_PATH))
    before = _parse(tree.read(TAKEN_OUT_PATH))
    noted = (before | _hashes(set(removals.entries()) - {*doubtful})) & _hashes(listed.entries())
    if noted != before:
        tree.write(TAKEN_OUT_PATH, json.dumps({"sha256": sorted(noted)}).encode() + b"\n")


def taken_out_before(tree: OutputTree, entries: Iterable[str]) -> set[str]:
    """Return those entries whose clips are known to be gone from a store."""
    noted = _parse(tree.read(TAKEN_OUT_PATH))
    return {entry for entry in entries if _hash(entry) in noted}


def tell_doubtful_entries(
    removals: Removals, clip_ids: Iterable[str], location: str, storage_options: Mapping[str, Any] | None = None
) -> None:
    """Warn, once in a process, of entries that may be misspelt, by their number: logs would keep names.

    Args:
        removals: The list that is obeyed, perhaps with lists elsewhere, of which nothing is told.
        clip_ids: All clips of the store.
        location: The store.
        storage_options: Passed to fsspec for URLs.
    """
    clip_ids = list(clip_ids)
    if not removals.unmatched(clip_ids):
        return
    doubtful, count = _doubtful(location, clip_ids, storage_options)
    told = location, len(doubtful)
    if doubtful and told not in _told:
        _told.add(told)
        logger.warning(
            "%s/%s: %d of its %d entries match no clip here: right if an earlier version of `mmvoxceleb remove` took "
            "them out; otherwise check their spelling",
            location, REMOVALS_PATH, len(doubtful), count,
        )  # fmt: skip


def doubtful_in(store: Store) -> list[str]:
    """List the entries of a store's removal list that match no clip, though nobody noted that they were taken out."""
    clip_ids = {clip_id for folder in store.folders() for clip_id in store.clips(folder)}
    return _doubtful(store.location, clip_ids)[0]


def _doubtful(
    location: str, clip_ids: Iterable[str], storage_options: Mapping[str, Any] | None = None
) -> tuple[list[str], int]:
    """The same for a list of clips, and how many entries there are in all."""
    own, noted = Removals(), set[str]()
    for tree in list_trees(location, storage_options):
        there = read_list(tree)
        if there:
            own |= there
            noted |= _parse(_read(tree))
    return [entry for entry in own.unmatched(clip_ids) if _hash(entry) not in noted], len(own.entries())


def _read(tree: FileTree) -> bytes | None:
    try:
        (data,) = tree.read_files([TAKEN_OUT_PATH], most_bytes=LARGEST_CLIP_BYTES)
    except SourceUnavailableError:
        return None  # without it, more is told than needs be
    return data


def _parse(data: bytes | None) -> set[str]:
    try:
        noted = parse_json_object(data, TAKEN_OUT_PATH, "").get("sha256") if data else []
    except CorruptSourceError:
        return set()
    return {each for each in noted if isinstance(each, str)} if isinstance(noted, list) else set()


def _hash(entry: str) -> str:
    return hashlib.sha256(entry.encode()).hexdigest()


def _hashes(entries: Iterable[str]) -> set[str]:
    return {_hash(entry) for entry in entries}
