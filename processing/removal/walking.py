"""What is in a store: its files, its clips and its zips, by name."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from mmvoxceleb.errors import UnsafeArchiveError
from mmvoxceleb.files.partial import PARTIAL
from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.modalities import META, file_modalities
from mmvoxceleb.schema import ClipId

__all__ = ["clip_names", "walk", "zips_of_many"]

_DEEPEST = 12
"""Levels of folders below a store that are searched for names."""


def walk(tree: OutputTree, folders: list[str], folder: str = "", depth: int = 0) -> Iterator[tuple[str, bool]]:
    """Yield the path of each file, and of each folder of a clip, whose content is left out, and whether it is a folder.

    Args:
        tree: The store.
        folders: Gets the paths of all other folders.
        folder: Where to begin.
        depth: Its level below the store.
    """
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
            yield from walk(tree, folders, path, depth + 1)


def zips_of_many(root: Path) -> Iterator[Path]:
    """Yield the zips below a folder that are not of one clip."""
    clip_of = clip_names()
    levels = len(root.parts)
    for base, folders, files in os.walk(root):
        is_deepest = len(Path(base).parts) - levels >= _DEEPEST
        folders[:] = [] if is_deepest else [name for name in folders if not ClipId.matches(name)]
        yield from (Path(base, name) for name in files if name.lower().endswith(".zip") and clip_of(name) is None)


def clip_names() -> Callable[[str], str | None]:
    """Return what tells the clip of which a file or folder has the name; None if of none."""
    suffixes = (".zip", META.suffix, *(kind.suffix for kind in file_modalities()))

    def clip_of(name: str) -> str | None:
        for suffix in suffixes:
            if name.endswith(suffix) and ClipId.matches(name.removesuffix(suffix)):
                return name.removesuffix(suffix)
        return name if ClipId.matches(name) else None

    return clip_of
