"""``mmvoxceleb regenerate all``: from raw videos to a finished dataset."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmvoxceleb.cli.options import takes_options, without
from mmvoxceleb.cli.regenerate.crop_options import CropChoices, videos_and_stage
from mmvoxceleb.cli.regenerate.running import run_pipeline
from mmvoxceleb.cli.regenerate.shared import AudioOptions, NetworkOptions, RunOptions, StrideOption, names_in
from mmvoxceleb.errors import ConfigError

if TYPE_CHECKING:
    from mmvoxceleb.processing.stage import Stage

__all__ = ["register"]

STAGES: tuple[str, ...] = ("crop", "audio", "mask", "draw", "label", "text")

EXAMPLES = """
[bold]Examples[/]

Any folder of face videos, on every GPU of this machine:

  mmvoxceleb regenerate all videos/ out/

VoxCeleb with its annotations, as the original was made:

  mmvoxceleb regenerate all videos/ out/ --annotations txt/

On the Ray cluster that this machine belongs to:

  mmvoxceleb regenerate all /shared/videos /shared/out --engine ray --address auto

Into a bucket, with the credentials of the AWS command line:

  mmvoxceleb regenerate all videos/ s3://bucket/dataset

Without any download, with the sample models, which are for demonstration alone:

  mmvoxceleb regenerate all videos/ out/ --detector haar --models sample

Masks and text of clips that exist:

  mmvoxceleb regenerate all my-store more/ --stages mask,text
"""

MODELS = typer.Option(rich_help_panel="Models")


@dataclass(frozen=True)
class VideoChoices(CropChoices):
    """Which videos are cropped.

    Args:
        raw: Folder of videos, or one video; without crop, a store with video/<clip>: folder, zip or URL.
    """


@dataclass(frozen=True)
class StageOptions:
    """Which models and styles make the modalities.

    Args:
        models: The published models, or small ones that come with the package, for demonstration.
        mask_weights: The parser's weights; downloaded by default.
        draw_weights: The drawer's weights; downloaded by default.
        label_weights: A FaRL checkpoint, or transformers:FOLDER, or transformers:USER/NAME.
        landmarks: Find landmarks, blendshapes and head pose, too, with MediaPipe's face landmarker.
        landmarker_weights: Its face_landmarker.task; downloaded by default.
        label_detector: What finds the five points by which FaRL aligns faces; mediapipe needs no other weights than
            --landmarks.
        landmark_weights: Those of YuNet; downloaded by default.
        styles: Drawing styles, separated by commas: style1, style2, style3.
        text_style: original is MMVID's grammar, natural is ours.
    """

    models: Annotated[Literal["published", "sample"], MODELS] = "published"
    mask_weights: Annotated[Path | None, MODELS] = None
    draw_weights: Annotated[Path | None, MODELS] = None
    label_weights: Annotated[str | None, MODELS] = None
    landmarks: Annotated[bool, MODELS] = False
    landmarker_weights: Annotated[Path | None, MODELS] = None
    label_detector: Annotated[Literal["yunet", "mediapipe"], MODELS] = "yunet"
    landmark_weights: Annotated[Path | None, MODELS] = None
    styles: Annotated[str, MODELS] = "style1"
    text_style: Annotated[str, MODELS] = "original"


def register(app: typer.Typer) -> None:
    """Add ``all``."""
    app.command("all", epilog=EXAMPLES, no_args_is_help=True)(takes_options(everything))


def everything(
    videos: Annotated[VideoChoices, without("device")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="Store to write: a folder, or a URL as s3://BUCKET/NAME.")],
    stages: Annotated[
        str, typer.Option("--stages", help="Which stages to run, separated by commas; they run in this order.")
    ] = ",".join(STAGES),
    stride: StrideOption = 4,
    *,
    models: StageOptions,
    audio: AudioOptions,
    network: NetworkOptions,
    run: RunOptions,
) -> None:
    """Make a dataset from raw videos: clips, sound, masks, drawings, labels and text, in one go.

    Each frame is decoded once. A run that was stopped resumes, also on another engine. Each stage can be run again by
    itself, with its own command, as long as its options stay the same.
    """
    from mmvoxceleb.processing.pipeline import Pipeline

    wanted = _parse_stages(stages)
    made = _stages(wanted, models, network, stride)
    if "crop" not in wanted:
        if "audio" in wanted:
            raise ConfigError("the sound of clips that exist is cut from their videos: mmvoxceleb regenerate audio")
        run_pipeline(Pipeline(made), str(videos.raw), out, run)
        return
    found, crop = videos_and_stage(replace(videos, device=network.device), is_dry=run.is_dry)
    sound = [audio.make_stage()] if "audio" in wanted and audio.audio else []
    run_pipeline(Pipeline([crop, *sound, *made]), found, out, run)


def _stages(wanted: set[str], models: StageOptions, network: NetworkOptions, stride: int) -> "list[Stage]":
    is_sample = models.models == "sample"
    made: list[Stage] = []
    if "mask" in wanted:
        from mmvoxceleb.processing.masks import MaskStage, make_parser

        weights = str(models.mask_weights) if models.mask_weights else None
        parser = make_parser("sample" if is_sample else "bisenet", weights, **asdict(network))
        made.append(MaskStage(parser, stride=stride))
    if "draw" in wanted:
        from mmvoxceleb.processing.drawings import DrawStage, make_drawer

        name = "sample" if is_sample else "portrait"
        drawer = make_drawer(name, models.draw_weights, names_in(models.styles), **asdict(network))
        made.append(DrawStage(drawer, stride=stride))
    if models.landmarks:
        from mmvoxceleb.processing.landmarks import FaceLandmarker, LandmarkStage

        made.append(LandmarkStage(FaceLandmarker(models.landmarker_weights)))
    if "label" in wanted:
        chosen = models.label_weights or ("sample" if is_sample else None)
        points = models.landmark_weights if models.label_detector == "yunet" else models.landmarker_weights
        made.append(
            _label_stage(chosen, points, network.device, network.precision, network.batch_size, models.label_detector)
        )
    if "text" in wanted:
        from mmvoxceleb.processing.text.stage import TextStage

        made.append(TextStage(style=models.text_style))  # type: ignore[arg-type]  # it says what it knows
    return made


def _parse_stages(stages: str) -> set[str]:
    wanted = set(names_in(stages))
    unknown = sorted(wanted - set(STAGES))
    if unknown or not wanted:
        what = f"unknown stage {', '.join(map(repr, unknown))}" if unknown else "no stage was asked for"
        raise ConfigError(f"{what}; the known ones are {', '.join(STAGES)}")
    return wanted


def _label_stage(
    weights: str | None,
    landmark_weights: Path | None,
    device: str,
    precision: Literal["auto", "fp32", "fp16", "bf16"],
    batch_size: int | None,
    detector: str = "yunet",
) -> "Stage":
    from mmvoxceleb.processing.detectors import open_detector
    from mmvoxceleb.processing.labels import AttributePredictor
    from mmvoxceleb.processing.labels.stage import LabelStage

    predictor = AttributePredictor(weights, device=device, precision=precision, batch_size=batch_size)
    finder = open_detector(detector, weights=landmark_weights, device=device) if predictor.needs_landmarks else None
    return LabelStage(predictor, finder)
