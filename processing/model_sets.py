"""Choose the models of a whole pipeline by one word, and make its stages: :func:`make_stages`."""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from mmvoxceleb.errors import ConfigError
from mmvoxceleb.modalities import ORIGINAL_STRIDE
from mmvoxceleb.processing.model_names import OPEN

if TYPE_CHECKING:
    from mmvoxceleb.processing.devices import Backend
    from mmvoxceleb.processing.licences import Role
    from mmvoxceleb.processing.stage import Stage

__all__ = ["MODEL_SETS", "STAGES", "ModelChoices", "ModelSet", "make_stages"]

STAGES: tuple[str, ...] = ("mask", "draw", "label", "text")
"""The stages that :func:`make_stages` can make, apart from the landmarks."""


@dataclass(frozen=True)
class ModelSet:
    """Models that go together.

    Args:
        parser: Name for :func:`mmvoxceleb.processing.masks.make_parser`.
        drawer: Name for :func:`mmvoxceleb.processing.drawings.make_drawer`.
        attributes: Weights for :class:`mmvoxceleb.processing.labels.AttributePredictor`.
        detector: Face detector for videos with VoxCeleb's annotations; in the ``sample`` set, for all videos.
        landmarks: Whether the other models read landmarks, so that landmarks are made first.
        weights: Keys of the files of weights that a dataset of raw videos needs, as ``mmvoxceleb weights`` lists them.
    """

    parser: str
    drawer: str
    attributes: str | None
    detector: Literal["s3fd", "yunet", "haar"]
    landmarks: bool = False
    weights: tuple[str, ...] = ()


MODEL_SETS: Mapping[str, ModelSet] = MappingProxyType(
    {
        "published": ModelSet(
            "bisenet", "portrait", None, "s3fd", weights=("bisenet", "portrait-drawing", "farl-celeba", "yunet")
        ),
        "open": ModelSet(
            "open", "open", "open", "yunet", landmarks=True, weights=("yunet", "face-landmarker", "selfie-segmenter")
        ),
        "sample": ModelSet("sample", "sample", "sample", "haar"),
    }
)


@dataclass(frozen=True)
class ModelChoices:
    """Which models make the modalities.

    Args:
        models: published: the models of the original, for research only. open: models for real faces that allow any
            use. sample: small models included in the package, for demonstration.
        parser: Mask model to use instead of the one of --models: bisenet, open, sample or transformers:<repository or
            folder>.
        drawer: Drawing model to use instead of the one of --models: portrait, open or sample.
        mask_weights: Weights of the mask model. Default: download them.
        draw_weights: Weights of the drawing model. Default: download them.
        label_weights: Label model to use instead of the one of --models: a FaRL checkpoint, transformers:FOLDER,
            transformers:USER/NAME, open or sample.
        landmarks: Also find landmarks, blendshapes and head pose, with MediaPipe's face landmarker. Default: only with
            --models open, whose models read them.
        landmarker_weights: MediaPipe's face_landmarker.task. Default: download it.
        label_detector: Detector of the five points by which FaRL aligns faces. mediapipe needs no weights beyond those
            of --landmarks.
        landmark_weights: Weights of YuNet, whose five points align faces for FaRL. Default: download them.

    Raises:
        ConfigError: ``models`` is unknown.
    """

    models: Literal["published", "open", "sample"] = "published"
    parser: str | None = None
    drawer: str | None = None
    mask_weights: Path | None = None
    draw_weights: Path | None = None
    label_weights: str | None = None
    landmarks: bool | None = None
    landmarker_weights: Path | None = None
    label_detector: Literal["yunet", "mediapipe"] = "yunet"
    landmark_weights: Path | None = None

    def __post_init__(self) -> None:
        if self.models not in MODEL_SETS:
            raise ConfigError(f"unknown models {self.models!r}; use {', '.join(MODEL_SETS)}")

    @property
    def chosen(self) -> ModelSet:
        """The models of the chosen set, with those replaced that were chosen one by one."""
        usual = MODEL_SETS[self.models]
        return ModelSet(
            self.parser or usual.parser,
            self.drawer or usual.drawer,
            self.label_weights or usual.attributes,
            usual.detector,
            usual.landmarks if self.landmarks is None else self.landmarks,
        )

    def names(self, stages: Collection[str] = STAGES) -> "list[tuple[Role, str, str | os.PathLike[str] | None]]":
        """List the role, the name and the user's own file of each model of ``stages``, to look up their licences."""
        from mmvoxceleb.processing.licences import attribute_model

        chosen = self.chosen
        found: list[tuple[Role, str, str | os.PathLike[str] | None]] = []
        if "mask" in stages:
            found.append(("parser", chosen.parser, self.mask_weights))
        if "draw" in stages:
            found.append(("drawer", chosen.drawer, self.draw_weights))
        if chosen.landmarks:
            found.append(("landmarks", "mediapipe", self.landmarker_weights))
        if "label" in stages:
            found.append(("attributes", *attribute_model(chosen.attributes)))
        return found


def make_stages(
    choices: ModelChoices | Literal["published", "open", "sample"] = "published",
    stages: Collection[str] = STAGES,
    *,
    styles: Iterable[str] | None = None,
    stride: int = ORIGINAL_STRIDE,
    text_style: Literal["original", "natural"] = "original",
    device: str = "auto",
    precision: str = "auto",
    compile: bool = False,
    batch_size: int | None = None,
    backend: "Backend" = "auto",
) -> "list[Stage]":
    """Make the stages that follow a crop in a :class:`mmvoxceleb.processing.Pipeline`. This loads no model.

    ::

        Pipeline([CropStage(detector=open_detector("yunet")), *make_stages("open")]).run("videos/", "out/")

    Args:
        choices: The models: ``published``, ``open``, ``sample``, or a choice for each stage.
        stages: Which of ``mask``, ``draw``, ``label`` and ``text`` to make, in any order. A stage that finds landmarks
            is added before them if ``choices.landmarks`` says so, which is the default for ``open``.
        styles: Styles of the drawings. The default is the first style of the drawer.
        stride: Make a mask and a drawing for every ``stride``-th frame.
        text_style: Grammar of the text: ``original`` is MMVID's, ``natural`` is this project's.
        device: ``auto`` (CUDA, then MPS, then CPU), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``. MediaPipe's models always
            run on the CPU.
        precision: ``auto``, ``fp32``, ``fp16`` or ``bf16``. ``auto`` is fp16 on CUDA and fp32 elsewhere.
        compile: Whether to compile the networks for masks and drawings.
        batch_size: Frames per batch on a GPU. None chooses a size that fits its memory. A CPU always computes one frame
            at a time.
        backend: Library that runs the networks for masks and drawings: ``auto``, ``torch`` or ``ncnn``.

    Returns:
        The stages in the order landmarks, masks, drawings, labels, text.

    Raises:
        ConfigError: A stage or model is unknown, or a model does not support an option.
    """
    stages = {stages} if isinstance(stages, str) else {*stages}
    if unknown := sorted(stages - {*STAGES}):
        raise ConfigError(f"unknown stages: {', '.join(unknown)}; use {', '.join(STAGES)}")
    choices = ModelChoices(models=choices) if isinstance(choices, str) else choices
    chosen = choices.chosen
    network: dict[str, Any] = {
        "device": device, "precision": precision, "compile": compile, "batch_size": batch_size, "backend": backend,
    }  # fmt: skip
    made: list[Stage] = []
    if chosen.landmarks:
        from mmvoxceleb.processing.landmarks import FaceLandmarker, LandmarkStage

        made.append(LandmarkStage(FaceLandmarker(choices.landmarker_weights)))
    if "mask" in stages:
        from mmvoxceleb.processing.masks import MaskStage, make_parser

        weights = str(choices.mask_weights) if choices.mask_weights else None
        made.append(MaskStage(make_parser(chosen.parser, weights, **network), stride=stride))
    if "draw" in stages:
        from mmvoxceleb.processing.drawings import DrawStage, make_drawer

        made.append(DrawStage(make_drawer(chosen.drawer, choices.draw_weights, styles, **network), stride=stride))
    if "label" in stages:
        made.append(_label_stage(choices, device=device, precision=precision, batch_size=batch_size))
    if "text" in stages:
        from mmvoxceleb.processing.text.stage import TextStage

        made.append(TextStage(style=text_style))
    return made


def _label_stage(choices: ModelChoices, **options: Any) -> "Stage":
    from mmvoxceleb.processing.labels.making import make_label_stage

    attributes = choices.chosen.attributes
    is_by_yunet = choices.label_detector == "yunet" and attributes != OPEN
    points = choices.landmark_weights if is_by_yunet else choices.landmarker_weights
    return make_label_stage(attributes, detector=choices.label_detector, detector_weights=points, **options)
