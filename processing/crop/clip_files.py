"""The files of a cropped clip in a store: pictures or one mp4 file, and what a list says of the person."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from mmvoxceleb.codecs.h264 import encode_h264
from mmvoxceleb.modalities import LABEL
from mmvoxceleb.processing.crop.cropping import CroppedClip
from mmvoxceleb.processing.crop.encoding import encode_pngs, keeping
from mmvoxceleb.processing.decoders import FPS
from mmvoxceleb.processing.labels.stage import MANUAL, format_label
from mmvoxceleb.processing.output import StoreWriter
from mmvoxceleb.processing.source_file import SourceFile
from mmvoxceleb.processing.stage import Clip
from mmvoxceleb.schema import Folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["VIDEO", "ClipFiles", "Codec", "WrittenClip"]

Codec = Literal["png", "mp4"]

VIDEO = Folder("video")
_CRF, _KEY_FRAME_EVERY = 16, 12
"""Of clips as mp4 files."""


@dataclass
class WrittenClip:
    """A clip that is in the store.

    Args:
        clip_id: The key.
        num_new_frames: Frames that this run wrote; 0 for a clip of an earlier run.
        files: The files of ``video/<clip_id>``, where this run wrote them as pictures.
        video: The content of ``video/<clip_id>``, where this run wrote it as a video file.
        pictures: uint8 [size, size, 3], RGB, of the frames that were to be kept, by index.
        source_frames: How many frames of the video were ``dropped``, ``doubled`` and ``undecodable`` on the way.
        source: The video, where it is here.
    """

    clip_id: str
    num_new_frames: int = 0
    files: list[tuple[str, bytes]] = field(default_factory=list)
    video: bytes = b""
    pictures: "dict[int, NDArray[np.uint8]]" = field(default_factory=dict)
    source_frames: dict[str, int] = field(default_factory=dict)
    source: SourceFile | None = None


@dataclass(frozen=True)
class ClipFiles:
    """The files of cropped clips.

    Args:
        writer: Where they go.
        codec: ``png``, or ``mp4`` for one H.264 file a clip.
    """

    writer: StoreWriter
    codec: Codec

    def has(self, clip_id: str) -> bool:
        """Tell whether a clip's pictures are there, in the form wanted."""
        if self.codec == "mp4":
            return self.writer.tree.kind(_mp4_path(clip_id)) == "file"
        return self.writer.has(VIDEO, clip_id)

    def has_other(self, clip_id: str) -> bool:
        """Tell whether they are there in another form."""
        return self.writer.tree.kind(_mp4_path(clip_id)) is not None

    def encode(
        self, clip: CroppedClip, keep: Callable[[Clip], Collection[int]] | None, written: WrittenClip
    ) -> "bytes | list[tuple[str, bytes]]":
        """Encode a clip, and fill in of ``written`` what was encoded, and the pictures that ``keep`` chooses.

        Raises:
            CorruptSourceError: The video breaks off.
        """
        if self.codec == "mp4":
            written.video = encode_h264(clip.frames, fps=FPS, crf=_CRF, key_frame_every=_KEY_FRAME_EVERY)
            return written.video
        expected = Clip(clip.clip_id, range(clip.meta["end"] - clip.meta["start"]), clip.meta)
        kept = frozenset(keep(expected)) if keep is not None else frozenset()
        written.files = encode_pngs(keeping(clip.frames, kept, written.pictures))
        return written.files

    def write(self, clip: CroppedClip, data: "bytes | list[tuple[str, bytes]]") -> dict[str, Any]:
        """Write what was encoded, and the label of the list; return what the provenance says of the label."""
        path = _mp4_path(clip.clip_id)
        if isinstance(data, bytes):
            self.writer.remove(VIDEO, clip.clip_id)
            self.writer.tree.write(path, data)
        else:
            if self.writer.tree.kind(path) == "file":
                self.writer.tree.remove(path)
            self.writer.write(VIDEO, clip.clip_id, data)
        if clip.label is None:
            return {}
        self.writer.write(LABEL.folder(), clip.clip_id, [("", format_label(clip.label.values))])
        section = {
            "label_source": MANUAL, "annotation_file": clip.label.file, "annotation_sha256": clip.label.sha256
        }  # fmt: skip
        return {LABEL.folder().path: section, "label_source": MANUAL}


def _mp4_path(clip_id: str) -> str:
    return f"{VIDEO.path}/{clip_id}"
