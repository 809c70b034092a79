"""Remove clips from zips that hold many clips."""

import shutil
import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from mmvoxceleb.errors import MMVoxCelebError, SourceUnavailableError
from mmvoxceleb.files.atomic import replacing
from mmvoxceleb.files.ranges import LocalSource
from mmvoxceleb.meta.names import Names
from mmvoxceleb.meta.provenance_table import INDEX_PATH, INDEX_STAMP_PATH
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.meta.scores import SCORES_PATH
from mmvoxceleb.meta.scores import STAMP_PATH as SCORES_STAMP_PATH
from mmvoxceleb.modalities import META
from mmvoxceleb.stores import open_store
from mmvoxceleb.stores.naming import hint_of_archive
from mmvoxceleb.stores.zip_copy import ZipCopy

__all__ = ["clips_in_zip", "rewrite_zip"]

_TEXTS = (".json", ".jsonl")
_TABLES = frozenset(path.rpartition("/")[2] for path in (SCORES_PATH, SCORES_STAMP_PATH, INDEX_PATH, INDEX_STAMP_PATH))
"""In ``meta``, made of the clips' own files and made again from them: they name everybody, and are left out."""
_BUFFER_BYTES = 1 << 20
_REMEMBERED = 1024
"""Folders and names of files of which it is kept whether they are of a removed clip; its files stand together."""
_TOLD_EVERY = 1000


def clips_in_zip(path: Path, removals: Removals) -> set[str] | None:
    """List the removed clips that a zip holds, or names in its ``meta``; None if it is some other archive."""
    try:
        store = open_store(path)
        folders = store.folders()
        found = {clip for folder in folders for clip in store.clips(folder) if clip in removals}
    except MMVoxCelebError:
        return None
    if not folders:
        return None
    if not found and META.folder() in folders:
        names = Names(removals)
        with zipfile.ZipFile(path) as archive:
            texts = [info for info in archive.infolist() if info.filename.endswith(_TEXTS)]
            if any(names.are_in(info.filename) or names.are_in(archive.read(info)) for info in texts):
                found = {"(named in its meta)"}
    return found


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

    is_all_meta = hint_of_archive(path.name) == META.folder()  # its paths need not name the folder

    def is_meta(folder: str) -> bool:
        return is_all_meta or META.folder_name in folder.split("/")

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
            if is_theirs(folder) or is_theirs(name) or (name in _TABLES and is_meta(folder)):
                continue
            is_text = name.endswith(_TEXTS) and is_meta(folder)
            if is_text and names.are_in(data := copy.read(entry)):
                copy.put(entry, _cleaned(name, data, names))
            else:
                copy.keep(entry)
        copy.finish()


def _cleaned(name: str, data: bytes, names: Names) -> bytes:
    if name.endswith(".jsonl"):
        return b"".join(line for line in data.splitlines(keepends=True) if not names.are_in(line))
    return names.cut_from_file(data)
