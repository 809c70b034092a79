"""The face segmentation masks of a clip."""

from mmvoxceleb.codecs.masks import to_palette_png
from mmvoxceleb.modalities.base import FrameModality, RecordOptions

__all__ = ["MASKS"]


class Masks(FrameModality):
    """``mask/<clip>/0000004.png``: 19 classes, in the original's colours or as palette PNGs of class ids."""

    name = "mask"
    aliases = ("masks",)
    drive_id = "1Y36Or0pEnLQwn9uyORu9394_EcNpa3gl"
    pictures, indices = "masks", "mask_indices"

    def stored(self, data: bytes, options: RecordOptions, *, clip_id: str, name: str) -> bytes:
        checked = super().stored(data, options, clip_id=clip_id, name=name)
        if options.mask_encoding == "original":
            return checked
        return to_palette_png(data, clip_id=clip_id, name=name)


MASKS = Masks()
