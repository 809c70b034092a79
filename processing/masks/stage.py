"""The stage that makes masks, and parsers by name."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mmvoxceleb.codecs.landmarks import FaceLandmarks
from mmvoxceleb.codecs.masks import encode_palette_mask
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities import LANDMARKS, MASKS, ORIGINAL_STRIDE, Folder
from mmvoxceleb.processing.devices import Backend, Computed, Request, resolve_device
from mmvoxceleb.processing.masks.parser import MASK_SIZE_PX, FaceParser, NetworkParser, Parser
from mmvoxceleb.processing.masks.smoothing import around, flicker, smoothed
from mmvoxceleb.processing.model_names import OPEN
from mmvoxceleb.processing.pictures import encode_colour_mask
from mmvoxceleb.processing.sample_models import SAMPLE, check_sample_options
from mmvoxceleb.processing.selection import check_stride, every
from mmvoxceleb.processing.stage import Clip, Stage, StageOutput
from mmvoxceleb.schema import NO_MASK

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MaskStage", "make_parser"]

_WITHOUT = "no_face"
"""In the provenance: why a clip has no masks."""
_TRANSFORMERS = "transformers:"


class MaskStage(Stage):
    """Write a mask for every ``stride``-th frame of a clip to ``mask/<clip_id>/``.

    :class:`OpenParser` reads the clip's landmarks if it has any. It gives no mask for a frame without a face; the
    provenance has the number of such frames. A clip without a face in any of its frames gets no masks.

    Args:
        parser: The model.
        stride: Make a mask for every ``stride``-th frame; 4 in the original.
        smooth: Average the class probabilities over this many frames before and after each mask; 0 in the original.
            Only for parsers that are torch networks.
        encoding: ``palette`` writes PNGs whose pixel values are class ids. ``original`` writes RGB pictures in the
            colours of the original.

    Raises:
        ConfigError: ``stride`` or ``smooth`` is out of range, or the parser does not support ``smooth``.
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
        if smooth and not isinstance(parser, NetworkParser):
            raise ConfigError("this parser steadies its masks itself; leave --smooth out")
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

    @property
    def reads(self) -> tuple[Folder, ...]:  # type: ignore[override]  # as the parser does
        return (LANDMARKS.folder(),) if self.parser.follows_clips else ()

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

    def extra_bytes(self, frames: int, height: int, width: int) -> int:
        # class ids, with and without smoothing; where they change; files
        return 4 * frames * MASK_SIZE_PX * MASK_SIZE_PX

    def makes_nothing(self, section: Mapping[str, Any]) -> bool:
        return _WITHOUT in section

    def request(self, clip: Clip, frames: "NDArray[np.uint8]") -> Request | None:
        if self.smooth or not isinstance(self.parser, NetworkParser) or not len(frames):
            return None
        return self.parser.request(frames)

    def finish(self, clip: Clip, computed: Computed) -> "tuple[NDArray[np.uint8], dict[str, float]]":
        (ids,) = computed.arrays
        return ids, {"flicker": flicker(ids)}

    def process(self, clip: Clip, frames: "NDArray[np.uint8]") -> "tuple[NDArray[np.uint8], dict[str, float]]":
        if self.parser.follows_clips:
            wanted = np.array(self._wanted(clip), np.int64)
            ids = self.parser(frames, landmarks=_landmarks_of(clip), indices=wanted)
            faceless = ids[:, 0, 0] == NO_MASK
            return ids, {"flicker": flicker(ids[~faceless]), "frames_without_face": int(faceless.sum())}
        if isinstance(self.parser, NetworkParser) and self.smooth:
            ids, plain = smoothed(self.parser, frames, self.select(clip), self._wanted(clip), self.smooth)
            return ids, {"flicker": flicker(ids), "flicker_before": flicker(plain)}
        ids = self.parser(frames)
        return ids, {"flicker": flicker(ids)}

    def encode(self, clip: Clip, result: "tuple[NDArray[np.uint8], dict[str, float]]") -> StageOutput:
        ids, figures = result
        encode = encode_palette_mask if self.encoding == "palette" else encode_colour_mask
        wanted = [(index, mask) for index, mask in zip(self._wanted(clip), ids, strict=True) if mask[0, 0] != NO_MASK]
        if not wanted and len(ids):
            why = f"in none of {len(ids):,} frames"
            return StageOutput({self.folders[0]: []}, {_WITHOUT: why}, remark=f"no face, so no masks: {why}")
        files = [(clip.name_of(index), encode(mask)) for index, mask in wanted]
        return StageOutput({self.folders[0]: files}, {name: round(value, 6) for name, value in figures.items()})

    def _wanted(self, clip: Clip) -> list[int]:
        return every(clip.frame_indices, self.stride)


def _landmarks_of(clip: Clip) -> FaceLandmarks | None:
    """Decode the clip's landmarks; None if it has none.

    Raises:
        CorruptSourceError: They are damaged.
    """
    files = clip.files.get(LANDMARKS.folder())
    return LANDMARKS.parse(files[0][1], clip_id=clip.clip_id) if files else None


def make_parser(
    name: str = "bisenet", weights: str | None = None, *, backend: Backend = "auto", **options: Any
) -> Parser:
    """Make a parser by name.

    Args:
        name: ``bisenet``: the model of the original, :class:`FaceParser`. ``open``: models with permissive licences,
            :class:`OpenParser`. ``sample``: a small model included in the package, trained on generated faces, for
            demonstration. ``transformers:<repository or folder>``: any semantic segmentation model from Hugging Face,
            such as ``transformers:jonathandinu/face-parsing``.
        weights: Path of a checkpoint, for ``bisenet`` only.
        backend: ``auto``, ``torch`` or ``ncnn``. Only ``bisenet`` runs on ncnn: see :class:`FaceParser`.
        options: ``device``, ``precision``, ``compile`` and ``batch_size``, as in :class:`FaceParser`. ``open`` always
            computes in fp32 on the CPU.

    Returns:
        A callable from frames, uint8 [N, H, W, 3], RGB, to masks, uint8 [N, 512, 512], as :class:`FaceParser` is.

    Raises:
        ConfigError: The name is unknown, or does not support an option.
        ImportError: ``transformers`` or ncnn is needed and not installed.
        SourceUnavailableError: The model from Hugging Face cannot be found.
        WeightsError: The repository or folder is not a transformers model.
    """
    if name == OPEN:
        return _open_parser(weights, backend, **options)
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
    raise ConfigError(f"unknown parser {name!r}; use bisenet, open, sample or transformers:<repository or folder>")


def _open_parser(
    weights: str | None,
    backend: Backend,
    *,
    device: str = "auto",
    precision: str = "auto",
    compile: bool = False,
    batch_size: int | None = None,
) -> Parser:
    from mmvoxceleb.processing.masks.open_parser import OpenParser

    resolve_device(device)
    if weights is not None:
        raise ConfigError(
            "the open parser reads two files, face_landmarker.task and selfie_segmenter.tflite: put your own into a "
            "folder named by MMVOXCELEB_WEIGHTS, and leave the weights out"
        )
    if precision not in ("auto", "fp32"):
        raise ConfigError(f"the open parser computes in fp32, got precision {precision!r}; leave --precision out")
    if compile or backend == "ncnn":
        raise ConfigError("the open parser's networks are LiteRT's; leave --compile and --backend out")
    return OpenParser()
