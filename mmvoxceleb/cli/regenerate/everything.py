"""``mmvoxceleb regenerate all``: from raw videos to a finished dataset."""

from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import typer

from mmvoxceleb.cli.completion import figure_names
from mmvoxceleb.cli.options import takes_options, without
from mmvoxceleb.cli.regenerate.crop_options import CropChoices, videos_and_stage
from mmvoxceleb.cli.regenerate.running import run_pipeline
from mmvoxceleb.cli.regenerate.score import make_score_stage
from mmvoxceleb.cli.regenerate.shared import (
    AudioOptions,
    NetworkOptions,
    RunOptions,
    StrideOption,
    check_licence,
)
from mmvoxceleb.cli.telling import say
from mmvoxceleb.cli.wording import names_in
from mmvoxceleb.errors import ConfigError
from mmvoxceleb.processing.model_sets import MODEL_SETS, ModelChoices, make_stages

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

Real faces, with models of permissive licences alone (extra landmarks):

  mmvoxceleb regenerate all videos/ out/ --models open --licence permissive

Without any download, with the sample models, which are for demonstration alone:

  mmvoxceleb regenerate all videos/ out/ --models sample

With figures by which clips are chosen, but for those of models (docs/scores.md):

  mmvoxceleb regenerate all videos/ out/ --landmarks --figures picture,face,head,masks,sound

Masks and text of clips that exist:

  mmvoxceleb regenerate all my-store more/ --stages mask,text
"""


_LANDMARKS = "landmarks"
"""A stage that runs only if it is named, or if --landmarks or the models ask for it."""


@dataclass(frozen=True)
class VideoChoices(CropChoices):
    """Which videos are cropped.

    Args:
        raw: Folder of videos, or one video; without crop, a store with video/<clip>: folder, zip or URL.
    """


@dataclass(frozen=True)
class StageOptions(ModelChoices):
    """Which models and styles make the modalities.

    Args:
        styles: Drawing styles, separated by commas: style1, style2, style3; of the open drawer lines, sketch. Default:
            the drawer's first.
        text_style: original: MMVID's grammar. natural: ours.
        figures: Measure figures of every clip, too, as regenerate score does: all, or names of figures or of groups of
            them (docs/scores.md), separated by commas.
    """

    styles: str | None = None
    text_style: str = "original"
    figures: Annotated[str | None, typer.Option(autocompletion=figure_names)] = None


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
    models: Annotated[StageOptions, typer.Option(rich_help_panel="Models")],
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
    if _LANDMARKS in wanted:
        wanted, models = wanted - {_LANDMARKS}, replace(models, landmarks=True)
    for role, name, path in models.names(wanted):
        check_licence(run, role, name, path)
    made = make_stages(
        models,
        wanted - {"crop", "audio"},
        styles=names_in(models.styles) if models.styles else None,
        stride=stride,
        text_style=models.text_style,  # type: ignore[arg-type]  # the stage says what it knows
        **asdict(network),
    )
    if models.figures is not None:
        made.append(make_score_stage(run, models.figures, device=network.device))
    if "crop" not in wanted:
        if "audio" in wanted:
            raise ConfigError("the sound of clips that exist is cut from their videos: mmvoxceleb regenerate audio")
        run_pipeline(Pipeline(made), str(videos.raw), out, run)
        return
    is_to_detect = videos.boxes == "detect" and videos.detector is None and not videos.cropped
    if is_to_detect and (videos.annotations is not None or models.models == "sample"):
        videos = replace(videos, detector=models.chosen.detector)
    if videos.detector is None:
        _tell_downloads(models, wanted)
    found, crop = videos_and_stage(replace(videos, device=network.device), run, out)
    sound = [audio.make_stage()] if "audio" in wanted and audio.audio else []
    run_pipeline(Pipeline([crop, *sound, *made]), found, out, run)


def _tell_downloads(models: StageOptions, stages: AbstractSet[str]) -> None:
    """Name the files of weights that a whole set lacks on this machine, so that nobody learns of them one by one."""
    from mmvoxceleb.processing.published import PUBLISHED
    from mmvoxceleb.processing.weights import find

    own = (models.mask_weights, models.draw_weights, models.landmark_weights, models.landmarker_weights)
    usual = MODEL_SETS[models.models]
    if models.chosen != replace(usual, weights=()) or any(own) or not stages >= {"crop", "mask", "draw", "label"}:
        return
    lacking = [key for key in usual.weights if find(PUBLISHED[key]) is None]
    if lacking:
        files = ", ".join(PUBLISHED[key].file_name for key in lacking)
        say(f"weights to download first: {files} (by hand: mmvoxceleb weights --models {models.models})")


def _parse_stages(stages: str) -> set[str]:
    wanted = set(names_in(stages))
    unknown = sorted(wanted - {*STAGES, _LANDMARKS})
    if unknown or not wanted:
        what = f"unknown stage {', '.join(map(repr, unknown))}" if unknown else "no stage was asked for"
        hints = ["; scores come with --figures"] if "score" in unknown else []
        hints += [f"; {name} is draw with --styles" for name in unknown if name.startswith("draw/")]
        raise ConfigError(f"{what}; the known ones are {', '.join(STAGES)}, and {_LANDMARKS}{''.join(hints)}")
    return wanted
