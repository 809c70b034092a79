"""The frames of a clip."""

from collections.abc import Collection

from mmvoxceleb.modalities.base import RecordOptions
from mmvoxceleb.modalities.frame_modality import FrameModality

__all__ = ["VIDEO"]


class Video(FrameModality):
    """``video/<clip>/0000000.png``: every frame, RGB; or all of them in ``video/<clip>``, which is an mp4 file then."""

    name = "video"
    aliases = ("videos",)
    drive_id = "1eG4CkNNqEuLz9LCa2XtesNepa9bsa1TP"
    pictures, indices = "frames", "frame_indices"
    sample_keys = (pictures, indices)
    is_timeline = True
    file_suffix = ".mp4"
    title = "frames"
    meaning = "RGB frames, PNG"
    tasks = ("text-to-video", "image-to-video")
    tags = ("video", "talking-head")

    def meanings(self, options: RecordOptions) -> dict[str, str]:
        return {
            self.pictures: self.meaning,
            self.name: "the frames as H.264, 25 a second",
            self.indices: "index of each frame in the clip",
        }

    def stored(self, data: bytes, options: RecordOptions, *, clip_id: str, name: str) -> bytes:
        """As others, but a video file is what it is, and its frames are checked when they are decoded."""
        is_file = name.endswith(self.file_suffix)
        return data if is_file else super().stored(data, options, clip_id=clip_id, name=name)

    def columns_in(self, names: Collection[str], style: str = "") -> tuple[str, ...]:
        """As others, but frames may also be a video file, in a column ``video``."""
        return super().columns_in(names, style) or ((self.name, self.indices) if self.name in names else ())


VIDEO = Video()
