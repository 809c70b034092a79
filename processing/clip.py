"""A clip as stages see it: in a store, or cropped a moment ago and still in memory."""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmvoxceleb.codecs.video import VideoFrames
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.modalities import Folder
from mmvoxceleb.processing.pictures import decode_rgb
from mmvoxceleb.processing.source_file import SourceFile
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.stores.interface import Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Clip", "Frames", "clip_in_memory", "video_in_memory"]


class Frames:
    """Decoded frames of a clip and the hashes of the bytes that they came from.

    Args:
        pictures: uint8 [N, H, W, 3], RGB.
        indices: Frame index of each, ascending.
        hashes: sha256 of each frame's bytes, or of its pixels in a video file.
    """

    def __init__(self, pictures: "NDArray[np.uint8]", indices: Sequence[int], hashes: Sequence[bytes]) -> None:
        self.pictures = pictures
        self._position = {index: position for position, index in enumerate(indices)}
        self._hashes = hashes

    def take(self, indices: Sequence[int]) -> "NDArray[np.uint8]":
        """Give the pictures of ``indices``, in that order; without a copy where that is all of them."""
        if list(indices) == list(self._position):
            return self.pictures
        return self.pictures[[self._position[index] for index in indices]]

    def digest(self, indices: Sequence[int]) -> str:
        """Hash the bytes of the frames ``indices``."""
        return hashlib.sha256(b"".join(self._hashes[self._position[index]] for index in indices)).hexdigest()


@dataclass
class Clip:
    """A clip as a stage sees it.

    Args:
        clip_id: The key.
        frame_indices: Index of every frame that the clip has, ascending.
        meta: Provenance so far, the content of ``meta/<clip_id>.json``; treat as read-only.
        label: The 40 attribute values where the clip has a label already, else None. Within one run it is what
            an earlier stage wrote, by the time that a later stage encodes. Filled only where some stage says
            ``uses_label``.
        entries: The file of each frame, parallel to ``frame_indices``; empty where frames are not files.
        location: Where the clip is, for messages.
        read: Reads some entries: the bytes of their files, or uint8 [H, W, 3] in RGB of a clip that is a video file.
        file: The video file, of such a clip.
        pictures: uint8 [H, W, 3], RGB, of frames that are decoded already, by index.
        stored: All of the clip, where it comes from a store.
        source: The video that it was cut from, where that is here.
        files: Name and content of the clip's files in the folders that some stage ``reads``, by the time that it
            processes: those of an earlier stage of the run, else the output's, else those of ``stored``.
    """

    clip_id: str
    frame_indices: Sequence[int]
    meta: Mapping[str, Any] = field(default_factory=dict)
    label: Sequence[int] | None = None
    entries: Sequence[Entry] = ()
    location: str = ""
    read: "Callable[[Sequence[Entry]], Sequence[bytes | NDArray[np.uint8]]]" = field(default=lambda _: [], repr=False)
    file: Entry | None = None
    pictures: "Mapping[int, NDArray[np.uint8]]" = field(default_factory=dict, repr=False)
    stored: StoredClip | None = field(default=None, repr=False)
    source: SourceFile | None = field(default=None, repr=False)
    files: dict[Folder, Sequence[tuple[str, bytes]]] = field(default_factory=dict, repr=False)

    def name_of(self, index: int, suffix: str = ".png") -> str:
        """Name a file for a frame as the frame itself is named: ``0000004.png``, or ``4.png`` where frames are so."""
        if self.entries:
            entry = self.entries[bisect_left(self.frame_indices, index)]
            return entry.name.rpartition(".")[0] + suffix
        return f"{index:07d}{suffix}"

    def listing(self, indices: Sequence[int]) -> str:
        """Digest what tells frames from others without reading them: names and sizes."""
        entries = self._entries_of(indices) if self.file is None else [self.file, *self._entries_of(indices)]
        lines = [f"{entry.name}\t{entry.size}\n" for entry in entries]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def stored_files(self, folder: Folder) -> list[tuple[str, bytes]]:
        """Read name and content of the clip's files in a folder of the source; none where it has none.

        Raises:
            MMVoxCelebError: They cannot be read.
        """
        if self.stored is None or not self.stored.has(folder):
            return []
        entries = self.stored.entries(folder)
        return [(entry.name, data) for entry, data in zip(entries, self.stored.read(folder, entries), strict=True)]

    def digests(self, folders: Sequence[Folder]) -> dict[str, Any]:
        """Tell what :attr:`files` holds of folders, for the provenance: number and sha256, by the folder's path."""
        found: dict[str, Any] = {}
        for folder in folders:
            digest = hashlib.sha256()
            for name, data in self.files[folder]:
                # a clip's only file has no name before it is written
                told = name if folder.kind.is_frames else ""
                digest.update(f"{told}\t{len(data)}\n".encode() + data)
            count = len(self.files[folder])
            found[folder.path] = {"files": count, "sha256": digest.hexdigest()} if count else None
        return found

    def frames(self, indices: Sequence[int]) -> Frames:
        """Read and decode frames.

        Raises:
            MMVoxCelebError: A frame is missing or broken, or of another size than the first; the message names it.
        """
        import numpy as np

        entries = self._entries_of(indices)
        pictures: list[NDArray[np.uint8]] = []
        hashes: list[bytes] = []
        for entry, data in zip(entries, self.read(entries) if entries else (), strict=True):
            where = f"{self.location}: clip {self.clip_id}, frame {entry.name}"
            if isinstance(data, bytes):
                kept = self.pictures.get(entry.index)
                picture = decode_rgb(data, where=where) if kept is None else kept
            else:
                picture = data
            if pictures and picture.shape != pictures[0].shape:
                raise CorruptSourceError(
                    f"{where}: is {picture.shape[1]} x {picture.shape[0]} px where the clip began with "
                    f"{pictures[0].shape[1]} x {pictures[0].shape[0]}; all frames of a clip must have one size"
                )
            pictures.append(picture)
            hashes.append(hashlib.sha256(data if isinstance(data, bytes) else data.tobytes()).digest())
        stacked = np.stack(pictures) if pictures else np.empty((0, 0, 0, 3), np.uint8)
        return Frames(stacked, [entry.index for entry in entries], hashes)

    def _entries_of(self, indices: Sequence[int]) -> list[Entry]:
        wanted = set(indices)
        return [entry for entry in self.entries if entry.index in wanted]


def clip_in_memory(
    location: str, clip_id: str, files: Sequence[tuple[str, bytes]], pictures: "Mapping[int, NDArray[np.uint8]]"
) -> Clip:
    """Make a clip of frames that were encoded a moment ago: the same as is read of them in the store later.

    Args:
        location: Where the clip was written.
        clip_id: The key.
        files: Name and content of each frame.
        pictures: uint8 [H, W, 3], RGB, of some frames, by index; the others are decoded when they are wanted.
    """
    entries = [Entry(name, index, len(data)) for index, (name, data) in enumerate(files)]
    return Clip(
        clip_id,
        range(len(entries)),
        entries=entries,
        location=location,
        read=lambda wanted: [files[entry.index][1] for entry in wanted],
        pictures=pictures,
    )


def video_in_memory(location: str, clip_id: str, name: str, data: bytes) -> Clip:
    """Do the same for a clip that was encoded as a video file: its frames are what is decoded of that.

    Args:
        location: Where the clip was written.
        clip_id: The key.
        name: The file's name in the store.
        data: Its content.
    """
    video = VideoFrames(data, clip_id=clip_id)
    return Clip(
        clip_id,
        range(len(video)),
        entries=[Entry(f"{index:07d}.png", index) for index in range(len(video))],
        location=location,
        read=lambda wanted: video.decode([entry.index for entry in wanted]),
        file=Entry(name, 0, len(data)),
    )
