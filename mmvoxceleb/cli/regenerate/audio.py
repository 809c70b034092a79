"""``mmvoxceleb regenerate audio``: the sound of clips that exist."""

from typing import Annotated

import typer

from mmvoxceleb.cli.options import takes_options, without
from mmvoxceleb.cli.regenerate.running import run_pipeline
from mmvoxceleb.cli.regenerate.shared import AudioForm, OutOption, RunOptions, StoreArgument, target_of

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb regenerate audio my-dataset --raw videos/
  mmvoxceleb regenerate audio my-dataset --raw s3://bucket/videos --audio-rate 48000 --audio-channels 2
"""


def register(app: typer.Typer) -> None:
    """Add ``regenerate audio``."""
    app.command(name="audio", epilog=EXAMPLES)(takes_options(audio))


def audio(
    store: StoreArgument,
    raw: Annotated[
        str, typer.Option("--raw", help="Folder or URL of the videos from which the clips were cut, or one video.")
    ],
    out: OutOption = None,
    *,
    form: AudioForm,
    run: Annotated[RunOptions, without("layout")],
) -> None:
    """Cut the sound of existing clips out of their source videos: audio/CLIP.flac.

    Sample 0 is the moment of frame 0, and the sound is exactly as long as the frames. The meta of a clip, which
    mmvoxceleb regenerate crop writes, says which video it comes from; you may have renamed the file. Clips of videos
    without sound get no file, and meta says so.
    """
    from mmvoxceleb.processing.pipeline import Pipeline

    run_pipeline(Pipeline([form.make_stage(raw)]), store, target_of(store, out), run)
