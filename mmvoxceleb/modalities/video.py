"""The frames of a clip."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import numpy as np

from mmvoxceleb.codecs.frame_figures import grey_of, motion, sharpness
from mmvoxceleb.modalities.base import RecordOptions
from mmvoxceleb.modalities.frame_modality import FrameModality
from mmvoxceleb.modalities.over_time import Curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

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

    def curves(self, pictures: "Iterable[tuple[int, NDArray[np.uint8]]]") -> list[Curve]:
        """Measure each frame as the crop does whose medians and means stand in a clip's provenance."""
        indices, sharp, moved = [], [], []
        before = None
        for index, picture in pictures:
            grey = grey_of(picture)
            indices.append(index)
            sharp.append(sharpness(grey))
            moved.append(np.nan if before is None or before.shape != grey.shape else motion(grey, before))
            before = grey
        numbers = np.array(indices, np.int64)
        return [
            Curve("sharpness", "", numbers, np.array(sharp, np.float32)),
            Curve("motion, grey levels", "", numbers, np.array(moved, np.float32)),
        ]


VIDEO = Video()
