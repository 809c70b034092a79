"""``mmvoxceleb regenerate text``: describe every label in sentences."""

from typing import Annotated

import typer

from mmvoxceleb.cli.options import takes_options, without
from mmvoxceleb.cli.regenerate.running import run_pipeline
from mmvoxceleb.cli.regenerate.shared import OutOption, RunOptions, target_of

EXAMPLES = """
[bold]Examples[/]

  mmvoxceleb regenerate text my-dataset
  mmvoxceleb regenerate text my-dataset --text-style natural --seed 7 --overwrite
  mmvoxceleb regenerate text label.zip --out my-text --lines 5
"""


def register(app: typer.Typer) -> None:
    """Add ``regenerate text``."""
    app.command(name="text", epilog=EXAMPLES)(takes_options(text))


def text(
    store: Annotated[str, typer.Argument(metavar="STORE", help="Folder, zip or URL with label/<clip>.txt.")],
    out: OutOption = None,
    text_style: Annotated[
        str, typer.Option("--text-style", help="original: MMVID's grammar. natural: ours.")
    ] = "original",
    lines: Annotated[int, typer.Option("--lines", min=1, help="Lines per clip.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the random choices.")] = 0,
    *,
    run: Annotated[RunOptions, without("layout")],
) -> None:
    """Describe the label of every clip in sentences: txt/CLIP.txt.

    A clip's text depends only on its label, its name, the seed and the style. If a label has changed since, the command
    stops with an error unless you pass --overwrite, which regenerates that text; text that is up to date stays.
    """
    from mmvoxceleb.processing.pipeline import Pipeline
    from mmvoxceleb.processing.text.stage import TextStage

    stage = TextStage(num_lines=lines, seed=seed, style=text_style)  # type: ignore[arg-type]  # it says what it knows
    run_pipeline(Pipeline([stage]), store, target_of(store, out), run)
