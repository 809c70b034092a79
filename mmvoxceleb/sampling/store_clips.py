"""Sample from a store, without preparing anything."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.loading.selection import choose_clips
from mmvoxceleb.meta.removal_list import read_removals
from mmvoxceleb.modalities import FileModality, Folder, folders_of, modalities
from mmvoxceleb.sampling.clips import SampledClip, SampledClips
from mmvoxceleb.stores import Entry, Store
from mmvoxceleb.stores.numbering import check_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SampledStore"]


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
        return _StoreClip(self._store, self.clip_ids[position])

    def num_pictures(self, folder: Folder) -> "NDArray[np.int64]":
        return np.array([len(self._store.entries(folder, clip_id)) for clip_id in self.clip_ids], np.int64)


class _StoreClip(SampledClip):
    def __init__(self, store: Store, clip_id: str) -> None:
        super().__init__(clip_id)
        self._store = store
        self._found: dict[Folder, list[Entry]] = {}

    def _entries(self, folder: Folder) -> list[Entry]:
        if folder not in self._found:
            self._found[folder] = self._store.entries(folder, self.clip_id)
            check_frames(f"{self._store.location}: clip {self.clip_id}, {folder}", self._found[folder])
        return self._found[folder]

    def indices(self, folder: Folder) -> "NDArray[np.int64]":
        return np.array([entry.index for entry in self._entries(folder)], np.int64)

    def pictures(self, folder: Folder, positions: Sequence[int]) -> "list[bytes | memoryview | NDArray[np.uint8]]":
        entries = self._entries(folder)
        return [*self._store.read(folder, self.clip_id, [entries[position] for position in positions])]

    def value(self, modality: FileModality) -> Any:
        return modality.parse(self._store.read(modality.folder(), self.clip_id)[0], clip_id=self.clip_id)
