"""Whatever can be sampled from, as clips."""

import logging
import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.ahead import results_ahead
from mmvoxceleb.cliplists import ClipList
from mmvoxceleb.cliplists.chosen_store import Missing, choose_in
from mmvoxceleb.cliplists.selection import choose
from mmvoxceleb.errors import ConfigError, MissingModalityError
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.meta.removals import Removals
from mmvoxceleb.modalities import FileModality, Folder, file_modalities, folders_of, modalities
from mmvoxceleb.sampling.clips import SampledClip, SampledClips
from mmvoxceleb.sampling.record_clips import SampledRows
from mmvoxceleb.schema import split_of
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.clip import StoredClip, listed_clips

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SampledStore", "sampled_clips"]

logger = logging.getLogger(__name__)


class SampledStore(SampledClips):
    """The clips of a store that have all modalities asked for, sorted; those on its removal list are left out.

    Args:
        store: Where they are.
        wanted: What every clip must have; None for everything that the store has.
        style: The drawing style.
        listed: Use only these.
        missing: Whether clips of ``listed`` may be absent.
        removals: Who is left out besides those on its own list.
        told_of: Addresses of the lists that ``removals`` is from.
    """

    def __init__(
        self,
        store: Store,
        wanted: Sequence[str] | None,
        style: str,
        listed: ClipList | None = None,
        missing: Missing = "raise",
        removals: Removals | None = None,
        told_of: Collection[str] = (),
    ) -> None:
        self._store = store
        self.reads_at_once = store.reads_at_once
        removals = read_removals(store.location, told_of=told_of) | (removals or Removals())
        folders = folders_of(wanted or self.modalities(style), (style,))
        chosen = choose(
            store, folders, clips=listed, missing=missing, removals=removals, fewer="sample fewer with modalities=(...)"
        )
        self.clip_ids = removals.keep_some(chosen.clips, store.location)

    def modalities(self, style: str) -> tuple[str, ...]:
        has = set(self._store.folders())
        return tuple(modality.name for modality in modalities() if has.issuperset(modality.folders((style,))))

    def clip(self, position: int) -> SampledClip:
        return StoredClip(self._store, self.clip_ids[position])

    def num_pictures(self, folder: Folder) -> "NDArray[np.int64]":
        clips = listed_clips(self._store, folder, self.clip_ids)
        counts = results_ahead(lambda clip: clip.num_frames(folder), clips, ahead=self._store.reads_ahead)
        return np.array([count() for _, count in counts], np.int64)


class _SomeClips(SampledClips):
    """Some of other clips, in their order."""

    def __init__(self, clips: SampledClips, kept: Collection[str]) -> None:
        self._clips = clips
        self.reads_at_once = clips.reads_at_once
        self._positions = [position for position, clip_id in enumerate(clips.clip_ids) if clip_id in kept]
        self.clip_ids = [clips.clip_ids[position] for position in self._positions]

    def modalities(self, style: str) -> tuple[str, ...]:
        return self._clips.modalities(style)

    def clip(self, position: int) -> SampledClip:
        return self._clips.clip(self._positions[position])

    def num_pictures(self, folder: Folder) -> "NDArray[np.int64]":
        return self._clips.num_pictures(folder)[self._positions]

    def values(self, modality: FileModality) -> list[Any]:
        every = self._clips.values(modality)
        return [every[position] for position in self._positions]


def _whole_rows(rows: SampledRows, wanted: Sequence[str] | None, style: str) -> SampledClips:
    """Leave out rows that have null for what is asked for, and count them."""
    lacking = {kind.name: rows.without(kind) for kind in file_modalities(wanted or rows.modalities(style))}
    gone = set().union(*lacking.values())
    if not gone:
        return rows
    told = "; ".join(f"{len(clips):,} have no {name}, such as {min(clips)}" for name, clips in lacking.items() if clips)
    told = f"{len(gone):,} of {len(rows):,} clips of the dataset are incomplete: {told}"
    if len(gone) == len(rows):
        raise MissingModalityError(f"{told}; sample fewer with modalities=(...)")
    logger.warning("%s. They are left out; to keep them, sample fewer with modalities=(...)", told)
    return _SomeClips(rows, set(rows.clip_ids) - gone)


def _listed_among(clips: SampledClips, listed: ClipList, missing: Missing, removals: Removals) -> set[str]:
    """Return the clips of a list that are among others; those of splits of which there is nothing may be absent."""
    splits = {_split_of(clip_id) for clip_id in clips.clip_ids}
    here = replace(listed, clips=tuple(clip for clip in listed.clips if _split_of(clip) in splits))
    if not here.clips:
        raise ConfigError(f"none of the {len(listed):,} clips of {listed.name or 'clips='} is in this split")
    advice = "or pass missing='skip'"
    return choose_in(clips.clip_ids, here, "the dataset", missing=missing, removals=removals, advice=advice)


def _split_of(clip_id: str) -> str:
    return split_of(clip_id.partition("#")[0])


def sampled_clips(
    data: Any,
    modalities: Sequence[str] | None,
    style: str,
    listed: ClipList | None = None,
    missing: Missing = "raise",
    removals: Removals | None = None,
    told_of: Collection[str] = (),
) -> SampledClips:
    """Return the clips of a prepared dataset, a store, or the path or URL of a store.

    Args:
        data: One of these.
        modalities: What every clip must have; None for all that there is.
        style: The drawing style.
        listed: Use only these.
        missing: Whether clips of ``listed`` may be absent.
        removals: Who is left out, whatever the data; a store's own list is obeyed, too.
        told_of: Addresses of the lists that ``removals`` is from.

    Raises:
        ConfigError: A clip of ``listed`` is absent, and ``missing`` is ``raise``.
        TypeError: ``data`` is none of these.
        MMVoxCelebError: It cannot be read, or lacks something.
    """
    if isinstance(data, str | os.PathLike):
        data = open_store(data)
    if isinstance(data, Store):
        return SampledStore(data, modalities, style, listed, missing, removals, told_of)
    import datasets

    if isinstance(data, datasets.Dataset):
        data = _whole_rows(SampledRows(data), modalities, style)
    if isinstance(data, SampledClips):
        clips: SampledClips = data
        if removals:
            clips = _SomeClips(clips, set(removals.keep_some(clips.clip_ids, "the dataset")))
        if listed is not None:
            clips = _SomeClips(clips, _listed_among(clips, listed, missing, removals or Removals()))
        return clips
    if isinstance(data, datasets.DatasetDict | datasets.IterableDatasetDict):
        splits = ", ".join(map(repr, data))
        raise TypeError(f"these are {len(data)} splits ({splits}); take one, as data[{next(iter(data))!r}]")
    raise TypeError(
        f"cannot sample from {type(data).__name__}; expected a Dataset, an IterableDataset, a store or a path"
    )
