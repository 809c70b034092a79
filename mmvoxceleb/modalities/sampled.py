"""What a modality has in a training sample: the part of frame and file modalities that ``sampling`` asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from mmvoxceleb.codecs.planes import put_rgb
from mmvoxceleb.codecs.views import View, rgb_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmvoxceleb.sampling.options import SampleOptions

__all__ = ["FileInSample", "FramesInSample", "PictureForm", "SampleContext"]


class PictureForm(NamedTuple):
    """How a modality's pictures lie in the tensor of a sample, ``[*channels, H, W]`` each."""

    channels: tuple[int, ...]
    dtype: Any
    put: "Callable[[NDArray[np.uint8], NDArray[Any]], None]"
    """Writes a picture, as :meth:`FramesInSample.seen` gives it, into its room in the tensor."""


@dataclass(frozen=True)
class SampleContext:
    """What a file modality may need to know of the sample that it goes into.

    Args:
        clip_id: The clip, for messages.
        options: The sampler's.
        rng: The sample's own generator.
        view: The cut and the mirroring of the pictures, which a value with places in them has to follow.
        other: Gives a clip with another label, its key and its value, for options that need one.
    """

    clip_id: str
    options: "SampleOptions"
    rng: np.random.Generator
    view: View
    other: Callable[[], tuple[str, Any]]


class FramesInSample:
    """The part of pictures of frames."""

    def seen(
        self, data: "bytes | memoryview", view: View, size: tuple[int, int] | None, *, where: str
    ) -> "NDArray[np.uint8]":
        """Decode a picture, cut, resize and mirror it.

        Args:
            data: A PNG or JPEG; of the video modality also uint8 [H, W, 3] in RGB, out of a video file.
            view: The cut and the mirroring.
            size: Height and width in px; None for the picture's own.
            where: Clip and file, for messages.

        Returns:
            uint8 [H, W, ...], as ``put`` of :meth:`form` takes it; by default [H, W, 3] or [H, W, 4], RGB and perhaps
            a channel to be left out.

        Raises:
            CorruptSourceError: It cannot be decoded.
        """
        return rgb_of(data, view, size, where=where)

    def form(self, options: "SampleOptions") -> PictureForm:
        """Say how pictures lie in a tensor; by default RGB [3, H, W], 0 to 1, or 0 to 255 for ``dtype="uint8"``."""
        return PictureForm((3,), options.number_type, put_rgb)


class FileInSample:
    """The part of one file for each clip."""

    name: ClassVar[str]

    def sampled(self, value: Any, context: SampleContext) -> dict[str, Any]:
        """Turn what ``parse`` gave into keys of a sample: ``name`` by default, as a tensor where it holds numbers.

        Whole numbers become int64, others float32: the same from a file and from a column of such numbers.
        """
        import torch

        try:
            array = np.asarray(value)
        except ValueError:  # rows of several lengths
            return {self.name: value}
        if array.dtype.kind not in "biuf":
            return {self.name: value}
        return {self.name: torch.tensor(array.astype(np.float32 if array.dtype.kind == "f" else np.int64))}
