"""One clip of a store: what it has, and the content of what is asked for."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.errors import CorruptSourceError, MissingModalityError, MMVoxCelebError
from mmvoxceleb.modalities import META, FileModality, Folder
from mmvoxceleb.stores.interface import Entry, Store
from mmvoxceleb.stores.numbering import check_frames
from mmvoxceleb.stores.reference import Reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["StoredClip"]


class StoredClip:
    """A clip of a store. Nothing is read before it is asked for, and each folder is listed once. Picklable.

    Args:
        store: Where it is.
        clip_id: Its key.
    """

    def __init__(self, store: Store, clip_id: str) -> None:
        self.store = store
        self.clip_id = clip_id
        self._listed: dict[Folder, list[Entry]] = {}
        self._frames: dict[Folder, list[Entry]] = {}

    @property
    def location(self) -> str:
        """The path or URL of the store, for messages."""
        return self.store.location

    def entries(self, folder: Folder) -> list[Entry]:
        """List the files of the clip in a folder, by frame index and then by name.

        Raises:
            MissingModalityError: The folder has no such clip.
            CorruptSourceError: A name names no possible frame, or is there twice.
        """
        if folder not in self._listed:
            self._listed[folder] = self.store.entries(folder, self.clip_id)
        return self._listed[folder]

    def has(self, folder: Folder) -> bool:
        """Tell whether the folder has files of the clip."""
        try:
            return bool(self.entries(folder))
        except MissingModalityError:
            return False

    def frames(self, folder: Folder) -> list[Entry]:
        """List the pictures of the clip in a folder, by frame index; the log tells of gaps.

        Raises:
            MissingModalityError: The folder has no such clip.
            CorruptSourceError: As of :meth:`entries`; or two files have one frame index.
        """
        if folder not in self._frames:
            check_frames(f"{self.location}: clip {self.clip_id}, {folder}", self.entries(folder))
            self._frames[folder] = self.entries(folder)
        return self._frames[folder]

    def num_frames(self, folder: Folder) -> int:
        """Count the pictures of the clip in a folder.

        Raises:
            MissingModalityError: The folder has no such clip.
        """
        return len(self.entries(folder))

    def indices(self, folder: Folder) -> "NDArray[np.int64]":
        """Return the frame index of each of :meth:`frames`, ascending."""
        return np.array([entry.index for entry in self.frames(folder)], np.int64)

    def pictures(self, folder: Folder, positions: Sequence[int]) -> "list[bytes | memoryview | NDArray[np.uint8]]":
        """Read some pictures, and nothing else: the content of their files.

        Args:
            folder: Of pictures of frames.
            positions: Places in :meth:`indices`.

        Raises:
            MMVoxCelebError: As of :meth:`frames` and :meth:`read`.
        """
        frames = self.frames(folder)
        return [*self.read(folder, [frames[position] for position in positions])]

    def read(self, folder: Folder, entries: Sequence[Entry] | None = None) -> list[bytes]:
        """Read the content of some files, all by default, in the order given; see :meth:`Store.read`."""
        return self.store.read(folder, self.clip_id, entries)

    def references(self, folder: Folder, entries: Sequence[Entry]) -> list[Reference] | None:
        """Say where some files are on this machine; None where they come from elsewhere."""
        return self.store.references(folder, self.clip_id, entries)

    def read_each(self, folder: Folder, entries: Sequence[Entry]) -> Iterator[tuple[Entry, bytes | MMVoxCelebError]]:
        """Read files together, and one by one where that fails, so that only the damaged ones give their error."""
        try:
            yield from zip(entries, self.read(folder, entries), strict=True)
            return
        except MMVoxCelebError as error:
            if len(entries) == 1:
                yield entries[0], error
                return
        for entry in entries:
            yield from self.read_each(folder, [entry])

    def value(self, modality: FileModality) -> Any:
        """Return what the clip's file says, as :meth:`FileModality.parse` gives it.

        Raises:
            MissingModalityError: The clip lacks it.
            CorruptSourceError: The file is damaged.
        """
        return modality.parse(self.read(modality.folder())[0], clip_id=self.clip_id)

    @cached_property
    def meta(self) -> dict[str, Any]:
        """The clip's provenance; empty where it has none.

        Raises:
            CorruptSourceError: It is damaged.
            SourceUnavailableError: The store cannot be read.
        """
        try:
            return dict(self.value(META))
        except MissingModalityError:
            return {}
        except CorruptSourceError as error:
            start, file = f"clip {self.clip_id}: ", f"{self.location}: {META.folder()}/{self.clip_id}.json"
            raise CorruptSourceError(f"{start}{file}: {str(error).removeprefix(start)}") from None
