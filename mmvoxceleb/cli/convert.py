"""``mmvoxceleb convert``: clips as video files, or as pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from mmvoxceleb.cli.options import given, like, takes_options, without
from mmvoxceleb.cli.regenerate.running import run_pipeline
from mmvoxceleb.cli.regenerate.shared import RunOptions, refuse_idle_quality
from mmvoxceleb.cli.wording import command
from mmvoxceleb.processing.frame_codec import Codec, FrameCodec

if TYPE_CHECKING:
    from mmvoxceleb.processing.engines.outcomes import Summary

__all__ = ["register"]

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb convert my-dataset my-dataset-mp4 --codec mp4
  mmvoxceleb convert my-dataset my-dataset-mp4 --codec mp4 --crf 12 --keyframe-every 2
  mmvoxceleb convert my-dataset-mp4 my-pictures --codec png --layout packed
  mmvoxceleb convert my-dataset small --codec mp4 --clips list.json
"""


@dataclass(frozen=True)
class CodecOptions:
    """How frames are to be stored.

    Raises:
        ConfigError: An option says nothing of the codec.
    """

    codec: Annotated[Codec, like(FrameCodec, "codec")] = "mp4"
    crf: Annotated[int | None, like(FrameCodec, "crf")] = None
    keyframe_every: Annotated[int | None, like(FrameCodec, "keyframe_every")] = None

    def __post_init__(self) -> None:
        refuse_idle_quality(self.codec, self.crf, self.keyframe_every)


def register(app: typer.Typer) -> None:
    """Add ``convert``."""
    app.command("convert", epilog=EXAMPLES, no_args_is_help=True)(takes_options(convert))


def convert(
    store: Annotated[str, typer.Argument(metavar="STORE", help="Folder, zip or URL with video/.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="New store to write: a folder, or a URL.")],
    codec: CodecOptions,
    run: Annotated[RunOptions, without("licence")],
) -> None:
    """Copy a store and convert its frames to video files, or to pictures.

    Frame indices stay the same. Masks, drawings, all other files, their provenance, the ledger and the removal list are
    copied. The loss of mp4 is measured. Rerun the command to resume.
    """
    from mmvoxceleb.modalities import SCORES
    from mmvoxceleb.processing.convert import CONVERT, ConvertStage
    from mmvoxceleb.processing.pipeline import Pipeline
    from mmvoxceleb.stores import open_store

    def rows(summary: "Summary") -> Iterator[tuple[str, str]]:
        if levels := summary.figures.get(f"{CONVERT}.psnr_db"):
            worst = min(summary.figures[f"{CONVERT}.psnr_min_db"])
            yield (
                "PSNR",
                f"{sum(levels) / len(levels):.1f} dB on average of the clips, {worst:.1f} dB in the worst frame",
            )
            if SCORES.folder() in open_store(out).folders():
                yield "scores", f"of the frames before; to measure these: {command('regenerate', 'score', out)}"

    run_pipeline(Pipeline([ConvertStage(FrameCodec(**given(codec, FrameCodec)))]), store, out, run, rows)
