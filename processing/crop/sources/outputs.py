"""What this program made: its clips are no source videos, although it may lie among these."""

import os
from collections.abc import Collection
from pathlib import Path

from mmvoxceleb.files.tree import FileTree, Item
from mmvoxceleb.hub.manifest import STATE, is_export
from mmvoxceleb.meta.ledger import LEDGER_PATH
from mmvoxceleb.modalities import META
from mmvoxceleb.schema import ClipId
from mmvoxceleb.trainers.export import is_trainer_set

__all__ = ["is_output", "is_remote_output"]

_LEDGER = LEDGER_PATH.rpartition("/")[2]


def is_output(folder: Path, names: Collection[str]) -> bool:
    """Tell whether a folder is a store that a run wrote, an export, or what was written for a trainer.

    Args:
        folder: The folder.
        names: What is in it, so that a folder of videos costs no look more.

    Raises:
        OSError: It cannot be read.
    """
    if META.folder_name in names and (folder / META.folder_name).is_dir():
        with os.scandir(folder / META.folder_name) as entries:
            if any(_is_of_a_run(entry.name) for entry in entries):
                return True
    return STATE in names and (is_export(folder) or is_trainer_set(folder))


def is_remote_output(tree: FileTree, path: str, items: list[Item]) -> bool:
    """Tell whether a folder behind a URL is a store that a run wrote.

    Args:
        tree: Where it is.
        path: The folder, relative to the tree; empty for its root.
        items: What is in it.

    Raises:
        SourceUnavailableError: It cannot be listed.
    """
    if not any(item.is_folder and item.name == META.folder_name for item in items):
        return False
    meta = tree.items(f"{path}/{META.folder_name}" if path else META.folder_name)
    return any(_is_of_a_run(item.name) for item in meta)


def _is_of_a_run(name: str) -> bool:
    """A run that was killed in its first clip has left no ledger, but the clip's provenance."""
    return name == _LEDGER or (name.endswith(".json") and ClipId.matches(name.removesuffix(".json")))
