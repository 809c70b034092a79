"""``mmvoxceleb regenerate score``: figures by which clips are chosen."""

from typing import Annotated

import typer

from mmvoxceleb.cli.options import takes_options, without
from mmvoxceleb.cli.regenerate.running import run_pipeline
from mmvoxceleb.cli.regenerate.shared import OutOption, RunOptions, StoreArgument, check_licence, names_in, target_of

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb regenerate score my-dataset
  mmvoxceleb regenerate score my-dataset --figures sharpness,yaw,mask_flicker
  mmvoxceleb regenerate score zips/ --out my-scores --workers 2
"""


def register(app: typer.Typer) -> None:
    """Add ``regenerate score``."""
    app.command(name="score", epilog=EXAMPLES)(takes_options(score))


def score(
    store: StoreArgument,
    out: OutOption = None,
    figures: Annotated[
        str | None,
        typer.Option("--figures", help="Measure these alone, separated by commas, and what comes with them; all by "
                     "default (docs/scores.md)."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where models compute: auto, cpu, cuda, mps.")] = "auto",
    *,
    run: Annotated[RunOptions, without("layout")],
) -> None:  # fmt: skip
    """Measure how large, sharp, bright and steady faces are and how heads turn: score/CLIP.json, meta/scores.parquet.

    From the frames, and from landmarks, masks, sound and provenance where a clip has them; what cannot be told is null,
    with the reason. Clips whose inputs, or a formula, have changed are measured again; the others are skipped.
    """
    from mmvoxceleb.processing.pipeline import Pipeline
    from mmvoxceleb.processing.scores import ScoreStage, make_scorers

    scorers = make_scorers(None if figures is None else names_in(figures), device=device)
    for model in (model for scorer in scorers for model in scorer.models):
        check_licence(run, "figures", model)
    run_pipeline(Pipeline([ScoreStage(scorers)]), store, target_of(store, out), run)
