"""The files of a cropped clip in a store: pictures or one mp4 file, and what a list says of the person."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmvoxceleb.modalities import LABEL
from mmvoxceleb.processing.crop.cropping import CroppedClip
from mmvoxceleb.processing.frame_codec import FrameCodec
from mmvoxceleb.processing.labels.stage import MANUAL, format_label
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.source_file import SourceFile
from mmvoxceleb.processing.stage import Clip
from mmvoxceleb.schema import Folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["VIDEO", "ClipFiles", "WrittenClip"]

VIDEO = Folder("video")


@dataclass
class WrittenClip:
    """A clip that is in the store.

    Args:
        clip_id: The key.
        num_new_frames: Frames that this run wrote; 0 for a clip of an earlier run.
        files: The files of its frames, where this run wrote them: pictures, or one video file.
        pictures: uint8 [size, size, 3], RGB, of the frames that were to be kept, by index.
        source_frames: How many frames of the video were ``dropped``, ``doubled`` and ``undecodable`` on the way.
        source: The video, where it is here.
        remark: What is odd about it.
        outdated: Stages whose results were deleted, because they were made of the frames that were replaced.
    """

    clip_id: str
    num_new_frames: int = 0
    files: list[tuple[str, bytes]] = field(default_factory=list)
    pictures: "dict[int, NDArray[np.uint8]]" = field(default_factory=dict)
    source_frames: dict[str, int] = field(default_factory=dict)
    source: SourceFile | None = None
    remark: str = ""
    outdated: list[str] = field(default_factory=list)

    def let_go(self) -> None:
        """Let go of files and pictures: all was done with them."""
        self.files.clear()
        self.pictures.clear()


@dataclass(frozen=True)
class ClipFiles:
    """The files of cropped clips.

    Args:
        writer: Where they go.
        codec: How frames are stored.
    """

    writer: StoreWriter
    codec: FrameCodec

    def has(self, clip_id: str) -> bool:
        """Return whether a clip's frames are there, in the form wanted."""
        form = self.writer.form(VIDEO, clip_id)
        return form is not None and (form == "file") == self.codec.is_file

    def has_other(self, clip_id: str) -> bool:
        """Return whether they are there in another form."""
        return self.writer.has(VIDEO, clip_id) and not self.has(clip_id)

    def are_same(self, written: WrittenClip) -> bool:
        """Return whether what was encoded is what is there."""
        if self.writer.form(VIDEO, written.clip_id) == "file":
            there = self.writer.tree.read(f"{VIDEO.path}/{written.clip_id}")
            return [there] == [data for _, data in written.files]
        return self.writer.read(VIDEO, written.clip_id) == sorted(written.files)

    def encode(self, clip: CroppedClip, keep: Callable[[Clip], Collection[int]] | None, written: WrittenClip) -> None:
        """Encode a clip, and fill in of ``written`` its files, and the pictures that ``keep`` chooses.

        Raises:
            CorruptSourceError: The video breaks off.
        """
        frames: Iterable[NDArray[np.uint8]] = clip.frames
        if keep is not None:
            expected = Clip(clip.clip_id, range(clip.meta["end"] - clip.meta["start"]), clip.meta)
            indices = frozenset(keep(expected))
            if not self.codec.is_file:
                frames = _keeping(frames, indices, written.pictures)
        written.files = self.codec.encode(clip.clip_id, frames)

    def write(self, clip: CroppedClip, written: WrittenClip) -> dict[str, Any]:
        """Write what was encoded, and the label of the list; return what the provenance says of the label."""
        self.writer.write(VIDEO, clip.clip_id, written.files)
        if clip.label is None:
            return {}
        self.writer.write(LABEL.folder(), clip.clip_id, [("", format_label(clip.label.values))])
        section = {
            "label_source": MANUAL, "annotation_file": clip.label.file, "annotation_sha256": clip.label.sha256
        }  # fmt: skip
        return {LABEL.folder().path: section, "label_source": MANUAL}


def _keeping(
    frames: "Iterable[NDArray[np.uint8]]", indices: Collection[int], kept: "dict[int, NDArray[np.uint8]]"
) -> "Iterator[NDArray[np.uint8]]":
    """Pass frames on, and put those at ``indices`` into ``kept``."""
    for index, frame in enumerate(frames):
        if index in indices:
            kept[index] = frame
        yield frame
