"""One clip of a store: what it has, and the content of what is asked for."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.pictures import encode_frame
from mmvoxceleb.errors import CorruptSourceError, MissingModalityError, MMVoxCelebError
from mmvoxceleb.modalities import META, FileModality, Folder
from mmvoxceleb.stores.interface import Entry, Store
from mmvoxceleb.stores.numbering import check_frames
from mmvoxceleb.stores.reference import Reference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmvoxceleb.codecs.video import VideoFrames

__all__ = ["READ_AT_A_TIME_BYTES", "StoredClip", "listed_clips"]

_FRAMES_AT_A_TIME = 32
"""Of a video file: 25 MB at 512 px."""

READ_AT_A_TIME_BYTES = 1 << 25
"""Of pictures that are taken one after the other: some 80 of 512 px."""


def listed_clips(store: Store, folder: Folder, clip_ids: Sequence[str]) -> "Iterator[StoredClip]":
    """Give clips of which it is known what they have in a folder; see :meth:`Store.entries_of`.

    Raises:
        MissingModalityError: The folder has no such clip.
        MMVoxCelebError: As of :meth:`Store.entries`.
    """
    for clip_id, entries in zip(clip_ids, store.entries_of(folder, clip_ids), strict=True):
        clip = StoredClip(store, clip_id)
        clip._in_store[folder] = entries
        yield clip


class StoredClip:
    """A clip of a store. Nothing is read before it is asked for, and each folder is listed once. Picklable.

    The frames may be in one video file (:meth:`video_file`). They are listed as if each were a file, and decoded when
    they are asked for.

    Args:
        store: Where it is.
        clip_id: Its key.
    """

    def __init__(self, store: Store, clip_id: str) -> None:
        self.store = store
        self.clip_id = clip_id
        self._in_store: dict[Folder, list[Entry]] = {}
        self._listed: dict[Folder, list[Entry]] = {}
        self._frames: dict[Folder, list[Entry]] = {}
        self._videos: dict[Folder, VideoFrames] = {}
        self._meta: dict[str, Any] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredClip, (self.store, self.clip_id)

    @property
    def location(self) -> str:
        """The path or URL of the store, for messages."""
        return self.store.location

    def entries(self, folder: Folder) -> list[Entry]:
        """List the files of the clip in a folder, by frame index and then by name; of a video file its frames.

        Raises:
            MissingModalityError: The folder has no such clip.
            CorruptSourceError: A name names no possible frame, or is there twice; or the video file is damaged.
        """
        if folder not in self._listed:
            if self.video_file(folder) is not None:
                indices = self._video(folder).indices.tolist()
                self._listed[folder] = [Entry(f"{index:07d}.png", index) for index in indices]
            else:
                self._listed[folder] = self._files(folder)
        return self._listed[folder]

    def _files(self, folder: Folder) -> list[Entry]:
        if folder not in self._in_store:
            self._in_store[folder] = self.store.entries(folder, self.clip_id)
        return self._in_store[folder]

    def video_file(self, folder: Folder) -> Entry | None:
        """Return the file in which all the clip's pictures of a folder are; None where each has a file of its own.

        Raises:
            MissingModalityError: The folder has no such clip.
        """
        files = self._files(folder)
        suffix = getattr(folder.kind, "file_suffix", "")
        return files[0] if len(files) == 1 and suffix and files[0].name.endswith(suffix) else None

    def _video(self, folder: Folder) -> "VideoFrames":
        if folder not in self._videos:
            from mmvoxceleb.codecs.video import VideoFrames

            self._videos[folder] = VideoFrames(self.content(folder), clip_id=self.clip_id)
        return self._videos[folder]

    def content(self, folder: Folder) -> bytes:
        """Read the clip's only file in a folder: of a modality with one file per clip, or a video file."""
        return self.store.read(folder, self.clip_id)[0]

    def has(self, folder: Folder) -> bool:
        """Return whether the folder has files of the clip."""
        try:
            return bool(self._files(folder))
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
        """Give some pictures, and read and decode nothing else.

        Args:
            folder: Of pictures of frames.
            positions: Places in :meth:`indices`.

        Returns:
            The content of their files, or uint8 [H, W, 3] in RGB out of a video file.

        Raises:
            MMVoxCelebError: As of :meth:`frames` and :meth:`read`.
        """
        frames = self.frames(folder)
        return [*self.decoded(folder, [frames[position] for position in positions])]

    def decoded(self, folder: Folder, entries: Sequence[Entry]) -> "Sequence[bytes | NDArray[np.uint8]]":
        """Do the same for entries of :meth:`entries`, in the order given."""
        if self.video_file(folder) is None:
            return self.store.read(folder, self.clip_id, entries)
        video = self._video(folder)
        return video.decode(np.searchsorted(video.indices, [entry.index for entry in entries]).tolist())

    def each(self, folder: Folder, entries: Sequence[Entry]) -> "Iterator[bytes | NDArray[np.uint8]]":
        """Do the same one after the other, for entries by frame index: read in parts, decoded when they are taken."""
        if self.video_file(folder) is not None:
            video = self._video(folder)
            yield from video.each(np.searchsorted(video.indices, [entry.index for entry in entries]).tolist())
            return
        part: list[Entry] = []
        for entry, following in zip_longest(entries, entries[1:]):
            part.append(entry)
            if following is None or sum(max(each.size, 0) for each in (*part, following)) > READ_AT_A_TIME_BYTES:
                yield from self.store.read(folder, self.clip_id, part)
                part = []

    def read(self, folder: Folder, entries: Sequence[Entry] | None = None) -> list[bytes]:
        """Read the content of some files, all by default, in the order given; see :meth:`Store.read`.

        Frames of a video file are given as PNG files.
        """
        if self.video_file(folder) is None:
            return self.store.read(folder, self.clip_id, entries)
        chosen = self.entries(folder) if entries is None else entries
        return [
            data if isinstance(data, bytes) else encode_frame(data)
            for start in range(0, len(chosen), _FRAMES_AT_A_TIME)
            for data in self.decoded(folder, chosen[start : start + _FRAMES_AT_A_TIME])
        ]

    def references(self, folder: Folder, entries: Sequence[Entry]) -> list[Reference] | None:
        """Say where some files are on this machine; None if they come from elsewhere."""
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
        return modality.parse(self.content(modality.folder()), clip_id=self.clip_id)

    @property
    def meta(self) -> dict[str, Any]:
        """The clip's provenance; empty where it has none.

        Raises:
            CorruptSourceError: It is damaged.
            SourceUnavailableError: The store cannot be read.
        """
        if self._meta is None:  # a cached_property lets one clip at a time read, up to Python 3.11
            self._meta = self._read_meta()
        return self._meta

    def _read_meta(self) -> dict[str, Any]:
        try:
            return dict(self.value(META))
        except MissingModalityError:
            return {}
        except CorruptSourceError as error:
            start, file = f"clip {self.clip_id}: ", f"{self.location}: {META.folder()}/{self.clip_id}.json"
            raise CorruptSourceError(f"{start}{file}: {str(error).removeprefix(start)}") from None
