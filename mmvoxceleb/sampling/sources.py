"""Whatever can be sampled from, as clips."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import datasets
import numpy as np

from mmvoxceleb.loading.selection import choose_clips
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.modalities import Folder, folders_of, modalities
from mmvoxceleb.sampling.clips import SampledClip, SampledClips
from mmvoxceleb.sampling.record_clips import SampledRows
from mmvoxceleb.stores import Store, open_store
from mmvoxceleb.stores.clip import StoredClip

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SampledStore", "sampled_clips"]


class SampledStore(SampledClips):
    """The clips of a store that have all modalities asked for, sorted; those on its removal list are left out.

    Args:
        store: Where they are.
        wanted: What every clip must have; None for everything that the store has.
        style: The drawing style.
    """

    def __init__(self, store: Store, wanted: Sequence[str] | None, style: str) -> None:
        self._store = store
        clips = choose_clips(store, folders_of(wanted or self.modalities(style), (style,)))
        self.clip_ids = read_removals(store.location).keep_some(clips, store.location)

    def modalities(self, style: str) -> tuple[str, ...]:
        has = set(self._store.folders())
        return tuple(modality.name for modality in modalities() if has.issuperset(modality.folders((style,))))

    def clip(self, position: int) -> SampledClip:
        return StoredClip(self._store, self.clip_ids[position])

    def num_pictures(self, folder: Folder) -> "NDArray[np.int64]":
        return np.array([StoredClip(self._store, clip_id).num_frames(folder) for clip_id in self.clip_ids], np.int64)


def sampled_clips(data: Any, modalities: Sequence[str] | None, style: str) -> SampledClips:
    """Return the clips of a prepared dataset, a store, or the path or URL of a store.

    Raises:
        TypeError: ``data`` is none of these.
        MMVoxCelebError: It cannot be read, or lacks something.
    """
    if isinstance(data, SampledClips):
        return data
    if isinstance(data, str | os.PathLike):
        data = open_store(data)
    if isinstance(data, Store):
        return SampledStore(data, modalities, style)
    if isinstance(data, datasets.Dataset):
        return SampledRows(data)
    if isinstance(data, datasets.DatasetDict | datasets.IterableDatasetDict):
        splits = ", ".join(map(repr, data))
        raise TypeError(f"these are {len(data)} splits ({splits}); take one, as data[{next(iter(data))!r}]")
    raise TypeError(
        f"cannot sample from {type(data).__name__}; expected a Dataset, an IterableDataset, a store or a path"
    )
