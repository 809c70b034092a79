"""The face segmentation masks of a clip."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mmvoxceleb.codecs.masks import read_mask_ids, to_colour_png, to_palette_png
from mmvoxceleb.codecs.planes import put_colours, put_ids, put_one_hot
from mmvoxceleb.codecs.views import WHOLE, View, mask_of
from mmvoxceleb.errors import MMVoxCelebError
from mmvoxceleb.modalities.base import RecordOptions, Shown
from mmvoxceleb.modalities.frame_modality import FrameModality, PictureForm
from mmvoxceleb.modalities.over_time import Curve
from mmvoxceleb.sample import SWAPPED_SIDES_SHA256
from mmvoxceleb.schema.classes import CLASSES, NUM_CLASSES, PALETTE

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from mmvoxceleb.sampling.options import SampleOptions

__all__ = ["MASKS", "overlay"]

_MOST_CURVES = 4


class Masks(FrameModality):
    """``mask/<clip>/0000004.png``: 19 classes, in the original's colours or as palette PNGs of class ids."""

    name = "mask"
    made_by = "mask"
    aliases = ("masks",)
    drive_id = "1Y36Or0pEnLQwn9uyORu9394_EcNpa3gl"
    pictures, indices = "masks", "mask_indices"
    title = "face segmentation masks"
    meaning = "8-bit palette PNG; `numpy.asarray` gives the class ids 0 to 18"
    form_options = ("mask_encoding",)
    tasks = ("image-segmentation",)
    tags = ("face-parsing", "segmentation")
    pixel_classes = tuple((name, tuple(colour)) for name, colour in zip(CLASSES, PALETTE.tolist(), strict=True))
    problem_titles = {  # noqa: RUF012  a ClassVar, as the base class says
        "colour": "masks of other colours than the 19 classes'",
        "sides": "masks with left and right exchanged",
    }

    def stored(self, data: bytes, options: RecordOptions, *, clip_id: str, name: str) -> bytes:
        checked = super().stored(data, options, clip_id=clip_id, name=name)
        if options.mask_encoding == "original":
            return checked
        return to_palette_png(checked, clip_id=clip_id, name=name)

    def meanings(self, options: RecordOptions) -> dict[str, str]:
        found = super().meanings(options)
        if options.mask_encoding == "original":
            found[self.pictures] = "8-bit RGB PNG in the original colours of the 19 classes"
        return found

    def to_file(self, data: bytes, options: RecordOptions, *, clip_id: str) -> bytes:
        return to_colour_png(data, clip_id=clip_id) if options.mask_encoding == "original" else data

    def share_of_bytes(self, options: RecordOptions) -> float:
        return 0.5 if options.mask_encoding == "palette" else 1.0

    def problems(self, data: bytes, *, clip_id: str, name: str) -> Iterator[tuple[str, str]]:
        try:
            read_mask_ids(data, clip_id=clip_id, name=name)
        except MMVoxCelebError as error:
            yield "colour", str(error)

    def problems_of_meta(self, section: Any) -> Iterator[tuple[str, str]]:
        if SWAPPED_SIDES_SHA256 in str(section):
            yield "sides", "left and right are exchanged: made by old sample models; regenerate the masks"

    def shown(self, picture: "NDArray[np.uint8]", below: "Image | None") -> "Image":
        """Lay the mask over its frame, or over white where the frame is missing."""
        from PIL import Image

        return overlay(below or Image.new("RGB", picture.shape[::-1], "white"), picture)

    def legend(self, pictures: "Iterable[NDArray[np.uint8]]") -> Shown | None:
        present = sorted({int(value) for ids in pictures for value in np.unique(ids)} - {0})
        chips = tuple((CLASSES[i], (int(PALETTE[i][0]), int(PALETTE[i][1]), int(PALETTE[i][2]))) for i in present)
        return Shown("classes", chips=chips) if chips else None

    def curves(self, pictures: "Iterable[tuple[int, NDArray[np.uint8]]]") -> list[Curve]:
        """Give the shares of the largest classes, and the share of pixels whose class is another than before."""
        indices, shares, changed = [], [], []
        before = None
        for index, ids in pictures:
            indices.append(index)
            shares.append(np.bincount(ids.ravel(), minlength=NUM_CLASSES)[:NUM_CLASSES] / ids.size)
            is_like = before is not None and before.shape == ids.shape
            changed.append(float((ids != before).mean()) if is_like else np.nan)
            before = ids.copy()
        if not indices:
            return []
        numbers, parts = np.array(indices, np.int64), np.array(shares, np.float32)
        order = np.argsort(-parts.mean(0), kind="stable").tolist()
        largest = [number for number in order if number and parts[:, number].any()][:_MOST_CURVES]
        return [
            *(Curve("share of the frame", CLASSES[number], numbers, parts[:, number]) for number in largest),
            Curve("share of pixels changed since the mask before", "", numbers, np.array(changed, np.float32)),
        ]

    def decode(
        self, data: "bytes | memoryview", view: View = WHOLE, size: tuple[int, int] | None = None, *, where: str
    ) -> "NDArray[np.uint8]":
        """Decode a mask, cut, resize and mirror it, left and right classes changed over: uint8 [H, W], 0 to 18."""
        return mask_of(data, view, size, where=where)

    def form(self, options: "SampleOptions") -> PictureForm:
        return {
            "ids": PictureForm((), np.int64, put_ids),
            "one_hot": PictureForm((NUM_CLASSES,), np.float32, put_one_hot),
            "colours": PictureForm((3,), options.number_type, put_colours),
        }[options.mask_format]


def overlay(frame: "Image", ids: "NDArray[np.uint8]", *, opacity: float = 0.55) -> "Image":
    """Lay the colours of a mask over a frame; the background stays as it is.

    Args:
        frame: RGB picture.
        ids: uint8 [H, W] class ids, of any size.
        opacity: 0 shows the frame alone, 1 the mask alone.
    """
    from PIL import Image

    resized = np.asarray(Image.fromarray(ids).resize(frame.size, Image.Resampling.NEAREST))
    share = np.where(resized > 0, opacity, 0.0)[..., None]
    return Image.fromarray((np.asarray(frame) * (1 - share) + PALETTE[resized] * share).round().astype(np.uint8))


MASKS = Masks()
