"""Face masks as the original has them: :class:`FaceParser` from array to array, :class:`MaskStage` on clips."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mmvoxceleb.codecs.masks import encode_palette_mask
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities import MASKS, ORIGINAL_STRIDE, Folder
from mmvoxceleb.processing.device import Backend
from mmvoxceleb.processing.masks.parser import FaceParser, Parser
from mmvoxceleb.processing.masks.smoothing import around, flicker, smoothed
from mmvoxceleb.processing.pictures import encode_colour_mask
from mmvoxceleb.processing.sample_models import SAMPLE, check_sample_options
from mmvoxceleb.processing.selection import check_stride, every
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MaskStage", "make_parser"]

_TRANSFORMERS = "transformers:"


class MaskStage(Stage):
    """Parses every ``stride``-th frame of a clip into ``mask/``.

    Args:
        parser: What parses.
        stride: Every how many frames; 4 in the original.
        smooth: How many frames before and after each mask are averaged into it; 0 is the original.
        encoding: ``palette``: pixel values are class ids; ``original``: RGB pictures in the original colours.
    """

    name = "mask"

    def __init__(
        self,
        parser: Parser,
        *,
        stride: int = ORIGINAL_STRIDE,
        smooth: int = 0,
        encoding: Literal["palette", "original"] = "palette",
    ) -> None:
        self.parser = parser
        self.stride = check_stride(stride)
        around((), (), smooth)
        self.smooth = smooth
        self.encoding = encoding

    @property
    def device(self) -> str:  # type: ignore[override]  # known once the model is
        return str(self.parser.device)

    @property
    def folders(self) -> tuple[Folder, ...]:
        return (MASKS.folder(),)

    def settings(self) -> dict[str, Any]:
        return {
            **self.parser.identity(),
            "precision": self.parser.precision,
            "backend": self.parser.backend,
            "stride": self.stride,
            "smooth": self.smooth,
            "encoding": self.encoding,
        }

    def computation(self) -> dict[str, Any]:
        return self.parser.computation()

    def setup(self) -> None:
        self.parser.setup()

    def teardown(self) -> None:
        self.parser.teardown()

    def select(self, clip: Clip) -> Sequence[int]:
        return around(clip.frame_indices, self._wanted(clip), self.smooth)

    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> "tuple[NDArray[np.uint8], dict[str, float]]":
        if not self.smooth:
            ids = self.parser(frames)
            return ids, {"flicker": flicker(ids)}
        ids, plain = smoothed(self.parser, frames, self.select(clip), self._wanted(clip), self.smooth)
        return ids, {"flicker": flicker(ids), "flicker_before": flicker(plain)}

    def encode(self, clip: Clip, result: "tuple[NDArray[np.uint8], dict[str, float]]") -> StageOutput:
        ids, figures = result
        encode = encode_palette_mask if self.encoding == "palette" else encode_colour_mask
        files = [(clip.name_of(index), encode(mask)) for index, mask in zip(self._wanted(clip), ids, strict=True)]
        return StageOutput({self.folders[0]: files}, {name: round(value, 6) for name, value in figures.items()})

    def _wanted(self, clip: Clip) -> list[int]:
        return every(clip.frame_indices, self.stride)


def make_parser(
    name: str = "bisenet", weights: str | None = None, *, backend: Backend = "auto", **options: Any
) -> Parser:
    """Make a parser from its name.

    Args:
        name: ``bisenet``, the original's, or ``transformers:<repository or folder>`` for any semantic
            segmentation model of Hugging Face, such as ``transformers:jonathandinu/face-parsing``, or ``sample``,
            the small one included in the package: trained on generated faces, for demonstration.
        weights: A checkpoint for ``bisenet``.
        backend: For ``bisenet``, see :class:`FaceParser`; the others are torch's.
        options: For :class:`Parser`.

    Raises:
        ConfigError: The name is unknown.
    """
    if name == "bisenet":
        return FaceParser(weights, backend=backend, **options)
    if name.startswith(_TRANSFORMERS):
        from mmvoxceleb.processing.masks.transformers_parser import TransformersParser

        if weights is not None:
            raise ConfigError("only the bisenet parser takes weights; for a transformers model, use --parser")
        if backend == "ncnn":
            raise ConfigError("the ncnn backend goes with the bisenet parser; leave the backend at auto")
        return TransformersParser(name.removeprefix(_TRANSFORMERS), **options)
    if name == SAMPLE:
        from mmvoxceleb.processing.masks.sample_parser import SampleParser

        check_sample_options(weights, backend)
        return SampleParser(**options)
    raise ConfigError(f"unknown parser {name!r}; use bisenet, sample or transformers:<repository or folder>")
