"""Clips to sample from: what each has, and the bytes of chosen pictures of it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import CorruptSourceError, MissingModalityError
from mmvoxceleb.schema import Folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Clip", "ClipSource", "source_of"]


class Clip(ABC):
    """One clip of a source. Nothing is read before it is asked for.

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
            folder: Frames, masks or drawings.
            positions: Places in :meth:`indices`. Only these are read.

        Raises:
            MissingModalityError: The clip lacks it.
            CorruptSourceError: A video is damaged.
        """

    @abstractmethod
    def sentences(self) -> list[str]:
        """Return the clip's sentences."""

    @abstractmethod
    def label(self) -> list[int]:
        """Return the 40 values of the label, each 0, 1 or -1 for unknown."""

    def no_pictures(self, column: str, kind: str) -> CorruptSourceError:
        """Make the error for a column that holds something else than the files of pictures."""
        return CorruptSourceError(
            f"clip {self.clip_id}: the column {column} holds {kind} and no pictures; make them pictures again: "
            f"dataset.cast_column({column!r}, datasets.List(datasets.Image()))"
        )

    def missing(self, what: object) -> MissingModalityError:
        """Make the error for something that the clip lacks."""
        return MissingModalityError(
            f"clip {self.clip_id}: the data has no {what}; load it with that modality, "
            "or leave it out by modalities=(...)"
        )


class ClipSource(ABC):
    """Clips in a fixed order, any of which can be had at any time. Cheap to pickle: workers get a copy."""

    clip_ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.clip_ids)

    @abstractmethod
    def modalities(self, style: str) -> tuple[str, ...]:
        """List the modalities that the clips have, drawings counting if they have that style."""

    @abstractmethod
    def clip(self, position: int) -> Clip:
        """Return a clip."""

    @abstractmethod
    def num_pictures(self, folder: Folder) -> "NDArray[np.int64]":
        """Return how many pictures each clip has: int64 [clips]."""

    def labels(self) -> "NDArray[np.int8]":
        """Return all labels: int8 [clips, 40]."""
        return np.array([self.clip(position).label() for position in range(len(self))], np.int8)

    def subset(self, positions: "NDArray[np.int64]") -> "ClipSource":
        """Return a source of some of the clips."""
        return _Subset(self, positions)


class _Subset(ClipSource):
    def __init__(self, whole: ClipSource, positions: "NDArray[np.int64]") -> None:
        self._whole = whole
        self._positions = positions
        self.clip_ids = [whole.clip_ids[int(position)] for position in positions]

    def modalities(self, style: str) -> tuple[str, ...]:
        return self._whole.modalities(style)

    def clip(self, position: int) -> Clip:
        return self._whole.clip(int(self._positions[position]))

    def num_pictures(self, folder: Folder) -> "NDArray[np.int64]":
        return self._whole.num_pictures(folder)[self._positions]

    def labels(self) -> "NDArray[np.int8]":
        return self._whole.labels()[self._positions]


def source_of(data: Any, modalities: Sequence[str] | None, style: str) -> ClipSource:
    """Return the source for a prepared dataset, a store, or the path or URL of a store.

    Raises:
        TypeError: ``data`` is none of these.
        MMVoxCelebError: It cannot be read, or lacks something.
    """
    import os

    from mmvoxceleb.stores import Store, open_store

    if isinstance(data, ClipSource):
        return data
    if isinstance(data, str | os.PathLike):
        data = open_store(data)
    if isinstance(data, Store):
        from mmvoxceleb.sampling.store_source import StoreSource

        return StoreSource(data, modalities, style)
    import datasets

    if isinstance(data, datasets.Dataset):
        from mmvoxceleb.sampling.arrow_source import ArrowSource

        return ArrowSource(data)
    if isinstance(data, datasets.DatasetDict | datasets.IterableDatasetDict):
        splits = ", ".join(map(repr, data))
        raise TypeError(f"these are {len(data)} splits ({splits}); take one, as data[{next(iter(data))!r}]")
    raise TypeError(
        f"cannot sample from {type(data).__name__}; expected a Dataset, an IterableDataset, a store or a path"
    )
