"""``mmvoxceleb regenerate crop``: from raw videos to clips."""

from typing import Annotated

import typer

from mmvoxceleb.cli.options import named, takes_options, without
from mmvoxceleb.cli.regenerate.crop_options import CropChoices, videos_and_stage
from mmvoxceleb.cli.regenerate.running import run_pipeline
from mmvoxceleb.cli.regenerate.shared import AudioOptions, RunOptions

__all__ = ["register"]

EXAMPLES = """
[bold]Examples[/]

Any folder of face videos, without a download:

  mmvoxceleb regenerate crop videos/ out/ --detector haar

VoxCeleb1 or 2, as the original was made (S3FD), on four processes:

  mmvoxceleb regenerate crop videos/ out/ --annotations txt/ --workers 4

The same with the annotated boxes, without a detector:

  mmvoxceleb regenerate crop videos/ out/ --annotations txt/ --boxes annotation

Clips that are already cropped, such as VoxCeleb2's mp4/<person>/<video>/<utterance>.mp4:

  mmvoxceleb regenerate crop mp4/ out/ --cropped

CelebV-HQ, with its manual labels:

  mmvoxceleb regenerate crop videos/ out/ --list celebvhq_info.json --list-form celebv-hq --download

The clips of vox-metadata.csv, fetching missing videos from YouTube:

  mmvoxceleb regenerate crop videos/ out/ --metadata vox-metadata.csv --download
"""


def register(app: typer.Typer) -> None:
    """Add ``crop``."""
    app.command("crop", epilog=EXAMPLES, no_args_is_help=True)(takes_options(crop))


def crop(
    choices: Annotated[CropChoices, named(detector_weights="--weights")],
    out: Annotated[
        str, typer.Argument(metavar="OUT", help="Folder or URL to write: video/<clip_id>, meta/<clip_id>.json.")
    ],
    audio: AudioOptions,
    run: Annotated[RunOptions, without("clips", "missing")],
) -> None:
    """Cut face videos into clips of 256x256 frames.

    With VoxCeleb's annotations (--annotations), the rules are those of the original; with vox-metadata.csv
    (--metadata), its boxes are used. Clips that are already cropped (--cropped) are taken as they are. With none of
    these, faces are found in any video. The sound is kept beside the clips (--no-audio leaves it out). Rerun the
    command to resume: finished videos are skipped.
    """
    from mmvoxceleb.processing.pipeline import Pipeline

    videos, stage = videos_and_stage(choices, run, out)
    run_pipeline(Pipeline([stage, *([audio.make_stage()] if audio.audio else [])]), videos, out, run)
