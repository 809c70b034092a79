"""The frames of a clip."""

from mmvoxceleb.modalities.base import FrameModality

__all__ = ["VIDEO"]


class Video(FrameModality):
    """``video/<clip>/0000000.png``: every frame, RGB."""

    name = "video"
    aliases = ("videos",)
    drive_id = "1eG4CkNNqEuLz9LCa2XtesNepa9bsa1TP"
    pictures, indices = "frames", "frame_indices"
    is_timeline = True


VIDEO = Video()
