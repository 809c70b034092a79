"""The commands that make what a store lacks."""

from collections.abc import Collection

from mmvoxceleb.modalities import Modality, modalities
from mmvoxceleb.sample import copied_first
from mmvoxceleb.stores import Store

__all__ = ["command_for", "how_to_make"]


def command_for(kind: Modality, place: str) -> str:
    """Return the command that makes a modality for the clips of a store at ``place``; empty if none does."""
    if not kind.made_by:
        return ""
    return " ".join(filter(None, ["mmvoxceleb regenerate", kind.made_by, place, kind.made_with]))


def how_to_make(store: Store, names: Collection[str]) -> str:
    """Say which commands make modalities that a store lacks, in an order that works; empty if none does.

    Args:
        store: The store.
        names: Names of the modalities.
    """
    first, place = copied_first(store.location)
    present = {folder.modality for folder in store.folders()}
    ordered: dict[str, None] = {}

    def add(kind: Modality, above: tuple[str, ...]) -> None:
        for source in modalities():
            is_lacking = source.name in names or source.name not in present
            if source.name in kind.made_of and is_lacking and source.name not in above:
                add(source, (*above, source.name))
        if command := command_for(kind, place):
            ordered[command] = None

    for kind in modalities():
        if kind.name in names:
            add(kind, (kind.name,))
    return f"run: {first}{', then '.join(ordered)}" if ordered else ""
