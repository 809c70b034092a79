"""The removal list of a store as a file: found, read, added to."""

import contextlib
import logging
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmvoxceleb.errors import (
    ConfigError,
    MMVoxCelebError,
    SourceUnavailableError,
)
from mmvoxceleb.files.atomic import write_atomically
from mmvoxceleb.files.local import LocalTree
from mmvoxceleb.files.opening import open_tree
from mmvoxceleb.files.ranges import is_url
from mmvoxceleb.files.retry import is_missing
from mmvoxceleb.files.tree import FileTree
from mmvoxceleb.meta.removal_feed import followed, followed_offline, followed_removals
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals, parse_removals
from mmvoxceleb.modalities import META
from mmvoxceleb.modalities.registry import modality_of_name
from mmvoxceleb.stores.interface import LARGEST_CLIP_BYTES

__all__ = ["add_removals", "list_trees", "read_list", "read_removals"]

_told: set[tuple[str, str]] = set()
logger = logging.getLogger(__name__)


def read_removals(
    location: str | os.PathLike[str],
    *,
    storage_options: Mapping[str, Any] | None = None,
    feeds: bool = True,
    told_of: Collection[str] = (),
) -> Removals:
    """Read the removal list of a store, and those elsewhere that this process obeys; empty if there is none.

    As :func:`mmvoxceleb.stores.open_store` looks one folder down, so are lists there read.

    Args:
        location: A store as :func:`mmvoxceleb.stores.open_store` takes it: a folder, a zip (the list lies beside it),
            or the URL of one.
        storage_options: Passed to fsspec for URLs.
        feeds: Read the lists elsewhere, too; what a store keeps for itself has none of them.
        told_of: Addresses of lists that the caller reads; a store that names another one is told of.

    Raises:
        CorruptSourceError: A line cannot be understood. Nothing should be exported or made before it is mended.
        SourceUnavailableError: It cannot be told whether there is a list, or it cannot be read.
    """
    found = Removals()
    for tree in list_trees(location, storage_options):
        found |= read_list(tree)
    _tell_unread(found.elsewhere - {*told_of}, location)
    return found | followed_removals(followed(), followed_offline()) if feeds else found


def list_trees(
    location: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None
) -> Iterator[FileTree]:
    """Open every place where a removal list of a store may lie: the store, the folders in it, what links lead to."""
    root = _root_of(location)
    tree = open_tree(root, storage_options)
    yield tree
    for name in _folders_below(tree) if root == os.path.expanduser(os.fspath(location)) else ():
        yield tree.below(name)
    for folder in _linked_roots(root, os.path.expanduser(os.fspath(location))):
        yield LocalTree(folder)


def _tell_unread(named: Collection[str], location: str | os.PathLike[str]) -> None:
    """Warn, once in a process, that a store names removal lists elsewhere which nobody asked to read."""
    for address in sorted({*named} - {*followed()}):
        told = os.fspath(location), address
        if told not in _told:
            _told.add(told)
            logger.warning(
                "%s: asks you to obey the removal list %s, too. No address is opened because a file names it: if you "
                "trust it, pass removals=%r (commands: --removals %s)",
                location, address, address, address,
            )  # fmt: skip


def _linked_roots(root: str, location: str) -> list[str]:
    """The stores that links of a local store lead to: their lists hold for what they lend."""
    if is_url(root):
        return []
    folder = Path(root)
    links = [Path(location), folder]
    with contextlib.suppress(OSError):
        links += [child for child in folder.iterdir() if child.is_symlink()]
    found = set()
    for link in links:
        target = Path(os.path.realpath(link))
        if target == Path(os.path.abspath(link)):
            continue
        # of a folder of clips or an archive the store is what holds it; of a whole store it is the folder itself
        found |= {str(target), str(target.parent)} if target.is_dir() else {str(target.parent)}
    return sorted(found - {os.path.abspath(root)})


def add_removals(root: str | os.PathLike[str], removals: Removals) -> Removals:
    """Add to the removal list of a local store, and return the whole list.

    Several processes may add at once.

    Raises:
        ConfigError: The store is a URL.
        CorruptSourceError: The list that is there is damaged.
        SourceUnavailableError: It cannot be written.
    """
    from filelock import FileLock

    folder = _root_of(root)
    if is_url(folder):
        raise ConfigError(f"{root}: a removal list is stored next to the data, but this URL cannot be written to")
    path = Path(folder) / REMOVALS_PATH
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            merged = read_list(LocalTree(folder)) | removals
            write_atomically(path, merged.to_bytes())
    except MMVoxCelebError:
        raise
    except OSError as error:
        raise SourceUnavailableError(
            f"{path}: the removal list cannot be written ({error.strerror or error}), so nothing was removed; fix the "
            "permissions and rerun the command"
        ) from error
    return merged


def read_list(tree: FileTree) -> Removals:
    """Read the removal list in one place; empty if there is none.

    Raises:
        ConfigError: The place is a file.
        CorruptSourceError: A line cannot be understood.
        SourceUnavailableError: It cannot be told whether there is a list, or it cannot be read.
    """
    where = f"{tree.location.rstrip('/')}/{REMOVALS_PATH}"
    try:
        (data,) = tree.read_files([REMOVALS_PATH], most_bytes=LARGEST_CLIP_BYTES)
    except SourceUnavailableError as error:
        if isinstance(tree, LocalTree) and os.path.isfile(tree.location):
            raise ConfigError(f"{tree.location}: is a file; name a folder") from None
        is_dangling = isinstance(tree, LocalTree) and os.path.lexists(where)
        if is_missing(error) and not is_dangling:
            return Removals()
        raise SourceUnavailableError(
            f"{error}. It is unknown whether somebody was removed, so nothing is done; where there is no removal list "
            f"and never was one, put an empty file there: {where}"
        ) from error
    return parse_removals(data, where)


def _folders_below(tree: FileTree) -> list[str]:
    """List the folders one below, which may be stores of their own; those of a store itself are none."""
    try:
        items = tree.items()
    except SourceUnavailableError:
        return []  # absent, or a server without an index: nobody finds a store below either
    for item in items:
        is_data = (
            modality_of_name(item.name) not in (None, META) if item.is_folder else item.name.lower().endswith(".zip")
        )
        if is_data:
            return []
    return [item.name for item in items if item.is_folder]


def _root_of(location: str | os.PathLike[str]) -> str:
    root = os.path.expanduser(os.fspath(location))
    if root.lower().split("?", 1)[0].endswith(".zip"):
        return root.rsplit("/", 1)[0] if "/" in root else "."
    return root
