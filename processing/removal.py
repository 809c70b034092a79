"""Remove persons, videos and clips from a store, on disk or behind a URL, so that no file in it names them."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mmvoxceleb.counting import counted
from mmvoxceleb.errors import ConfigError, MMVoxCelebError, UnsafeArchiveError
from mmvoxceleb.files.atomic import writing
from mmvoxceleb.files.opening import Place, open_output
from mmvoxceleb.files.partial import PARTIAL
from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.forgetting import clean_files, forget_rows, is_ours, is_record_of, records_of, take_away
from mmvoxceleb.meta.names import Names
from mmvoxceleb.meta.provenance_index import forget_in_index
from mmvoxceleb.meta.removal_list import add_removals, read_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from mmvoxceleb.meta.taken_out import note_taken_out, taken_out_before
from mmvoxceleb.meta.watch import RemovalWatch
from mmvoxceleb.modalities import META, file_modalities
from mmvoxceleb.processing.removal_zips import clips_in_zip, rewrite_zip
from mmvoxceleb.processing.strangers import archive_names, file_names
from mmvoxceleb.schema import ClipId, Folder
from mmvoxceleb.stores.kept_names import forget_names

__all__ = ["StoreRemoval", "erase", "obey", "planned_removal", "remove_from_store", "sweep"]

logger = logging.getLogger(__name__)

_DEEPEST = 12
"""Levels of folders below a store that are searched for names."""
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
        unmatched: Names of the request that match no clip, and that no earlier removal took out.
    """

    clips: list[str] = field(default_factory=list)
    paths: int = 0
    rewritten: list[Path] = field(default_factory=list)
    holding: list[Path] = field(default_factory=list)
    caches: list[Path] = field(default_factory=list)
    naming: list[Path] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)


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


def planned_removal(place: Place, removals: Removals) -> tuple[list[str], list[str]]:
    """Find out what :func:`remove_from_store` would take out, and change nothing.

    Args:
        place: Folder of the store, or a URL that can be written to.
        removals: The persons, videos and clips.

    Returns:
        The ids of the clips, sorted, and the names of the request that match no clip and that no earlier removal took
        out.

    Raises:
        ConfigError: The folder does not exist, or the URL cannot be written to.
    """
    from mmvoxceleb.stores import open_store

    tree = _open(place)
    store = open_store(tree.address)
    clips = sorted({name for folder in store.folders() for name in store.clips(folder) if name in removals})
    before = taken_out_before(tree, removals.entries())
    return clips, [entry for entry in removals.unmatched(clips) if entry not in before]


def erase(
    tree: OutputTree, removals: Removals, *, found: Callable[[Iterable[str]], None] = lambda clips: None
) -> StoreRemoval:
    """Delete all files of persons, videos and clips, and cut their names out of ``meta``, but add them to no list.

    Args:
        tree: The store.
        removals: The persons, videos and clips.
        found: Called with the clips that have files or folders, before any of these is deleted.
    """
    report = StoreRemoval()
    files, kept = _sweep(tree, removals, report, found)
    clip_of = _clip_names()
    names = Names(removals, kept)
    forget_rows(tree, removals)
    forget_in_index(tree, removals)
    for start in range(0, len(files), _TOGETHER):
        some = files[start : start + _TOGETHER]
        clean_files(tree, some, removals, names)
        for path in some:
            if not is_ours(path) and clip_of(path.rpartition("/")[2]) is None:
                _look_at_stranger(tree, path, names, report)
    report.clips = sorted(set(report.clips))
    return report


def sweep(tree: OutputTree, removals: Removals, folders: Iterable[Folder]) -> None:
    """Delete files of removed clips that a killed run may have left in the folders that the next run writes.

    Args:
        tree: The output.
        removals: Its removal list.
        folders: The folders that the run writes. Files elsewhere stay, because it is not known who wrote them.
    """
    if not removals:
        return
    now, count, clip_of = tree.snapshot(), 0, _clip_names()
    for folder in dict.fromkeys(folder.path for folder in folders):
        for name in now.names(folder):
            clip = clip_of(name)
            if clip is not None and clip in removals:
                take_away(tree, f"{folder}/{name}")
                count += 1
    for path in records_of(now, removals):
        take_away(tree, path)
    forget_rows(tree, removals)
    forget_in_index(tree, removals, is_all=True)
    if count:
        logger.warning(
            "%s: deleted %s of clips that are on the removal list, %s",
            tree.location, counted(count, "file or folder", "files and folders"), REMOVALS_PATH,
        )  # fmt: skip


def obey(tree: OutputTree, watch: RemovalWatch, before: Removals) -> None:
    """Remove what was added to the removal list since a run began, including files that the run itself wrote."""
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
            f"{place}: cannot be written to from here; run mmvoxceleb remove on the machine that holds the store"
        ) from error
    if tree.is_local and not Path(tree.address).is_dir():
        raise ConfigError(f"{tree.location}: no such folder; pass the folder of the store")
    return tree


def _sweep(
    tree: OutputTree, removals: Removals, report: StoreRemoval, found: Callable[[Iterable[str]], None]
) -> tuple[list[str], set[str]]:
    """Delete files and folders of removed clips by name, and list all other files and clips."""
    files: list[str] = []
    doomed: list[str] = []
    kept: set[str] = set()
    folders: list[str] = []
    clip_of = _clip_names()
    for path, is_folder in _walk(tree.snapshot(), "", 0, folders):
        name = path.rpartition("/")[2]
        clip = clip_of(name)
        if (clip is not None and clip in removals) or is_record_of(path, removals):
            doomed.append(path)
            report.clips += [] if clip is None else [clip]
            continue
        kept |= set() if clip is None else {clip}
        if not is_folder:
            files.append(path)
    if report.clips:
        found(report.clips)
    for path in doomed:
        if tree.is_local and (link := Path(tree.address) / path).is_symlink():
            report.naming.append(link.resolve())  # what a link leads to is not ours to delete, and is told
        take_away(tree, path)
        report.paths += 1
    tree.clean_partial(folders)
    named = Names(removals)
    for folder in sorted(folders, key=len, reverse=True):
        if named.are_in(folder.rpartition("/")[2]) and not tree.names(folder):
            take_away(tree, folder)
    return files, kept


def _walk(tree: OutputTree, folder: str, depth: int, folders: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield files, and folders of clips without their content."""
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
    is_named = file_names(tree, path, names)
    if name.endswith(_LOADER_CACHES):
        if is_named:  # MMVID makes it anew
            tree.remove(path)
            report.paths += 1
        else:
            report.caches.append(full)
    elif is_named:
        report.naming.append(full)


def _visit_zips(
    folder: Path,
    removals: Removals,
    report: StoreRemoval,
    rewrite: bool,
    found: Callable[[Iterable[str]], None],
    progress: Callable[[str, int, int], None],
) -> list[MMVoxCelebError]:
    """Find the zips of many clips that hold removed ones, rewrite them if asked to, and return why some were not."""
    clips, clip_of, failed = set(report.clips), _clip_names(), list[MMVoxCelebError]()
    for path in sorted(_zips_of_many(folder, clip_of)):
        inside = clips_in_zip(path, removals)
        if inside is None:
            if archive_names(path, Names(removals)):
                report.naming.append(path)
            continue
        clips.update(inside)
        if inside and rewrite:
            found(inside)
            try:
                rewrite_zip(path, removals, clip_of, progress=partial(progress, f"rewriting {path.name} (entries)"))
                report.rewritten.append(path)
            except MMVoxCelebError as error:  # the other zips are rewritten all the same
                failed.append(error)
        elif inside:
            report.holding.append(path)
    report.clips = sorted(clips)
    beside = (folder.resolve().parent / f"{folder.resolve().name}{ending}" for ending in _LOADER_CACHES)
    report.caches.extend(path for path in beside if path.is_file())
    return failed


def _zips_of_many(root: Path, clip_of: Callable[[str], str | None]) -> Iterator[Path]:
    """Yield the zips below a folder that are not of one clip."""
    levels = len(root.parts)
    for base, folders, files in os.walk(root):
        is_deepest = len(Path(base).parts) - levels >= _DEEPEST
        folders[:] = [] if is_deepest else [name for name in folders if not ClipId.matches(name)]
        yield from (Path(base, name) for name in files if name.lower().endswith(".zip") and clip_of(name) is None)


def _clip_names() -> Callable[[str], str | None]:
    """Return what tells the clip of which a file or folder has the name; None if of none."""
    suffixes = (".zip", META.suffix, *(kind.suffix for kind in file_modalities()))

    def clip_of(name: str) -> str | None:
        for suffix in suffixes:
            if name.endswith(suffix) and ClipId.matches(name.removesuffix(suffix)):
                return name.removesuffix(suffix)
        return name if ClipId.matches(name) else None

    return clip_of
