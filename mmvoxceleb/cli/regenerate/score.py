"""``mmvoxceleb regenerate score``: figures by which clips are chosen."""

from typing import TYPE_CHECKING, Annotated

import typer

from mmvoxceleb.cli.completion import figure_names
from mmvoxceleb.cli.options import takes_options, without
from mmvoxceleb.cli.regenerate.running import run_pipeline
from mmvoxceleb.cli.regenerate.shared import OutOption, RunOptions, StoreArgument, check_licence, target_of
from mmvoxceleb.cli.wording import command, names_in

if TYPE_CHECKING:
    from mmvoxceleb.processing.scores import ScoreStage

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
        typer.Option(
            "--figures",
            autocompletion=figure_names,
            help="Figures or groups of figures (docs/scores.md), separated by commas: measure only these, and what is "
            "computed with them; all others stay as they are. Default: all.",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="Device of the models: auto, cpu, cuda, mps.", rich_help_panel="Device")
    ] = "auto",
    *,
    run: Annotated[RunOptions, without("layout")],
) -> None:
    """Measure how large, sharp, bright and steady faces are and how heads turn: score/CLIP.json, meta/scores.parquet.

    Reads the frames, and the landmarks, masks, sound and provenance of clips that have them. A figure that cannot be
    measured is null, with the reason. Clips whose inputs or formulas have changed are measured again; the others are
    skipped.
    """
    from mmvoxceleb.processing.pipeline import Pipeline

    stage, target = make_score_stage(run, figures, device=device), target_of(store, out)
    measured = [figure.name for scorer in stage.scorers for figure in scorer.figures]
    asked = [name for name in names_in(figures or "") if name in measured] or measured
    following = command("select", target, "--where", f"{asked[0]} is not None", "--dry-run") if asked else None
    run_pipeline(Pipeline([stage]), store, target, run, following=following)


def make_score_stage(run: RunOptions, figures: str | None, *, device: str) -> "ScoreStage":
    """Make the stage. Where all figures are meant, those whose model cannot be had or used are left out, and named.

    Args:
        run: Which licences models may have.
        figures: ``all``, or names of figures, separated by commas; None for all.
        device: Where models compute.

    Raises:
        ConfigError: A name is unknown, or the model of a figure that was named may not be used.
    """
    from mmvoxceleb.errors import ConfigError, SourceUnavailableError, WeightsError
    from mmvoxceleb.processing.scores import ScoreStage, make_scorers

    if figures not in (None, "all"):
        scorers = make_scorers(names_in(figures or ""), device=device)
        for model in (model for scorer in scorers for model in scorer.models):
            check_licence(run, "figures", model)
        return ScoreStage(scorers)
    usable = []
    for scorer in make_scorers(device=device):
        try:
            for model in scorer.models:
                check_licence(run, "figures", model)
            scorer.settings()
        except (ConfigError, WeightsError, SourceUnavailableError, ImportError) as error:
            names = ", ".join(figure.name for figure in scorer.figures)
            typer.echo(f"left out: {names}: {error}", err=True)
        else:
            usable.append(scorer)
    return ScoreStage(usable)
