"""Refuse to merge stores whose results were made with different settings, since no run could add to both alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmvoxceleb.errors import CorruptSourceError, IncompatibleOutputError
from mmvoxceleb.meta.earlier import differences
from mmvoxceleb.modalities import META, SCORES
from mmvoxceleb.processing.copying.contradictions import PlannedClip
from mmvoxceleb.stores import Store
from mmvoxceleb.stores.clip import StoredClip

__all__ = ["refuse_mixed_settings"]

_MOST_READ = 64
"""Clips of each store whose provenance is compared. A run makes all clips of a store with the same settings."""


def refuse_mixed_settings(stores: Sequence[Store], plan: Sequence[PlannedClip]) -> None:
    """Compare the settings with which the clips of several stores were made. Scores are left out: they are renewed.

    Args:
        stores: The stores.
        plan: The clips, with the numbers of the stores that have each folder.

    Raises:
        IncompatibleOutputError: They differ.
    """
    first: dict[str, tuple[Store, list[Mapping[str, Any]]]] = {}
    told: dict[str, str] = {}
    for number, store in enumerate(stores):
        held = [planned.clip_id for planned in plan if number in planned.holders.get(META.folder(), ())]
        for stage, settings in _settings_of(store, held[:: -(-len(held) // _MOST_READ) or 1]).items():
            other, before = first.setdefault(stage, (store, settings))
            alike = [each for each in settings if each in before]
            if len(alike) < min(len(settings), len(before)):  # a store may be a mixture already
                found = differences(before[0], next(each for each in settings if each not in before))
                values = "; ".join(f"{key} is {one} and {two}" for key, one, two in found)
                told.setdefault(stage, f"{stage} ({values} in {other.location} and {store.location})")
    if told:
        raise IncompatibleOutputError(
            f"the stores hold results of different settings: {', '.join(told.values())}. Nothing was written; make one "
            "of them again with the settings of the other (--overwrite), or merge them all the same with --mixed"
        )


def _settings_of(store: Store, clip_ids: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Return the settings of each stage, each once."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for clip_id in clip_ids:
        try:
            meta = StoredClip(store, clip_id).meta
        except CorruptSourceError:  # which is found again when it is copied
            continue
        for stage, section in meta.items():
            settings = section.get("settings") if isinstance(section, Mapping) else None
            if isinstance(settings, Mapping) and stage != SCORES.name:
                of_stage = found.setdefault(stage, [])
                of_stage += [settings] if settings not in of_stage else []
    return found
