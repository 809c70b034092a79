"""A clip as stages see it: in a store, or cropped a moment ago and still in memory."""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmvoxceleb.codecs.video import VideoFrames
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.modalities import Folder
from mmvoxceleb.processing.pictures import decode_rgb, picture_size
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
        self._hashes = dict(zip(indices, hashes, strict=True))

    def take(self, indices: Sequence[int]) -> "NDArray[np.uint8]":
        """Give the pictures of ``indices``, in that order; without a copy where that is all of them."""
        if list(indices) == list(self._position):
            return self.pictures
        return self.pictures[[self._position[index] for index in indices]]

    def digest(self, indices: Sequence[int]) -> str:
        """Hash the bytes of the frames ``indices``."""
        return hashlib.sha256(b"".join(self._hashes[index] for index in indices)).hexdigest()

    def keep(self, indices: Collection[int]) -> None:
        """Let go of all pictures but those of ``indices``."""
        kept = [index for index in self._position if index in indices]
        if len(kept) < len(self._position):
            self.pictures = self.take(kept)
            self._position = {index: position for position, index in enumerate(kept)}


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
        read: Reads some entries, by frame index, one after the other: the bytes of their files, or uint8 [H, W, 3] in
            RGB of a clip that is a video file.
        file: The video file, of such a clip.
        pictures: uint8 [H, W, 3], RGB, of frames that are decoded already, by index; taken out as they are read.
        let_go: Called when its frames were read: they are not read again.
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
    read: "Callable[[Sequence[Entry]], Iterable[bytes | NDArray[np.uint8]]]" = field(default=lambda _: [], repr=False)
    file: Entry | None = None
    pictures: "dict[int, NDArray[np.uint8]]" = field(default_factory=dict, repr=False)
    let_go: Callable[[], None] = field(default=lambda: None, repr=False)
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

    def frames(
        self, indices: Sequence[int], *, sized: Callable[[int, int], None] = lambda height, width: None
    ) -> Frames:
        """Read and decode frames, and let go of what they were made of.

        Args:
            indices: Which frames.
            sized: Called with the height and width of the first, before memory is taken for them.

        Raises:
            MMVoxCelebError: A frame is missing or broken, or of another size than the first; the message names it.
        """
        import numpy as np

        entries = self._entries_of(indices)
        pictures = np.empty((0, 0, 0, 3), np.uint8)
        hashes: list[bytes] = []
        for number, (picture, hashed) in enumerate(self.each(indices, sized=sized)):
            if not number:
                pictures = np.empty((len(entries), *picture.shape), np.uint8)
            pictures[number] = picture
            hashes.append(hashed)
        self.let_go()
        return Frames(pictures, [entry.index for entry in entries], hashes)

    def each(
        self, indices: Sequence[int], *, sized: Callable[[int, int], None] = lambda height, width: None
    ) -> "Iterator[tuple[NDArray[np.uint8], bytes]]":
        """Read and decode frames one after the other: each with the sha256 of its bytes, or of its pixels in a video.

        Args:
            indices: Which frames.
            sized: Called with the height and width of the first, before it is given.

        Raises:
            MMVoxCelebError: As :meth:`frames`.
        """
        entries = self._entries_of(indices)
        first: tuple[int, ...] | None = None
        for entry, data in zip(entries, self.read(entries) if entries else (), strict=True):
            where = f"{self.location}: clip {self.clip_id}, frame {entry.name}"
            kept = self.pictures.pop(entry.index, None)
            if first is None:
                sized(*(picture_size(data) if isinstance(data, bytes) else data.shape[:2]))
            picture = data if kept is None else kept
            if isinstance(picture, bytes):
                picture = decode_rgb(picture, where=where)
            first = first or picture.shape
            if picture.shape != first:
                raise CorruptSourceError(
                    f"{where}: is {picture.shape[1]} x {picture.shape[0]} px where the clip began with "
                    f"{first[1]} x {first[0]}; all frames of a clip must have one size"
                )
            yield picture, hashlib.sha256(data if isinstance(data, bytes) else data.tobytes()).digest()

    def _entries_of(self, indices: Sequence[int]) -> list[Entry]:
        wanted = set(indices)
        return [entry for entry in self.entries if entry.index in wanted]


def clip_in_memory(
    location: str, clip_id: str, files: list[tuple[str, bytes]], pictures: "dict[int, NDArray[np.uint8]]"
) -> Clip:
    """Make a clip of frames that were encoded a moment ago: the same as is read of them in the store later.

    Args:
        location: Where the clip was written.
        clip_id: The key.
        files: Name and content of each frame; emptied when the frames were read.
        pictures: uint8 [H, W, 3], RGB, of some frames, by index; the others are decoded when they are wanted. Taken
            out as they are read.
    """
    entries = [Entry(name, index, len(data)) for index, (name, data) in enumerate(files)]
    return Clip(
        clip_id,
        range(len(entries)),
        entries=entries,
        location=location,
        read=lambda wanted: (files[entry.index][1] for entry in wanted),
        pictures=pictures,
        let_go=files.clear,
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
        read=lambda wanted: video.each([entry.index for entry in wanted]),
        file=Entry(name, 0, len(data)),
    )
