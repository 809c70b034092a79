"""Remove clips from zips that hold many clips."""

import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mmvoxceleb.errors import MMVoxCelebError, SourceUnavailableError
from mmvoxceleb.files.atomic import replacing
from mmvoxceleb.files.ranges import LocalSource
from mmvoxceleb.meta.forgetting import is_ours
from mmvoxceleb.meta.names import Names
from mmvoxceleb.meta.provenance_table import INDEX_PATH, INDEX_STAMP_PATH
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.scores import SCORES_PATH, table_names
from mmvoxceleb.meta.scores import STAMP_PATH as SCORES_STAMP_PATH
from mmvoxceleb.modalities import META
from mmvoxceleb.processing.removal.strangers import MOST_BYTES
from mmvoxceleb.stores import open_store
from mmvoxceleb.stores.naming import hint_of_archive
from mmvoxceleb.stores.zip_copy import ZipCopy

__all__ = ["ZipContent", "look_into_zip", "rewrite_zip"]

_TEXTS = (".json", ".jsonl")
_TABLES = (SCORES_PATH, SCORES_STAMP_PATH, INDEX_PATH, INDEX_STAMP_PATH)
"""In ``meta``, made of the clips' own files and made again from them: they name everybody, and are left out."""
_BUFFER_BYTES = 1 << 20
_REMEMBERED = 1024
"""Folders and names of files of which it is kept whether they are of a removed clip; its files stand together."""
_TOLD_EVERY = 1000


@dataclass(frozen=True)
class ZipContent:
    """What a zip with many clips holds of a removal.

    Args:
        clips: The removed clips that are in it.
        is_named_in_meta: Whether a file that this package wrote into its ``meta`` names anybody.
        strangers: The entries of its ``meta`` that this package did not write and that name somebody.
    """

    clips: set[str]
    is_named_in_meta: bool
    strangers: list[str]


def look_into_zip(path: Path, removals: Removals) -> ZipContent | None:
    """Find out what a zip holds of a removal; None if it is some other archive."""
    try:
        store = open_store(path)
        folders = store.folders()
        clips = {clip for folder in folders for clip in store.clips(folder) if clip in removals}
    except MMVoxCelebError:
        return None
    if not folders:
        return None
    named = list(_named_in_meta(path, removals)) if META.folder() in folders else []
    strangers = [entry for entry, is_of_us in named if not is_of_us]
    return ZipContent(clips, len(strangers) < len(named), strangers)


def _named_in_meta(path: Path, removals: Removals) -> Iterator[tuple[str, bool]]:
    """Yield the entries of the ``meta`` of a zip that name somebody, and whether this package wrote them."""
    names = Names(removals)
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            inside = _path_in_meta(path, info.filename)
            if inside is None or info.is_dir():
                continue
            is_of_us = is_ours(inside)
            if inside in (SCORES_PATH, INDEX_PATH):
                is_named = table_names(archive.read(info), removals)
            elif is_of_us and not inside.endswith(_TEXTS):
                is_named = names.are_in(info.filename)
            else:
                is_read = info.file_size <= MOST_BYTES and not info.flag_bits & 1
                is_named = names.are_in(info.filename) or (is_read and names.are_in(archive.read(info)))
            if is_named:
                yield info.filename, is_of_us


def _path_in_meta(zip_path: Path, entry: str) -> str | None:
    """Return the path that an entry has in a store, from ``meta`` on; None for an entry that lies elsewhere."""
    _, found, below = f"/{entry}".rpartition(f"/{META.folder_name}/")
    if found:
        return f"{META.folder_name}/{below}"
    # the paths in meta.zip need not name the folder
    return f"{META.folder_name}/{entry}" if hint_of_archive(zip_path.name) == META.folder() else None


def rewrite_zip(
    path: Path,
    removals: Removals,
    clip_of: Callable[[str], str | None],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Replace a zip by a new one without the removed clips; what stays in it is not packed again.

    Args:
        path: The zip.
        removals: The persons, videos and clips to leave out.
        clip_of: Returns the clip id in the name of a file or folder; None if it is not the name of a clip.
        progress: Called now and then with the number of entries that were read, and with their total.

    Raises:
        CorruptSourceError: The zip is damaged where its entries lie. The old one stays.
        SourceUnavailableError: There is not enough free space.
    """
    need, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    if free < need:
        raise SourceUnavailableError(
            f"{path}: rewriting needs {need:,} bytes and {free:,} are free; the removal list is written, so exports "
            "leave the clips out; make room and rerun the command"
        )

    store = open_store(path)
    kept = {clip for folder in store.folders() for clip in store.clips(folder) if clip not in removals}
    names = Names(removals, kept)

    @lru_cache(_REMEMBERED)
    def is_theirs(part: str) -> bool:
        clips = filter(None, map(clip_of, part.split("/")))
        return any(clip in removals for clip in clips) or names.are_in(part)

    with replacing(path) as partial, partial.open("wb", _BUFFER_BYTES) as target:
        copy = ZipCopy(LocalSource(path), target)
        for count, entry in enumerate(copy, start=1):
            if count % _TOLD_EVERY == 0 or count == len(copy):
                progress(count, len(copy))
            folder, _, name = entry.name.rpartition("/")
            inside = _path_in_meta(path, entry.name)
            if inside is not None and not is_ours(inside):
                copy.keep(entry)
                continue
            if is_theirs(folder) or is_theirs(name) or inside in _TABLES:
                continue
            if inside is not None and inside.endswith(_TEXTS) and names.are_in(data := copy.read(entry)):
                copy.put(entry, _cleaned(name, data, names))
            else:
                copy.keep(entry)
        copy.finish()


def _cleaned(name: str, data: bytes, names: Names) -> bytes:
    if name.endswith(".jsonl"):
        return b"".join(line for line in data.splitlines(keepends=True) if not names.are_in(line))
    return names.cut_from_file(data)
