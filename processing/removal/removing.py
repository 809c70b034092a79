"""Remove persons, videos and clips from a store, on disk or behind a URL, so that no file in it names them."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mmvoxceleb.errors import ConfigError, MMVoxCelebError
from mmvoxceleb.files.atomic import writing
from mmvoxceleb.files.opening import Place, open_output
from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.forgetting import clean_files, forget_rows, is_ours, is_record_of, take_away
from mmvoxceleb.meta.names import Names
from mmvoxceleb.meta.provenance_index import forget_in_index
from mmvoxceleb.meta.removal_list import add_removals, read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from mmvoxceleb.meta.taken_out import note_taken_out, taken_out_before
from mmvoxceleb.modalities import META
from mmvoxceleb.processing.removal.strangers import MOST_BYTES, UnsearchedError, archive_names, file_names
from mmvoxceleb.processing.removal.walking import clip_names, walk, zips_of_many
from mmvoxceleb.processing.removal.zips import look_into_zip, rewrite_zip
from mmvoxceleb.stores.kept_names import forget_names

__all__ = ["StoreRemoval", "erase", "planned_removal", "remove_from_store"]

_LOADER_CACHES = ("_local.pkl", "_attr_dict_vox2.pkl")
"""Files that MMVID's loader writes beside the folder that it reads: pickles with the names of all clips."""
_TOGETHER = 256
"""Number of files that are read at once."""


@dataclass
class StoreRemoval:
    """The result of a removal.

    Args:
        clips: Ids of the removed clips that had files in the store.
        paths: Number of deleted files and clip folders.
        rewritten: Zips that were written again without the removed clips.
        holding: Zips that still hold removed clips, because ``rewrite_zips`` was False or the store is behind a URL.
        caches: Cache files of MMVID's loader that may still name removed clips.
        naming: Other files that this package did not write and that name removed clips, and the targets of links that
            were clips.
        unsearched: Files that this package did not write and of which not everything could be searched, with the
            reason in brackets.
        unmatched: Names of the request that match no clip, and that no earlier removal took out.
        is_empty: Whether no clip is left.
    """

    clips: list[str] = field(default_factory=list)
    paths: int = 0
    rewritten: list[Path] = field(default_factory=list)
    holding: list[Path] = field(default_factory=list)
    caches: list[Path] = field(default_factory=list)
    naming: list[Path] = field(default_factory=list)
    unsearched: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    is_empty: bool = False


def remove_from_store(
    place: Place,
    removals: Removals,
    *,
    rewrite_zips: bool = False,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> StoreRemoval:
    """Add persons, videos or clips to the removal list of a store, and delete their clips from it.

    This deletes the folder, the files and the zip of each removed clip, and cuts its records out of ``meta/``. A zip
    with many clips cannot be changed in place. With ``rewrite_zips`` it is replaced by a new zip without the removed
    clips; otherwise the clips stay in it, and the removal list excludes them from loading, runs and exports.

    If two processes remove from the same store, the second waits for the first on disk, and raises an error on a URL.
    Runs on the store may continue during a removal, because they check the removal list before and after every clip.

    Args:
        place: Folder of the store, or a URL that can be written to.
        removals: The persons, videos and clips to remove.
        rewrite_zips: Whether to rewrite zips with many clips. Each needs free space of its own size.
        progress: Called while a zip is rewritten: with the name of the step, the entries that were read, and their
            total.

    Returns:
        What was deleted, and which files may still hold or name removed clips.

    Raises:
        ConfigError: The folder does not exist, or the URL cannot be written to.
        MissingModalityError: The place holds no store.
        CorruptSourceError: The removal list is damaged; or a zip is, and all others were rewritten.
        OutputError: The store is read-only, or another process is removing from the URL.
        SourceUnavailableError: The removal list cannot be read or written, or there is not enough free space to rewrite
            a zip.
    """
    from mmvoxceleb.stores import open_store

    tree = _open(place)
    if tree.names(""):  # what is no store, such as a folder of raw videos, must not get a removal list
        open_store(tree.address)
    with writing(tree.location), tree.alone(META.folder_name, "remove"):
        before = taken_out_before(tree, removals.entries())
        if tree.is_local:
            add_removals(tree.address, removals)
        else:
            tree.write(REMOVALS_PATH, (read_removals(tree.address, feeds=False) | removals).to_bytes())

        def note(clips: Iterable[str]) -> None:
            doubtful = [entry for entry in removals.unmatched(clips) if entry not in before]
            note_taken_out(tree, removals, doubtful=doubtful)

        report = erase(tree, removals, found=note)
        failed: list[MMVoxCelebError] = []
        if tree.is_local:
            forget_names(tree.address)
            failed = _visit_zips(Path(tree.address), removals, report, rewrite_zips, note, progress)
        report.clips.sort()
        report.unmatched = [entry for entry in removals.unmatched(report.clips) if entry not in before]
        note_taken_out(tree, removals, doubtful=report.unmatched)
    if failed:
        others = ", ".join(path.name for path in report.rewritten)
        told = f". The other zips were written again without them: {others}" if others else ""
        raise type(failed[0])(f"{failed[0]}{told}") from failed[0]
    return report


def planned_removal(place: Place, removals: Removals) -> StoreRemoval:
    """Find out what :func:`remove_from_store` would take out, and change nothing.

    Args:
        place: Folder of the store, or a URL that can be written to.
        removals: The persons, videos and clips.

    Returns:
        The clips, the zips that hold them, the files of others that name them, and the names that match no clip.

    Raises:
        ConfigError: The folder does not exist, or the URL cannot be written to.
    """
    from mmvoxceleb.stores import open_store

    tree = _open(place)
    store = open_store(tree.address)
    report, found = StoreRemoval(), _found(tree, removals)
    clips = {name for folder in store.folders() for name in store.clips(folder) if name in removals}
    _look_at_links(tree, found.removed, report)
    _look_at_strangers(tree, found.files, Names(removals, found.kept), report)
    report.clips = list(clips | set(found.clips))
    if tree.is_local:
        _visit_zips(Path(tree.address), removals, report, rewrite=False)
    report.clips.sort()
    before = taken_out_before(tree, removals.entries())
    report.unmatched = [entry for entry in removals.unmatched(report.clips) if entry not in before]
    return report


def erase(
    tree: OutputTree, removals: Removals, *, found: Callable[[Iterable[str]], None] = lambda clips: None
) -> StoreRemoval:
    """Delete all files of persons, videos and clips, and cut their names out of ``meta``, but add them to no list.

    Args:
        tree: The store.
        removals: The persons, videos and clips.
        found: Called with the clips that have files or folders, before any of these is deleted.
    """
    everything = _found(tree, removals)
    report = StoreRemoval(sorted(set(everything.clips)))
    if report.clips:
        found(report.clips)
    report.is_empty = not everything.kept and not any(path.lower().endswith(".zip") for path in everything.files)
    _delete(tree, everything, removals, report)
    names = Names(removals, everything.kept)
    forget_rows(tree, removals)
    forget_in_index(tree, removals)
    for start in range(0, len(everything.files), _TOGETHER):
        clean_files(tree, everything.files[start : start + _TOGETHER], removals, names)
    _look_at_strangers(tree, everything.files, names, report)
    _delete_caches(tree, names, report)
    return report


def _open(place: Place) -> OutputTree:
    if isinstance(place, str | os.PathLike) and "://" not in os.fspath(place):
        place = Path(place).expanduser()
    try:
        tree = open_output(place)
    except ConfigError as error:
        raise ConfigError(
            f"{place}: cannot be written to from here; run mmvoxceleb remove on the machine that holds the store"
        ) from error
    if tree.is_local and not Path(tree.address).is_dir():
        raise ConfigError(f"{tree.location}: no such folder; pass the folder of the store")
    return tree


@dataclass
class _Found:
    """What is in a store: the paths of clips and records to remove, of all other files, and of folders."""

    removed: list[str] = field(default_factory=list)
    clips: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def _found(tree: OutputTree, removals: Removals) -> _Found:
    found, clip_of = _Found(), clip_names()
    for path, is_folder in walk(tree.snapshot(), found.folders):
        clip = clip_of(path.rpartition("/")[2])
        if (clip is not None and clip in removals) or is_record_of(path, removals):
            found.removed.append(path)
            found.clips += [] if clip is None else [clip]
            continue
        found.kept |= set() if clip is None else {clip}
        if not is_folder and (clip is None or is_ours(path)):
            found.files.append(path)
    return found


def _delete(tree: OutputTree, found: _Found, removals: Removals, report: StoreRemoval) -> None:
    """Delete the files and folders of removed clips."""
    _look_at_links(tree, found.removed, report)
    for path in found.removed:
        take_away(tree, path)
        report.paths += 1
    tree.clean_partial(found.folders)
    named = Names(removals)
    for folder in sorted(found.folders, key=len, reverse=True):
        if named.are_in(folder.rpartition("/")[2]) and not tree.names(folder):
            take_away(tree, folder)


def _look_at_links(tree: OutputTree, paths: Iterable[str], report: StoreRemoval) -> None:
    """Report what links lead to, which is not ours to delete."""
    links = [Path(tree.address) / path for path in paths] if tree.is_local else []
    report.naming += [link.resolve() for link in links if link.is_symlink()]


def _look_at_strangers(tree: OutputTree, paths: Iterable[str], names: Names, report: StoreRemoval) -> None:
    """Report the files of others that name somebody, and those that may."""
    for path in paths:
        if is_ours(path) or (tree.is_local and path.lower().endswith(".zip")):
            continue
        full = Path(tree.address) / path if tree.is_local else Path(path)
        if path.lower().endswith(".zip"):
            report.holding.append(full)
        elif path.endswith(_LOADER_CACHES):
            report.caches.append(full)
        else:
            _search(report, full, partial(file_names, tree, path, names))


def _search(report: StoreRemoval, path: Path, names_somebody: Callable[[], bool]) -> None:
    try:
        if names_somebody():
            report.naming.append(path)
    except UnsearchedError as error:
        report.unsearched.append(f"{path} ({error})")


def _delete_caches(tree: OutputTree, names: Names, report: StoreRemoval) -> None:
    """Delete the caches of MMVID's loader that name somebody; MMVID makes them again."""
    for cache in list(report.caches):
        path = cache.relative_to(tree.address).as_posix() if tree.is_local else cache.as_posix()
        if (tree.size(path) <= MOST_BYTES) and names.are_in(tree.read(path) or b""):
            tree.remove(path)
            report.paths += 1
            report.caches.remove(cache)


def _visit_zips(
    folder: Path,
    removals: Removals,
    report: StoreRemoval,
    rewrite: bool,
    found: Callable[[Iterable[str]], None] = lambda clips: None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> list[MMVoxCelebError]:
    """Find the zips of many clips that hold removed ones, rewrite them if asked to, and return why some were not."""
    clips, clip_of, failed = set(report.clips), clip_names(), list[MMVoxCelebError]()
    for path in sorted(zips_of_many(folder)):
        inside = look_into_zip(path, removals)
        if inside is None:
            _search(report, path, partial(archive_names, path, Names(removals)))
            continue
        clips |= inside.clips
        report.naming += [path / entry for entry in inside.strangers]
        if not (inside.clips or inside.is_named_in_meta):
            continue
        if not rewrite:
            report.holding.append(path)
            continue
        found(inside.clips)
        try:
            rewrite_zip(path, removals, clip_of, progress=partial(progress, f"rewriting {path.name} (entries)"))
            report.rewritten.append(path)
        except MMVoxCelebError as error:  # the other zips are rewritten all the same
            failed.append(error)
    report.clips = sorted(clips)
    beside = (folder.resolve().parent / f"{folder.resolve().name}{ending}" for ending in _LOADER_CACHES)
    report.caches.extend(path for path in beside if path.is_file())
    return failed
