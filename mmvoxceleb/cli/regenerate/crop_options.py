"""Which videos are cropped and how, for the commands ``crop`` and ``all``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmvoxceleb.cli.options import given, like
from mmvoxceleb.cli.regenerate.shared import RunOptions, check_licence, refuse_idle_quality
from mmvoxceleb.errors import ConfigError, SourceUnavailableError, WeightsError
from mmvoxceleb.processing.crop.settings import CropSettings
from mmvoxceleb.processing.frame_codec import Codec, FrameCodec

if TYPE_CHECKING:
    from mmvoxceleb.processing.crop.stage import CropStage
    from mmvoxceleb.processing.crop.videos import SourceVideo

__all__ = ["CropChoices", "make_crop_stage", "videos_and_stage"]

INPUT, RULES, FACES = (typer.Option(rich_help_panel=name) for name in ("Input", "Rules", "Faces"))


@dataclass(frozen=True)
class CropChoices:
    """What a user chose. Rules that are None follow from the kind of input.

    Args:
        raw: Folder of videos, in any container, or one video; also a URL (s3://...).
        annotations: VoxCeleb's folder txt/<person>/<video>/<utterance>.txt.
        metadata: vox-metadata.csv of the project video-preprocessing.
        identities: CSV with the columns file, person_id and optionally video_id, for videos without annotations.
        listed: A list of clips with their times and boxes, from another dataset or your own.
        list_form: The format of the list.
        cropped: RAW has clips that are already cropped, such as VoxCeleb2's mp4/; use the whole picture.
        download: Fetch missing videos into RAW with yt-dlp.
        download_url: Address of a video; {video_id} is filled in.
        detector: Face detector. Default: s3fd with annotations, as in the original; yunet without; of all, haar with
            --models sample.
        detector_weights: The detector's weights. Default: download them.
        device: For s3fd: auto, cuda, mps or cpu.
        boxes: detect: find the face in every frame. annotation: use the annotated boxes, without a detector.
        decoder: Library that decodes videos. All of them give the same frames.

    Raises:
        ConfigError: Two choices contradict each other.
    """

    raw: str | Path
    annotations: Annotated[Path | None, INPUT] = None
    metadata: Annotated[Path | None, INPUT] = None
    identities: Annotated[Path | None, INPUT] = None
    listed: Annotated[Path | None, typer.Option("--list", rich_help_panel="Input")] = None
    list_form: Annotated[Literal["csv", "celebv-hq", "celebv-text", "hdtf", "vfhq", "talkvid"], INPUT] = "csv"
    cropped: Annotated[bool, INPUT] = False
    download: Annotated[bool, INPUT] = False
    download_url: Annotated[str, INPUT] = "https://www.youtube.com/watch?v={video_id}"
    detector: Annotated[Literal["s3fd", "yunet", "haar"] | None, FACES] = None
    detector_weights: Annotated[Path | None, FACES] = None
    device: Annotated[str, FACES] = "auto"
    boxes: Annotated[Literal["detect", "annotation"], FACES] = "detect"
    size: Annotated[int | None, like(CropSettings, "size_px"), RULES] = None
    min_frames: Annotated[int | None, like(CropSettings, "min_frames"), RULES] = None
    max_frames: Annotated[int | None, like(CropSettings, "max_frames"), RULES] = None
    min_face: Annotated[int | None, like(CropSettings, "min_face_px"), RULES] = None
    growth: Annotated[float | None, like(CropSettings, "growth"), RULES] = None
    border: Annotated[str | None, like(CropSettings, "border"), RULES] = None
    scene_cuts: Annotated[bool | None, like(CropSettings, "scene_cuts"), RULES] = None
    smooth_box: Annotated[
        bool | None, like(CropSettings, "smooth_box"), typer.Option("--smooth-box", rich_help_panel="Rules")
    ] = None
    codec: Annotated[Codec, like(FrameCodec, "codec")] = "png"
    crf: Annotated[int | None, like(FrameCodec, "crf")] = None
    keyframe_every: Annotated[int | None, like(FrameCodec, "keyframe_every")] = None
    decoder: Annotated[Literal["pyav", "torchcodec", "decord"], INPUT] = "pyav"

    def __post_init__(self) -> None:
        lists = {"--annotations": self.annotations, "--metadata": self.metadata, "--list": self.listed}
        named = [name for name, path in lists.items() if path is not None]
        if len(named) > 1:
            raise ConfigError(f"{' and '.join(named)} contradict each other; pass one of them")
        if self.list_form != "csv" and self.listed is None:
            raise ConfigError("--list-form is the format of --list; pass --list, too")
        if self.identities is not None and named:
            raise ConfigError("--identities is for videos without annotations; leave it out")
        if self.boxes == "annotation" and self.annotations is None:
            raise ConfigError("--boxes annotation needs --annotations")
        if self.smooth_box and named:
            raise ConfigError("--smooth-box is for videos without annotations; leave it out")
        if self.cropped:
            said = {
                **lists, "--detector": self.detector, "--detector-weights": self.detector_weights,
                "--min-face": self.min_face, "--growth": self.growth, "--border": self.border,
                "--smooth-box": self.smooth_box or None,
            }  # fmt: skip
            for name, value in said.items():
                if value is not None:
                    raise ConfigError(f"--cropped takes the whole picture, so {name} has no effect; leave it out")
        if self.codec == "mp4" and (self.size or 0) % 2:
            raise ConfigError(f"--codec mp4 needs an even --size, got {self.size}")
        refuse_idle_quality(self.codec, self.crf, self.keyframe_every)
        if self.download and "://" in str(self.raw):
            raise ConfigError(f"--download puts videos into RAW, but {self.raw} is not a folder on this machine")
        if self.download and not named:
            raise ConfigError("--download needs --annotations, --metadata or --list, which name the videos")


def videos_and_stage(choices: CropChoices, run: RunOptions, out: str) -> "tuple[list[SourceVideo], CropStage]":
    """List the videos, and make the stage that crops them; its weights are fetched, unless nothing is to be run."""
    videos = _find_videos(choices, out)
    stage = make_crop_stage(choices, videos)
    if stage.detector is not None:
        check_licence(run, "detector", stage.detector.name, choices.detector_weights)
    if not run.is_dry:
        _check_models(stage)
    return videos, stage


def make_crop_stage(choices: CropChoices, videos: "Sequence[SourceVideo]" = ()) -> "CropStage":
    """Make the stage for videos of one kind; nothing is loaded yet."""
    from mmvoxceleb.processing.crop.stage import CropStage
    from mmvoxceleb.processing.detectors import open_detector

    rules = given(choices, CropSettings)
    lacks_box = any(
        part.listed is None or part.listed.box_xyxy is None for video in videos for part in video.utterances
    )
    has_boxes = choices.metadata is not None or (choices.listed is not None and not lacks_box)
    if choices.cropped:
        settings = CropSettings.for_cropped(**rules)
    elif choices.annotations is not None:
        settings = CropSettings(**rules, boxes=choices.boxes)
    elif has_boxes:
        settings = CropSettings.for_metadata(**rules)
    else:
        settings = CropSettings.for_free_videos(**rules)
    detector = None
    if settings.boxes == "detect" and not has_boxes:
        name = choices.detector or ("yunet" if choices.annotations is None else "s3fd")
        detector = open_detector(name, weights=choices.detector_weights, device=choices.device)
    return CropStage(
        settings,
        detector=detector,
        decoder=choices.decoder,
        **given(choices, FrameCodec),
        download_to=Path(choices.raw) if choices.download else None,
        url_template=choices.download_url,
    )


def _find_videos(choices: CropChoices, out: str) -> "list[SourceVideo]":
    """List the videos; what is odd about ``vox-metadata.csv`` is counted on stderr."""
    from mmvoxceleb.meta.videos import VideoRecords
    from mmvoxceleb.processing.crop.sources import LISTS, annotated_videos, free_videos, metadata_videos

    if choices.download:
        Path(choices.raw).mkdir(parents=True, exist_ok=True)
    if choices.annotations is not None:
        return annotated_videos(choices.raw, choices.annotations)
    if choices.listed is not None:
        return LISTS[choices.list_form](choices.raw, choices.listed)
    if choices.metadata is None:
        return free_videos(choices.raw, choices.identities, earlier=VideoRecords(out))
    videos, table = metadata_videos(choices.raw, choices.metadata)
    typer.echo(
        f"{choices.metadata}: {table.num_rows:,} rows, {table.num_duplicates + table.num_in_both_splits:,} of them "
        f"repeats; {table.num_beyond_frame:,} boxes beyond the picture; {len(table.rows):,} clips wanted",
        err=True,
    )
    return videos


def _check_models(crop: "CropStage") -> None:
    """Fetch the detector's weights before anything else is done."""
    try:
        if crop.detector is not None:
            crop.detector.settings()
    except WeightsError as error:
        raise WeightsError(f"{error}. Or choose --detector haar, which needs no weights") from error
    except SourceUnavailableError as error:
        raise SourceUnavailableError(f"{error}. Or choose --detector haar, which needs no weights") from error
    except ImportError as error:
        raise ConfigError(str(error)) from error
