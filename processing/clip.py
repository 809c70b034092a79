"""A clip as stages see it: stored, or just cropped and still in memory."""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmvoxceleb.codecs.video import VideoFrames
from mmvoxceleb.errors import CorruptSourceError
from mmvoxceleb.meta.inputs import digest_of, listing_of
from mmvoxceleb.modalities import Folder
from mmvoxceleb.processing.pictures import decode_rgb, picture_size
from mmvoxceleb.processing.source_file import SourceFile
from mmvoxceleb.stores.clip import StoredClip
from mmvoxceleb.stores.interface import Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Clip", "EarlierResult", "Frames", "clip_in_memory", "video_in_memory"]


class Frames:
    """Decoded frames of a clip, and the hashes of the bytes that they were decoded from.

    Args:
        pictures: uint8 [N, H, W, 3], RGB.
        indices: Frame index of each picture, ascending.
        hashes: sha256 of each frame: of the bytes of its file, or of its pixels if the clip is a video file.
    """

    def __init__(self, pictures: "NDArray[np.uint8]", indices: Sequence[int], hashes: Sequence[bytes]) -> None:
        self.pictures = pictures
        self._position = {index: position for position, index in enumerate(indices)}
        self._hashes = dict(zip(indices, hashes, strict=True))

    def take(self, indices: Sequence[int]) -> "NDArray[np.uint8]":
        """Return the pictures of ``indices``, in that order. If these are all pictures, the array is not copied."""
        if list(indices) == list(self._position):
            return self.pictures
        return self.pictures[[self._position[index] for index in indices]]

    def digest(self, indices: Sequence[int]) -> str:
        """Return the sha256, hexadecimal, over the hashes of the frames ``indices``."""
        return hashlib.sha256(b"".join(self._hashes[index] for index in indices)).hexdigest()

    def keep(self, indices: Collection[int]) -> None:
        """Release all pictures except those of ``indices``."""
        kept = [index for index in self._position if index in indices]
        if len(kept) < len(self._position):
            self.pictures = self.take(kept)
            self._position = {index: position for position, index in enumerate(kept)}


@dataclass(frozen=True)
class EarlierResult:
    """What an earlier run made of a clip in a stage.

    Args:
        section: The clip's provenance under the stage's name.
        files: Names and contents of the files in each folder of the stage.
    """

    section: Mapping[str, Any]
    files: Mapping[Folder, Sequence[tuple[str, bytes]]]


@dataclass
class Clip:
    """A clip as a stage sees it.

    Args:
        clip_id: Id of the clip.
        frame_indices: Index of every frame of the clip, ascending.
        meta: Provenance of the clip so far: the content of ``meta/<clip_id>.json``. Do not change it.
        label: The 40 attribute values, each -1, 0 or 1; None if the clip has no label. If an earlier stage of the run
            writes a label, later stages see it when they encode. Only set if a stage of the run has ``uses_label``.
        entries: The file of each frame, in the order of ``frame_indices``; empty if the clip has no frames.
        location: Where the clip is, for error messages.
        read: Reads entries one by one. It gives the bytes of their files, or uint8 [H, W, 3], RGB, if the clip is a
            video file.
        file: The video file, if the clip is one.
        pictures: uint8 [H, W, 3], RGB, by frame index: frames that are already decoded. Reading a frame removes it.
        let_go: Called once all frames that the stages need have been read.
        stored: The clip in its store, if it comes from one.
        source: The video that the clip was cut from, if it is on this machine.
        files: Names and contents of the clip's files in the folders that a stage of the run ``reads``. When a stage
            processes, these are the files that an earlier stage of the run made, or else those in the output, or else
            those in ``stored``.
        earlier: What an earlier run left in the output, by stage. Only for stages with ``is_renewed`` that run again.
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
    earlier: dict[str, EarlierResult] = field(default_factory=dict, repr=False)

    def name_of(self, index: int, suffix: str = ".png") -> str:
        """Name the file of a result after its frame: ``0000004.png``, or ``4.png`` if the frame is named like that.

        Args:
            index: Frame index.
            suffix: Suffix of the result, which replaces that of the frame.
        """
        if self.entries:
            entry = self.entries[bisect_left(self.frame_indices, index)]
            return entry.name.rpartition(".")[0] + suffix
        return f"{index:07d}{suffix}"

    def listing(self, indices: Sequence[int]) -> str:
        """Return the sha256, hexadecimal, of the names and sizes of the frames ``indices``, without reading them."""
        entries = self._entries_of(indices)
        return listing_of(entries if self.file is None else [self.file, *entries])

    def stored_files(self, folder: Folder) -> list[tuple[str, bytes]]:
        """Read the names and contents of the clip's files in a folder of its store; empty if it has none there.

        Raises:
            MMVoxCelebError: A file cannot be read.
        """
        if self.stored is None or not self.stored.has(folder):
            return []
        entries = self.stored.entries(folder)
        return [(entry.name, data) for entry, data in zip(entries, self.stored.read(folder, entries), strict=True)]

    def digests(self, folders: Sequence[Folder]) -> dict[str, Any]:
        """Return the number and the sha256 of the :attr:`files` in each folder, by its path, for the provenance.

        Args:
            folders: Folders that a stage of the run ``reads``. The value of a folder without files is None.
        """
        return {folder.path: digest_of(self.files[folder], is_frames=folder.is_frames) for folder in folders}

    def frames(
        self, indices: Sequence[int], *, sized: Callable[[int, int], None] = lambda height, width: None
    ) -> Frames:
        """Read and decode frames, and then release their encoded bytes.

        Args:
            indices: Indices of the frames.
            sized: Called with the height and width of the first frame, in px, before memory for all is allocated.

        Raises:
            MMVoxCelebError: A frame is missing, damaged, or of another size than the first. The message names it.
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
        """Read and decode frames one by one, in ascending order.

        Args:
            indices: Indices of the frames.
            sized: Called with the height and width of the first frame, in px, before it is yielded.

        Yields:
            The picture, uint8 [H, W, 3], RGB, and the sha256 (32 bytes) of the bytes of its file, or of its pixels if
            the clip is a video file.

        Raises:
            MMVoxCelebError: A frame is missing, damaged, or of another size than the first. The message names it.
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
    """Make a clip of frames that were just encoded. It gives what a later run reads from the store.

    Args:
        location: Where the clip was written.
        clip_id: Id of the clip.
        files: Name and content of each frame; emptied once the frames have been read.
        pictures: uint8 [H, W, 3], RGB, of some frames, by index; reading a frame removes it. The other frames are
            decoded when they are read.
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
    """Make a clip that was just encoded as a video file. Its frames are those decoded from the file.

    Args:
        location: Where the clip was written.
        clip_id: Id of the clip.
        name: Name of the file in the store.
        data: Content of the file.
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
