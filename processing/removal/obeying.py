"""What runs do about the removal list of the store that they write to."""

import logging
from collections.abc import Iterable

from mmvoxceleb.counting import counted
from mmvoxceleb.files.tree import OutputTree
from mmvoxceleb.meta.forgetting import forget_rows, records_of, take_away
from mmvoxceleb.meta.provenance_index import forget_in_index
from mmvoxceleb.meta.removals import REMOVALS_PATH, Removals
from mmvoxceleb.meta.watch import RemovalWatch
from mmvoxceleb.processing.removal.removing import erase
from mmvoxceleb.processing.removal.walking import clip_names
from mmvoxceleb.schema import Folder

__all__ = ["obey", "sweep"]

logger = logging.getLogger(__name__)


def sweep(tree: OutputTree, removals: Removals, folders: Iterable[Folder]) -> None:
    """Delete files of removed clips that a killed run may have left in the folders that the next run writes.

    Args:
        tree: The output.
        removals: Its removal list.
        folders: The folders that the run writes. Files elsewhere stay, because it is not known who wrote them.
    """
    if not removals:
        return
    now, count, clip_of = tree.snapshot(), 0, clip_names()
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
