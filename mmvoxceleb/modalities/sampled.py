"""How a modality comes into a training sample."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mmvoxceleb.codecs.views import View

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmvoxceleb.sampling.options import SampleOptions

__all__ = ["PictureForm", "SampleContext", "as_tensor"]


class PictureForm(NamedTuple):
    """How a modality's pictures lie in the tensor of a sample, ``[*channels, H, W]`` each."""

    channels: tuple[int, ...]
    dtype: Any
    put: "Callable[[NDArray[np.uint8], NDArray[Any]], None]"
    """Writes a picture, as :meth:`FrameModality.decode` gives it, into its room in the tensor."""


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


def as_tensor(value: Any) -> Any:
    """Turn numbers into a tensor: int64 of whole ones, float32 of others; anything else comes back as it is."""
    import torch

    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        return value
    if array.dtype.kind not in "biuf":
        return value
    return torch.tensor(array.astype(np.float32 if array.dtype.kind == "f" else np.int64))
