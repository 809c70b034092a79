"""Clips to sample from: what each has, and the bytes of chosen pictures of it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.modalities import FileModality, Folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SampledClip", "SampledClips", "sampled_clips"]


class SampledClip(ABC):
    """A clip to sample from. Nothing is read before it is asked for.

    Args:
        clip_id: Its key.
    """

    def __init__(self, clip_id: str) -> None:
        self.clip_id = clip_id

    @abstractmethod
    def indices(self, folder: Folder) -> "NDArray[np.int64]":
        """Return the frame index of each picture, ascending.

        Raises:
            MissingModalityError: The clip lacks it.
        """

    @abstractmethod
    def pictures(self, folder: Folder, positions: Sequence[int]) -> "list[bytes | memoryview | NDArray[np.uint8]]":
        """Return some pictures: the content of their files, or uint8 [H, W, 3] in RGB out of a video.

        Args:
            folder: Of pictures of frames.
            positions: Places in :meth:`indices`. Only these are read.

        Raises:
            MissingModalityError: The clip lacks it.
            CorruptSourceError: A video is damaged.
        """

    @abstractmethod
    def value(self, modality: FileModality) -> Any:
        """Return what the clip's file says, as :meth:`FileModality.parse` gives it.

        Raises:
            MissingModalityError: The clip lacks it.
            CorruptSourceError: The file is damaged.
        """


class SampledClips(ABC):
    """Clips in a fixed order, any of which can be had at any time. Cheap to pickle: workers get a copy."""

    clip_ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.clip_ids)

    @abstractmethod
    def modalities(self, style: str) -> tuple[str, ...]:
        """List the modalities that the clips have; one with styles counts if they have that style."""

    @abstractmethod
    def clip(self, position: int) -> SampledClip:
        """Return a clip."""

    @abstractmethod
    def num_pictures(self, folder: Folder) -> "NDArray[np.int64]":
        """Return how many pictures each clip has: int64 [clips]."""

    def values(self, modality: FileModality) -> list[Any]:
        """Return what the files of all clips say, in order."""
        return [self.clip(position).value(modality) for position in range(len(self))]


def sampled_clips(data: Any, modalities: Sequence[str] | None, style: str) -> SampledClips:
    """Return the clips of a prepared dataset, a store, or the path or URL of a store.

    Raises:
        TypeError: ``data`` is none of these.
        MMVoxCelebError: It cannot be read, or lacks something.
    """
    import os

    from mmvoxceleb.stores import Store, open_store

    if isinstance(data, SampledClips):
        return data
    if isinstance(data, str | os.PathLike):
        data = open_store(data)
    if isinstance(data, Store):
        from mmvoxceleb.sampling.store_clips import SampledStore

        return SampledStore(data, modalities, style)
    import datasets

    if isinstance(data, datasets.Dataset):
        from mmvoxceleb.sampling.record_clips import SampledRows

        return SampledRows(data)
    if isinstance(data, datasets.DatasetDict | datasets.IterableDatasetDict):
        splits = ", ".join(map(repr, data))
        raise TypeError(f"these are {len(data)} splits ({splits}); take one, as data[{next(iter(data))!r}]")
    raise TypeError(
        f"cannot sample from {type(data).__name__}; expected a Dataset, an IterableDataset, a store or a path"
    )
