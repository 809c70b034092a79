"""Clips to sample from: what each has, and the bytes of chosen pictures of it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from mmvoxceleb.modalities import FileModality, Folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SampledClip", "SampledClips"]


class SampledClip(Protocol):
    """A clip to sample from: a :class:`~mmvoxceleb.stores.clip.StoredClip`, or a record. It reads what is asked for."""

    clip_id: str

    def indices(self, folder: Folder) -> "NDArray[np.int64]":
        """Return the frame index of each picture, ascending.

        Raises:
            MissingModalityError: The clip lacks it.
        """

    def pictures(self, folder: Folder, positions: Sequence[int]) -> "Sequence[bytes | memoryview | NDArray[np.uint8]]":
        """Return some pictures: the content of their files, or uint8 [H, W, 3] in RGB out of a video.

        Args:
            folder: Of pictures of frames.
            positions: Places in :meth:`indices`. Only these are read.

        Raises:
            MissingModalityError: The clip lacks it.
            CorruptSourceError: A video is damaged.
        """

    def value(self, modality: FileModality) -> Any:
        """Return what the clip's file says, as :meth:`FileModality.parse` gives it.

        Raises:
            MissingModalityError: The clip lacks it.
            CorruptSourceError: The file is damaged.
        """


class SampledClips(ABC):
    """Clips in a fixed order, any of which can be had at any time. Cheap to pickle: workers get a copy."""

    clip_ids: Sequence[str]

    reads_at_once = 1
    """How many things to read at a time: one on disk, more where each answer has to be waited for."""

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
