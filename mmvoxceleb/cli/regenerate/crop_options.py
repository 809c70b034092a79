"""The options that say which videos are cropped and how, for the commands ``crop`` and ``all``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from mmvoxceleb.errors import ConfigError, SourceUnavailableError, WeightsError

if TYPE_CHECKING:
    from mmvoxceleb.processing.crop.stage import CropStage
    from mmvoxceleb.processing.crop.videos import SourceVideo

__all__ = ["CropChoices", "check_models", "find_videos", "make_crop_stage"]

INPUT, RULES, FACES = "Input", "Rules", "Faces"

Boxes: TypeAlias = Literal["detect", "annotation"]
Border: TypeAlias = Literal["reject", "shift"]
DetectorName: TypeAlias = Literal["s3fd", "yunet", "haar"]
ListForm: TypeAlias = Literal["csv", "celebv-hq", "celebv-text", "hdtf", "vfhq", "talkvid"]
DecoderName: TypeAlias = Literal["pyav", "torchcodec", "decord"]

RawArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="RAW", help="Folder of videos, in any container, or one video; also a URL (s3://...).")
]
AnnotationsOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--annotations", help="VoxCeleb's folder txt/<person>/<video>/<utterance>.txt.", rich_help_panel=INPUT
    ),
]
MetadataOption: TypeAlias = Annotated[
    Path | None, typer.Option("--metadata", help="vox-metadata.csv of video-preprocessing.", rich_help_panel=INPUT)
]
IdentitiesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--identities", help="CSV with file, person_id[, video_id], for videos without annotations.",
        rich_help_panel=INPUT,
    ),
]  # fmt: skip
ListOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--list", help="A list of clips by time and box, of another dataset or your own.", rich_help_panel=INPUT
    ),
]
ListFormOption: TypeAlias = Annotated[
    ListForm, typer.Option("--list-form", help="Whose form the list has.", rich_help_panel=INPUT)
]
CroppedOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--cropped", help="RAW holds clips that are cropped already, as VoxCeleb2's mp4/: take the whole picture.",
        rich_help_panel=INPUT,
    ),
]  # fmt: skip
DownloadOption: TypeAlias = Annotated[
    bool, typer.Option("--download", help="Fetch missing videos into RAW with yt-dlp.", rich_help_panel=INPUT)
]
DownloadUrlOption: TypeAlias = Annotated[
    str,
    typer.Option("--download-url", help="Where videos come from; {video_id} is filled in.", rich_help_panel=INPUT),
]
DetectorOption: TypeAlias = Annotated[
    DetectorName | None,
    typer.Option(
        "--detector", help="Default: s3fd with annotations, as the original; yunet without.", rich_help_panel=FACES
    ),
]
BoxesOption: TypeAlias = Annotated[
    Boxes, typer.Option("--boxes", help="annotation: use the annotated boxes, no detector.", rich_help_panel=FACES)
]
MinFramesOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--min-frames", help="Reject shorter tubes. Default: 64; 1 for --cropped.", show_default=False,
        rich_help_panel=RULES,
    ),
]  # fmt: skip
MaxFramesOption: TypeAlias = Annotated[
    int, typer.Option("--max-frames", help="End a tube after so many.", rich_help_panel=RULES)
]
MinFaceOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--min-face", help="Reject tubes with a smaller face box, in pixels of the video. Default: 256.",
        show_default=False, rich_help_panel=RULES,
    ),
]  # fmt: skip
SizeOption: TypeAlias = Annotated[int, typer.Option("--size", help="Side of a frame in pixels.", rich_help_panel=RULES)]
SmoothBoxOption: TypeAlias = Annotated[
    bool,
    typer.Option("--smooth-box", help="Without annotations: follow the face smoothly.", rich_help_panel=RULES),
]

YOUTUBE_URL = "https://www.youtube.com/watch?v={video_id}"


@dataclass(frozen=True)
class CropChoices:
    """What a user chose. Rules that are None follow from the kind of input.

    Raises:
        ConfigError: Two choices contradict each other.
    """

    raw: str | Path
    annotations: Path | None = None
    metadata: Path | None = None
    identities: Path | None = None
    listed: Path | None = None
    list_form: ListForm = "csv"
    cropped: bool = False
    download: bool = False
    download_url: str = YOUTUBE_URL
    detector: DetectorName | None = None
    detector_weights: Path | None = None
    device: str = "auto"
    boxes: Boxes = "detect"
    size: int = 256
    min_frames: int | None = None
    max_frames: int = 1024
    min_face: int | None = None
    growth: float | None = None
    border: Border | None = None
    scene_cuts: bool | None = None
    smooth_box: bool = False
    codec: Literal["png", "mp4"] = "png"
    decoder: DecoderName = "pyav"

    def __post_init__(self) -> None:
        annotated = self.annotations is not None
        lists = {"--annotations": annotated, "--metadata": self.metadata is not None, "--list": self.listed is not None}
        given = [name for name, is_given in lists.items() if is_given]
        if len(given) > 1:
            raise ConfigError(f"{' and '.join(given)} say two things about the same videos; give one of them")
        if self.list_form != "csv" and self.listed is None:
            raise ConfigError("--list-form says whose form --list has; give --list")
        if self.identities is not None and given:
            raise ConfigError("--identities is for videos without annotations; leave it out")
        if self.boxes == "annotation" and not annotated:
            raise ConfigError("--boxes annotation needs --annotations")
        if self.smooth_box and given:
            raise ConfigError("--smooth-box is for videos without annotations; leave it out")
        if self.cropped:
            said = {
                "--annotations": annotated, "--metadata": self.metadata is not None, "--detector": bool(self.detector),
                "--detector-weights": self.detector_weights is not None, "--min-face": self.min_face is not None,
                "--growth": self.growth is not None, "--border": self.border is not None,
                "--list": self.listed is not None, "--smooth-box": self.smooth_box, "--boxes": self.boxes != "detect",
            }  # fmt: skip
            for option, is_given in said.items():
                if is_given:
                    raise ConfigError(f"--cropped takes the whole picture, so {option} says nothing; leave it out")
        if self.codec == "mp4" and self.size % 2:
            raise ConfigError(f"--codec mp4 needs an even --size, got {self.size}")
        if self.download and "://" in str(self.raw):
            raise ConfigError(f"--download puts videos into RAW, and {self.raw} is no folder on this machine")
        if self.download and not given:
            raise ConfigError("--download needs --annotations, --metadata or --list, which name the videos")


def make_crop_stage(choices: CropChoices, videos: "Sequence[SourceVideo]" = ()) -> "CropStage":
    """Make the stage for videos of one kind; nothing is loaded yet."""
    from mmvoxceleb.processing.crop.settings import CropSettings
    from mmvoxceleb.processing.crop.stage import CropStage
    from mmvoxceleb.processing.detectors import open_detector

    changes: dict[str, Any] = {
        "size_px": choices.size, "max_frames": choices.max_frames, "smooth_box": choices.smooth_box,
        "boxes": "whole" if choices.cropped else choices.boxes, "min_frames": choices.min_frames,
        "min_face_px": choices.min_face, "growth": choices.growth, "border": choices.border,
        "scene_cuts": choices.scene_cuts,
    }  # fmt: skip
    changes = {name: value for name, value in changes.items() if value is not None}
    if choices.cropped:
        settings = CropSettings.for_cropped(**changes)
    elif choices.annotations is not None:
        settings = CropSettings(**changes)
    elif (choices.listed is not None and not _lacks_box(videos)) or choices.metadata is not None:
        settings = CropSettings.for_metadata(**changes)
    else:
        settings = CropSettings.for_free_videos(**changes)
    name = choices.detector or ("yunet" if choices.annotations is None else "s3fd")
    needed = choices.metadata is None and choices.boxes == "detect" and not choices.cropped
    needed = needed and (choices.listed is None or _lacks_box(videos))
    return CropStage(
        settings,
        detector=open_detector(name, weights=choices.detector_weights, device=choices.device) if needed else None,
        decoder=choices.decoder,
        codec=choices.codec,
        download_to=Path(choices.raw) if choices.download else None,
        url_template=choices.download_url,
    )


def _lacks_box(videos: "Sequence[SourceVideo]") -> bool:
    return any(part.listed is None or part.listed.box_xyxy is None for video in videos for part in video.utterances)


def find_videos(choices: CropChoices) -> "list[SourceVideo]":
    """List the videos; what is odd about ``vox-metadata.csv`` is counted on stderr."""
    from mmvoxceleb.processing.crop.sources import LISTS, annotated_videos, free_videos, metadata_videos

    if choices.download:
        Path(choices.raw).mkdir(parents=True, exist_ok=True)
    if choices.annotations is not None:
        return annotated_videos(choices.raw, choices.annotations)
    if choices.listed is not None:
        return LISTS[choices.list_form](choices.raw, choices.listed)
    if choices.metadata is None:
        return free_videos(choices.raw, choices.identities)
    videos, table = metadata_videos(choices.raw, choices.metadata)
    typer.echo(
        f"{choices.metadata}: {table.num_rows:,} rows, {table.num_duplicates + table.num_in_both_splits:,} of them "
        f"repeats; {table.num_beyond_frame:,} boxes beyond the picture; {len(table.rows):,} clips wanted",
        err=True,
    )
    return videos


def check_models(crop: "CropStage") -> None:
    """Fetch the detector's weights before anything else is done."""
    try:
        if crop.detector is not None:
            crop.detector.settings()
    except (WeightsError, SourceUnavailableError) as error:
        raise type(error)(f"{error}. Or choose --detector haar, which needs no weights") from error
    except ImportError as error:
        raise ConfigError(str(error)) from error
