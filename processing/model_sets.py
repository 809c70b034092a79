"""The models of a whole pipeline, chosen by one word, and the stages that they make: :func:`make_stages`."""

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
"""The stages that :func:`make_stages` makes, but for the landmarks."""


@dataclass(frozen=True)
class ModelSet:
    """Models that go together.

    Args:
        parser: Of :func:`mmvoxceleb.processing.masks.make_parser`.
        drawer: Of :func:`mmvoxceleb.processing.drawings.make_drawer`.
        attributes: The weights of :class:`mmvoxceleb.processing.labels.AttributePredictor`.
        detector: For videos with VoxCeleb's annotations; of the sample models, for all videos.
        landmarks: Whether the others read landmarks, which are then made first.
    """

    parser: str
    drawer: str
    attributes: str | None
    detector: Literal["s3fd", "yunet", "haar"]
    landmarks: bool = False


MODEL_SETS: Mapping[str, ModelSet] = MappingProxyType(
    {
        "published": ModelSet("bisenet", "portrait", None, "s3fd"),
        "open": ModelSet("open", "open", "open", "yunet", landmarks=True),
        "sample": ModelSet("sample", "sample", "sample", "haar"),
    }
)


@dataclass(frozen=True)
class ModelChoices:
    """Which models make the modalities.

    Args:
        models: published: those of the original, for research only. open: for real faces, and any use. sample: small
            ones that come with the package, for demonstration.
        parser: Another parser than that of --models: bisenet, open, sample or transformers:<repository or folder>.
        drawer: Another drawer than that of --models: portrait, open or sample.
        mask_weights: The parser's weights; downloaded by default.
        draw_weights: The drawer's weights; downloaded by default.
        label_weights: A FaRL checkpoint, or transformers:FOLDER, or transformers:USER/NAME, or open, or sample.
        landmarks: Find landmarks, blendshapes and head pose, too, with MediaPipe's face landmarker. Default: with
            --models open, whose models read them.
        landmarker_weights: Its face_landmarker.task; downloaded by default.
        label_detector: What finds the five points by which FaRL aligns faces; mediapipe needs no other weights than
            --landmarks.
        landmark_weights: Those of YuNet; downloaded by default.

    Raises:
        ConfigError: There are no such models.
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
        """The models by stage, with those that were chosen singly."""
        usual = MODEL_SETS[self.models]
        return ModelSet(
            self.parser or usual.parser,
            self.drawer or usual.drawer,
            self.label_weights or usual.attributes,
            usual.detector,
            usual.landmarks if self.landmarks is None else self.landmarks,
        )

    def names(self, stages: Collection[str] = STAGES) -> "list[tuple[Role, str, str | os.PathLike[str] | None]]":
        """List role, name and own file of each model of some stages, for the question of their licences."""
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
    """Make the stages that follow a crop, for :class:`mmvoxceleb.processing.Pipeline`; nothing is loaded yet.

    ::

        Pipeline([CropStage(detector=open_detector("yunet")), *make_stages("open")]).run("videos/", "out/")

    Args:
        choices: Which models.
        stages: Of :data:`STAGES`. Landmarks come first where the models read them.
        styles: Of the drawings; by default the drawer's first.
        stride: A mask and a drawing of every how many frames.
        text_style: ``original`` is MMVID's grammar, ``natural`` is ours.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``; MediaPipe's models run on the CPU whatever it is.
        precision: ``auto``, ``fp32``, ``fp16``, ``bf16``.
        compile: Whether to compile the networks of masks and drawings.
        batch_size: Frames in a batch; None chooses.
        backend: Of the networks of masks and drawings.

    Raises:
        ConfigError: A model is unknown, or does not support an option.
    """
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
