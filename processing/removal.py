"""Take persons, videos and clips out of a store, on disk or behind a URL, so that nothing in it names them."""

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mmvoxceleb.errors import ConfigError, UnsafeArchiveError
from mmvoxceleb.files.atomic import writing
from mmvoxceleb.files.opening import Place, open_output
from mmvoxceleb.files.partial import PARTIAL
from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.forgetting import clean_files, forget_rows, is_ours, is_record_of, records_of, take_away
from mmvoxceleb.meta.names import Names
from mmvoxceleb.meta.provenance_index import forget_in_index
from mmvoxceleb.meta.removal_list import add_removals, read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from mmvoxceleb.meta.watch import RemovalWatch
from mmvoxceleb.modalities import META, file_modalities
from mmvoxceleb.processing.removal_zips import clips_in_zip, rewrite_zip
from mmvoxceleb.schema import ClipId, Folder
from mmvoxceleb.stores.kept_names import forget_names

__all__ = ["StoreRemoval", "erase", "obey", "remove_from_store", "sweep"]

logger = logging.getLogger(__name__)

_DEEPEST = 12
"""Folders below a store that are looked into for names."""
_LOADER_CACHES = ("_local.pkl", "_attr_dict_vox2.pkl")
"""What MMVID's loader leaves beside the folder that it reads: pickles with the names of all clips."""
_TOGETHER = 256
"""How many files are read at once."""
_MOST_BYTES = 64 << 20
"""Larger files of strangers are not searched for names."""


@dataclass
class StoreRemoval:
    """Results of a removal from a store.

    Args:
        clips: The removed clips that had files in the store.
        paths: Number of files and clip folders that were deleted.
        rewritten: Zips that were written again without these clips.
        holding: Zips that may still hold such clips, because rewriting was not requested or the store is behind a URL.
        caches: Cache files of the original loader that may still name them.
        naming: Files that this package did not write and that name them, and the targets of links in place of clips.
        unmatched: Requested entries that match no clip in the store.
    """

    clips: list[str] = field(default_factory=list)
    paths: int = 0
    rewritten: list[Path] = field(default_factory=list)
    holding: list[Path] = field(default_factory=list)
    caches: list[Path] = field(default_factory=list)
    naming: list[Path] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)


def remove_from_store(place: Place, removals: Removals, *, rewrite_zips: bool = False) -> StoreRemoval:
    """Delete the clips of identities or videos, or single clips, from a store, and add them to its removal list first.

    This deletes the folders and zips that hold one such clip each, and everything in ``meta`` about these clips. A zip
    of many clips cannot be changed in place: with ``rewrite_zips`` it is written again without them and then replaced.
    Until then, the removal list keeps its clips out of loading, export and every other command. If two processes remove
    at the same time, the second one waits for the first on disk, and gets an error on a URL. A processing run that is
    active meanwhile reads the list before and after every clip.

    Args:
        place: The folder of the store, or a URL that can be written to.
        removals: Identities, videos and clips to remove.
        rewrite_zips: Write zips of many clips again, on disk only. This needs free space of the size of each zip.

    Returns:
        The clips that were found, what was deleted, and what may still name them.

    Raises:
        ConfigError: There is no such folder, or the URL cannot be written to.
        CorruptSourceError: The removal list is damaged.
        OutputError: The store is read-only, or another process is removing clips from the URL.
        SourceUnavailableError: There is no space to rewrite a zip.
    """
    tree = _open(place)
    with writing(tree.location), tree.alone(META.folder_name, "remove"):
        if tree.is_local:
            add_removals(tree.address, removals)
        else:
            tree.write(REMOVALS_PATH, (read_removals(tree.address, feeds=False) | removals).to_bytes())
        report = erase(tree, removals)
        if tree.is_local:
            forget_names(tree.address)
            _visit_zips(Path(tree.address), removals, report, rewrite_zips)
    report.clips.sort()
    report.unmatched = removals.unmatched(report.clips)
    return report


def erase(tree: OutputTree, removals: Removals) -> StoreRemoval:
    """Delete everything of persons, videos and clips, and cut their names out of ``meta``, without noting them."""
    report = StoreRemoval()
    files, kept = _sweep(tree, removals, report)
    names = Names(removals, kept)
    forget_rows(tree, removals)
    forget_in_index(tree, removals)
    for start in range(0, len(files), _TOGETHER):
        some = files[start : start + _TOGETHER]
        clean_files(tree, some, removals, names)
        for path in some:
            if not is_ours(path) and _clip_of(path.rpartition("/")[2]) is None:
                _look_at_stranger(tree, path, names, report)
    report.clips = sorted(set(report.clips))
    return report


def sweep(tree: OutputTree, removals: Removals, folders: Iterable[Folder]) -> None:
    """Delete what a killed run may have left of persons, videos and clips in the folders that the next one writes.

    Args:
        tree: The output.
        removals: Who is on its list.
        folders: What the run writes; nothing else is touched, for who wrote it is not known.
    """
    if not removals:
        return
    now, count = tree.snapshot(), 0
    for folder in dict.fromkeys(folder.path for folder in folders):
        for name in now.names(folder):
            clip = _clip_of(name)
            if clip is not None and clip in removals:
                take_away(tree, f"{folder}/{name}")
                count += 1
    for path in records_of(now, removals):
        take_away(tree, path)
    forget_rows(tree, removals)
    forget_in_index(tree, removals, is_all=True)
    if count:
        logger.warning(
            "%s: deleted %d files and folders of clips that are on the removal list, %s",
            tree.location, count, REMOVALS_PATH,
        )  # fmt: skip


def obey(tree: OutputTree, watch: RemovalWatch, before: Removals) -> None:
    """Take out who was put on the removal list since a run began, also of what the run itself wrote last."""
    while (now := watch.now()) != before:
        erase(tree, now - before)
        before = now


def _open(place: Place) -> OutputTree:
    if isinstance(place, str | os.PathLike) and "://" not in os.fspath(place):
        place = Path(place).expanduser()
    try:
        tree = open_output(place)
    except ConfigError as error:
        raise ConfigError(
            f"{error}. People are taken out of only local stores and URLs that can be written to"
        ) from error
    if tree.is_local and not Path(tree.address).is_dir():
        raise ConfigError(f"{tree.location}: no such folder; pass the folder of the store")
    return tree


def _sweep(tree: OutputTree, removals: Removals, report: StoreRemoval) -> tuple[list[str], set[str]]:
    """Delete files and folders by their names, and list all other files and clips."""
    files: list[str] = []
    kept: set[str] = set()
    folders: list[str] = []
    for path, is_folder in _walk(tree.snapshot(), "", 0, folders):
        name = path.rpartition("/")[2]
        clip = _clip_of(name)
        if (clip is not None and clip in removals) or is_record_of(path, removals):
            if tree.is_local and (link := Path(tree.address) / path).is_symlink():
                report.naming.append(link.resolve())  # what a link leads to is not ours to delete, and is told
            take_away(tree, path)
            report.paths += 1
            report.clips += [] if clip is None else [clip]
            continue
        kept |= set() if clip is None else {clip}
        if not is_folder:
            files.append(path)
    tree.clean_partial(folders)
    named = Names(removals)
    for folder in sorted(folders, key=len, reverse=True):
        if named.are_in(folder.rpartition("/")[2]) and not tree.names(folder):
            take_away(tree, folder)
    return files, kept


def _walk(tree: OutputTree, folder: str, depth: int, folders: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield files, and folders of clips, without going into the latter."""
    for name in tree.names(folder):
        path = f"{folder}/{name}" if folder else name
        if name.startswith(PARTIAL) or (name.startswith(".") and name.endswith(".lock")):
            continue
        try:
            kind = tree.kind(path)
        except UnsafeArchiveError:  # a name that none of ours has
            continue
        if kind != "folder":
            yield path, False
        elif ClipId.matches(name):
            yield path, True
        elif depth < _DEEPEST:
            folders.append(path)
            yield from _walk(tree, path, depth + 1, folders)


def _look_at_stranger(tree: OutputTree, path: str, names: Names, report: StoreRemoval) -> None:
    name = path.rpartition("/")[2]
    if name.lower().endswith(".zip"):
        if not tree.is_local:
            report.holding.append(Path(path))
        return
    full = Path(tree.address) / path if tree.is_local else Path(path)
    is_named = names.are_in(path) or (tree.size(path) <= _MOST_BYTES and names.are_in(tree.read(path) or b""))
    if name.endswith(_LOADER_CACHES):
        if is_named:  # MMVID makes it anew
            tree.remove(path)
            report.paths += 1
        else:
            report.caches.append(full)
    elif is_named:
        report.naming.append(full)


def _visit_zips(folder: Path, removals: Removals, report: StoreRemoval, rewrite: bool) -> None:
    clips = set(report.clips)
    for path in sorted(folder.rglob("*.[zZ][iI][pP]")):
        relative = path.relative_to(folder)
        if len(relative.parts) > _DEEPEST + 1 or _clip_of(path.name) or any(map(ClipId.matches, relative.parts)):
            continue
        inside = clips_in_zip(path, removals)
        clips.update(inside)
        if inside and rewrite:
            rewrite_zip(path, removals, _clip_of)
            report.rewritten.append(path)
        elif inside:
            report.holding.append(path)
    report.clips = sorted(clips)
    beside = (folder.resolve().parent / f"{folder.resolve().name}{ending}" for ending in _LOADER_CACHES)
    report.caches.extend(path for path in beside if path.is_file())


def _clip_of(name: str) -> str | None:
    for suffix in (".zip", META.suffix, *(kind.suffix for kind in file_modalities())):
        if name.endswith(suffix) and ClipId.matches(name.removesuffix(suffix)):
            return name.removesuffix(suffix)
    return name if ClipId.matches(name) else None
